"""The finding `learning_rate`: a rate that is not above zero, or at which the first steps raise the loss."""

import math
import statistics

from keras_inits import thresholds
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.remedy import Remedy
from keras_inits.diagnosis.setup.setup import Setup
from keras_inits.diagnosis.setup.step import CONFIRMING, FURTHER, TRIED, Step

MARGIN = 0.5
"""Share of the largest rate that was fine: a square falls most at half of the rate at which it rises again."""


def rate_not_positive(setup: Setup) -> Finding | None:
    """A rate of zero, or below, which no schedule sets."""
    step = setup.step
    if step is None or step.scheduled or step.rate > 0:
        return None
    what = "climbs: each step raises the loss" if step.rate < 0 else "changes no weight"
    evidence = f"the learning rate of {step.optimizer} is {step.rate:g}, with which training {what}"
    remedy = _remedy(step)
    if not remedy.code:
        remedy = Remedy(f"Keras's own of {step.optimizer}", code=f"model.optimizer.learning_rate = {step.default:.3g}")
    return Finding("rate_not_positive", (), evidence, remedy)


def learning_rate(setup: Setup) -> Finding | None:
    """A rate with which the model does not train, by a step on a copy."""
    step = setup.step
    evidence = None if step is None or step.rate <= 0 else _too_high(step) or _too_low(setup, step)
    return None if step is None or evidence is None else Finding("learning_rate", (), evidence, _remedy(step))


def _remedy(step: Step) -> Remedy:
    fine = _fine_rate(step)
    if fine is None:
        words = "take another learning rate; none that was tried, by factors of ten, lowers the loss at each step"
        return Remedy(words)
    reason = f"half of the largest rate at which {1 + FURTHER} steps on a copy lower the loss, by factors of ten"
    return Remedy(reason, code=f"model.optimizer.learning_rate = {fine:.1g}")


def _too_high(step: Step) -> str | None:
    """The loss rises and stays above its start, or the weights change by much of their size and it rises at all."""
    typical = statistics.median(step.updates.values()) if step.updates else 0.0
    rises = not math.isfinite(step.after) or step.after > step.before + thresholds.LOSS_RISE * abs(step.before)
    is_large = typical > thresholds.LARGE_UPDATE
    if not rises and not is_large:
        return None
    losses = step.retry(None, CONFIRMING)
    highest = max((one if math.isfinite(one) else math.inf for one in losses), default=math.inf)
    if highest <= step.before or not (is_large or min(losses) > step.before or math.isinf(highest)):
        return None  # the first step went too far, and the next ones came back
    end = f"{highest:.3g}" if math.isfinite(highest) else "a number that is not finite"
    return (
        f"the learning rate of {step.optimizer}, {step.rate:.3g}, is too high: one step on a copy of the model changes "
        f"kernels by {typical:.2g} of their size, and in {len(losses)} steps on this batch its loss goes from "
        f"{step.before:.3g} up to {end}"
    )


def is_too_low(setup: Setup) -> bool:
    """Whether each kernel changes by next to nothing, though its gradient is none of the vanishing ones."""
    step = setup.step
    if step is None or step.rate <= 0 or step.scheduled or setup.has("vanishing_gradient", "vanishing_signal"):
        return False
    trained = setup.best is not None and step.before < setup.best  # whose gradient is small
    return not trained and max(step.updates.values(), default=math.inf) < thresholds.SMALL_UPDATE


def _too_low(setup: Setup, step: Step) -> str | None:
    if not is_too_low(setup):
        return None
    largest = max(step.updates.values())
    return (
        f"the learning rate of {step.optimizer}, {step.rate:.3g}, is too low: one step changes no kernel by more than "
        f"{largest:.3g} of its size (at least {thresholds.SMALL_UPDATE:.0e})"
    )


def _fine_rate(step: Step) -> float | None:
    """Half of the largest rate, by factors of ten, at which the loss falls at each step."""
    for rate in _rates(step):
        losses = step.retry(rate, 1 + FURTHER)
        falls = zip([step.before, *losses], losses, strict=False)
        if math.isfinite(losses[-1]) and all(later < earlier for earlier, later in falls):
            return rate * MARGIN
    return None


def _rates(step: Step) -> list[float]:
    """Rates to try, the largest first: below one that is too high, above one that is too low, or around Keras's."""
    if step.rate <= 0:
        return [step.default / factor for factor in (*TRIED[1::-1], 1.0)] + [step.default * one for one in TRIED]
    is_low = max(step.updates.values(), default=0.0) < thresholds.SMALL_UPDATE
    return [step.rate / one for one in reversed(TRIED)] if is_low else [step.rate * one for one in TRIED]
