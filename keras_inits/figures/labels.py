"""Names, steps, counts and legends on axes."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation, Transform

from keras_inits._names import stand_in

MAX_NAMES = 80
"""How many layers' names a picture has room for; of more layers it has evenly spaced ones."""

NAME_SIZE = 8

WIDEST_LEGEND = 100
"""How many characters three entries of a legend may have together to stand beside each other."""


def shown_names(layers: tuple[str, ...]) -> list[int]:
    """The indices of the layers whose names are shown: the first, every n-th after it, and the last."""
    shown = list(range(0, len(layers), -(-len(layers) // MAX_NAMES) or 1))
    return [*shown[:-1], len(layers) - 1] if shown else []


def write_names(axis: Any, layers: tuple[str, ...]) -> None:
    """Puts the layers' names on an axis, or a colour bar, on which layer i stands at i."""
    shown = shown_names(layers)
    # A name is no formula, whatever dollar signs are in it.
    axis.set_ticks(shown, labels=[stand_in(layers[index]) for index in shown], fontsize=NAME_SIZE, parse_math=False)


def number_steps(axes: Axes, first: float, last: float) -> None:
    """Makes the horizontal axis one of steps, which are whole.

    Args:
        axes: Where to.
        first: Where the axis begins.
        last: Where it ends.
    """
    axes.set_xlim(first, last)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("step")


def number(many: int, noun: str) -> str:
    """So many of something.

    Args:
        many: How many.
        noun: Of what, in the singular.
    """
    return f"{many:,} {noun}{'' if many == 1 else 's'}"


def count(name: str, steps: np.ndarray, columns: np.ndarray) -> str:
    """The legend's text for norms that are zero, not finite, or missing.

    Args:
        name: What they are.
        steps: Where they are, rising.
        columns: In which layers.
    """
    return f"{name} ({len(steps):,} in {number(len(np.unique(columns)), 'layer')}, first at step {steps[0]:,})"


def beside_edge(axes: Axes, along: str, points: float) -> Transform:
    """Where marks stand: as the data say along one axis, and at a distance from an end, 0 or 1, of the other.

    Args:
        axes: Where to.
        along: `"x"` for marks beside the bottom or top, `"y"` for marks beside the left or right.
        points: The distance from the end, upwards or to the right.
    """
    place = axes.get_xaxis_transform() if along == "x" else axes.get_yaxis_transform()
    figure: Any = axes.figure
    offset = (0.0, points / 72) if along == "x" else (points / 72, 0.0)
    return place + ScaledTranslation(*offset, figure.dpi_scale_trans)


def add_legend(axes: Axes, handles: list[Any] | None = None) -> None:
    """Explains, under the axes, what has a label, if anything has one.

    Args:
        axes: Where it was drawn.
        handles: What to explain before it.
    """
    handles = [*(handles or []), *axes.get_legend_handles_labels()[0]]
    if handles:
        figure: Any = axes.figure
        widest = sum(sorted(len(one.get_label()) for one in handles)[-3:])
        columns = 3 if widest <= WIDEST_LEGEND else 2
        figure.legend(handles=handles, loc="outside lower left", ncols=columns, frameon=False, fontsize=9)
