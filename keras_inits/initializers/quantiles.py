"""From words to normal values, by look-ups, products and sums alone.

A normal value is the quantile of a word: `z = -Phi^-1(p)` for `p = (v + 1/2) / 2^32`, `v` being 31 of the word's bits,
and the last bit is the sign. `p 2^32` as a float has its octave in the exponent; 2^9 segments an octave (2^5 in
float64), each with a polynomial of degree 1 (5), shrink with p, which makes the tails right. The table is read from
`normal_quantiles.npz`; the tests make it again.
"""

import functools
import importlib.resources
from dataclasses import dataclass

import numpy as np

_RAW_WORD = np.dtype("<u8")


@dataclass(frozen=True)
class Precision:
    """The constants of a floating-point type that a law computes with."""

    bits: int
    mantissa: int
    segment_bits: int  # of the mantissa, which choose the segment within an octave

    @functools.cached_property
    def floating(self) -> np.dtype:
        """The dtype of the values."""
        return np.dtype(f"f{self.bits // 8}")

    @functools.cached_property
    def signed(self) -> np.dtype:
        """The integers of the same size."""
        return np.dtype(f"i{self.bits // 8}")

    @functools.cached_property
    def sign(self) -> int:
        """The word that is the sign's bit alone."""
        return int(np.iinfo(self.signed).min)

    @functools.cached_property
    def _word(self) -> np.dtype:
        return self.signed.newbyteorder("<")

    def raw_words(self, stream: np.random.SFC64, count: int) -> np.ndarray:
        """The next `count` words, in the order of a little-endian machine."""
        raw = stream.random_raw(-(-count * self.bits // 64)).astype(_RAW_WORD, copy=False)
        return raw.view(self._word)[:count]


FLOAT32 = Precision(bits=32, mantissa=23, segment_bits=9)
FLOAT64 = Precision(bits=64, mantissa=52, segment_bits=5)


class Workspace:
    """The memory that one thread computes in: asking for it anew for each block takes longer than some operations.

    Args:
        size: How many values there are in the largest block.
        precision: Of the values.
    """

    def __init__(self, size: int, precision: Precision) -> None:
        self.values, self._floats = (np.empty(size, precision.floating) for _ in range(2))
        self._integers, self._indices = np.empty(size, precision.signed), np.empty(size, np.intp)
        self._precision = precision

    def normal_quantile(self, words: np.ndarray, slope: float, offset: float, out: np.ndarray) -> None:
        """Writes standard normal values of the words, `p 2^bits` being `slope v + offset`; overwrites the words."""
        precision, size = self._precision, words.size
        floats, integers, indices = self._floats[:size], self._integers[:size], self._indices[:size]
        coefficients = _table(precision)
        shift = precision.mantissa - precision.segment_bits
        bits, within = floats.view(precision.signed), integers.view(precision.floating)

        np.bitwise_and(words, ~precision.sign, out=integers)
        np.copyto(floats, integers, casting="unsafe")
        if slope != 1:
            floats *= slope
        floats += precision.floating.type(offset)
        np.right_shift(bits, shift, out=integers)
        np.copyto(indices, integers)
        bits &= (1 << shift) - 1
        np.copyto(within, bits, casting="unsafe")
        coefficients[-1].take(indices, out=out, mode="clip")  # none is out of bounds; "raise" would buffer
        for coefficient in coefficients[-2::-1]:
            out *= within
            out += coefficient.take(indices, out=floats, mode="clip")
        words &= precision.sign
        np.bitwise_xor(out.view(precision.signed), words, out=out.view(precision.signed))


@functools.cache
def _table(precision: Precision) -> np.ndarray:
    """The coefficients by rising power of the mantissa's remaining bits, each segment at its number.

    Nothing looks at what is before the first segment: it only saves a subtraction for each value.
    """
    with (
        importlib.resources.files(__package__).joinpath("normal_quantiles.npz").open("rb") as file,
        np.load(file) as tables,
    ):
        stored = tables[f"float{precision.bits}"]
    table = np.zeros((len(stored), first_segment(precision) + stored.shape[1]), precision.floating)
    table[:, first_segment(precision) :] = stored
    return table


def first_segment(precision: Precision) -> int:
    """The number of the segment of the smallest p."""
    return int(precision.floating.type(0.5).view(precision.signed)) >> (precision.mantissa - precision.segment_bits)
