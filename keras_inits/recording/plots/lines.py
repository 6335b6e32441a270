"""Lines over the steps, one for each layer, from dark (first layer) to light (last)."""

from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from keras_inits.figures import downsample, labels
from keras_inits.figures.scales import Scale
from keras_inits.recording.plots import canvas
from keras_inits.recording.plots.quantity_scales import label_of, scale_for
from keras_inits.thresholds import HEALTHY_UPDATE

if TYPE_CHECKING:
    from keras_inits.recording.trace import GradientTrace

MAX_BANDS = 40
"""Largest number of layers with bands: those of more layers would cover each other."""

MAX_DOTS = 60
"""Lines of more points are drawn without dots."""


def draw(trace: "GradientTrace", quantity: str = "gradient") -> Figure:
    """Draws a quantity of each layer; updates beside the line of a healthy training."""
    layers, table = trace.layers, trace.tables[quantity]
    scale, others = scale_for(quantity, table), [HEALTHY_UPDATE] if quantity == "update" else []
    # The light end of the map is left out: yellow on white cannot be seen.
    colours = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.9, max(len(layers), 1)))
    if len(np.unique(trace.steps)) <= downsample.MAX_COLUMNS:
        figure, axes = canvas.new_figure(trace)
        _draw_layers(axes, trace.steps, table, colours, scale)
    else:
        columns = downsample.columns(trace.steps, table, scale)
        bands = "; bands: from the least to the largest" if len(layers) <= MAX_BANDS else ""
        figure, axes = canvas.new_figure(trace, f"lines: the median of each {columns.pooled:,} steps{bands}")
        _draw_columns(axes, columns, colours, scale)
    axes.set_ylim(scale.limits(table, *others, room=0.08))
    axes.set_yscale(scale.name)
    axes.set_ylabel(label_of(quantity))
    axes.grid(alpha=0.25)
    first, last = (trace.steps[0], trace.steps[-1]) if len(trace) else (0, 0)
    room = max(0.03 * (last - first), 0.5)
    labels.number_steps(axes, first - room, last + room)
    _mark_odd(axes, trace.steps, table, colours, scale)
    canvas.mark_outcomes(axes, trace)
    if layers:
        _add_depth_bar(figure, axes, layers, colours)
    for healthy in others:
        label = f"{healthy:g}: a rule of thumb for healthy updates"
        axes.axhline(healthy, color="black", linestyle="--", linewidth=1.4, zorder=3, label=label)
    labels.add_legend(axes)
    return figure


def _draw_columns(axes: Axes, columns: downsample.Columns, colours: np.ndarray, scale: Scale) -> None:
    middles = (columns.edges[1:] + columns.edges[:-1]) / 2
    if columns.median.shape[1] <= MAX_BANDS:
        for index, (least, largest) in enumerate(zip(columns.least.T, columns.largest.T, strict=True)):
            axes.fill_between(middles, least, largest, color=colours[index], alpha=0.2, linewidth=0.0)
    _draw_layers(axes, middles, columns.median, colours, scale)


def _draw_layers(axes: Axes, steps: np.ndarray, table: np.ma.MaskedArray, colours: np.ndarray, scale: Scale) -> None:
    width = 1.3 if table.shape[1] <= MAX_BANDS else 0.7
    for index in range(table.shape[1]):
        present = ~np.ma.getmaskarray(table)[:, index]  # rows of another optimizer do not interrupt the line
        values = scale.drawable(table[present, index])
        shown = np.pad(~np.isnan(values), 1)
        alone = shown[1:-1] & ~shown[:-2] & ~shown[2:]  # no line leads to it, so it needs a dot
        dots = np.flatnonzero(alone | (len(values) <= MAX_DOTS)).tolist()
        style: dict[str, Any] = {"linewidth": width, "marker": ".", "markersize": 5, "markevery": dots}
        axes.plot(steps[present], values, color=colours[index], **style)


def _mark_odd(axes: Axes, steps: np.ndarray, table: np.ma.MaskedArray, colours: np.ndarray, scale: Scale) -> None:
    """Marks what the scale cannot show at the edge of the axes, in the colour of the deepest layer that it befell."""
    for name, test, marker, end, points in scale.odd:
        rows, columns = np.nonzero(test(table.filled(1.0)))
        if not len(rows):
            continue
        kept = downsample.marks(steps[rows], steps[0], steps[-1])
        style: dict[str, Any] = {"marker": marker, "s": 28}
        place = labels.beside_edge(axes, "x", points)
        axes.scatter(steps[rows[kept]], np.full(len(kept), end), c=colours[columns[kept]], transform=place, **style)
        axes.scatter([], [], c="black", label=labels.count(name, steps[rows], columns), **style)


def _add_depth_bar(figure: Figure, axes: Axes, layers: tuple[str, ...], colours: np.ndarray) -> None:
    edges = BoundaryNorm(np.arange(len(layers) + 1) - 0.5, len(layers))
    bar = figure.colorbar(ScalarMappable(edges, ListedColormap(colours)), ax=axes, aspect=30, pad=0.02)
    labels.write_names(bar, layers)
    bar.minorticks_off()
    bar.ax.invert_yaxis()  # the first layer on top, as in `model.summary()`
