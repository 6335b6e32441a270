"""The picture of all runs: gradient norms over depth, one line for each run."""

import io
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from keras_inits._names import stand_in
from keras_inits.figures.palette import BLACK, BLUE, GREEN, OLIVE, ORANGE, PURPLE, SKY_BLUE, VERMILION
from keras_inits.runs.run import Run

COLOURS = (BLACK, VERMILION, PURPLE, ORANGE, SKY_BLUE, BLUE, GREEN, OLIVE)
MARKERS = "Xv^sPDoh"  # which tell the lines apart in grey
DASHES = ("-", "--", ":")  # the next eight have the same colours and markers
EDGE_SHARE = 0.1
MOMENTS = (("first step", 0), ("last step", -1))
DPI = 130
NAME_LENGTH = 40

Style = dict[str, Any]


def styles_of(runs: Sequence[Run]) -> dict[str, Style]:
    """How the lines of each initializer look, in all pictures."""
    names = dict.fromkeys(run.name.initializer for run in runs)
    kinds = itertools.product(DASHES, zip(COLOURS, MARKERS, strict=True))
    looks = [{"color": colour, "marker": marker, "linestyle": dash} for dash, (colour, marker) in kinds]
    return dict(zip(names, itertools.cycle(looks), strict=False))


def draw_plot(runs: Sequence[Run]) -> Figure:
    """Draws a row of panels per network: the profile over depth at the first step and at the last.

    The scale is logarithmic. Where a norm is 0, or is not finite, its marker stands on a line of its own at the
    bottom or top edge.

    Args:
        runs: At least one.
    """
    figure, panels, networks = _panels(runs, len(MOMENTS), sharey="row")
    styles = styles_of(runs)
    for row, network in zip(panels, networks, strict=True):
        shown = [run for run in runs if run.name.network == network and len(run.trace)]
        low, high = _limits(shown)
        for axes, (moment, step) in zip(row, MOMENTS, strict=True):
            for run in shown:
                _draw_profile(axes, run.trace.norms[step], styles[run.name.initializer], low, high)
            _plain_title(axes, network, moment)
            _finish(axes, low, high)
        row[0].set_ylabel("gradient norm of the layer")
    for axes in panels[-1]:
        axes.set_xlabel("layer, from the input (1) to the output")
    return figure


def plot_bytes(runs: Sequence[Run]) -> bytes:
    """Returns the plot of the gradient norms as the bytes of a PNG.

    Args:
        runs: At least one.
    """
    buffer = io.BytesIO()
    draw_plot(runs).savefig(buffer, format="png", metadata={"Software": "keras_inits"})
    return buffer.getvalue()


def _plain_legend(owner: Any, handles: Sequence[Any], names: Sequence[str], **options: Any) -> None:
    """A legend of a figure or of axes, whose names are no mathematics, and may begin with an underscore."""
    legend = owner.legend(handles, ["name"] * len(handles), **options)
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set(text=stand_in(name, NAME_LENGTH), parse_math=False)


def _plain_title(axes: Axes, *names: str) -> None:
    """A title of the names that are not empty."""
    text = ", ".join(stand_in(name, NAME_LENGTH) for name in names if name)
    axes.set_title(text, parse_math=False)


def _panels(runs: Sequence[Run], columns: int, **options: Any) -> tuple[Figure, Any, list[str]]:
    """A row for each network, and a legend of all initializers above."""
    networks = list(dict.fromkeys(run.name.network for run in runs))
    figure = Figure(figsize=(max(11.0, 3.0 * columns), 0.9 + 4.1 * len(networks)), layout="constrained", dpi=DPI)
    panels = figure.subplots(len(networks), columns, squeeze=False, sharex=True, **options)
    styles = styles_of(runs)
    handles = [Line2D([], [], markersize=6, **style) for style in styles.values()]
    place: Style = {"loc": "outside upper center", "ncols": min(len(handles), 8)}
    _plain_legend(figure, handles, list(styles), frameon=False, **place)
    return figure, panels, networks


def _limits(runs: Sequence[Run]) -> tuple[float, float]:
    """The exponents of 10 between which every positive, finite norm of the plot lies."""
    shown = np.concatenate([[], *(np.ma.compressed(run.trace.norms[step]) for run in runs for _, step in MOMENTS)])
    shown = shown[np.isfinite(shown) & (shown > 0)]
    if shown.size == 0:
        return -1.0, 1.0
    low, high = np.floor(np.log10(shown.min())), np.ceil(np.log10(shown.max()))
    room = max(1.0, EDGE_SHARE * (high - low))
    return float(low - room), float(high + room)


def _draw_profile(axes: Axes, norms: np.ma.MaskedArray, style: Style, low: float, high: float) -> None:
    """Draws one line; zeros go to the bottom edge, what is not finite to the top, no gradient leaves a gap."""
    values: Any = np.ma.filled(np.ma.asarray(norms, dtype="float64"), np.nan)
    masked = np.ma.getmaskarray(norms)
    heights = np.full(values.shape, np.nan)
    positive = np.isfinite(values) & (values > 0)
    heights[positive] = np.log10(values[positive])
    edges = np.where(values == 0, low, np.where(np.isfinite(values) | masked, np.nan, high))
    for line in (heights, edges):  # two lines, for no line leads from a norm to 0
        axes.plot(np.arange(1, values.size + 1), line, markersize=4.5, linewidth=1.4, **style)


def _finish(axes: Axes, low: float, high: float) -> None:
    """Puts powers of ten on the axis, and names its two edges."""
    step, room = max(1, round((high - low) / 8)), 0.05 * (high - low)
    exponents: list[Any] = [e for e in range(int(low), int(high) + 1) if e % step == 0 and low + room < e < high - room]
    axes.set_yticks([low, *exponents, high], ["0", *(f"$10^{{{e}}}$" for e in exponents), "not finite"])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(low - 0.03 * (high - low), high + 0.03 * (high - low))
    _lighten(axes)


def _lighten(axes: Axes) -> None:
    axes.grid(color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
