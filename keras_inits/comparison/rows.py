"""The rows of a comparison: one for each start, over its seeds."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from keras_inits.runs.learning import LEARNED
from keras_inits.runs.run import Run
from keras_inits.states import State

GOOD = (State.HEALTHY, LEARNED)


@dataclass(frozen=True)
class Row:
    """The runs of one network and one initializer, one for each seed."""

    network: str
    initializer: str
    runs: tuple[Run, ...]
    words: tuple[str, ...]
    """Whether each of them learned."""

    @property
    def gradients(self) -> Counter[str]:
        """How many runs have which word for their gradients."""
        return Counter(run.gradients for run in self.runs)

    @property
    def learned(self) -> Counter[str]:
        """How many runs have which word for their loss."""
        return Counter(self.words)

    @property
    def is_good(self) -> bool:
        """Whether both answers are good for every run: nothing is shown as good where one is not."""
        return all(word in GOOD for word in (*self.gradients, *self.learned))

    @property
    def note(self) -> str:
        """The text behind the word for gradients if a fault of ours kept the start of a run from being looked at."""
        return ", not diagnosed" if any(run.fault for run in self.runs) else ""

    @property
    def findings(self) -> list[str]:
        """The kinds of findings that any of the runs has."""
        return list(dict.fromkeys(finding.kind for run in self.runs for finding in run.findings))

    @property
    def unseen(self) -> list[str]:
        """The layers that were not looked at in any of the runs."""
        return list(dict.fromkeys(one.name for run in self.runs for one in run.unseen))

    def metric(self, name: str) -> list[float]:
        """The last value of the loss or a metric, in each run that has it."""
        return [run.last[name] for run in self.runs if name in run.last]


def rows_of(runs: Sequence[Run], words: Sequence[str]) -> list[Row]:
    """Puts the seeds of each starting point together.

    Args:
        runs: In the order of their rows.
        words: Whether each of them learned.
    """
    groups = itertools.groupby(zip(runs, words, strict=True), key=lambda pair: pair[0].name[:2])
    return [Row(*names, *zip(*group, strict=True)) for names, group in groups]
