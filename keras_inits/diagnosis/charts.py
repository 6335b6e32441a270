"""The charts of a diagnosis: signals, gradients and shares over the calls of layers."""

from collections.abc import Iterator, Sequence
from typing import Any

from keras_inits.diagnosis.histograms import Histogram
from keras_inits.diagnosis.numbers import LayerNumbers
from keras_inits.number import number
from keras_inits.page.charts import Chart, histograms
from keras_inits.page.page import Kind
from keras_inits.page.series import COLUMNS, columns, kind_of, split

PLACE = "layer, from the input"
MAX_LAYERS = 48
"""Layers of histograms; of more, evenly spaced ones."""
VALUES = "values"
SHARE_COLUMNS = ("layer", "when", "low", "width", "shares", "peak")
# The charts by their kinds: title, whether they are shares, and a series for each quantity.
CHARTS: dict[str, tuple[str, bool, dict[str, str]]] = {
    "gradients": ("Gradient norms", False, {"weights": "gradient", "outputs": "output_gradient"}),
    "signals": ("Deviation of the outputs", False, {"outputs": "stddev"}),
    "shares": ("Shares", True, {"flat": "saturated", "dead": "dead", "equal": "identical"}),
}


def kinds() -> dict[str, Kind]:
    """The kinds of charts that a page of a diagnosis has."""
    lines = {
        name: kind_of(PLACE, title.lower(), list(series), True, percent=percent, legend=len(series) > 1)
        for name, (title, percent, series) in CHARTS.items()
    }
    return {**lines, VALUES: values_kind()}


def values_kind() -> Kind:
    """The kind of histograms."""
    return Kind("linear", {"linear": histograms("value", "share")})


def histogram_charts(found: Sequence[Histogram], note: str = "") -> list[Chart]:
    """A chart for the weights and one for the outputs, as far as there are any.

    Args:
        found: Of all layers.
        note: The end of the titles.
    """
    charts = []
    for what in ("weights", "outputs"):
        title = f"Histograms of {what}{note}"
        if rows := _values([one for one in found if one.what == what]):
            charts.append(Chart(VALUES, title, title, columns(SHARE_COLUMNS, rows)))
    return charts


def _values(found: Sequence[Histogram]) -> list[tuple[Any, ...]]:
    """The rows of histograms: a layer before, and after."""
    names = list(dict.fromkeys(one.layer for one in found))
    names = names[:: max(1, -(-len(names) // MAX_LAYERS))]
    rows = []
    for one in found:
        if one.layer in names:
            width = (one.high - one.low) / len(one.shares) or max(abs(one.low) * 0.02, 1e-30)
            shares = [round(1000 * share) for share in one.shares]
            rows.append((one.layer, one.when, float(f"{one.low:.5g}"), float(f"{width:.5g}"), shares, max(shares)))
    return rows


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
