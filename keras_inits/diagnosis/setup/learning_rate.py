"""The finding `learning_rate`: a rate that is not above zero, or at which the first steps raise the loss."""

import math

from keras_inits import thresholds
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.remedies import Remedy
from keras_inits.diagnosis.setup.setup import Setup
from keras_inits.diagnosis.setup.step import FURTHER, TRIED, Step

DEFAULT = 0.01
"""From which a rate that is none is looked for downwards: Keras's of SGD; for others it is more than theirs."""


def learning_rate(setup: Setup) -> Finding | None:
    """A rate with which the model does not train, by a step on a copy."""
    step = setup.step
    if step is None:
        return None
    evidence = _not_positive(step) or _too_high(step) or _too_low(setup, step)
    if evidence is None:
        return None
    fine = _fine_rate(step)
    if fine is None:
        words = f"no learning rate down to {abs(step.rate) * TRIED[-1]:.0e} lowers the loss: the rate alone is not at fault"
        return Finding("learning_rate", (), evidence, Remedy(words))
    reason = f"{1 + FURTHER} steps at this rate, on a copy of the model, lower the loss of the batch"
    code = f"model.optimizer.learning_rate = {fine:.3g}"
    return Finding("learning_rate", (), evidence, Remedy(reason, code=code))


def _not_positive(step: Step) -> str | None:
    if step.rate > 0 or step.scheduled:
        return None
    what = "climbs: each step raises the loss" if step.rate < 0 else "changes no weight"
    return f"the learning rate of {step.optimizer} is {step.rate:g}, with which training {what}"


def _too_high(step: Step) -> str | None:
    """The loss rises at once, or the weights change by much of their size, and further steps do not make up for it."""
    largest = max(step.updates.values(), default=0.0)
    rises = not math.isfinite(step.after) or step.after > step.before + thresholds.LOSS_RISE * abs(step.before)
    if not rises and largest <= thresholds.LARGE_UPDATE:
        return None
    losses = step.retry(None)
    if math.isfinite(losses[-1]) and losses[-1] <= step.before:
        return None
    end = f"{losses[-1]:.3g}" if math.isfinite(losses[-1]) else "a number that is not finite"
    return (
        f"the learning rate of {step.optimizer}, {step.rate:.3g}, is too high: one step on a copy of the model changes "
        f"the loss of the batch from {step.before:.3g} to {step.after:.3g}, and {len(losses)} steps to {end}; the first "
        f"changes kernels by up to {largest:.2g} of their size"
    )


def _too_low(setup: Setup, step: Step) -> str | None:
    """Each kernel changes by next to nothing, though its gradient is none of the vanishing ones."""
    largest = max(step.updates.values(), default=math.inf)
    if largest >= thresholds.SMALL_UPDATE or step.scheduled or setup.has("vanishing_gradient", "vanishing_signal"):
        return None
    if setup.best is not None and step.before < setup.best:  # which has been trained
        return None
    return (
        f"the learning rate of {step.optimizer}, {step.rate:.3g}, is too low: one step changes no kernel by more than "
        f"{largest:.1g} of its size (at least {thresholds.SMALL_UPDATE:.0e})"
    )


def _fine_rate(step: Step) -> float | None:
    """The largest of some rates at which the loss falls from step to step."""
    start = step.rate if step.rate > 0 else DEFAULT / TRIED[0]
    rises = step.rate > 0 and max(step.updates.values(), default=0.0) < thresholds.SMALL_UPDATE
    for factor in [1 / one for one in TRIED] if rises else TRIED:
        losses = step.retry(start * factor)
        falls = [step.before, *losses]
        if math.isfinite(losses[-1]) and all(b < a for a, b in zip(falls, losses, strict=False)):
            return start * factor
    return None
