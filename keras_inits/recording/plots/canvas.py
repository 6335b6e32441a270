"""The parts that all pictures of a trace share: a figure that holds the names, and marks of outcomes."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from keras_inits._names import stand_in
from keras_inits.figures import downsample
from keras_inits.figures.labels import NAME_SIZE, beside_edge, number, shown_names
from keras_inits.recording.quantities import ACCUMULATE, SKIP

if TYPE_CHECKING:
    from keras_inits.recording.trace import GradientTrace

WIDTH = 8.5  # inches, without the names

# What a step did other than update: (outcome, label, marker, colour). The rarer is drawn over the other.
OUTCOME_MARKS = ((ACCUMULATE, "micro-step, no update", "|", "#606060"), (SKIP, "skipped step", "d", "#d55e00"))


def new_figure(trace: "GradientTrace", note: str = "") -> tuple[Figure, Axes]:
    """A figure as high as its layers need, and wide enough for their names beside the axes.

    Args:
        trace: What will be drawn.
        note: What else the title says.
    """
    shown = shown_names(trace.layers)
    figure = Figure(layout="constrained")
    canvas: Any = FigureCanvasAgg(figure)
    measure = canvas.get_renderer().get_text_width_height_descent
    font = FontProperties(size=NAME_SIZE)
    widest = max((measure(stand_in(trace.layers[index]), font, ismath=False)[0] for index in shown), default=0.0)
    figure.set_size_inches(WIDTH + widest / figure.dpi, max(4.8, 1.8 + 0.15 * len(shown)))
    axes = figure.add_subplot()
    title = f"{number(len(trace.layers), 'layer')}, {number(len(np.unique(trace.steps)), 'recorded step')}"
    axes.set_title(f"{title}\n{note}".rstrip(), fontsize=11, pad=14.0)  # above the marks of outcomes
    return figure, axes


def mark_outcomes(axes: Axes, trace: "GradientTrace") -> None:
    """Marks above the axes the steps whose gradient was left out, or waits for others."""
    every = len(np.unique(trace.steps))
    for outcome, label, marker, colour in OUTCOME_MARKS:
        steps = np.unique(trace.steps[trace.outcomes == outcome])
        if not len(steps):
            continue
        kept = steps[downsample.marks(steps, trace.steps[0], trace.steps[-1])]
        style: dict[str, Any] = {"marker": marker, "s": 26, "color": colour, "linewidths": 1.0}
        place = beside_edge(axes, "x", 6.0)
        axes.scatter(kept, np.ones(len(kept)), transform=place, clip_on=False, **style)
        axes.scatter([], [], label=f"{label} ({len(steps):,} of {every:,})", **style)
