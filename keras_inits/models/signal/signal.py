"""The state that is moved through a model: what is predicted of the entries of one tensor."""

import functools
import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

POINTS = 128
"""So many values of equal weight stand for a law that is not normal."""


class Signal(NamedTuple):
    """The prediction for a tensor's entries, over units, places and examples together."""

    mean: float = 0.0
    square: float = 1.0
    """The mean of the squares."""
    depth: int = 0
    """How many layers with an activation it went through since the input, a normalisation or a sum, on the shortest
    way."""
    makers: frozenset[str] = frozenset()
    """The kernels whose products it is, by their streams; none if something else was done to it."""
    points: np.ndarray | None = None
    """Values of equal weight, rising, of a law that is not normal; None for a normal one."""
    weighs: bool = False
    """Whether its entries are the weights of an average, as softmax makes them."""
    remembers: bool = False
    """Whether these are the states of gates that are made for long sequences, and take in little at each step."""

    @property
    def deviation_square(self) -> float:
        """The variance of the entries."""
        return max(0.0, self.square - self.mean**2)

    @property
    def law(self) -> np.ndarray:
        """Values of equal weight, rising."""
        return (
            self.mean + math.sqrt(self.deviation_square) * normal_points(POINTS) if self.points is None else self.points
        )

    def changed(self, mean: float, square: float) -> "Signal":
        """The same way through the model, with other entries."""
        return Signal(mean, square, self.depth)


@functools.cache
def normal_points(count: int, largest_of: int = 1) -> np.ndarray:
    """Values of equal weight of N(0, 1), or of the largest of some such variables; the former have the variance 1."""
    shares = ((np.arange(count) + 0.5) / count) ** (1 / largest_of)
    points = np.array([NormalDist().inv_cdf(share) for share in shares])
    return points / np.sqrt(np.mean(points**2)) if largest_of == 1 else points


def total(signals: list[Signal]) -> Signal:
    """The sum of independent tensors; the way through it is the shortest, as what went past a layer did not see it."""
    mean = sum(one.mean for one in signals)
    square = sum(one.deviation_square for one in signals) + mean**2
    points = None
    if any(one.points is not None for one in signals):
        points = functools.reduce(_sums, (one.law for one in signals))
        points = _scaled(points, mean, square)
    return Signal(mean, square, min(one.depth for one in signals), points=points)


def _sums(these: np.ndarray, those: np.ndarray) -> np.ndarray:
    return np.asarray(np.sort((these[:, None] + those).ravel()).reshape(POINTS, -1).mean(axis=1))


def _scaled(points: np.ndarray, mean: float, square: float) -> np.ndarray:
    """The points moved so that they have these means exactly."""
    centred = points - points.mean()
    spread = math.sqrt(np.mean(centred**2))
    return np.asarray(mean + centred * (math.sqrt(max(0.0, square - mean**2)) / spread if spread > 0 else 0.0))


def largest(signal: Signal, count: int) -> Signal:
    """The largest of so many neighbours, of which half of the variance is common, as in `averaged`."""
    common, own = normal_points(POINTS), normal_points(POINTS, count)
    places = np.sort((common[:, None] + own).ravel()).reshape(POINTS, -1).mean(axis=1) / math.sqrt(2)
    points = np.interp(places, normal_points(POINTS), signal.law)
    return Signal(float(points.mean()), float(np.mean(points**2)), signal.depth, points=points)


def product(signals: list[Signal]) -> Signal:
    """The product of independent tensors."""
    mean, square = 1.0, 1.0
    for one in signals:
        mean, square = mean * one.mean, square * one.square
    return Signal(mean, square, min(one.depth for one in signals))


def mixture(signals: list[Signal], shares: list[float]) -> Signal:
    """Tensors side by side, each with a share of the entries."""
    mean = sum(share * one.mean for one, share in zip(signals, shares, strict=True))
    square = sum(share * one.square for one, share in zip(signals, shares, strict=True))
    return Signal(mean, square, min(one.depth for one in signals))


def averaged(signal: Signal, count: int) -> Signal:
    """The average over so many places: half of the variance is taken for what they have in common.

    Neighbours in a picture and words of a text are neither equal nor independent; how alike they are, only data tell.
    """
    square = signal.mean**2 + signal.deviation_square * (1 + 1 / count) / 2
    return Signal(signal.mean, square, signal.depth)
