"""Traces written by hand, one per word of verdict."""

import numpy as np

from keras_inits.comparison.run import Run
from keras_inits.recording import GradientTrace

DEPTH = 6
PROFILES = {
    "healthy": np.linspace(0.5, 2.0, DEPTH),
    "vanishing": 10.0 ** np.arange(-2 * DEPTH, 0, 2),
    "exploding": 10.0 ** np.arange(2 * DEPTH, 0, -2),
    "zero": np.array([0.0] * (DEPTH - 1) + [1.0]),
    "non-finite": np.array([1.0] * (DEPTH - 1) + [np.nan]),
}


def trace_of(*profiles) -> GradientTrace:
    """A trace with one step per profile."""
    norms = np.ma.array([np.ma.asarray(profile) for profile in profiles]) if profiles else np.ma.empty((0, DEPTH))
    norms = np.ma.array(norms, mask=[np.ma.getmaskarray(profile) for profile in profiles] or None)
    return GradientTrace(np.arange(len(profiles)), tuple(f"layer_{i}" for i in range(norms.shape[1])), norms)


def run_of(word: str, start: str = "he", law: str = "HeNormal()", activation: str = "tanh") -> Run:
    """A run whose trace earns the word."""
    return Run(start, law, activation, 0.5, 0.25, trace_of(PROFILES[word], PROFILES[word]))


def assert_equal(trace, other):
    """Two traces are the same, to the bit, and with the same gaps."""
    np.testing.assert_array_equal(trace.steps, other.steps)
    assert trace.layers == other.layers
    np.testing.assert_array_equal(np.ma.getmaskarray(trace.norms), np.ma.getmaskarray(other.norms))
    np.testing.assert_array_equal(trace.norms.filled(0.0), other.norms.filled(0.0))
