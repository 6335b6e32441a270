"""The verdict: one word for a trace of gradient norms, and for nothing else."""

import math

import numpy as np

from keras_inits import thresholds
from keras_inits.recording import GradientTrace
from keras_inits.recording.health import EXPLODING, HEALTHY, NON_FINITE, VANISHING, ZERO, health

MEANINGS = {
    HEALTHY: "When training ends, the gradient reaches every layer, in sizes that one learning rate can serve. This "
    "says nothing of speed: a run that starts with weak gradients can be healthy and still have learned less.",
    VANISHING: f"Towards the input the norm shrinks below {thresholds.VANISHING_RATIO:.0e} of the largest layer's. "
    f"When that layer moves by {thresholds.HEALTHY_UPDATE:g} of its weights, as is healthy, this one's update is lost. "
    f"Or every norm is below {thresholds.VANISHING_NORM:.0e}, where its square is no float32 any more.",
    EXPLODING: f"Towards the input the norm grows by more than {thresholds.EXPLODING_RATIO:.0e}, or a norm is beyond "
    f"{thresholds.EXPLODING_NORM:.0e}, where its square is no float32 any more.",
    ZERO: "A layer's gradient is exactly 0, with no decay that leads there: nothing moves it.",
    NON_FINITE: "A norm is infinite or not a number.",
}
"""Each word with what it says; thresholds and their derivations are in `keras_inits.thresholds`."""


def verdict(trace: GradientTrace) -> str:
    """Returns one word for a run, from its recorded gradient norms.

    A run that ends well is healthy. Otherwise the word is that of the first step that was not: it names the cause and
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
    words = [health(row) for row in np.ma.asarray(trace.norms)]
    if not words:
        raise ValueError(
            "The trace has no steps. A verdict expects at least one recorded step. "
            "Train with the GradientNormLogger among the callbacks of fit, with every= at most the number of steps."
        )
    ending = words[-math.ceil(len(words) * thresholds.ENDING_SHARE) :]
    if 2 * ending.count(HEALTHY) > len(ending):
        return HEALTHY
    return next(word for word in words if word != HEALTHY)
