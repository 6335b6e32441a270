"""The picture of a diagnosis: activations and gradients over depth."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_inits import thresholds
from keras_inits.diagnosis.numbers import LayerNumbers, shortened
from keras_inits.extras import REPORT, missing
from keras_inits.figures.palette import BLUE, GREEN, GREY, VERMILION

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_LABELS = 60
LONGEST_LABEL = 40
Series = tuple[Sequence[float | None], str, str]  # values, colour, marker


def draw(rows: Sequence[LayerNumbers], title: str) -> "Figure":
    """Draws the calls of layers from left to right."""
    try:
        from matplotlib.figure import Figure  # and not pyplot, which keeps figures and settings for the whole process
    except ImportError as error:
        raise missing("Diagnosis.plot()", "matplotlib", REPORT) from error
    width = min(24.0, max(8.0, 2.0 + 0.22 * len(rows)))
    figure = Figure(figsize=(width, 9.5), layout="constrained")
    activations, sizes, gradients = figure.subplots(3, 1, sharex=True, height_ratios=[2, 2, 3])
    places = np.arange(len(rows))
    draw_activations(activations, places, rows)
    draw_shares(sizes, places, rows)
    _draw_gradients(gradients, places, rows)
    activations.set_title(title)
    shown = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MAX_LABELS)).round().astype(int))
    names = [shortened(rows[place].name, LONGEST_LABEL) for place in shown]
    gradients.set_xticks(shown, names, rotation=90, fontsize=8, parse_math=False)
    gradients.set_xlim(-0.6, len(rows) - 0.4)
    for axes in (activations, sizes, gradients):
        axes.grid(alpha=0.25)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return figure


def draw_activations(axes: Any, places: np.ndarray, rows: Sequence[LayerNumbers]) -> None:
    """Draws the mean of each layer's outputs, and one deviation about it."""
    means = np.array([row.outputs.mean for row in rows])
    stddevs = np.array([row.outputs.stddev for row in rows])
    axes.fill_between(places, means - stddevs, means + stddevs, color=BLUE, alpha=0.25, linewidth=0)
    axes.plot(places, means, color=BLUE, marker=".", label="mean of the outputs,\nand one deviation about it")
    if np.abs([means - stddevs, means + stddevs]).max() > 100:
        axes.set_yscale("symlog", linthresh=1.0)
    axes.set_ylabel("outputs")


def draw_shares(axes: Any, places: np.ndarray, rows: Sequence[LayerNumbers]) -> None:
    """Draws the shares of flat inputs, of dead and of equal units."""
    shares: dict[str, Series] = {
        "flat": ([row.saturated for row in rows], VERMILION, "o"),
        "dead": ([row.dead for row in rows], BLUE, "s"),
        "equal": ([row.identical for row in rows], GREEN, "^"),
    }
    for name, (values, colour, marker) in shares.items():
        axes.plot(places, _floats(values), color=colour, marker=marker, markersize=4, linewidth=1, label=name)
    axes.set_ylim(-0.03, 1.03)
    axes.set_ylabel("share")


def _draw_gradients(axes: Any, places: np.ndarray, rows: Sequence[LayerNumbers]) -> None:
    series: dict[str, Series] = {
        "deviation of the outputs": ([row.outputs.stddev for row in rows], BLUE, "."),
        "gradient of the outputs": ([row.output_gradient for row in rows], GREEN, "^"),
        "gradient of the weights": ([row.gradient for row in rows], VERMILION, "o"),
    }
    axes.set_yscale("log")
    for name, (values, colour, marker) in series.items():
        numbers = _floats(values)
        numbers[~(np.isfinite(numbers) & (numbers > 0))] = np.nan
        known = ~np.isnan(numbers)
        axes.plot(places[known], numbers[known], color=colour, marker=marker, markersize=4, linewidth=1, label=name)
    for bound in (thresholds.VANISHING_SIGNAL, thresholds.EXPLODING_SIGNAL):
        axes.axhline(bound, color=GREY, linestyle=":", linewidth=1)
    axes.plot([], [], color=GREY, linestyle=":", label="where a signal of 1\ncounts as vanished, exploded")
    axes.set_ylabel("norm, deviation")


def _floats(values: Sequence[float | None]) -> np.ndarray:
    return np.array([math.nan if value is None else value for value in values], np.float64)
