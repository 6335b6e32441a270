"""Random arrays on the host, bit for bit the same on every machine.

    entropy, shape -> one stream of raw words for each chunk -> a law's look-ups, products and sums -> array

The words are those of `numpy.random.SFC64` seeded by `numpy.random.SeedSequence`, whose streams NumPy guarantees (the
methods of `numpy.random.Generator` may change). A chunk is `CHUNK` values in C order; its stream depends on the
entropy, the shape of the whole array and the chunk's index alone, so that chunks can be drawn in any order, and on
several threads. What a law does with a word is exact or correctly rounded by IEEE 754, never a logarithm or a cosine,
which differ between machines. Changing anything here changes everyone's weights: the golden values in the tests pin it.
"""

import itertools
import math
import operator
from collections.abc import Callable, Iterator

import numpy as np

from keras_inits.initializers import threads
from keras_inits.initializers.arguments import check_range
from keras_inits.initializers.buffers import aligned
from keras_inits.initializers.quantiles import FLOAT32, FLOAT64, Precision, Workspace

CHUNK = 1 << 18
BLOCK = 1 << 16  # values at a time: what stays in the cache, and long enough for threads not to wait for each other
TAIL = 0.022750131948179207  # Phi(-2), the probability beyond two standard deviations on one side
LARGEST_NORMAL = 6.4  # of 2^32 words; float64, whose words reach 9.2, has room for both
TRUNCATED_STDDEV = 0.8796256610342398  # of a standard normal cut at two standard deviations

Law = Callable[[np.ndarray, np.ndarray, Precision, Workspace], None]  # words, which it overwrites, and where values go
ChunkDrawer = Callable[[int, np.ndarray], None]
Part = tuple[slice, ...]  # what of an array, a slice without steps for each axis


def uniform(
    shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], limit: float, part: Part | None = None
) -> np.ndarray:
    """Draws from U(-limit, limit)."""

    def law(words: np.ndarray, out: np.ndarray, precision: Precision, _: Workspace) -> None:
        words >>= precision.bits - precision.mantissa - 1
        np.copyto(out, words, casting="unsafe")
        out += 0.5  # exact, and leaves the values symmetric about zero
        out *= 2.0**-precision.mantissa
        out *= precision.floating.type(limit)

    return _draw(law, shape, dtype, entropy, limit, part)


def normal(
    shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], stddev: float = 1.0, part: Part | None = None
) -> np.ndarray:
    """Draws from N(0, stddev^2)."""

    def law(words: np.ndarray, out: np.ndarray, precision: Precision, workspace: Workspace) -> None:
        workspace.normal_quantile(words, 1.0, 0.5, out)
        out *= precision.floating.type(stddev)

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

    def law(words: np.ndarray, out: np.ndarray, precision: Precision, workspace: Workspace) -> None:
        workspace.normal_quantile(words, 1 - 2 * TAIL, TAIL * 2.0**precision.bits, out)
        np.clip(out, -2, 2, out=out)  # the table may be off by its last bit
        out *= precision.floating.type(stddev)
        out += precision.floating.type(mean)

    return _draw(law, shape, dtype, entropy, abs(mean) + 2 * stddev, part)


def _draw(
    law: Law, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], largest: float, part: Part | None
) -> np.ndarray:
    """The whole array, or what is in a part of it, without the rest ever being held."""
    check_range(largest, dtype)
    size = math.prod(shape)
    precision = FLOAT64 if dtype == np.float64 else FLOAT32

    def chunk_drawer() -> ChunkDrawer:
        workspace = Workspace(min(BLOCK, size), precision)

        def draw_chunk(number: int, out: np.ndarray) -> None:
            stream = stream_of(entropy, (number, *shape))
            for first in range(0, out.size, BLOCK):
                block = out[first : first + BLOCK]
                values = block if dtype == precision.floating else workspace.values[: block.size]
                law(precision.raw_words(stream, block.size), values, precision, workspace)
                if values is not block:
                    block[...] = values

        return draw_chunk

    if part is None:
        values = aligned(shape, dtype)
        flat = values.reshape(-1)

        def worker() -> threads.Task:
            draw_chunk = chunk_drawer()
            return lambda number: draw_chunk(number, flat[number * CHUNK : (number + 1) * CHUNK])

        threads.share(-(-size // CHUNK), worker)
        return values

    draw_chunk = chunk_drawer()
    values = aligned(tuple(len(range(*bounds.indices(n))) for bounds, n in zip(part, shape, strict=True)), dtype)
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


def stream_of(entropy: tuple[int, ...], spawn_key: tuple[int, ...]) -> np.random.SFC64:
    """`SFC64(SeedSequence(entropy, spawn_key=spawn_key))`, in half the time: a small kernel takes little longer itself.

    `SeedSequence` makes one array of 32-bit words of both, the least significant first, at least four of them for the
    entropy. It takes these words as they are, too.
    """
    words = _words(entropy)
    words += [0] * (4 - len(words)) + _words(spawn_key)
    return np.random.SFC64(np.random.SeedSequence(np.array(words, np.uint32)))


def _words(numbers: tuple[int, ...]) -> list[int]:
    words = []
    for number in numbers:
        words.append(number & 0xFFFFFFFF)
        words += [number >> shift & 0xFFFFFFFF for shift in range(32, number.bit_length(), 32)]
    return words


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
