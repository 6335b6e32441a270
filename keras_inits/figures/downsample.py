"""Many steps made few enough to draw, without losing what a reader looks for."""

from typing import NamedTuple

import numpy as np

from keras_inits.figures.scales import LOG, Scale

MAX_COLUMNS = 400
"""Largest number of columns in a picture: on a screen each is still wide enough to be seen alone."""

MAX_MARKS = 400
"""Largest number of marks of one kind along an axis."""


class Columns(NamedTuple):
    """The steps of a trace, pooled to columns of as many steps each.

    Args:
        edges: The steps between which the columns lie.
        median: Columns x layers; NaN or infinity if a single value is, and masked if there is none.
        least: Of the values that the scale shows; NaN without any.
        largest: Of the same.
        pooled: How many steps a column has.
    """

    edges: np.ndarray
    median: np.ma.MaskedArray
    least: np.ndarray
    largest: np.ndarray
    pooled: int


def columns(steps: np.ndarray, values: np.ma.MaskedArray, scale: Scale = LOG) -> Columns:
    """Pools rows to at most `MAX_COLUMNS` columns; rows of one step, as two optimizers leave them, are in one.

    Args:
        steps: The rows' steps, rising; at least one.
        values: Rows x layers.
        scale: That on which they are drawn.
    """
    different, starts = np.unique(steps, return_index=True)
    pooled = -(-len(different) // MAX_COLUMNS)
    starts = starts[::pooled]
    blocks = [values[start:stop] for start, stop in zip(starts, [*starts[1:], len(steps)], strict=True)]
    least, largest = zip(*(_range(block, scale) for block in blocks), strict=True)
    medians = np.ma.MaskedArray(np.ma.stack([median(block) for block in blocks]))
    return Columns(_edges(different, pooled), medians, np.stack(least), np.stack(largest), pooled)


def median(block: np.ma.MaskedArray) -> np.ma.MaskedArray:
    """The lower median of each layer's rows, so one of them; NaN or infinity if one is, and masked if all are.

    Args:
        block: Rows x layers; at least one row.
    """
    values, present = block.data, ~np.ma.getmaskarray(block)
    finite = present & np.isfinite(values)
    counts = finite.sum(axis=0)
    rising = np.sort(np.where(finite, values, np.inf), axis=0)
    middle = np.take_along_axis(rising, np.maximum(counts - 1, 0)[None] // 2, axis=0)[0]
    middle[(present & np.isinf(values)).any(axis=0)] = np.inf
    middle[(present & np.isnan(values)).any(axis=0)] = np.nan
    return np.ma.MaskedArray(middle, mask=~present.any(axis=0))


def marks(steps: np.ndarray, first: int, last: int) -> np.ndarray:
    """The indices of marks to draw: of those that would cover each other the last.

    Args:
        steps: Where the marks lie.
        first: Where the axis begins.
        last: Where it ends.
    """
    places = np.round((steps - first) * (MAX_MARKS / max(last - first, 1)))
    kept = np.unique(places[::-1], return_index=True)[1]
    return np.asarray(len(steps) - 1 - kept)


def _range(block: np.ma.MaskedArray, scale: Scale) -> tuple[np.ndarray, np.ndarray]:
    shown = scale.drawable(block)
    return np.fmin.reduce(shown), np.fmax.reduce(shown)


def _edges(steps: np.ndarray, pooled: int) -> np.ndarray:
    """Half-way between columns; the outer edges are as far from the outer steps as the inner ones beside them."""
    inner = (steps[pooled::pooled] + steps[pooled - 1 : -1 : pooled]) / 2
    before, after = (inner[0] - steps[pooled - 1], steps[len(inner) * pooled] - inner[-1]) if len(inner) else (0.5, 0.5)
    return np.array([steps[0] - before, *inner, steps[-1] + after])
