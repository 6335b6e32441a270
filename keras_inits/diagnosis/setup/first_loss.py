"""The finding `first_loss`, and the note `far_outputs`: outputs that are much worse than the best constant ones."""

import math

import numpy as np

from keras_inits import thresholds
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.remedy import Remedy
from keras_inits.diagnosis.setup.outputs import Seen
from keras_inits.diagnosis.setup.setup import Setup
from keras_inits.models.targets import UnsuitableError, best_outputs

FITTED = "keras_inits.initialize(model, data=(x, y))"
SCALED = "y = (y - y.mean(axis=0)) / y.std(axis=0)"


def first_loss(setup: Setup) -> Finding | None:
    """A loss of classes that is many times that of equal shares, or numbers that are out of reach of the targets."""
    one = _only(setup)
    if one is None:
        return None
    if one.family == "numbers":
        return _of_numbers(one, thresholds.FAR_OUTPUTS, math.inf, "first_loss")
    return _of_classes(setup, one, thresholds.FAR_LOSS, math.inf, "first_loss")


def far_outputs(setup: Setup) -> Finding | None:
    """Outputs that are worse than constant ones, and that training reaches: it has to learn the constant first."""
    one = _only(setup)
    if one is None:
        return None
    if one.family == "numbers":
        return _of_numbers(one, thresholds.FIRST_LOSS, thresholds.FAR_OUTPUTS, "far_outputs")
    return _of_classes(setup, one, thresholds.FIRST_LOSS, thresholds.FAR_LOSS, "far_outputs")


def best_loss(seen: tuple[Seen, ...]) -> float | None:
    """The loss of equal shares for classes, the squared error of the best constant for numbers; None for others.

    Of classes equal shares count, not those of the batch: rare classes are no fault of a start.
    """
    if len(seen) != 1 or seen[0].family is None:
        return None
    (one,) = seen
    if one.family == "binary":
        return math.log(2.0)
    if one.family != "numbers":
        return math.log(one.units) if one.units > 1 else None
    constant = _best_constant(one)
    return None if constant is None else float(np.mean((one.target - constant) ** 2))


def _only(setup: Setup) -> Seen | None:
    return setup.seen[0] if len(setup.seen) == 1 else None


def _best_constant(one: Seen) -> np.ndarray | None:
    if one.target.shape != one.output.shape:
        return None
    try:
        return np.asarray(best_outputs(one.given, one.target, None, one.output.shape).values)
    except UnsuitableError:
        return None


def _of_classes(setup: Setup, one: Seen, least: float, most: float, kind: str) -> Finding | None:
    """By how many times the loss of equal shares the first one is larger."""
    if setup.loss is None or setup.best is None or not math.isfinite(setup.loss):
        return None
    if not least * setup.best < setup.loss <= most * setup.best:
        return None
    evidence = (
        f"the first loss is {setup.loss:.3g}, and that of equal shares for all classes {setup.best:.3g} (at most "
        f"{least:g} times): the outputs have the deviation {one.output.std():.3g}"
    )
    reason = "the kernels are scaled to the data, and the last bias is the best constant"
    return Finding(kind, (), evidence, Remedy(reason, code=FITTED))


def _of_numbers(one: Seen, least: float, most: float, kind: str) -> Finding | None:
    """The finding of a root mean square error that is `least` to `most` times that of the best constant outputs."""
    constant = _best_constant(one)
    if constant is None:
        return None
    y = one.target
    best, first = (float(np.sqrt(np.mean((y - values) ** 2))) for values in (constant, one.output))
    if not least * best < first <= most * best or not best:
        return None
    mean, spread, outputs = float(y.mean()), float(y.std()), float(one.output.std())
    evidence = (
        f"the outputs are off by {first:.3g}, and the best constant ones by {best:.3g} (at most {least:g} times): the "
        f"targets have the mean {mean:.3g} and the deviation {spread:.3g}, the outputs the deviation {outputs:.3g}"
    )
    if abs(mean) > outputs:
        reason = "targets of the mean 0 and the deviation 1; or initialize(model, data=(x, y)) sets the last bias"
        return Finding(kind, (), evidence, Remedy(reason, code=SCALED))
    reason = "the last layer then puts out less than the targets vary, around the best constant"
    return Finding(kind, (), evidence, Remedy(reason, code=FITTED))
