"""The columns of a comparison, each listed once for the data frame, the terminal and the page."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from keras_inits._names import no_formula
from keras_inits.comparison.best import ranked_by
from keras_inits.comparison.rows import Row
from keras_inits.number import number, sortable, spread
from keras_inits.runs.run import Run

MAX_METRICS = 2
"""How many metrics the terminal shows, and the page before all columns are asked for."""
ENDS = {
    "first layer, first step": (0, 0),
    "last layer, first step": (0, -1),
    "first layer, last step": (-1, 0),
    "last layer, last step": (-1, -1),
}
"""The step and the layer of the gradient norms that are shown."""


class Cell(NamedTuple):
    """The cell of a column in the row of a start."""

    text: str
    order: str = ""
    """The number that the page sorts by."""
    words: Counter[str] | None = None
    """The runs' words, which have colours, where the cell is made of them."""


@dataclass(frozen=True)
class Column:
    """A column of a comparison."""

    title: str
    value: Callable[[Run, str], Any]
    """Of a run, and of its word for whether it learned; None where there is none."""
    cell: Callable[[Row], Cell] | None
    """Of a row; None for a column that only the data frame has."""
    is_number: bool = False
    in_terminal: bool = False
    is_folded: bool = False
    """Whether the page shows it only when all columns are asked for."""


def columns_of(runs: Sequence[Run]) -> list[Column]:
    """The columns for these runs, in their order."""
    faults = [Column("fault", lambda run, _: no_formula(run.fault) if run.fault else None, None)]
    return [
        Column("gradients", lambda run, _: run.gradients, _gradients, in_terminal=True),
        Column("learned", lambda _, word: word, lambda row: _counted(row.learned), in_terminal=True),
        *(_metric(name, place < MAX_METRICS) for place, name in enumerate(metrics_of(runs))),
        *(_norm(title, *place) for title, place in ENDS.items()),
        Column("findings", lambda run, _: ", ".join(finding.kind for finding in run.findings), _findings),
        Column("unseen", lambda run, _: no_formula(", ".join(one.name for one in run.unseen)), None),
        *(faults if any(run.fault for run in runs) else []),
    ]


def metrics_of(runs: Sequence[Run]) -> list[str]:
    """The names of the loss and all metrics, in their order.

    The first is the one that starts are ranked by; losses are last, and each stands behind its twin on the validation
    data.
    """
    names, ranked = dict.fromkeys(name for run in runs for name in run.history), ranked_by(runs)
    return sorted(names, key=lambda name: (name != ranked, name.endswith("loss"), not name.startswith("val_"), name))


def value_of(run: Run, word: str, columns: Sequence[Column]) -> dict[str, Any]:
    """A run's row of the data frame, by column names."""
    cells: dict[str, Any] = {"network": no_formula(run.name.network)} if run.name.network else {}
    cells |= {"initializer": no_formula(run.name.initializer), "seed": run.name.seed}
    return cells | {no_formula(column.title): column.value(run, word) for column in columns}


def _metric(name: str, is_main: bool) -> Column:
    def cell(row: Row) -> Cell:
        values = row.metric(name)
        return Cell(spread(name, values), sortable(np.median(values)) if values else "")

    return Column(
        name, lambda run, _: run.last.get(name), cell, is_number=True, in_terminal=is_main, is_folded=not is_main
    )


def _norm(title: str, step: int, layer: int) -> Column:
    def norm(run: Run) -> Any:
        return run.trace.norms[step, layer] if run.trace.norms.size else np.ma.masked

    def value(run: Run, _: str) -> float | None:
        return None if norm(run) is np.ma.masked else float(norm(run))

    def cell(row: Row) -> Cell:
        median = _median([norm(run) for run in row.runs])
        return Cell(number(median), sortable(median))

    return Column(title, value, cell, is_number=True, in_terminal=True, is_folded=True)


def _median(norms: Sequence[Any]) -> Any:
    """NaN if one is; of an even number the upper one, so one of them; masked if one is."""
    if any(norm is np.ma.masked for norm in norms):
        return np.ma.masked
    return sorted(norms)[len(norms) // 2] if not np.isnan(norms).any() else np.nan


def _gradients(row: Row) -> Cell:
    cell = _counted(row.gradients)
    return cell._replace(text=cell.text + row.note)


def _counted(words: Counter[str]) -> Cell:
    """The word of all runs, or how many have which."""
    counts = [f"{many} {word}" for word, many in words.items()] if len(words) > 1 else list(words)
    return Cell(", ".join(counts), words=words)


def _findings(row: Row) -> Cell:
    nothing = "not diagnosed" if row.note else "none in what was looked at" if row.unseen else "none"
    return Cell(", ".join(row.findings) or nothing)
