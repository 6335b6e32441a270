"""Lines over the steps, one for each layer, from dark (first layer) to light (last)."""

from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from keras_inits.recording.plots import canvas, thin
from keras_inits.recording.quantities import RECORDED
from keras_inits.thresholds import HEALTHY_UPDATE

if TYPE_CHECKING:
    from keras_inits.recording.trace import GradientTrace

MOST_BANDS = 40
"""Of more layers the bands would cover each other."""

MOST_DOTS = 60
"""Lines of more points are drawn without dots."""


def draw(trace: "GradientTrace") -> Figure:
    """Draws the norms of the gradients."""
    figure, axes = _draw(trace, "gradient", trace.norms)
    canvas.add_legend(axes)
    return figure


def draw_update(trace: "GradientTrace") -> Figure:
    """Draws how much each update changed the weights, beside the line of a healthy training.

    Raises:
        ValueError: If that was not tracked.
    """
    if "update" not in trace.tracked:
        tracked = ", ".join(map(repr, ("gradient", *trace.tracked)))
        raise ValueError(
            f'GradientTrace.plot received kind="update", and the trace has {tracked}. It expects a trace that has '
            '"update", the norm of each update over that of the weights. Record it with '
            'GradientNormLogger(track=("gradient", "update")).'
        )
    figure, axes = _draw(trace, "update", trace.tracked["update"], HEALTHY_UPDATE)
    label = f"{HEALTHY_UPDATE:g}: a rule of thumb for healthy updates"
    axes.axhline(HEALTHY_UPDATE, color="black", linestyle="--", linewidth=1.4, zorder=3, label=label)
    canvas.add_legend(axes)
    return figure


def _draw(trace: "GradientTrace", quantity: str, table: np.ma.MaskedArray, *others: float) -> tuple[Figure, Axes]:
    layers = trace.layers
    # The light end of the map is left out: yellow on white cannot be seen.
    colours = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.9, max(len(layers), 1)))
    if len(np.unique(trace.steps)) <= thin.MOST_COLUMNS:
        figure, axes = canvas.new_figure(trace)
        _draw_layers(axes, trace.steps, table, colours)
    else:
        columns = thin.columns(trace.steps, table)
        bands = "; bands: from the least to the largest" if len(layers) <= MOST_BANDS else ""
        figure, axes = canvas.new_figure(trace, f"lines: the median of each {columns.pooled:,} steps{bands}")
        _draw_columns(axes, columns, colours)
    axes.set_ylim(canvas.log_limits(table, *others, room=0.08))
    axes.set_yscale("log")
    axes.set_ylabel(RECORDED[quantity].label)
    axes.grid(alpha=0.25)
    first, last = (trace.steps[0], trace.steps[-1]) if len(trace) else (0, 0)
    room = max(0.03 * (last - first), 0.5)
    canvas.number_steps(axes, first - room, last + room)
    _mark_odd(axes, trace.steps, table, colours)
    canvas.mark_outcomes(axes, trace)
    if layers:
        _add_depth_bar(figure, axes, layers, colours)
    return figure, axes


def _draw_columns(axes: Axes, columns: thin.Columns, colours: np.ndarray) -> None:
    middles = (columns.edges[1:] + columns.edges[:-1]) / 2
    if columns.median.shape[1] <= MOST_BANDS:
        for index, (least, largest) in enumerate(zip(columns.least.T, columns.largest.T, strict=True)):
            axes.fill_between(middles, least, largest, color=colours[index], alpha=0.2, linewidth=0.0)
    _draw_layers(axes, middles, columns.median, colours)


def _draw_layers(axes: Axes, steps: np.ndarray, table: np.ma.MaskedArray, colours: np.ndarray) -> None:
    width = 1.3 if table.shape[1] <= MOST_BANDS else 0.7
    for index in range(table.shape[1]):
        present = ~np.ma.getmaskarray(table)[:, index]  # rows of another optimizer do not interrupt the line
        values = thin.drawable(table[present, index])
        shown = np.pad(~np.isnan(values), 1)
        alone = shown[1:-1] & ~shown[:-2] & ~shown[2:]  # no line leads to it, so it needs a dot
        dots = np.flatnonzero(alone | (len(values) <= MOST_DOTS)).tolist()
        style: dict[str, Any] = {"linewidth": width, "marker": ".", "markersize": 5, "markevery": dots}
        axes.plot(steps[present], values, color=colours[index], **style)


def _mark_odd(axes: Axes, steps: np.ndarray, table: np.ma.MaskedArray, colours: np.ndarray) -> None:
    """Marks what the scale cannot show at the edge of the axes, in the colour of the deepest layer that it befell."""
    for name, test, marker, end, points in canvas.ODD:
        rows, columns = np.nonzero(test(table.filled(1.0)))
        if not len(rows):
            continue
        kept = thin.marks(steps[rows], steps[0], steps[-1])
        style: dict[str, Any] = {"marker": marker, "s": 28}
        place = canvas.beside_edge(axes, "x", points)
        axes.scatter(steps[rows[kept]], np.full(len(kept), end), c=colours[columns[kept]], transform=place, **style)
        axes.scatter([], [], c="black", label=canvas.count(name, steps[rows], columns), **style)


def _add_depth_bar(figure: Figure, axes: Axes, layers: tuple[str, ...], colours: np.ndarray) -> None:
    edges = BoundaryNorm(np.arange(len(layers) + 1) - 0.5, len(layers))
    bar = figure.colorbar(ScalarMappable(edges, ListedColormap(colours)), ax=axes, aspect=30, pad=0.02)
    canvas.write_names(bar, layers)
    bar.minorticks_off()
    bar.ax.invert_yaxis()  # the first layer on top, as in `model.summary()`
