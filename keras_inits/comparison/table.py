"""The table of a comparison as the terminal shows it."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from rich import box
from rich.table import Table
from rich.text import Text

from keras_inits import text
from keras_inits._names import stand_in
from keras_inits.comparison.columns import ENDS, Cell, Column, columns_of
from keras_inits.comparison.rows import Row, rows_of
from keras_inits.runs.learning import AT_CHANCE, DIVERGED, LEARNED, SLOW
from keras_inits.runs.run import Run
from keras_inits.states import State

NAME_WIDTH = 24
NARROWEST, NARROWEST_NAMES = 40, 8
"""Columns of the narrowest terminal that table and sentences are made for, and of the narrowest column of names."""
ALL_NORMS = "gradient norms"
STYLES: dict[str, str] = {
    State.HEALTHY: "green",
    State.VANISHING: "yellow",
    State.EXPLODING: "red",
    State.ZERO: "yellow",
    State.NONFINITE: "red",
    **{LEARNED: "green", SLOW: "yellow", AT_CHANCE: "red", DIVERGED: "red"},
}


class Layout(NamedTuple):
    """One way to show the table: the earlier ones show more, and need more room."""

    columns: tuple[Column, ...]
    left_out: str = ""
    """What is not shown."""
    is_stacked: bool = False
    """Whether what a cell has of several seeds stands in several lines."""


def build_table(runs: Sequence[Run], words: Sequence[str], width: int) -> Table:
    """Builds the table, with a rule between the networks.

    Where the width is too small, columns are left out, gradient norms first. Names are broken if that does not do;
    words and numbers never are.

    Args:
        runs: In the order of their rows.
        words: Whether each of them learned.
        width: Of the terminal, in columns.
    """
    rows = rows_of(runs, words)
    for layout in _layouts(runs):
        table = _table(rows, layout)
        if text.whole_width(table) <= width:
            return table
    names = table.columns[0]
    names.no_wrap, names.width = False, NARROWEST_NAMES
    names.width += max(0, width - text.whole_width(table))
    return table


def _layouts(runs: Sequence[Run]) -> list[Layout]:
    columns = [column for column in columns_of(runs) if column.cell and column.in_terminal]
    norms = [column for column in columns if column.title in ENDS]
    others = tuple(column for column in columns if column.title not in ENDS)
    first_steps = tuple(column for column in norms if ENDS[column.title][0] == 0)
    metrics = [column for column in others if column.is_number]
    main = tuple(column for column in others if column not in metrics[1:])
    less = ", ".join([*(stand_in(column.title, NAME_WIDTH) for column in metrics[1:]), ALL_NORMS])
    return [
        Layout(tuple(columns)),
        Layout(others + first_steps, "gradient norms of the last step"),
        Layout(others, ALL_NORMS),
        Layout(others, ALL_NORMS, is_stacked=True),
        Layout(main, less, is_stacked=True),
    ]


def _table(rows: Sequence[Row], layout: Layout) -> Table:
    seeds = len({run.name.seed for row in rows for run in row.runs})
    has_norms = any(column.title in ENDS for column in layout.columns)
    title = "Last metrics" + ", and gradient norm of the first and last layer" * has_norms
    notes = [f"median of {seeds} seeds [least, largest]"] if seeds > 1 else []
    if layout.left_out:
        more = "The report's page and a wider terminal have them."
        notes.append(f"Left out for lack of width: {layout.left_out}. {more}")
    caption = Text("\n".join(notes)) if notes else None
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0, title=title, caption=caption)
    table.add_column(Text("start"), overflow="fold", no_wrap=True)
    for column in layout.columns:
        heading = stand_in(column.title, NAME_WIDTH).replace(" ", "\n").replace("_", "_\n")
        if seeds == 1:  # a column of short numbers is as narrow as they are
            heading = heading.replace("accuracy", "accu-\nracy")
        table.add_column(Text(heading), justify="right" if column.is_number else "left", no_wrap=True)
    for network, group in itertools.groupby(rows, key=lambda row: row.network):
        table.add_section()
        if network:
            table.add_row(Text(stand_in(network, NAME_WIDTH), "bold"))
        for row in group:
            cells = [_shown(column.cell(row), row.is_good, layout) for column in layout.columns if column.cell]
            table.add_row(Text(stand_in(row.initializer, NAME_WIDTH)), *cells)
    return table


def _shown(cell: Cell, is_good: bool, layout: Layout) -> Text:
    """Words are in the colour of the worst of them, and green only where both answers are good."""
    styles = {STYLES.get(word, "") for word in cell.words or ()}
    style = next((one for one in ("red", "yellow") if one in styles), "green" if styles and is_good else "")
    several = cell.text.replace(", ", ",\n") if cell.words else cell.text.replace(" [", "\n[")
    return Text(several if layout.is_stacked else cell.text, style)


def text_of(runs: Sequence[Run], words: Sequence[str]) -> str:
    """The table as plain text."""
    if not runs:
        return "Comparison: no run is finished"
    width = text.columns(NARROWEST)
    return text.text_of(build_table(runs, words, width), width)
