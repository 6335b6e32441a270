"""The table of a comparison as the terminal shows it."""

import itertools
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from keras_inits import text
from keras_inits._names import stand_in
from keras_inits.comparison.columns import Cell, columns_of
from keras_inits.comparison.rows import rows_of
from keras_inits.runs.learning import AT_CHANCE, DIVERGED, LEARNED, SLOW
from keras_inits.runs.run import Run
from keras_inits.states import State

NAME_WIDTH = 24
STYLES: dict[str, str] = {
    State.HEALTHY: "green",
    State.VANISHING: "yellow",
    State.EXPLODING: "red",
    State.ZERO: "yellow",
    State.NONFINITE: "red",
    **{LEARNED: "green", SLOW: "yellow", AT_CHANCE: "red", DIVERGED: "red"},
}


def build_table(runs: Sequence[Run], words: Sequence[str]) -> Table:
    """Builds the table, with a rule between the networks.

    Args:
        runs: In the order of their rows.
        words: Whether each of them learned.
    """
    seeds = len({run.name.seed for run in runs})
    title = "Last metrics, and gradient norm of the first and last layer"
    note = f"median of {seeds} seeds, ± half the range" if seeds > 1 else None
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0, title=title, caption=note)
    table.add_column(Text("start"), overflow="fold")
    columns = [column for column in columns_of(runs) if column.cell and column.in_terminal]
    for column in columns:
        name = stand_in(column.title, NAME_WIDTH)
        broken = Text(name.replace(" ", "\n").replace("_", "_\n").replace("accuracy", "accu-\nracy"))
        if column.is_number:
            table.add_column(broken, justify="right", no_wrap=True)
        else:
            table.add_column(broken, overflow="fold")
    for network, group in itertools.groupby(rows_of(runs, words), key=lambda row: row.network):
        table.add_section()
        if network:
            table.add_row(Text(stand_in(network, NAME_WIDTH), "bold"))
        for row in group:
            cells = [_shown(column.cell(row), row.is_good) for column in columns if column.cell]
            table.add_row(Text(stand_in(row.initializer, NAME_WIDTH)), *cells)
    return table


def _shown(cell: Cell, is_good: bool) -> Text:
    """Words are in the colour of the worst of them, and green only where both answers are good."""
    styles = {STYLES.get(word, "") for word in cell.words or ()}
    style = next((one for one in ("red", "yellow") if one in styles), "green" if styles and is_good else "")
    return Text(cell.text, style)


def text_of(runs: Sequence[Run], words: Sequence[str]) -> str:
    """The table as plain text."""
    if not runs:
        return "Comparison: no run is finished"
    return text.text_of(build_table(runs, words), text.columns())
