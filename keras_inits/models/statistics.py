"""Statistics of the inputs' features: their means and deviations, and which features share one."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_inits.layers.tree import walk_layers

Array = Any  # of NumPy
AT_A_TIME = 1 << 22  # values, in float64
NEAR_MEAN, NEAR_DEVIATION = 0.3, 1.5
"""A feature is standardised already if its mean is within 0.3 of 0, and its deviation within a factor of 1.5 of 1."""


def channel_axis_of(model: Any) -> int:
    """The axis of the channels in an example of three axes or more: 0 where a layer has channels first, or -1."""
    return 0 if any(getattr(one, "data_format", "") == "channels_first" for _, one in walk_layers(model)) else -1


class Features:
    """The features of the inputs, numbered over all of them.

    A feature is a column of a table. In inputs of more axes it is a channel, at all places alike.

    Args:
        inputs: A structure of arrays with an example a row.
        channel_axis: That of `channel_axis_of`.
    """

    def __init__(self, inputs: Any, channel_axis: int) -> None:
        self.leaves = keras.tree.flatten(inputs)
        self.numbers: list[Array | None] = []
        self.count = 0
        for leaf in self.leaves:
            numeric = np.issubdtype(leaf.dtype, np.number) or leaf.dtype in (bool, "bfloat16")
            self.numbers.append(self._numbered(leaf.shape[1:], channel_axis) if numeric else None)
        self._same = np.arange(self.count)  # for each the one that it shares mean and deviation with

    def _numbered(self, shape: tuple[int, ...], channel_axis: int) -> Array:
        axis = channel_axis if len(shape) > 1 else -1
        size = shape[axis] if shape else 1
        numbers = self.count + np.arange(size)
        self.count += size
        if not shape:
            return numbers[0]
        return np.broadcast_to(np.moveaxis(np.reshape(numbers, (size,) + (1,) * (len(shape) - 1)), 0, axis), shape)

    def share(self, numbers: Array) -> None:
        """Has these features one mean and one deviation: a kernel multiplies them all by one number."""
        roots = np.unique(self._same[numbers])
        if len(roots) > 1:
            self._same[np.isin(self._same, roots)] = roots[0]

    def measure(self) -> None:
        """Takes what all features are centred on and divided by; constant ones have the deviation 1.

        `observed` are their means and deviations as they are, and `means` and `deviations` those that standardise.

        Those of two values, one-hot ones above all, are not centred: a rare one would weigh as much as its share is
        small. Within -1 and 1 they are `left` as they are, others become 0 and 1. For the same reason a feature that
        has its least value, its largest or zero in more than half of the examples, as the pixels at the edge of a
        digit do, has this background as its mean, and as its deviation the other examples' root mean square from it.
        """
        count, total, square = (np.zeros(self.count) for _ in range(3))
        low, high = np.full(self.count, np.inf), np.full(self.count, -np.inf)
        for which, values in self._columns():
            np.add.at(count, which, float(len(values)))
            np.add.at(total, which, values.sum(0))
            np.minimum.at(low, which, values.min(0, initial=np.inf))
            np.maximum.at(high, which, values.max(0, initial=-np.inf))
        count = np.maximum(count, 1)
        mean = total / count
        places = np.stack([np.zeros(self.count), low, high])
        times, two = np.zeros_like(places), np.ones(self.count, bool)
        for which, values in self._columns():
            np.add.at(square, which, ((values - mean[which]) ** 2).sum(0))
            np.logical_and.at(two, which, ((values == low[which]) | (values == high[which])).all(0))
            for place, number in zip(places, times, strict=True):
                np.add.at(number, which, (values == place[which]).sum(0).astype(float))
        deviation = np.sqrt(square / count)
        self.constant = deviation <= 1e-6 * np.abs(mean)
        self.observed = mean[self._same], np.where(self.constant, 0.0, deviation)[self._same]
        often = (times.argmax(0), np.arange(self.count))
        sparse, background, others = times[often] > count / 2, places[often], np.maximum(count - times[often], 1)
        deviation = np.where(sparse, np.sqrt((square + count * (mean - background) ** 2) / others), deviation)
        mean = np.where(sparse, background, mean)
        binary, unit = two & ~self.constant, (low >= -1) & (high <= 1)
        mean = np.where(binary, np.where(unit, 0.0, low), mean)
        deviation = np.where(binary, np.where(unit, 1.0, high - low), deviation)
        self.means = mean[self._same]
        self.deviations = np.where(self.constant, 1.0, deviation)[self._same]
        self.left = (binary & unit)[self._same]
        self.standard = self.near(self.means, self.deviations) | self.left

    @staticmethod
    def near(means: Array, deviations: Array) -> Array:
        """A mask of the features that are standardised already."""
        return (np.abs(means) <= NEAR_MEAN) & (np.abs(np.log(deviations)) <= np.log(NEAR_DEVIATION))

    def _columns(self) -> Iterator[tuple[Array, Array]]:
        """For each input the shared feature of each entry of an example, and values, an example a row, in pieces."""
        for which, leaf in zip(self.numbers, self.leaves, strict=True):
            if which is None:
                continue
            rows = max(1, AT_A_TIME // max(1, which.size))
            for start in range(0, len(leaf), rows):
                piece = leaf[start : start + rows]
                yield self._same[which].reshape(-1), piece.astype("float64").reshape(len(piece), -1)
