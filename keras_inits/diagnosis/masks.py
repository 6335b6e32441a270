"""Finite values that stand for minus infinity, as attention has them where it must not look."""

import math
from typing import Any

from keras import ops

from keras_inits.diagnosis.counts import count_of
from keras_inits.diagnosis.norms import range_of

Tensor = Any

LEAST_MASK = 1e3
"""Values below its negative may stand for minus infinity, as attention has them where it must not look: -1e4, -1e9, the
dtype's least. Above it they change no deviation so that it would count as exploding."""
NEAR_MASK = 0.9
"""From the least value up to this share of it they may lie: a score is added to each."""
BESIDE_MASK = 0.01
"""All others are below this share of it in size; of numbers of one kind many would lie between."""
DOUBLED = (1.8, 2.2)
"""The range of the sum of two masks at one place, in units of one mask. It counts only where single masks occur too."""


def without_masks(rows: Tensor, low: float, high: float) -> tuple[Tensor, float, float, int]:
    """The rows with zeros for values that stand for minus infinity, their range, and how many of these there were."""
    far = rows <= NEAR_MASK * low
    rest = ops.where(far, ops.zeros_like(rows), rows)
    least, most = range_of(rest)
    masked = count_of(far)
    if least <= -LEAST_MASK and DOUBLED[0] <= low / least <= DOUBLED[1]:
        rest, least, most, single = without_masks(rest, least, most)
        return (rest, least, most, masked + single) if single else (rows, low, high, 0)
    if max(-least, most) > -BESIDE_MASK * low or masked in (1, math.prod(rows.shape)):
        return rows, low, high, 0
    return rest, least, most, masked
