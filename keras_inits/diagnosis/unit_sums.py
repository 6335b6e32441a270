"""Random sums of each unit's entries, which tell zero and equal units: no more than these are copied to the host."""

import functools
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_inits import backends

Tensor = Any

ROWS_AT_A_TIME = 1 << 18  # how long the random vectors are
SEED = 1_947_205_633
"""Seed of random vectors. It is an unusual number: the vectors must not be drawn as the user's batch was."""
PROJECTIONS = 4
EQUAL_TOLERANCE = 1e-5
"""Up to this share of their size the sums of two units may differ and be equal: float32 rounds sums of a million
products by about as much, and `PROJECTIONS` random sums that follow from different numbers never come so close."""


class Units(NamedTuple):
    """For each unit random sums over all entries, which tell zero and equal units."""

    sums: np.ndarray  # sums x units

    @property
    def number(self) -> int:
        """How many units there are."""
        return int(self.sums.shape[1])

    @property
    def alive(self) -> np.ndarray:
        """A mask of the units that are not zero throughout: a random sum of other entries is not zero."""
        alive: np.ndarray = (self.sums != 0).any(axis=0)
        return alive

    @property
    def dead(self) -> float:
        """The share of units that are zero throughout."""
        return 1 - float(self.alive.mean()) if self.number else 0.0


def equal_share(*several: Units, alive: bool = False) -> float:
    """The share of units that are equal to another one in each of `several`; of those alive alone, if so asked."""
    count = several[0].number
    chosen = several[0].alive if alive else np.ones(count, bool)
    if np.count_nonzero(chosen) < 2:
        return 0.0
    sums = np.concatenate([one.sums[:, chosen] for one in several])
    sizes = np.concatenate(
        [np.broadcast_to(np.sqrt(np.square(one.sums).mean(axis=0)), one.sums.shape)[:, chosen] for one in several]
    )
    largest = sizes.max(axis=1, keepdims=True)
    keys = np.random.default_rng(SEED + 1).standard_normal(len(sums)) @ (sums / np.where(largest > 0, largest, 1.0))
    order = np.argsort(keys)  # equal units come to lie beside each other
    sums, sizes = sums[:, order], sizes[:, order]
    same = (np.abs(np.diff(sums)) <= EQUAL_TOLERANCE * np.maximum(sizes[:, 1:], sizes[:, :-1])).all(axis=0)
    has_equal = np.append(same, False) | np.append(False, same)
    return float(np.count_nonzero(has_equal) / count)


def sums_of(rows: Tensor) -> np.ndarray:
    """For each unit the sum of its entries, and random sums of them, in float64 on the host."""
    count, dtype = rows.shape[0], keras.backend.standardize_dtype(rows.dtype)
    sums = None
    for piece, start in enumerate(range(0, count, ROWS_AT_A_TIME)):
        part = rows[start : start + ROWS_AT_A_TIME] if count > ROWS_AT_A_TIME else rows
        weights = np.append(1.0, np.random.default_rng([SEED, piece]).standard_normal(PROJECTIONS))
        product = ops.matmul(_vectors(part.shape[0], dtype), part) * ops.cast(weights[:, None], dtype)
        sums = product if sums is None else sums + product
    if sums is None:
        return np.zeros((1 + PROJECTIONS, rows.shape[1]))
    return np.stack([np.asarray(ops.convert_to_numpy(one), np.float64) for one in ops.unstack(sums, axis=0)])


@functools.lru_cache(maxsize=8)
def _vectors(count: int, dtype: str) -> Tensor:
    """Ones, and random vectors, of this length."""
    random = np.random.default_rng(SEED).standard_normal((count, PROJECTIONS)).T
    return backends.current().to_tensor(np.concatenate([np.ones((1, count)), random]).astype(dtype))
