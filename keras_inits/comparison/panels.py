"""The pictures of one run, small enough for a phone: heatmap, profile, activations, loss and metrics."""

import base64
import io
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from PIL import Image

from keras_inits.comparison.plot import finish_epochs, plain_legend
from keras_inits.diagnosis.plot import draw_activations, draw_shares
from keras_inits.figures import downsample
from keras_inits.figures.palette import BLUE, GREEN, VERMILION
from keras_inits.recording.plots import heatmap, profile
from keras_inits.runs.run import Run

SIZE = (4.4, 3.5)  # inches
NAME_SIZE = 7
MOST_NAMES = 14
LONGEST_NAME = 20
DPI = 120
PALETTE = 256
"""The colours of a picture: a palette makes it three times smaller."""
LINES = (BLUE, VERMILION, GREEN)


class Picture(NamedTuple):
    """A picture in the page."""

    title: str
    address: str
    """A `data:` address with the bytes in it."""


def pictures_of(run: Run) -> Iterator[Picture]:
    """Draws what a run left; what it has nothing of is left out."""
    if run.trace.norms.size:
        yield Picture("Gradient norms, layers x steps", picture(_heatmap(run)))
        yield Picture("Gradient norms over depth", picture(_profile(run)))
    if run.layers:
        yield Picture("Activations before training", picture(_activations(run)))
    if run.history:
        yield Picture("Loss and metrics", picture(_history(run)))


def picture(figure: Figure) -> str:
    """Draws a figure, and returns it as the `data:` address of a PNG."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    image = (
        Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(PALETTE, Image.Quantize.MAXCOVERAGE)
    )
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _heatmap(run: Run) -> Figure:
    figure, axes = _named_axes(run.trace.layers, right=0.93)  # and the numbers beside the scale
    handles = heatmap.paint(axes, run.trace, downsample.columns(run.trace.steps, run.trace.norms))
    scale = figure.axes[1]
    scale.yaxis.set_major_locator(LogLocator(numticks=6))
    scale.yaxis.set_minor_locator(NullLocator())
    _small(scale)
    _legend(figure, handles, [str(handle.get_label()).split(" (")[0] for handle in handles])
    return figure


def _profile(run: Run) -> Figure:
    figure, axes = _named_axes(run.trace.layers)
    profile.paint(axes, run.trace)
    axes.xaxis.set_major_locator(LogLocator(numticks=6))
    axes.xaxis.set_minor_locator(NullLocator())
    _small(axes)
    _legend(figure, *axes.get_legend_handles_labels())
    return figure


def _activations(run: Run) -> Figure:
    figure = Figure(figsize=SIZE, dpi=DPI)
    outputs, shares = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    figure.subplots_adjust(left=0.16, right=0.97, top=0.88, bottom=0.13, hspace=0.12)
    places = np.arange(1, len(run.layers) + 1)
    draw_activations(outputs, places, run.layers)
    draw_shares(shares, places, run.layers)
    if outputs.get_yscale() == "symlog":
        outputs.yaxis.get_major_locator().set_params(numticks=7)
    shares.xaxis.set_major_locator(MaxNLocator(integer=True))
    shares.set_xlabel("layer, from the input (1) to the output", fontsize=NAME_SIZE)
    for axes in (outputs, shares):
        _small(axes)
    handles, labels = shares.get_legend_handles_labels()
    _legend(figure, handles, [f"share {label}" for label in labels])
    return figure


def _history(run: Run) -> Figure:
    losses = [name for name in run.history if name.endswith("loss")]
    groups = [names for names in (losses, [name for name in run.history if name not in losses]) if names]
    figure = Figure(figsize=SIZE, dpi=DPI)
    panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False)[:, 0]
    figure.subplots_adjust(left=0.16, right=0.97, top=0.97, bottom=0.13, hspace=0.12)
    for axes, names in zip(panels, groups, strict=True):
        lines = []
        for index, name in enumerate(names):
            values = np.array(run.history[name], np.float64)  # None is NaN, and leaves a gap
            dash = "--" if name.startswith("val_") else "-"
            lines += axes.plot(np.arange(1, len(values) + 1), values, dash, color=LINES[index % 3], marker=".")
        plain_legend(axes, lines, names, fontsize=NAME_SIZE, frameon=False)
        axes.ticklabel_format(axis="y", useOffset=False)
        _small(axes)
    finish_epochs(panels[-1])
    panels[-1].xaxis.label.set_fontsize(NAME_SIZE)
    return figure


def _named_axes(layers: Sequence[str], right: float = 0.97) -> tuple[Figure, Axes]:
    """Axes with the layers' names beside them, the ends of long ones, and not all of many."""
    places = range(0, len(layers), -(-len(layers) // MOST_NAMES))
    names = [layers[place] for place in places]
    names = [name if len(name) <= LONGEST_NAME else "…" + name[1 - LONGEST_NAME :] for name in names]
    figure = Figure(figsize=SIZE, dpi=DPI)
    left = 0.03 + 0.0135 * max(map(len, names))
    axes = figure.add_axes((left, 0.13, right - left, 0.75))
    axes.set_yticks(places, labels=names, parse_math=False)
    _small(axes)
    return figure, axes


def _small(axes: Axes) -> None:
    axes.tick_params(labelsize=NAME_SIZE, which="both")
    axes.xaxis.label.set_fontsize(NAME_SIZE)
    axes.yaxis.label.set_fontsize(NAME_SIZE)


def _legend(figure: Figure, handles: list[Any], labels: list[Any]) -> None:
    """Above everything, in at most two lines."""
    tight: dict[str, Any] = {"borderpad": 0.1, "columnspacing": 1.0, "handletextpad": 0.4, "handlelength": 1.4}
    figure.legend(handles, labels, loc="upper center", ncols=6, frameon=False, fontsize=NAME_SIZE, **tight)
