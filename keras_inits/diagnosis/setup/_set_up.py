"""From a pass to all that the checks of the set-up look at."""

import math
from typing import Any

from keras_inits.diagnosis.case import Case
from keras_inits.diagnosis.forward_backward import Pass
from keras_inits.diagnosis.losses import Target
from keras_inits.diagnosis.setup.first_loss import best_loss
from keras_inits.diagnosis.setup.outputs import seen_of
from keras_inits.diagnosis.setup.setup import Setup
from keras_inits.diagnosis.setup.step import step_of


def set_up(model: Any, x: Any, y: Any, case: Case, target: Target, seen: Pass, scale: float | None) -> Setup:
    """Looks at outputs, targets and losses, and takes the step.

    Args:
        model: The model.
        x: The batch.
        y: Its targets; None without any.
        case: What is known of the layers.
        target: What was differentiated.
        seen: The last pass.
        scale: Of the loss in that pass; None: no step is taken.
    """
    outputs = seen_of(seen.outputs, target.compared)
    loss = None if seen.loss is None or y is None else seen.loss / (scale or 1.0)
    step = None
    if scale is not None and loss is not None and math.isfinite(loss) and case.batch.is_finite:
        gradients = (
            {key: gradient / scale for key, gradient in seen.gradients.items()} if scale != 1 else seen.gradients
        )
        step = step_of(model, x, target, case.weights, gradients, loss)
    return Setup(model, x, y, case, outputs, loss, step, best_loss(outputs))
