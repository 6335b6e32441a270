"""From arrays to numbers, in pieces: what is held beside an array does not grow with it."""

import math
from collections.abc import Iterator

import numpy as np

from keras_inits.diagnosis.numbers import Moments

AT_A_TIME = 1 << 18  # how many values are looked at in float64 at a time
SEED = 1_947_205_633
"""Of random vectors; nobody else's number: what looks at a batch must not be drawn as the batch was."""
EQUAL = 1e-5
"""Up to this share of their norm two units' sums may differ and be equal: float32 rounds sums of a million products
by about as much, and two sums that follow from different numbers come so close, twice, once in 1e10."""


class Total:
    """The moments of all values that were added; float64 holds the square of any float32."""

    def __init__(self) -> None:
        self._count = self._nonfinite = 0
        self._sum = self._squares = self._largest = 0.0

    def add(self, piece: np.ndarray) -> None:
        """Adds values in float64."""
        finite = np.isfinite(piece)
        if not finite.all():
            self._nonfinite += piece.size - int(np.count_nonzero(finite))
            piece = piece[finite]
        self._count += piece.size
        self._sum += float(piece.sum())
        self._squares += float(np.square(piece).sum())
        self._largest = max(self._largest, float(np.abs(piece).max(initial=0.0)))

    @property
    def moments(self) -> Moments:
        """What was found so far."""
        mean = self._sum / max(1, self._count)
        variance = max(0.0, self._squares / max(1, self._count) - mean**2)
        return Moments(mean, math.sqrt(variance), self._largest, self._nonfinite)

    @property
    def norm(self) -> float:
        """The root of the sum of squares; not a number if a value is none."""
        return math.nan if self._nonfinite else math.sqrt(self._squares)


class Units:
    """Which units are zero throughout, and which are equal, by two random sums over all that each put out."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(SEED)
        self.alive = np.zeros(0, bool)
        self.sums, self.squares = np.zeros((2, 0)), np.zeros(0)

    def add(self, piece: np.ndarray) -> None:
        """Adds rows x units in float64."""
        if not self.alive.size:
            self.alive = np.zeros(piece.shape[1], bool)
            self.sums, self.squares = np.zeros((2, piece.shape[1])), np.zeros(piece.shape[1])
        piece = np.where(np.isfinite(piece), piece, 0.0)
        self.alive |= (piece != 0).any(axis=0)
        self.sums += self._random.standard_normal((2, len(piece))) @ piece
        self.squares += np.square(piece).sum(axis=0)

    @property
    def dead(self) -> float:
        """The share of units that were zero throughout."""
        return 1 - float(self.alive.mean()) if self.alive.size else 0.0


def equal_share(*several: Units, alive: bool = False) -> float:
    """The share of units that are equal to another one in each of `several`; of those alive alone, if so asked."""
    sums = np.concatenate([one.sums for one in several])
    norms = np.concatenate([np.sqrt(np.stack([one.squares, one.squares])) for one in several])
    count = sums.shape[1]
    if alive:
        sums, norms = sums[:, several[0].alive], norms[:, several[0].alive]
    if sums.shape[1] < 2:
        return 0.0
    largest = norms.max(axis=1, keepdims=True)
    keys = np.random.default_rng(SEED + 1).standard_normal(len(sums)) @ (sums / np.where(largest > 0, largest, 1.0))
    order = np.argsort(keys)  # equal units come to lie beside each other
    sums, norms = sums[:, order], norms[:, order]
    same = (np.abs(np.diff(sums)) <= EQUAL * np.maximum(norms[:, 1:], norms[:, :-1])).all(axis=0)
    has_equal = np.append(same, False) | np.append(False, same)
    return float(np.count_nonzero(has_equal) / count)


def pieces(values: np.ndarray, unit_axes: tuple[int, ...]) -> Iterator[np.ndarray]:
    """The values in float64 as rows x units, some rows at a time."""
    if values.ndim < 2:
        values, unit_axes = values.reshape(-1, 1), (-1,)
    count = math.prod(values.shape[axis] for axis in unit_axes)
    places = range(-len(unit_axes), 0)
    rows = np.moveaxis(values, unit_axes, tuple(places)).reshape(-1, count)
    step = max(1, AT_A_TIME // max(1, count))
    for start in range(0, len(rows), step):
        yield rows[start : start + step].astype(np.float64)
