"""The table: one row per run, for the terminal and for the report."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from keras_inits.comparison.run import Run
from keras_inits.recording.health import EXPLODING, HEALTHY, NON_FINITE, VANISHING, ZERO

HEADERS = (
    "start",
    "training",
    "test",
    "first\nlayer,\nfirst\nstep",
    "last\nlayer,\nfirst\nstep",
    "first\nlayer,\nlast\nstep",
    "last\nlayer,\nlast\nstep",
    "verdict",
)
TITLE = "Final accuracy, and gradient norm of the first and last layer"
STYLES = {HEALTHY: "green", VANISHING: "yellow", EXPLODING: "red", ZERO: "yellow", NON_FINITE: "red"}


def cells(run: Run) -> list[str]:
    """Returns the row of a run as text, in the order of `HEADERS`."""
    norms = np.ma.asarray(run.trace.norms)
    return [
        run.start,
        f"{run.train_accuracy:.1%}",
        f"{run.test_accuracy:.1%}",
        *(number(norms[step, layer]) for step in (0, -1) for layer in (0, -1)),
        run.verdict,
    ]


def number(norm: Any) -> str:
    """Writes a norm in two digits, keeping apart what is no gradient, zero, NaN and infinite.

    Example:
        >>> number(1.234e-22), number(0.0), number(float("nan")), number(np.ma.masked)
        ('1.2e-22', '0', 'nan', 'none')
    """
    if norm is np.ma.masked:
        return "none"
    if norm == 0:
        return "0"
    return f"{norm:.1e}" if np.isfinite(norm) else str(float(norm))


def build_table(runs: Sequence[Run]) -> Table:
    """Builds the table that the terminal shows, with a rule between the activations.

    Args:
        runs: In the order of their rows.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, title=TITLE)
    for header in HEADERS:
        table.add_column(header, justify="left" if header in ("start", "verdict") else "right", no_wrap=True)
    for activation, group in groupby(runs, key=lambda run: run.activation):
        table.add_section()
        table.add_row(f"[bold]{activation}[/]")
        for run in group:
            *texts, word = cells(run)
            table.add_row(*texts, f"[{STYLES[word]}]{word}[/]")
    return table
