"""What was drawn: a row for each weight."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from keras_inits.initializers.fans import Fans

WIDTH = 100
PATH_WIDTH = 36


class DrawnWeight(NamedTuple):
    """How one weight was drawn."""

    path: str
    shape: tuple[int, ...]
    fans: Fans | None
    """(fan_in, fan_out), or None where the weight is no kernel."""
    law: str
    stddev: float | None
    """What the law promises; None where it promises none."""
    measured: float
    """The standard deviation of the values."""


@dataclass(frozen=True)
class InitializationTable:
    """The weights that `initialize` drew, in depth order, and the paths of those that it left as they were."""

    rows: tuple[DrawnWeight, ...]
    kept: tuple[str, ...]

    def __iter__(self) -> Iterator[DrawnWeight]:
        """Goes over the rows."""
        return iter(self.rows)

    def __len__(self) -> int:
        """How many weights were drawn."""
        return len(self.rows)

    def __str__(self) -> str:
        """The table as text of at most 100 columns."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for header in ("weight", "shape", "fans"):
            table.add_column(header, no_wrap=True)
        table.add_column("law", max_width=30)
        for header in ("std", "drawn"):
            table.add_column(header, justify="right", no_wrap=True)
        for row in self.rows:
            fans = "" if row.fans is None else " ".join(f"{fan:g}" for fan in row.fans)
            promised = "" if row.stddev is None else f"{row.stddev:.4g}"
            table.add_row(
                _lines(row.path),
                "x".join(map(str, row.shape)),
                fans,
                row.law.removesuffix(", not truncated"),
                promised,
                f"{row.measured:.4g}",
            )
        text = io.StringIO()
        console = Console(file=text, width=WIDTH, color_system=None, markup=False, highlight=False, emoji=False)
        console.print(table)
        if self.kept:
            console.print(f"left as they were: {', '.join(self.kept)}")
        return "\n".join(line.rstrip() for line in text.getvalue().split("\n")).strip("\n")


def _lines(path: str) -> str:
    """Breaks a long path, behind slashes if it can."""
    return "\n".join(re.findall(rf".{{1,{PATH_WIDTH}}}$|.{{1,{PATH_WIDTH - 1}}}/|.{{1,{PATH_WIDTH}}}", path))
