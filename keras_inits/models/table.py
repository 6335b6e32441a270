"""The table of an initialization: a row for each weight."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from rich import box
from rich.table import Table

from keras_inits.initializers.fans import Fans
from keras_inits.notebook import Shown
from keras_inits.text import columns, text_of, wrapped

PATH_WIDTH = 32


class DrawnWeight(NamedTuple):
    """How one weight was drawn."""

    path: str
    shape: tuple[int, ...]
    fans: Fans | None
    """(fan_in, fan_out), or None where the weight is no kernel."""
    law: str
    stddev: float | None
    """The standard deviation of the law; None where it has none."""
    measured: float
    """The standard deviation of the values."""
    origin: Literal["known", "declared", "rule"] = "known"
    """Where the law is from: the part that the weight has in a layer that is known, what a layer that is not known
    declares, or an explicit rule."""
    head_variance: float | None = None
    """For a table that is also used as the last kernel: the variance of what it makes of hidden states of the variance
    1."""
    gain: float | None = None
    """The gain of a kernel: the root of its variance times fan_in."""
    square_in: float | None = None
    """The mean square that is predicted of what comes into a kernel, for inputs of the mean square 1. Padding counts;
    with `data` the inputs are those that the kernels were fitted to."""
    square_out: float | None = None
    """The predicted mean square of the kernel's products, before an activation."""
    gradient: float | None = None
    """The predicted mean square of the gradient at the kernel's products, relative to that at the model's outputs, each
    of which has a random weight. None, as the three before it, where it is not predicted."""
    reason: str = ""
    """Why the law is not the plain one: a kernel has the gain at which what it makes has the mean square 1."""


class LeftWeight(NamedTuple):
    """A weight that stayed as it was."""

    path: str
    reason: str


@dataclass(frozen=True, repr=False)
class InitializationTable(Shown):
    """The weights that `initialize` drew, in depth order, and those that it left as they were."""

    rows: tuple[DrawnWeight, ...]
    left: tuple[LeftWeight, ...]
    notes: tuple[str, ...] = ()
    """Steps that were taken for the data, or left out, a sentence each."""
    predictions: tuple[str, ...] = ()
    """The behaviour of this start over the depth of the model, a sentence each."""
    warnings: tuple[str, ...] = ()
    """What it cannot do, a sentence each: activations that are unstable at this depth, signals or gradients that grow
    or vanish, kernels whose calls were not seen, and weights that nothing is declared for."""

    @property
    def kept(self) -> tuple[str, ...]:
        """The paths of the weights that stayed as they were."""
        return tuple(one.path for one in self.left)

    def check(self) -> None:
        """Raises an error if there are warnings, as a test of a model that is to start well.

        Raises:
            ValueError: If there are warnings, with all of them.
        """
        if self.warnings:
            told = " ".join(f"({number}) {one}" for number, one in enumerate(self.warnings, 1))
            raise ValueError(
                f"What a start cannot do is a warning of its table. Received: {len(self.warnings)} of them: {told} "
                "Expected: none. Put normalisations or residual branches between the layers, take another activation, "
                "give rules for the weights that are named, or look at `table.warnings` and go on."
            )

    def __iter__(self) -> Iterator[DrawnWeight]:
        """Goes over the rows."""
        return iter(self.rows)

    def __len__(self) -> int:
        """How many weights were drawn."""
        return len(self.rows)

    def __repr__(self) -> str:
        """One line; `print` shows more."""
        return f"<InitializationTable of {len(self)} drawn weights>"

    def __str__(self) -> str:
        """The tables as text, as wide as the terminal, and what is said of the start."""
        width = columns()
        kernels = [row for row in self.rows if row.square_in is not None or row.reason]
        tables = [_drawn(self.rows), *([_predicted(kernels)] if kernels else [])]
        by_reason: dict[str, list[str]] = {}
        for one in self.left:
            by_reason.setdefault(one.reason, []).append(one.path)
        told = [*self.notes, *self.predictions, *(f"warning: {one}" for one in self.warnings)]
        told += [f"left as they were, {reason}: {', '.join(paths)}" for reason, paths in by_reason.items()]
        texts = [text_of(table, width) for table in tables]
        return "\n\n".join([*texts, "\n".join(line for one in told for line in wrapped(one))]).rstrip()


def _drawn(rows: Sequence[DrawnWeight]) -> Table:
    """The table of drawn weights, with the origins of the laws if some are not from the catalogue."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    told = any(row.origin != "known" for row in rows)
    table.add_column("weight", overflow="fold")
    for header in ("shape", "fans"):
        table.add_column(header, no_wrap=True)
    table.add_column("law", max_width=30)
    if told:
        table.add_column("from", no_wrap=True)
    for header in ("std", "drawn"):
        table.add_column(header, justify="right", no_wrap=True)
    for row in rows:
        fans = "" if row.fans is None else " ".join(f"{fan:g}" for fan in row.fans)
        shape = "x".join(map(str, row.shape))
        origin = (row.origin,) if told else ()
        table.add_row(_lines(row.path), shape, fans, _law(row), *origin, _number(row.stddev), _number(row.measured))
    return table


def _predicted(rows: Sequence[DrawnWeight]) -> Table:
    """The table of predictions for the kernels, with reasons, if there are any."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("predicted: mean squares", overflow="fold")
    for header in ("gain", "in", "out", "gradient"):
        table.add_column(header, justify="right", no_wrap=True)
    if any(row.reason for row in rows):
        table.add_column("reason")
    for row in rows:
        numbers = (_number(one, 3) for one in (row.gain, row.square_in, row.square_out, row.gradient))
        table.add_row(_lines(row.path), *numbers, *([row.reason] if len(table.columns) > 5 else []))
    return table


def _number(value: float | None, digits: int = 4) -> str:
    return "" if value is None else f"{value:.{digits}g}"


def _law(row: DrawnWeight) -> str:
    law = row.law.removesuffix(", not truncated")
    return law if row.head_variance is None else f"{law}; the head's outputs: variance {row.head_variance:.4g}"


def _lines(path: str) -> str:
    """Breaks a long path, behind slashes if it can; a path has no line ends."""
    return "\n".join(re.findall(rf".{{1,{PATH_WIDTH}}}$|.{{1,{PATH_WIDTH - 1}}}/|.{{1,{PATH_WIDTH}}}", path))
