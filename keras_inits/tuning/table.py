"""The table of a search as the terminal shows it."""

from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from keras_inits import text
from keras_inits._names import printable, stand_in
from keras_inits.number import number, spread
from keras_inits.tuning.ranking import ranked
from keras_inits.tuning.rows import PARAMS, rows_of

if TYPE_CHECKING:
    from keras_inits.tuning.found import Found

NAME_WIDTH = 24
ORDER = ("complete", "not reached", "pruned", "failed", "running", "waiting")


def text_of(found: "Found") -> str:
    """The table as plain text."""
    return text.text_of(build_table(found), text.columns())


def build_table(found: "Found") -> Table:
    """Builds the table: the best trial first, then those that were pruned or failed."""
    names = list(found.space.dimensions)
    objective = str(found.objective)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column(Text("trial"), justify="right", no_wrap=True)
    for name in (*names, objective, "outcome"):
        table.add_column(Text(stand_in(name, NAME_WIDTH)), overflow="fold")
    rows = {row["trial"]: row for row in rows_of(found)}
    best = {trial.number: place for place, trial in enumerate(ranked(found.study))}
    for key in sorted(rows, key=lambda one: (ORDER.index(rows[one]["state"]), best.get(one, one))):
        row = rows[key]
        cells = [_param(row[PARAMS][name]) for name in names]
        objective_cell = "" if row[objective] is None else _objective(found, row)
        table.add_row(*(Text(printable(cell)) for cell in (str(key), *cells, objective_cell, _outcome(row))))
    return table


def _param(value: Any) -> str:
    return number(value) if isinstance(value, float) else stand_in(str(value), NAME_WIDTH)


def _objective(found: "Found", row: dict[str, Any]) -> str:
    values = [row[name] for name in ("least", str(found.objective), "largest") if row[name] is not None]
    return spread(found.objective.shown_as, values)


def _outcome(row: dict[str, Any]) -> str:
    if row["state"] == "complete":
        return str(row["gradients"])
    if row["state"] == "failed":
        return f"failed: {stand_in(row['error'] or 'interrupted')}"
    if row["finding"] is None:
        return str(row["state"])
    place = "" if row["step"] is None else f" at step {row['step']}"
    return f"pruned: {row['finding']}{place}" + (f", layer {row['layer']}" if row["layer"] else "")
