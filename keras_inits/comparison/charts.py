"""The charts of a comparison: of all runs, and of one."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from keras_inits.number import number, value
from keras_inits.comparison.table import metrics_of
from keras_inits.page.charts import Chart, heatmap, histograms, lines
from keras_inits.page.page import Kind
from keras_inits.runs.run import Run

MOST_CELLS = 60
"""Columns of a heatmap; more steps are put together, with their median."""
MOST_LAYERS = 48
"""Layers of one chart; of more, evenly spaced ones."""
MOMENTS = (("first step", 0), ("last step", -1))
COLUMNS = ("x", "y", "edge", "series", "run", "part", "shown", "place")
NORM_COLUMNS = ("layer", "low", "high", "norms", "firsts", "lasts")
SHARE_COLUMNS = ("layer", "when", "low", "width", "shares", "peak")
STEPS, WEIGHTS, OUTPUTS = "gradients of layers", "weights", "outputs"

Row = tuple[Any, ...]


def kinds_of(runs: Sequence[Run]) -> dict[str, Kind]:
    """The kinds of charts that a page of these runs has."""
    starts = list(dict.fromkeys(run.name.initializer for run in runs))
    kinds = {"profile": _kind("layer, from the input", "gradient norm", starts, True)}
    for name in metrics_of(runs):
        kinds[f"metric {name}"] = _kind("epoch", name, starts, _is_log(runs, name), name.endswith("accuracy"))
    names = metrics_of(runs)
    kinds["losses"] = _kind("epoch", "loss", [name for name in names if name.endswith("loss")] or ["loss"], True)
    kinds["signals"] = _kind("layer, from the input", "deviation", ["outputs"], True)
    kinds[STEPS] = Kind("linear", {"linear": heatmap("step", "gradient norm")})
    kinds["values"] = Kind("linear", {"linear": histograms("value", "share")})
    return kinds


def metric_chart(runs: Sequence[Run], network: str, name: str) -> Chart:
    """A metric over epochs, a line for each run of a network."""
    rows = (
        row
        for index, run in enumerate(runs)
        if run.name.network == network
        for row in _line(range(1, 10**9), run.history.get(name, ()), run.name.initializer, index, name)
    )
    title = f"{name}, {network}" if network else name
    return Chart(f"metric {name}", title, f"{title} over epochs, a line for each run", _columns(COLUMNS, rows))


def profile_chart(runs: Sequence[Run], network: str, moment: int) -> Chart:
    """The gradient norm of each layer at a step, a line for each run of a network."""
    name, step = MOMENTS[moment]
    rows = (
        row
        for index, run in enumerate(runs)
        if run.name.network == network and len(run.trace)
        for row in _profile(run, index, step)
    )
    title = ", ".join(part for part in (network, name) if part)
    told = f"Gradient norm of every layer, {title}, a line for each run"
    return Chart("profile", title, told, _columns(COLUMNS, rows))


def charts_of(run: Run) -> list[Chart]:
    """The charts of one run; what it has nothing of is left out."""
    charts = []
    if run.trace.norms.size:
        rows = _steps(run)
        charts.append(Chart(STEPS, "Gradient norms, layers x steps", "Heatmap", _columns(NORM_COLUMNS, rows)))
    losses = [name for name in run.history if name.endswith("loss")]
    if losses:
        rows = [row for name in losses for row in _line(range(1, 10**9), run.history[name], name, 0, name)]
        charts.append(Chart("losses", "Loss over epochs", "Loss over epochs", _columns(COLUMNS, rows)))
    if run.layers:
        rows = _signals(run)
        title = "Deviation of each layer's outputs, before training"
        charts.append(Chart("signals", title, title, _columns(COLUMNS, rows)))
    for what in (WEIGHTS, OUTPUTS):
        if found := [one for one in run.histograms if one.what == what]:
            title = f"Histograms of {what}: before training above, after it below"
            charts.append(Chart("values", title, title, _columns(SHARE_COLUMNS, _values(found))))
    return charts


def spark(run: Run) -> str:
    """The points of a small curve of the loss, in a box of 100 x 20; empty without one."""
    known = [
        (epoch, one) for epoch, one in enumerate(run.history.get("loss", ())) if one and math.isfinite(one) and one > 0
    ]
    if not known:
        return ""
    heights = np.log10([one for _, one in known])
    low, high = heights.min(), heights.max()
    wide = max(1, len(run.history["loss"]) - 1)
    span = (high - low) if high - low > 0.05 else 1.0  # a loss that stays is level
    offset = 0.0 if high - low > 0.05 else 0.5
    return " ".join(
        f"{2 + 96 * epoch / wide:.1f},{2 + 16 * ((high - one) / span + offset):.1f}"
        for (epoch, _), one in zip(known, heights, strict=True)
    )


def _kind(x: str, y: str, series: Sequence[str], log: bool, percent: bool = False) -> Kind:
    specs = {"linear": lines(x, y, series, False, percent)} | (
        {"log": lines(x, y, series, True)} if not percent else {}
    )
    return Kind("log" if log and not percent else "linear", specs)


def _columns(names: Sequence[str], rows: Iterable[Row]) -> dict[str, list[Any]]:
    table = list(zip(*rows, strict=True)) or [()] * len(names)
    return {name: list(column) for name, column in zip(names, table, strict=True)}


def _is_log(runs: Sequence[Run], name: str) -> bool:
    values = [one for run in runs for one in run.history.get(name, ()) if one is not None and math.isfinite(one)]
    return name.endswith("loss") and bool(values) and min(values) > 0


def _line(places: Iterable[int], values: Sequence[float | None], series: str, run: int, name: str) -> list[Row]:
    rows, part = list[Row](), 0
    for place, one in zip(places, values, strict=False):
        if one is None:
            continue
        y, edge = _split(float(one))
        part += y is None
        rows.append((place, y, edge, series, run, part, value(name, float(one)), str(place)))
    return rows


def _profile(run: Run, index: int, step: int) -> list[Row]:
    rows, part = list[Row](), 0
    for place, (layer, norm) in enumerate(zip(run.trace.layers, run.trace.norms[step], strict=True), 1):
        y, edge = (None, None) if norm is np.ma.masked else _split(float(norm))
        part += y is None or edge is not None
        rows.append((place, y, edge, run.name.initializer, index, part, number(norm), f"{place}, {layer}"))
        part += edge is not None
    return rows


def _signals(run: Run) -> list[Row]:
    rows = []
    for place, layer in enumerate(run.layers, 1):
        y, edge = _split(layer.outputs.stddev)
        rows.append((place, y, edge, "outputs", 0, 0, number(layer.outputs.stddev), f"{place}, {layer.name}"))
    return rows


def _split(one: float) -> tuple[float | None, str | None]:
    """A number's height, and at which edge of the plot it stands if it has no place on a logarithmic scale."""
    if not math.isfinite(one):
        return None, "nonfinite"
    return float(f"{one:.6g}"), "zero" if one == 0 else None


def _steps(run: Run) -> list[Row]:
    """The cells of the heatmap; steps put together have their median, and what is odd in one is odd in all."""
    norms, steps = run.trace.norms, np.asarray(run.trace.steps)
    layers = range(0, len(run.trace.layers), -(-len(run.trace.layers) // MOST_LAYERS))
    groups = np.array_split(np.arange(len(steps)), min(MOST_CELLS, len(steps)))
    known = np.ma.compressed(norms).astype("float64")
    known = np.log10(known[np.isfinite(known) & (known > 0)])
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    firsts, lasts = ([int(steps[group[end]]) for group in groups] for end in (0, -1))
    cut = (round(low, 3), round(high, 3))
    return [
        (run.trace.layers[layer], *cut, [_middle(norms[group, layer]) for group in groups], firsts, lasts)
        for layer in layers
    ]


def _middle(norms: Any) -> float | str:
    """The median of some norms, or in words what is odd about one of them."""
    known = np.ma.compressed(norms).astype("float64")
    if not known.size:
        return "no gradient"
    if not np.isfinite(known).all():
        return "not a number" if np.isnan(known).any() else "infinite"
    return float(f"{np.median(known):.3g}")


def _values(found: Sequence[Any]) -> list[Row]:
    """The rows of histograms: a layer before, and after."""
    names = list(dict.fromkeys(one.layer for one in found))
    names = names[:: -(-len(names) // MOST_LAYERS)]
    rows = []
    for one in found:
        if one.layer in names:
            width = (one.high - one.low) / len(one.shares) or max(abs(one.low) * 0.02, 1e-30)
            shares = [round(1000 * share) for share in one.shares]
            rows.append((one.layer, one.when, float(f"{one.low:.5g}"), float(f"{width:.5g}"), shares, max(shares)))
    return rows
