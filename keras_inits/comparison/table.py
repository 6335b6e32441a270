"""The table: a row for each starting point, over its seeds, for the terminal and for the report."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich import box
from rich.table import Table
from rich.text import Text

from keras_inits import text
from keras_inits._names import no_formula, stand_in
from keras_inits.number import number, spread
from keras_inits.runs.learning import AT_CHANCE, DIVERGED, LEARNED, SLOW
from keras_inits.runs.run import Run
from keras_inits.states import State

NAME_WIDTH = 24
MAX_METRICS = 2
NORMS = ("first layer, first step", "last layer, first step", "first layer, last step", "last layer, last step")
GOOD = (State.HEALTHY, LEARNED)
STYLES: dict[str, str] = {
    State.HEALTHY: "green",
    State.VANISHING: "yellow",
    State.EXPLODING: "red",
    State.ZERO: "yellow",
    State.NONFINITE: "red",
    **{LEARNED: "green", SLOW: "yellow", AT_CHANCE: "red", DIVERGED: "red"},
}


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

    def norms(self) -> list[Any]:
        """The medians of what `NORMS` names."""
        return [_median(values) for values in zip(*(ends(run) for run in self.runs), strict=True)]


def rows_of(runs: Sequence[Run], words: Sequence[str]) -> list[Row]:
    """Puts the seeds of each starting point together.

    Args:
        runs: In the order of their rows.
        words: Whether each of them learned.
    """
    groups = itertools.groupby(zip(runs, words, strict=True), key=lambda pair: pair[0].name[:2])
    return [Row(*names, *zip(*group, strict=True)) for names, group in groups]


def counted(words: Counter[str]) -> str:
    """The word of all runs, or how many have which.

    Example:
        >>> counted(Counter(["zero", "zero"])), counted(Counter(["zero", "healthy", "zero"]))
        ('zero', '2 zero, 1 healthy')
    """
    return ", ".join(words) if len(words) == 1 else ", ".join(f"{many} {word}" for word, many in words.items())


def metrics_of(runs: Sequence[Run]) -> list[str]:
    """The names of the loss and all metrics, each before its twin on the validation data."""
    names = list(dict.fromkeys(name for run in runs for name in run.history))
    return sorted(names, key=lambda name: (name.removeprefix("val_"), name))


def ends(run: Run) -> list[Any]:
    """The gradient norms of the first and last layer at the first and at the last step; masked where there is none."""
    norms = run.trace.norms
    return [norms[step, layer] if norms.size else np.ma.masked for step in (0, -1) for layer in (0, -1)]


def build_table(runs: Sequence[Run], words: Sequence[str]) -> Table:
    """Builds the table that the terminal shows, with a rule between the networks.

    Args:
        runs: In the order of their rows.
        words: Whether each of them learned.
    """
    names = metrics_of(runs)
    shown = ([name for name in names if not name.endswith("loss")] or names)[:MAX_METRICS]
    seeds = len({run.name.seed for run in runs})
    title = "Last metrics, and gradient norm of the first and last layer"
    note = f"median of {seeds} seeds, ± half the range" if seeds > 1 else None
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0, title=title, caption=note)
    for header in ("start", *shown, *NORMS, "gradients", "learned"):
        name = stand_in(header, NAME_WIDTH)
        broken = name.replace(" ", "\n").replace("_", "_\n").replace("accuracy", "accu-\nracy")
        if header in ("start", "gradients", "learned"):
            table.add_column(Text(broken), overflow="fold")
        else:
            table.add_column(Text(broken), justify="right", no_wrap=True)
    for network, group in itertools.groupby(rows_of(runs, words), key=lambda row: row.network):
        table.add_section()
        if network:
            table.add_row(Text(stand_in(network, NAME_WIDTH), "bold"))
        for row in group:
            metrics = [spread(name, row.metric(name)) for name in shown]
            gradients, learned = (_coloured(one, row.is_good) for one in (row.gradients, row.learned))
            gradients.append(row.note)
            start = Text(stand_in(row.initializer, NAME_WIDTH))
            table.add_row(start, *metrics, *map(number, row.norms()), gradients, learned)
    return table


def _coloured(words: Counter[str], is_good: bool) -> Text:
    """The words in the colour of the worst of them; green only where both answers are good."""
    styles = {STYLES.get(word, "") for word in words}
    style = next((one for one in ("red", "yellow") if one in styles), "green" if is_good else "")
    return Text(counted(words), style)


def text_of(runs: Sequence[Run], words: Sequence[str]) -> str:
    """The table as plain text."""
    if not runs:
        return "Comparison: no run is finished"
    return text.text_of(build_table(runs, words), text.columns())


def flat(run: Run, word: str) -> dict[str, Any]:
    """A run's row of the data frame, by column names."""
    cells: dict[str, Any] = {"network": no_formula(run.name.network)} if run.name.network else {}
    cells |= {"initializer": no_formula(run.name.initializer), "seed": run.name.seed}
    cells |= {"gradients": run.gradients, "learned": word}
    cells["findings"] = ", ".join(finding.kind for finding in run.findings)
    cells["unseen"] = no_formula(", ".join(one.name for one in run.unseen))
    cells |= {"fault": no_formula(run.fault)} if run.fault else {}
    cells |= {no_formula(name): value for name, value in run.last.items()}
    norms = (None if norm is np.ma.masked else float(norm) for norm in ends(run))
    return cells | dict(zip(NORMS, norms, strict=True))


def _median(norms: Sequence[Any]) -> Any:
    """NaN if one is; of an even number the upper one, so one of them; masked if one is."""
    if any(norm is np.ma.masked for norm in norms):
        return np.ma.masked
    return sorted(norms)[len(norms) // 2] if not np.isnan(norms).any() else np.nan
