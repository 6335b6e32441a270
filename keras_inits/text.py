"""Tables as text, as wide as the terminal: names are broken before a number is cut."""

import io
import shutil
import textwrap

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

UNLIMITED = 10_000
NARROWEST, READABLE, WIDEST = 80, 100, 200
ELLIPSIS = "…"
"""The mark of rich where a cell is cut."""


def wrapped(text: str, first: str = "", rest: str = "", *, narrowest: int = NARROWEST) -> list[str]:
    """The lines of a sentence: of at most 100 columns, which can be read, and of the terminal's."""
    return textwrap.wrap(text, min(columns(narrowest), READABLE), initial_indent=first, subsequent_indent=rest)


def columns(narrowest: int = NARROWEST) -> int:
    """The width of the terminal, from 80 to 200 columns, or from another number up; 100 where there is none."""
    return min(max(shutil.get_terminal_size((READABLE, 24)).columns, narrowest), WIDEST)


def fitted(table: Table, width: int) -> int:
    """The smallest width, from `width` up, at which no cell of the table is cut."""
    whole = _rendered(table, UNLIMITED).count(ELLIPSIS)  # that names have in them
    while _rendered(table, width).count(ELLIPSIS) > whole:
        width += 1
    return width


def whole_width(table: Table) -> int:
    """The width at which no cell is broken or cut."""
    console = Console(width=UNLIMITED)
    return Measurement.get(console, console.options, table).maximum


def text_of(table: Table, width: int) -> str:
    """The table without colours, in lines that end with their last character.

    Example:
        >>> table = Table(box=None, pad_edge=False)
        >>> table.add_column("layer", overflow="fold")
        >>> table.add_column("norm", no_wrap=True)
        >>> table.add_row("a_layer_with_a_long_name", "0.123")
        >>> print(text_of(table, 18))
        layer        norm
        a_layer_wit  0.123
        h_a_long_na
        me
    """
    lines = _rendered(table, fitted(table, width)).split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def _rendered(table: Table, width: int) -> str:
    text = io.StringIO()
    Console(file=text, width=width, color_system=None, markup=False, highlight=False, emoji=False).print(table)
    return text.getvalue()
