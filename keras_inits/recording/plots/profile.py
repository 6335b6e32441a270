"""The norm or another quantity over depth, a line for each of a few steps."""

from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_inits.figures import downsample, labels
from keras_inits.figures.scales import Scale
from keras_inits.recording.plots import canvas
from keras_inits.recording.plots.quantity_scales import label_of, scale_for
from keras_inits.recording.quantities import ACCUMULATE, SKIP, UPDATE

if TYPE_CHECKING:
    from keras_inits.recording.trace import GradientTrace

MAX_STEPS = 5
MARKERS = "osDPh"
NOTES = {SKIP: ", skipped", ACCUMULATE: ", micro-step"}


def draw(trace: "GradientTrace", quantity: str = "gradient") -> Figure:
    """Draws it at the first step, at the last and at evenly spaced ones between them; the first layer on top."""
    figure, axes = canvas.new_figure(trace)
    labels.write_names(axes.yaxis, trace.layers)
    paint(axes, trace, quantity)
    labels.add_legend(axes)
    return figure


def paint(axes: Axes, trace: "GradientTrace", quantity: str = "gradient") -> None:
    """Draws on axes that are there, all but the names of the layers and the legend."""
    different, table = np.unique(trace.steps), trace.tables[quantity]
    scale = scale_for(quantity, table)
    places = np.linspace(0, len(different) - 1, min(len(different), MAX_STEPS))
    chosen = different[places.round().astype(int)]
    profiles = [downsample.median(table[trace.steps == step]) for step in chosen]  # two optimizers leave two rows
    everything = np.ma.MaskedArray(np.ma.vstack([*profiles, np.ma.zeros((0, len(trace.layers)))]))
    axes.set_xlim(scale.limits(everything, room=0.08))
    axes.set_xscale(scale.name)
    colours = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.85, max(len(chosen), 1)))
    for index, (step, profile) in enumerate(zip(chosen, profiles, strict=True)):
        label = f"step {step:,}{_note(trace.outcomes[trace.steps == step])}"
        _draw_profile(axes, profile, scale, {"color": colours[index], "marker": MARKERS[index], "label": label})
    for name, test, marker, *_ in scale.odd:
        if test(everything.filled(1.0)).any():
            axes.scatter([], [], c="black", marker=marker, s=28, label=name)
    axes.set_ylim(max(len(trace.layers), 1) - 0.5, -0.5)
    axes.set_xlabel(label_of(quantity))
    axes.grid(alpha=0.25)


def _note(outcomes: np.ndarray) -> str:
    """A note about a step's outcome, unless it was an update."""
    return "" if UPDATE in outcomes else NOTES[str(outcomes[-1])]


def _draw_profile(axes: Axes, values: np.ma.MaskedArray, scale: Scale, style: dict[str, Any]) -> None:
    """Draws one line, broken where there is no value on the scale; zero stands at its left edge, the rest at its right.

    Args:
        axes: Where to.
        values: One for each layer.
        scale: Theirs.
        style: The colour and the marker of the step, and what the legend calls it.
    """
    depth = np.arange(len(values))
    axes.plot(scale.drawable(values), depth, markersize=5 if len(values) <= 40 else 3, linewidth=1.2, **style)
    for _, test, marker, end, points in scale.odd:
        found = depth[test(values.filled(1.0))]
        place = labels.beside_edge(axes, "y", points)
        axes.scatter(np.full(len(found), end), found, transform=place, marker=marker, s=28, color=style["color"])
