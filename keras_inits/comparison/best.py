"""The best start: by a metric after the last epoch, with its spread over seeds, and the starts that are no worse."""

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from keras_inits.number import spread
from keras_inits.runs.run import Run

HIGHER = re.compile(r"acc|auc|precision|recall|f1|fbeta|f_beta|iou|r2|cosine_similarity")
LOWER = re.compile(r"loss|error|mse|mae|rmse|mape|msle|entropy|divergence|perplexity|hinge")


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
        """The median and half of the range over seeds, as text."""
        return spread(self.metric, self.values)

    @property
    def caution(self) -> str:
        """The limits of the answer, in a sentence; empty if there are none."""
        if self.learned and not {"learned", "slow"} & set(self.learned):
            return "No start learned: it is the best of those at chance or diverged."
        if len(self.values) == 1:
            return "One seed shows no spread: close starts may change places with another."
        return ""

    def __str__(self) -> str:
        """One line, and one more for its limits."""
        if self.equals:
            others = ", ".join(self.equals)
            line = f"No difference: {self.title} ({self.metric} {self.shown}) and {others} overlap over their seeds."
        else:
            line = f"Best: {self.title}, {self.metric} {self.shown}"
            line += f" over {len(self.values)} seeds." if len(self.values) > 1 else "."
        return f"{line} {self.caution}".rstrip()


def best_of(runs: Sequence[Run], words: Sequence[str]) -> Best | None:
    """The best start; None where no metric is known of any.

    Args:
        runs: In the order of their starts.
        words: Whether each of them learned.
    """
    metric = ranked_by(runs)
    if metric is None:
        return None
    sign = -1.0 if HIGHER.search(metric) else 1.0
    starts = []
    pairs = itertools.groupby(zip(runs, words, strict=True), key=lambda pair: pair[0].name[:2])
    for (network, initializer), group in pairs:
        cells = list(group)
        values = tuple(run.last.get(metric, math.nan) for run, _ in cells)
        run = cells[0][0]
        code = f"kernel_initializer={run.code}" if run.code else ""
        answers = tuple(word for _, word in cells), tuple(one.gradients for one, _ in cells)
        starts.append(Best(network, initializer, run.law, code, metric, values, (), *answers))
    order = sorted(starts, key=lambda one: _rank(sign, one.median))
    if not math.isfinite(order[0].median):
        return None
    best = order[0]
    equals = tuple(one.title for one in order[1:] if _overlap(best.values, one.values))
    return replace(best, equals=equals)


def ranked_by(runs: Sequence[Run]) -> str | None:
    """The metric that starts are ranked by: the validation data's before training's, a metric before the loss.

    Of a metric whose name says neither that more is better nor that less is, nobody knows; the loss serves then.
    """
    names = list(dict.fromkeys(name for run in runs for name in run.last))
    known = [name for name in names if HIGHER.search(name) or LOWER.search(name)]
    return min(known, key=lambda name: (not name.startswith("val_"), name.endswith("loss")), default=None)


def _rank(sign: float, median: float) -> float:
    return sign * median if math.isfinite(median) else math.inf


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    known = [value for value in other if math.isfinite(value)]
    return bool(known) and min(one) <= max(known) and min(known) <= max(one)
