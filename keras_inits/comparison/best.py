"""The best start: by a metric after the last epoch, with its range over seeds, and the starts that are no worse."""

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from keras_inits.number import spread_in_words
from keras_inits.runs.learning import AT_CHANCE, DIVERGED
from keras_inits.runs.run import Run

HIGHER = re.compile(r"acc|auc|precision|recall|f1|fbeta|f_beta|iou|r2|cosine_similarity")
LOWER = re.compile(r"loss|error|mse|mae|rmse|mape|msle|entropy|divergence|perplexity|hinge")

NONE_LEARNED = "No start learned."
WHERE_TO_LOOK = (
    "keras_inits.diagnose, or keras-inits diagnose in the shell, says for one model why it does not learn, and what to "
    "change. Its findings for each start are in the report, too."
)


@dataclass(frozen=True)
class Best:
    """The start with the best median of a metric over its seeds."""

    network: str
    initializer: str
    law: str
    """The initializer as it prints itself."""
    code: str
    """The argument of a layer that gives it; empty for an initializer of one's own."""
    metric: str
    """By which it is the best."""
    values: tuple[float, ...]
    """The metric after the last epoch, for each seed."""
    equals: tuple[str, ...] = ()
    """The other starts whose seeds' range overlaps its own: no difference was seen."""
    learned: tuple[str, ...] = ()
    """For each seed whether the training learned."""
    gradients: tuple[str, ...] = ()
    """For each seed the word for its gradients."""

    @property
    def title(self) -> str:
        """The name of the start, behind that of its network."""
        return f"{self.network} from {self.initializer}" if self.network else self.initializer

    @property
    def median(self) -> float:
        """The median over seeds."""
        return float(np.median(self.values))

    @property
    def shown(self) -> str:
        """The median and the range over seeds, as text."""
        return spread_in_words(self.metric, self.values)

    @property
    def equality(self) -> str:
        """That no difference was seen to other starts, in a sentence; empty if there are none."""
        if not self.equals:
            return ""
        *names, last = self.title, *self.equals
        between = f"No difference was seen between {', '.join(names)} and {last}"
        if len(self.values) == 1:
            return f"{between}: their {self.metric} is the same, {self.shown}."
        return f"{between}: their ranges of {self.metric} over {len(self.values)} seeds overlap."

    @property
    def caution(self) -> str:
        """The limits of the answer, in a sentence; empty if there are none."""
        if self.learned and not has_learner(self.learned):
            return "None of its runs learned, but another start did."
        if len(self.values) == 1:
            return "One seed shows no range: close starts may change places with another seed."
        return ""

    def __str__(self) -> str:
        """The name, the code and the metric."""
        code = f"{self.code}, " if self.code else ""
        return f"{self.title}: {code}{self.metric} {self.shown}"


def best_of(runs: Sequence[Run], words: Sequence[str]) -> Best | None:
    """The best start; None where no metric is known of any.

    Args:
        runs: In the order of their starts.
        words: Whether each of them learned.
    """
    metric = ranked_by(runs)
    if metric is None:
        return None
    sign = -1.0 if better_way(metric) == "max" else 1.0
    starts = []
    pairs = itertools.groupby(zip(runs, words, strict=True), key=lambda pair: pair[0].name[:2])
    for (network, initializer), group in pairs:
        cells = list(group)
        values = tuple(run.last.get(metric, math.nan) for run, _ in cells)
        run = cells[0][0]
        code = f"kernel_initializer={run.code}" if run.code else ""
        answers = tuple(word for _, word in cells), tuple(one.gradients for one, _ in cells)
        starts.append(Best(network, initializer, run.law, code, metric, values, (), *answers))
    best, *others = sorted(starts, key=lambda one: (_has_diverged(one), _rank(sign, one.median)))
    if not math.isfinite(best.median):
        return None
    peers = [one for one in others if _has_diverged(one) == _has_diverged(best)]
    return replace(best, equals=tuple(one.title for one in peers if _overlap(best.values, one.values)))


def headline(best: Best | None, words: Sequence[str]) -> str:
    """The answer in a few sentences; empty if nothing is known.

    Args:
        best: The best start, if a metric is known.
        words: Whether each run learned.
    """
    if none_learned(words):
        return f"{NONE_LEARNED} {WHERE_TO_LOOK}"
    if best is None:
        return ""
    several = len(best.values) > 1
    if best.equals:
        told = f"{best.equality} {best.title} has the best median, {best.shown}." if several else best.equality
    else:
        told = f"Best: {best.title}, {best.metric} {best.shown}" + (f" over {len(best.values)} seeds." * several or ".")
    return f"{told} {best.caution}".rstrip()


def has_learner(words: Sequence[str]) -> bool:
    """Whether one of these runs learned, be it slowly, or it is not known of one."""
    return any(word not in (AT_CHANCE, DIVERGED) for word in words)


def none_learned(words: Sequence[str]) -> bool:
    """Whether there are runs, and it is known of each that it did not learn."""
    return bool(words) and not has_learner(words)


def better_way(metric: str) -> Literal["min", "max"] | None:
    """Whether less or more of a metric is better, by its name; None where that says neither, or both."""
    higher, lower = bool(HIGHER.search(metric)), bool(LOWER.search(metric))
    return None if higher == lower else "max" if higher else "min"


def ranked_by(runs: Sequence[Run]) -> str | None:
    """The metric that starts are ranked by: the validation data's before training's, a metric before the loss.

    Of a metric whose name says neither that more is better nor that less is, or both, nobody knows; the loss serves
    then.
    """
    names = list(dict.fromkeys(name for run in runs for name in run.last))
    known = [name for name in names if better_way(name)]
    return min(known, key=lambda name: (not name.startswith("val_"), name.endswith("loss")), default=None)


def _has_diverged(start: Best) -> bool:
    """Whether most of its runs did: their metric is that of numbers that no training led to."""
    return 2 * start.learned.count(DIVERGED) > len(start.learned)


def _rank(sign: float, median: float) -> float:
    return sign * median if math.isfinite(median) else math.inf


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    known = [value for value in other if math.isfinite(value)]
    return bool(known) and min(one) <= max(known) and min(known) <= max(one)
