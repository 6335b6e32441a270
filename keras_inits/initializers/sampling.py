"""Random arrays on the host, bit for bit the same on every machine.

    entropy, shape -> one stream of raw words for each chunk -> a law's look-ups, products and sums -> array

The words are those of `numpy.random.SFC64` seeded by `numpy.random.SeedSequence`, whose streams NumPy guarantees (the
methods of `numpy.random.Generator` may change). A chunk is `CHUNK` values in C order; its stream depends on the
entropy, the shape of the whole array and the chunk's index alone, so that chunks can be drawn in any order. What a law
does with a word is exact or correctly rounded by IEEE 754, never a logarithm or a cosine, which differ between
machines. Changing anything here changes everyone's weights: the golden values in the tests pin it.

A normal value is the quantile of a word: `z = -Phi^-1(p)` for `p = (v + 1/2) / 2^32`, `v` being 31 of the word's bits,
and the last bit is the sign. `p 2^32` as a float has its octave in the exponent; 2^9 segments an octave (2^5 in
float64), each with a polynomial of degree 1 (5), shrink with p, which makes the tails right. The table is read from
`normal_quantiles.npz`; the tests make it again.
"""

import functools
import importlib.resources
import itertools
import math
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from keras_inits.initializers.arguments import check_range

CHUNK = 1 << 18
BLOCK = 1 << 15  # values at a time: what stays in the cache
TAIL = 0.022750131948179207  # Phi(-2), the probability beyond two standard deviations on one side
LARGEST_NORMAL = 6.4  # of 2^32 words; float64, whose words reach 9.2, has room for both
TRUNCATED_STDDEV = 0.8796256610342398  # of a standard normal cut at two standard deviations

Law = Callable[[np.ndarray, "Precision"], np.ndarray]
Part = tuple[slice, ...]  # what of an array, a slice without steps for each axis


@dataclass(frozen=True)
class Precision:
    """What a law must know of the float that it computes in."""

    bits: int
    mantissa: int
    segment_bits: int  # of the mantissa, which choose the segment within an octave

    @property
    def floating(self) -> np.dtype:
        """The dtype of the values."""
        return np.dtype(f"f{self.bits // 8}")

    @property
    def signed(self) -> np.dtype:
        """The integers of the same size."""
        return np.dtype(f"i{self.bits // 8}")

    def raw_words(self, stream: np.random.SFC64, count: int) -> np.ndarray:
        """The next `count` words, in the order of a little-endian machine."""
        raw = stream.random_raw(-(-count * self.bits // 64)).astype("<u8", copy=False)
        return raw.view(f"<u{self.bits // 8}")[:count].view(self.signed.newbyteorder("<"))


FLOAT32 = Precision(bits=32, mantissa=23, segment_bits=9)
FLOAT64 = Precision(bits=64, mantissa=52, segment_bits=5)


def uniform(
    shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], limit: float, part: Part | None = None
) -> np.ndarray:
    """Draws from U(-limit, limit)."""

    def law(words: np.ndarray, precision: Precision) -> np.ndarray:
        values = (words >> (precision.bits - precision.mantissa - 1)).astype(precision.floating)
        values += 0.5  # exact, and leaves the values symmetric about zero
        values *= 2.0**-precision.mantissa
        values *= precision.floating.type(limit)
        return values

    return _draw(law, shape, dtype, entropy, limit, part)


def normal(
    shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], stddev: float = 1.0, part: Part | None = None
) -> np.ndarray:
    """Draws from N(0, stddev^2)."""

    def law(words: np.ndarray, precision: Precision) -> np.ndarray:
        values = _normal_quantile(words, precision, slope=1.0, offset=0.5)
        values *= precision.floating.type(stddev)
        return values

    return _draw(law, shape, dtype, entropy, LARGEST_NORMAL * stddev, part)


def truncated_normal(
    shape: tuple[int, ...],
    dtype: np.dtype,
    entropy: tuple[int, ...],
    stddev: float = 1.0,
    mean: float = 0.0,
    part: Part | None = None,
) -> np.ndarray:
    """Draws from N(mean, stddev^2) cut at two `stddev` from the mean."""

    def law(words: np.ndarray, precision: Precision) -> np.ndarray:
        values = _normal_quantile(words, precision, slope=1 - 2 * TAIL, offset=TAIL * 2.0**precision.bits)
        np.clip(values, -2, 2, out=values)  # the table may be off by its last bit
        values *= precision.floating.type(stddev)
        values += precision.floating.type(mean)
        return values

    return _draw(law, shape, dtype, entropy, abs(mean) + 2 * stddev, part)


def _draw(
    law: Law, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], largest: float, part: Part | None
) -> np.ndarray:
    """The whole array, or what is in a part of it, without the rest ever being held."""
    check_range(largest, dtype)
    size = math.prod(shape)

    def draw_chunk(number: int, out: np.ndarray) -> None:
        precision = FLOAT64 if dtype == np.float64 else FLOAT32
        stream = np.random.SFC64(np.random.SeedSequence(entropy, spawn_key=(number, *shape)))
        for first in range(0, out.size, BLOCK):
            block = out[first : first + BLOCK]
            block[...] = law(precision.raw_words(stream, block.size), precision)

    if part is None:
        values = np.empty(shape, dtype)
        flat = values.reshape(-1)
        for number in range(-(-size // CHUNK)):
            draw_chunk(number, flat[number * CHUNK : (number + 1) * CHUNK])
        return values

    values = np.empty([len(range(*bounds.indices(n))) for bounds, n in zip(part, shape, strict=True)], dtype)
    rest, drawn = values.reshape(-1), -1
    chunk = np.empty(min(CHUNK, size), dtype)
    for start, stop in _runs(shape, part):
        while start < stop:
            number, offset = divmod(start, CHUNK)
            if number != drawn:
                draw_chunk(number, chunk[: size - number * CHUNK])
                drawn = number
            count = min(stop - start, CHUNK - offset)
            rest[:count] = chunk[offset : offset + count]
            rest, start = rest[count:], start + count
    return values


def _runs(shape: tuple[int, ...], part: Part) -> Iterator[tuple[int, int]]:
    """Where, in C order, the stretches of the array begin and end that make the part."""
    bounds = [range(*one.indices(n)) for one, n in zip(part, shape, strict=True)]
    cut = [axis for axis, n in enumerate(shape) if len(bounds[axis]) < n]
    last = cut[-1] if cut else 0  # the axes behind it are whole
    stride = math.prod(shape[last + 1 :])
    inner = bounds[last] if bounds else range(1)
    strides = [math.prod(shape[axis + 1 :]) for axis in range(last)]
    for position in itertools.product(*bounds[:last]):
        start = sum(map(operator.mul, position, strides))
        yield start + inner.start * stride, start + inner.stop * stride


def _normal_quantile(words: np.ndarray, precision: Precision, slope: float, offset: float) -> np.ndarray:
    """Standard normal values of the words, `p 2^bits` being `slope v + offset`."""
    first, coefficients = _normal_table(precision)
    shift = precision.mantissa - precision.segment_bits
    magnitude = words & np.iinfo(precision.signed).max
    position = np.multiply(magnitude, slope, dtype=precision.floating, casting="unsafe")
    position += precision.floating.type(offset)
    bits = position.view(precision.signed)
    segment = (bits >> shift).astype(np.intp)
    segment -= first
    within = (bits & ((1 << shift) - 1)).astype(precision.floating)
    values: np.ndarray = coefficients[-1].take(segment)
    for coefficient in coefficients[-2::-1]:
        values *= within
        values += coefficient.take(segment)
    sign = words ^ magnitude
    np.bitwise_xor(values.view(precision.signed), sign, out=values.view(precision.signed))
    return values


@functools.cache
def _normal_table(precision: Precision) -> tuple[int, np.ndarray]:
    """The first segment's number, and the coefficients by rising power of the mantissa's remaining bits."""
    first = int(precision.floating.type(0.5).view(precision.signed)) >> (precision.mantissa - precision.segment_bits)
    with (
        importlib.resources.files(__package__).joinpath("normal_quantiles.npz").open("rb") as file,
        np.load(file) as tables,
    ):
        return first, tables[f"float{precision.bits}"]
