"""Predictions of the signals in a model, without data: from its steps to the mean square at each kernel.

program     model -> a flat list of steps, models and unknown layers inside of it opened
signal      the mean, mean square and points that are moved through them
rules       step, signals -> signals, a rule for each kind; attention, recurrent, kernels: the longer ones
maps        activation, normal input -> means of its outputs and slopes, by quadrature
points      activation, depth -> the mean square at which it works best
residual    program -> the last kernel of each residual branch
prediction  the state that rules read and write: signals, what enters each kernel, who reads it
predict     program, weights -> the mean square that comes into each kernel, and that of its products
gradients   prediction -> the mean square of the gradient at each kernel's products, the same backward
embeddings  the mean square of a table's rows
"""
