"""The charts of a comparison: of all runs, and of one."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_inits.comparison.columns import metrics_of
from keras_inits.diagnosis.charts import MAX_LAYERS, VALUES, histogram_charts, values_kind
from keras_inits.figures.downsample import median
from keras_inits.number import number, value
from keras_inits.page.charts import Chart, heatmap
from keras_inits.page.page import Kind
from keras_inits.page.series import COLUMNS, columns, kind_of, split
from keras_inits.runs.run import Run

MAX_CELLS = 60
"""Columns of a heatmap; more steps are put together, with their median."""
MAX_POINTS = 200
"""Points of a chart of one run."""
MOMENTS = (("first step", 0), ("last step", -1))
NORM_COLUMNS = ("layer", "norms")
ODD = {0.0: "black 0", "infinite": "orange infinite", "not a number": "red not a number", "no gradient": "grey none"}
STEPS = "gradients of layers"

Row = tuple[Any, ...]


def kinds_of(runs: Sequence[Run]) -> dict[str, Kind]:
    """The kinds of charts that a page of these runs has."""
    starts = list(dict.fromkeys(run.name.initializer for run in runs))
    kinds = {"profile": kind_of("layer, from the input", "gradient norm", starts, True)}
    names = metrics_of(runs)
    for name in names:
        kinds[f"metric {name}"] = kind_of("epoch", name, starts, _is_log(runs, name), percent=name.endswith("accuracy"))
    losses = [name for name in names if name.endswith("loss")] or ["loss"]
    kinds["losses"] = kind_of("epoch", "loss", losses, True, legend=True)
    kinds["signals"] = kind_of("layer, from the input", "deviation", ["outputs"], True)
    kinds[STEPS] = Kind("linear", {"linear": heatmap("step", "gradient norm")})
    kinds[VALUES] = values_kind()
    return kinds


def metric_chart(runs: Sequence[Run], network: str, name: str, most: int) -> Chart:
    """A metric over epochs, a line for each run of a network.

    Args:
        runs: All runs.
        network: The name of theirs.
        name: That of the metric.
        most: Points; of lines with more, evenly spaced ones.
    """
    lines = (
        _line(run.history.get(name, ()), run.name.initializer, index, name)
        for index, run in enumerate(runs)
        if run.name.network == network
    )
    rows = _thinned(list(lines), most)
    title = f"{name}, {network}" if network else name
    return Chart(f"metric {name}", title, f"{title} over epochs, a line for each run", columns(COLUMNS, rows))


def profile_chart(runs: Sequence[Run], network: str, moment: int, most: int) -> Chart:
    """The gradient norm of each layer at a step, a line for each run of a network.

    Args:
        runs: All runs.
        network: The name of theirs.
        moment: The index of the step in `MOMENTS`.
        most: Points; of lines with more, evenly spaced ones.
    """
    name, step = MOMENTS[moment]
    lines = (
        _profile(run, index, step) for index, run in enumerate(runs) if run.name.network == network and len(run.trace)
    )
    rows = _thinned(list(lines), most)
    title = ", ".join(part for part in (network, name) if part)
    told = f"Gradient norm of every layer, {title}, a line for each run"
    return Chart("profile", title, told, columns(COLUMNS, rows))


def charts_of(run: Run) -> list[Chart]:
    """The charts of one run; what it has nothing of is left out."""
    charts = []
    if run.trace.norms.size:
        charts.append(_heatmap(run))
    losses = [name for name in run.history if name.endswith("loss")]
    if losses:
        rows = _thinned([_line(run.history[name], name, 0, name) for name in losses], MAX_POINTS)
        charts.append(Chart("losses", "Loss over epochs", "Loss over epochs", columns(COLUMNS, rows)))
    if run.layers:
        rows = _thinned([_signals(run)], MAX_POINTS)
        title = "Deviation of each layer's outputs, before training"
        charts.append(Chart("signals", title, title, columns(COLUMNS, rows)))
    return charts + histogram_charts(run.histograms, ": before training above, after it below")


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


def _is_log(runs: Sequence[Run], name: str) -> bool:
    values = [one for run in runs for one in run.history.get(name, ()) if one is not None and math.isfinite(one)]
    return name.endswith("loss") and bool(values) and min(values) > 0


def _thinned(lines: Sequence[list[Row]], most: int) -> list[Row]:
    """The points of all lines: evenly spaced ones, the last of each line among them, if there are more than `most`."""
    each = max(2, most // max(1, len(lines)))
    return [row for line in lines for row in line[:: -1 - (len(line) - 1) // each][::-1]]


def _line(values: Sequence[float | None], series: str, run: int, name: str) -> list[Row]:
    rows, part = list[Row](), 0
    for place, one in enumerate(values, 1):
        if one is None:
            continue
        y, edge = split(float(one))
        part += y is None
        rows.append((place, y, edge, series, run, part, value(name, float(one)), str(place)))
    return rows


def _profile(run: Run, index: int, step: int) -> list[Row]:
    rows, part = list[Row](), 0
    for place, (layer, norm) in enumerate(zip(run.trace.layers, run.trace.norms[step], strict=True), 1):
        y, edge = (None, None) if norm is np.ma.masked else split(float(norm))
        part += y is None or edge is not None
        rows.append((place, y, edge, run.name.initializer, index, part, number(norm), f"{place}, {layer}"))
        part += edge is not None
    return rows


def _signals(run: Run) -> list[Row]:
    rows = []
    for place, layer in enumerate(run.layers, 1):
        y, edge = split(layer.outputs.stddev)
        rows.append((place, y, edge, "outputs", 0, 0, number(layer.outputs.stddev), f"{place}, {layer.name}"))
    return rows


def _heatmap(run: Run) -> Chart:
    """The norms of layers x steps; steps put together have their median, and what is odd in one is odd in all."""
    norms, steps = run.trace.norms, np.asarray(run.trace.steps)
    layers = range(0, len(run.trace.layers), -(-len(run.trace.layers) // MAX_LAYERS))
    groups = np.array_split(np.arange(len(steps)), min(MAX_CELLS, len(steps)))
    pooled = [median(norms[group]) for group in groups]
    rows = [(run.trace.layers[layer], [_cell(norms[layer]) for norms in pooled]) for layer in layers]
    cells = [cell for _, row in rows for cell in row]
    known = [cell for cell in cells if not isinstance(cell, str) and cell > 0]
    low, high = (min(known), max(known)) if known else (1.0, 1.0)
    legend = [f"dark {number(low)}, light {number(high)}"] if known else []
    legend += [text for odd, text in ODD.items() if odd in cells]
    every = {
        "low": round(math.log10(low), 3),
        "high": round(math.log10(high), 3),
        **{name: [int(steps[group[end]]) for group in groups] for name, end in (("firsts", 0), ("lasts", -1))},
    }
    title = f"Gradient norms, layers x steps: {'; '.join(legend)}"
    return Chart(STEPS, title, title, columns(NORM_COLUMNS, rows), every)


def _cell(norm: Any) -> float | str:
    """A norm, or in words why it is none."""
    if norm is np.ma.masked:
        return "no gradient"
    if not np.isfinite(norm):
        return "not a number" if np.isnan(norm) else "infinite"
    return float(f"{norm:.3g}")
