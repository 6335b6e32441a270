"""The plot: every layer's gradient norm over depth, at the first and at the last step, one line per starting point."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from keras_inits.comparison.run import Run
from keras_inits.comparison.starts import STARTS

# Okabe and Ito's colours, told apart with every kind of colour blindness; the markers tell the lines apart in grey.
COLOURS = ("#000000", "#d55e00", "#cc79a7", "#e69f00", "#56b4e9", "#0072b2", "#009e73", "#a39800")
MARKERS = "Xv^sPDoh"
STYLES = {start: (COLOURS[i % 8], MARKERS[i % 8]) for i, start in enumerate(STARTS)}
EDGE_SHARE = 0.1
MOMENTS = (("first step", 0), ("last step", -1))


def draw_plot(runs: Sequence[Run]) -> Figure:
    """Draws a row of panels per activation: the profile over depth at the first step and at the last.

    The scale is logarithmic. Where a norm is 0, or is not finite, its marker stands on a line of its own at the
    bottom or top edge.

    Args:
        runs: At least one.
    """
    activations = list(dict.fromkeys(run.activation for run in runs))
    figure = Figure(figsize=(11, 0.9 + 4.1 * len(activations)), layout="constrained")
    panels = figure.subplots(len(activations), len(MOMENTS), squeeze=False, sharex=True, sharey="row")
    for row, activation in zip(panels, activations, strict=True):
        shown = [run for run in runs if run.activation == activation]
        low, high = _limits(shown)
        for axes, (moment, step) in zip(row, MOMENTS, strict=True):
            for run in shown:
                _draw_profile(axes, run, step, low, high)
            axes.set_title(f"{activation}, {moment}")
            _finish(axes, low, high)
        row[0].set_ylabel("gradient norm of the layer")
    for axes in panels[-1]:
        axes.set_xlabel("layer, from the input (1) to the output")
    starts = list(dict.fromkeys(run.start for run in runs))
    handles = [Line2D([], [], color=STYLES[s][0], marker=STYLES[s][1], markersize=6, label=s) for s in starts]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(starts), 8), frameon=False)
    return figure


def plot_bytes(runs: Sequence[Run]) -> bytes:
    """Returns the plot as the bytes of a PNG.

    Args:
        runs: At least one.
    """
    buffer = io.BytesIO()
    draw_plot(runs).savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()


def _limits(runs: Sequence[Run]) -> tuple[float, float]:
    """The exponents of 10 between which every positive, finite norm of the plot lies."""
    shown = np.concatenate([np.ma.compressed(run.trace.norms[step]) for run in runs for _, step in MOMENTS])
    shown = shown[np.isfinite(shown) & (shown > 0)]
    if shown.size == 0:
        return -1.0, 1.0
    low, high = np.floor(np.log10(shown.min())), np.ceil(np.log10(shown.max()))
    room = max(1.0, EDGE_SHARE * (high - low))
    return float(low - room), float(high + room)


def _draw_profile(axes: Axes, run: Run, step: int, low: float, high: float) -> None:
    """Draws one line; zeros go to the bottom edge, what is not finite to the top, no gradient leaves a gap."""
    norms: Any = np.ma.filled(np.ma.asarray(run.trace.norms[step], dtype="float64"), np.nan)
    masked = np.ma.getmaskarray(run.trace.norms[step])
    heights = np.full(norms.shape, np.nan)
    positive = np.isfinite(norms) & (norms > 0)
    heights[positive] = np.log10(norms[positive])
    edges = np.where(norms == 0, low, np.where(np.isfinite(norms) | masked, np.nan, high))
    colour, marker = STYLES[run.start]
    for values in (heights, edges):  # two lines, for no line leads from a norm to 0
        axes.plot(np.arange(1, norms.size + 1), values, color=colour, marker=marker, markersize=4.5, linewidth=1.4)


def _finish(axes: Axes, low: float, high: float) -> None:
    """Puts powers of ten on the axis, and names its two edges."""
    step, room = max(1, round((high - low) / 8)), 0.05 * (high - low)
    exponents: list[Any] = [e for e in range(int(low), int(high) + 1) if e % step == 0 and low + room < e < high - room]
    axes.set_yticks([low, *exponents, high], ["0", *(f"$10^{{{e}}}$" for e in exponents), "not finite"])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(low - 0.03 * (high - low), high + 0.03 * (high - low))
    axes.grid(color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
