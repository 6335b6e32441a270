"""The finding `first_loss`: outputs that are much worse than the best constant ones, and by what."""

import math
from typing import Any

import keras
import numpy as np

from keras_inits import thresholds
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.remedies import Remedy
from keras_inits.diagnosis.setup.seen import Seen
from keras_inits.diagnosis.setup.setup import Setup
from keras_inits.models.targets import UnsuitableError, best_outputs

SQUARED = ("mean_squared_error",)


def first_loss(setup: Setup) -> Finding | None:
    """A loss that is many times that of the best constant outputs, of classes alike or of numbers."""
    ratio = thresholds.FIRST_LOSS
    if setup.best is None or setup.loss is None or not math.isfinite(setup.loss) or len(setup.seen) != 1:
        return None
    (one,) = setup.seen
    limit = ratio**2 if one.loss in SQUARED else ratio
    if setup.loss <= limit * setup.best or setup.best <= 0:
        return None
    outputs, y = float(one.output.std()), one.target
    evidence = (
        f"the first loss is {setup.loss:.3g}, and that of the best constant outputs {setup.best:.3g} (at most "
        f"{limit:g} times): the outputs have the deviation {outputs:.3g}"
    )
    far = one.family == "numbers" and abs(float(y.mean())) > ratio / 2 * max(float(y.std()), outputs)
    if far:
        evidence += f", and the targets the mean {y.mean():.3g} and the deviation {y.std():.3g}"
        reason = "targets of the mean 0 and the deviation 1; or initialize(model, data=(x, y)) sets the last bias"
        return Finding("first_loss", (), evidence, Remedy(reason, code="y = (y - y.mean(axis=0)) / y.std(axis=0)"))
    reason = "the kernels are scaled to the data, and the last bias is the best constant"
    return Finding("first_loss", (), evidence, Remedy(reason, code="keras_inits.initialize(model, data=(x, y))"))


def best_loss(seen: tuple[Seen, ...]) -> float | None:
    """The loss of the best constant outputs, or of equal shares for classes: rare classes are no fault of a start."""
    if len(seen) != 1:
        return None
    (one,) = seen
    if one.loss is None or one.family not in ("sparse", "categorical", "binary", "numbers"):
        return None
    if one.family in ("sparse", "categorical"):
        return math.log(one.units) if one.units > 1 else None
    if one.family == "binary":
        return math.log(2.0)
    try:
        best = best_outputs(one.given, one.target, None, one.output.shape)
    except UnsuitableError:
        return None
    return _loss(one, np.broadcast_to(best.values, one.output.shape))


def _loss(one: Seen, outputs: Any) -> float | None:
    loss = keras.losses.get(one.given)
    target, values = one.target.astype("float32"), outputs.astype("float32")
    if target.shape != values.shape:
        return None
    return float(np.mean(keras.ops.convert_to_numpy(loss(target, values))))
