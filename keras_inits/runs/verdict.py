"""The verdict: the state of the gradients of a whole run, and nothing else."""

import math

import numpy as np

from keras_inits import thresholds
from keras_inits.recording import GradientTrace
from keras_inits.recording.health import health
from keras_inits.states import State


def verdict(trace: GradientTrace) -> State:
    """Returns the state of a run, from its recorded gradient norms.

    A run that ends well is healthy. Otherwise it is that of the first step that was not: it names the cause and
    not what came of it (an explosion ends in NaN, or leaves saturated units, whose gradient is zero).

    Args:
        trace: With at least one step.

    Raises:
        ValueError: If no step was recorded.

    Example:
        >>> from keras_inits import GradientTrace
        >>> verdict(GradientTrace([0], ("first", "middle", "last"), np.array([[1e-12, 1e-6, 1.0]])))
        'vanishing'
    """
    states = [health(row) for row in np.ma.asarray(trace.norms)]
    if not states:
        raise ValueError(
            "The trace has no steps. A verdict expects at least one recorded step. "
            "Train with the GradientNormLogger among the callbacks of fit, with every= at most the number of steps."
        )
    ending = states[-math.ceil(len(states) * thresholds.ENDING_SHARE) :]
    if 2 * ending.count(State.HEALTHY) > len(ending):
        return State.HEALTHY
    return next(state for state in states if state != State.HEALTHY)
