"""The charts of a diagnosis: signals, gradients and shares over the calls of layers."""

from collections.abc import Iterator, Sequence
from typing import Any

from keras_inits.diagnosis.numbers import LayerNumbers
from keras_inits.number import number
from keras_inits.page.charts import Chart
from keras_inits.page.page import Kind
from keras_inits.page.series import COLUMNS, columns, kind_of, split

PLACE = "layer, from the input"
# The charts by their kinds: title, whether they are shares, and a series for each quantity.
CHARTS: dict[str, tuple[str, bool, dict[str, str]]] = {
    "gradients": ("Gradient norms", False, {"weights": "gradient", "outputs": "output_gradient"}),
    "signals": ("Deviation of the outputs", False, {"outputs": "stddev"}),
    "shares": ("Shares", True, {"flat": "saturated", "dead": "dead", "equal": "identical"}),
}


def kinds() -> dict[str, Kind]:
    """The kinds of charts that a page of a diagnosis has."""
    return {
        name: kind_of(PLACE, title.lower(), list(series), True, percent=percent, legend=len(series) > 1)
        for name, (title, percent, series) in CHARTS.items()
    }


def charts_of(rows: Sequence[LayerNumbers]) -> Iterator[Chart]:
    """The charts of a diagnosis; what it has no number of is left out.

    Args:
        rows: A row for each call.
    """
    for kind, (title, percent, series) in CHARTS.items():
        cells = [cell for label, field in series.items() for cell in _line(rows, label, field, percent)]
        if cells:
            yield Chart(kind, title, f"{title} over the layers", columns(COLUMNS, cells))


def _line(rows: Sequence[LayerNumbers], label: str, field: str, percent: bool) -> Iterator[tuple[Any, ...]]:
    part = 0
    for place, row in enumerate(rows, 1):
        one = row.outputs.stddev if field == "stddev" else getattr(row, field)
        if one is None:
            continue
        y, edge = split(float(one))
        if percent:
            edge = None
        part += y is None or edge is not None
        shown = f"{one:.1%}" if percent else number(one)
        yield place, y, edge, label, 0, part, shown, f"{place}, {row.name}"
        part += edge is not None
