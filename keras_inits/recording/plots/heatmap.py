"""Layers x steps, the norm or another quantity as colour."""

from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from keras_inits.figures import downsample, labels
from keras_inits.figures.scales import Scale
from keras_inits.recording.plots import canvas
from keras_inits.recording.plots.quantity_scales import label_of, scale_for

if TYPE_CHECKING:
    from keras_inits.recording.trace import GradientTrace

# From dark blue (small) to light yellow. A map without red leaves it for what has no place on a log scale, so that all
# are told apart with every kind of colour blindness.
COLOURS = ListedColormap(matplotlib.colormaps["YlGnBu_r"](np.linspace(0.1, 0.9, 256)))
ODD_COLOURS = {"zero": "#000000", "NaN": "#cc0000", "infinite": "#ff8c00"}
MISSING: dict[str, Any] = {"facecolor": "white", "edgecolor": "#b0b0b0", "hatch": "////", "linewidth": 0.0}


def draw(trace: "GradientTrace", quantity: str = "gradient") -> Figure:
    """Draws a quantity, the first layer on top."""
    table = trace.tables[quantity]
    if not table.size:
        return _draw_nothing(trace)
    columns = downsample.columns(trace.steps, table, scale_for(quantity, table))
    note = f"a column is the median of {columns.pooled:,} steps; what is not finite shows in any case"
    figure, axes = canvas.new_figure(trace, note if columns.pooled > 1 else "")
    labels.write_names(axes.yaxis, trace.layers)
    labels.add_legend(axes, paint(axes, trace, columns, quantity))
    return figure


def paint(axes: Axes, trace: "GradientTrace", columns: downsample.Columns, quantity: str = "gradient") -> list[Patch]:
    """Draws on axes that are there, all but the names of the layers, and returns what their legend should explain."""
    axes.patch.set(**MISSING)
    edges, cells = columns.edges, columns.median
    rows = np.arange(len(trace.layers) + 1) - 0.5
    table = trace.tables[quantity]
    scale = scale_for(quantity, table)
    shown = np.ma.masked_invalid(scale.drawable(cells).T)
    mesh = axes.pcolormesh(edges, rows, shown, cmap=COLOURS, norm=scale.colours(table), rasterized=True)
    _draw_odd(axes, edges, rows, cells, scale)
    axes.set_ylim(rows[-1], rows[0])
    labels.number_steps(axes, edges[0], edges[-1])
    canvas.mark_outcomes(axes, trace)
    figure: Any = axes.figure
    bar = figure.colorbar(mesh, ax=axes, aspect=30, pad=0.02)
    bar.ax.set_ylabel(label_of(quantity))
    return _explain(trace, table, cells, scale)


def _draw_nothing(trace: "GradientTrace") -> Figure:
    figure, axes = canvas.new_figure(trace)
    axes.set_ylim(max(len(trace.layers), 1) - 0.5, -0.5)
    labels.write_names(axes.yaxis, trace.layers)
    labels.number_steps(axes, -0.5, 0.5)
    return figure


def _draw_odd(axes: Axes, edges: np.ndarray, rows: np.ndarray, cells: np.ma.MaskedArray, scale: Scale) -> None:
    """Draws a second mesh over the first, with only what that one has left out."""
    kinds = np.zeros(cells.shape, int)
    for number, (_, test, *_) in enumerate(scale.odd, 1):
        kinds[test(cells.filled(1.0))] = number
    colours = ListedColormap([ODD_COLOURS[name] for name, *_ in scale.odd])
    odd = np.ma.masked_equal(kinds.T, 0)
    axes.pcolormesh(edges, rows, odd, cmap=colours, vmin=0.5, vmax=len(scale.odd) + 0.5, rasterized=True)


def _explain(trace: "GradientTrace", table: np.ma.MaskedArray, cells: np.ma.MaskedArray, scale: Scale) -> list[Patch]:
    """The legend's text for the cells that are not on the scale."""
    handles = []
    for name, test, *_ in scale.odd:
        rows, columns = np.nonzero(test(table.filled(1.0)))
        if len(rows):
            label = labels.count(name, trace.steps[rows], columns)
            handles.append(Patch(color=ODD_COLOURS[name], label=label))
    if np.ma.getmaskarray(cells).any():
        handles.append(Patch(label="no gradient", **MISSING))
    return handles
