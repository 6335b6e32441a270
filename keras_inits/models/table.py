"""What was drawn: a row for each weight."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from keras_inits.initializers.fans import Fans

WIDTH = 100
PATH_WIDTH = 32


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
    origin: Literal["known", "declared", "rule"] = "known"
    """Where the law is from: the part that the weight has in a layer that is known, what a layer that is not known
    declares, or an explicit rule."""
    head_variance: float | None = None
    """For a table that is also used as the last kernel: the variance of what it makes of hidden states of the variance
    1."""


class LeftWeight(NamedTuple):
    """A weight that stayed as it was."""

    path: str
    reason: str


@dataclass(frozen=True)
class InitializationTable:
    """The weights that `initialize` drew, in depth order, and those that it left as they were."""

    rows: tuple[DrawnWeight, ...]
    left: tuple[LeftWeight, ...]

    @property
    def kept(self) -> tuple[str, ...]:
        """The paths of the weights that stayed as they were."""
        return tuple(one.path for one in self.left)

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
        table.add_column("from", no_wrap=True)
        for header in ("std", "drawn"):
            table.add_column(header, justify="right", no_wrap=True)
        for row in self.rows:
            fans = "" if row.fans is None else " ".join(f"{fan:g}" for fan in row.fans)
            promised = "" if row.stddev is None else f"{row.stddev:.4g}"
            table.add_row(
                _lines(row.path),
                "x".join(map(str, row.shape)),
                fans,
                _law(row),
                row.origin,
                promised,
                f"{row.measured:.4g}",
            )
        text = io.StringIO()
        console = Console(file=text, width=WIDTH, color_system=None, markup=False, highlight=False, emoji=False)
        console.print(table)
        by_reason: dict[str, list[str]] = {}
        for one in self.left:
            by_reason.setdefault(one.reason, []).append(one.path)
        for reason, paths in by_reason.items():
            console.print(f"left as they were, {reason}: {', '.join(paths)}")
        return "\n".join(line.rstrip() for line in text.getvalue().split("\n")).strip("\n")


def _law(row: DrawnWeight) -> str:
    law = row.law.removesuffix(", not truncated")
    return law if row.head_variance is None else f"{law}; the head's outputs: variance {row.head_variance:.4g}"


def _lines(path: str) -> str:
    """Breaks a long path, behind slashes if it can; a path has no line ends."""
    return "\n".join(re.findall(rf".{{1,{PATH_WIDTH}}}$|.{{1,{PATH_WIDTH - 1}}}/|.{{1,{PATH_WIDTH}}}", path))
