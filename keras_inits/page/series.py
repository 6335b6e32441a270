"""Lines of charts: their kinds, with both scales, and their rows."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from keras_inits.page.charts import lines
from keras_inits.page.page import Kind

COLUMNS = ("x", "y", "edge", "series", "run", "part", "shown", "place")


def kind_of(x: str, y: str, series: Sequence[str], log: bool, *, percent: bool = False, legend: bool = False) -> Kind:
    """A kind of chart that has both scales; shares have the linear one alone.

    Args:
        x: The title of the horizontal axis.
        y: That of the vertical one.
        series: The names, in the order of their looks.
        log: Whether it begins with the logarithmic scale.
        percent: Whether values are shares.
        legend: Whether the names stand above.
    """
    linear = {"linear": lines(x, y, series, False, percent=percent, legend=legend)}
    if percent:
        return Kind("linear", linear)
    return Kind("log" if log else "linear", {**linear, "log": lines(x, y, series, True, legend=legend)})


def columns(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, list[Any]]:
    """Rows as columns of these names."""
    table = list(zip(*rows, strict=True)) or [()] * len(names)
    return {name: list(column) for name, column in zip(names, table, strict=True)}


def split(one: float) -> tuple[float | None, str | None]:
    """A number's height, and at which edge of the plot it stands if it has no place on a logarithmic scale."""
    if not math.isfinite(one):
        return None, "nonfinite"
    return float(f"{one:.6g}"), "zero" if one == 0 else None
