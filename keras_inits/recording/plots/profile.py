"""The norm over depth, a line for each of a few steps."""

from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_inits.recording.plots import canvas, thin
from keras_inits.recording.quantities import ACCUMULATE, RECORDED, SKIP, UPDATE

if TYPE_CHECKING:
    from keras_inits.recording.trace import GradientTrace

MOST_STEPS = 5
MARKERS = "osDPh"
NOTES = {SKIP: ", skipped", ACCUMULATE: ", micro-step"}


def draw(trace: "GradientTrace") -> Figure:
    """Draws the norms at the first step, at the last and at evenly spaced ones between them; the first layer on top."""
    figure, axes = canvas.new_figure(trace)
    canvas.write_names(axes.yaxis, trace.layers)
    paint(axes, trace)
    canvas.add_legend(axes)
    return figure


def paint(axes: Axes, trace: "GradientTrace") -> None:
    """Draws on axes that are there, all but the names of the layers and the legend."""
    different = np.unique(trace.steps)
    places = np.linspace(0, len(different) - 1, min(len(different), MOST_STEPS))
    chosen = different[places.round().astype(int)]
    profiles = [thin.median(trace.norms[trace.steps == step]) for step in chosen]  # two optimizers leave two rows
    everything = np.ma.MaskedArray(np.ma.vstack([*profiles, np.ma.zeros((0, len(trace.layers)))]))
    axes.set_xlim(canvas.log_limits(everything, room=0.08))
    axes.set_xscale("log")
    colours = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.85, max(len(chosen), 1)))
    for index, (step, profile) in enumerate(zip(chosen, profiles, strict=True)):
        label = f"step {step:,}{_note(trace.outcomes[trace.steps == step])}"
        _draw_profile(axes, profile, colours[index], MARKERS[index], label)
    for name, test, marker, *_ in canvas.ODD:
        if test(everything.filled(1.0)).any():
            axes.scatter([], [], c="black", marker=marker, s=28, label=name)
    axes.set_ylim(max(len(trace.layers), 1) - 0.5, -0.5)
    axes.set_xlabel(RECORDED["gradient"].label)
    axes.grid(alpha=0.25)


def _note(outcomes: np.ndarray) -> str:
    """What a step did other than update."""
    return "" if UPDATE in outcomes else NOTES[str(outcomes[-1])]


def _draw_profile(axes: Axes, norms: np.ma.MaskedArray, colour: np.ndarray, marker: str, label: str) -> None:
    """Draws one line, broken where there is no norm on the scale; zero stands at its left edge, the rest at its right.

    Args:
        axes: Where to.
        norms: One for each layer.
        colour: That of the step.
        marker: That of the step.
        label: What the legend calls the step.
    """
    depth = np.arange(len(norms))
    size = 5 if len(norms) <= 40 else 3
    axes.plot(thin.drawable(norms), depth, color=colour, marker=marker, markersize=size, linewidth=1.2, label=label)
    for _, test, odd_marker, end, points in canvas.ODD:
        found = depth[test(norms.filled(1.0))]
        style: dict[str, Any] = {"marker": odd_marker, "s": 28, "color": colour}
        place = canvas.beside_edge(axes, "y", points)
        axes.scatter(np.full(len(found), end), found, transform=place, **style)
