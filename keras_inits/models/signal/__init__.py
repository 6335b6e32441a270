"""Predictions of the signals in a model, without data: from its steps to the mean square at each kernel."""
