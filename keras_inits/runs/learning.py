"""Whether a run learned: one word, from its loss beside that of guessing and that of the best run."""

import math
from collections.abc import Sequence

from keras_inits import thresholds
from keras_inits.runs.run import Run

LEARNED, SLOW, AT_CHANCE, DIVERGED, UNKNOWN = "learned", "slow", "at chance", "diverged", "not known"

MEANINGS = {
    LEARNED: f"The training took off at least {thresholds.SLOW_SHARE:.0%} of what the best run took off the loss of "
    "guessing, which is that of the best outputs that are the same for all examples.",
    SLOW: f"The training took less than {thresholds.SLOW_SHARE:.0%} of that off the loss: another start learned more "
    "in the same number of steps.",
    AT_CHANCE: f"The training took less than {thresholds.AT_CHANCE_SHARE:.0%} off the loss of guessing: the outputs "
    "say nothing of the inputs.",
    DIVERGED: f"The loss is infinite or not a number, or ended at more than {thresholds.DIVERGED_LOSS:g} times that of "
    "guessing.",
}
"""Each word with its meaning; the derivations are in `keras_inits.thresholds`."""


def learned(runs: Sequence[Run]) -> tuple[str, ...]:
    """Returns for each run whether it learned, by the losses of all; of gradients it knows nothing.

    Where no loss of guessing is known, the smallest loss that one of the runs began with stands for it.

    Args:
        runs: Of the same data and the same loss.
    """
    first = min(_finite(run.first_loss for run in runs), default=None)
    guess = min(_finite(run.guess for run in runs), default=first)
    if guess is None:
        return (UNKNOWN,) * len(runs)
    best = min(_finite(run.last.get("loss") for run in runs), default=guess)
    far = thresholds.DIVERGED_LOSS * max(abs(guess), abs(first or 0.0))
    return tuple(_word(run.last.get("loss"), guess, best, far) for run in runs)


def _word(loss: float | None, guess: float, best: float, far: float) -> str:
    if loss is None:
        return UNKNOWN
    if not math.isfinite(loss) or loss > far:
        return DIVERGED
    if guess - loss < thresholds.AT_CHANCE_SHARE * abs(guess):
        return AT_CHANCE
    return LEARNED if guess - loss >= thresholds.SLOW_SHARE * (guess - best) else SLOW


def _finite(values: object) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]  # type: ignore[attr-defined]
