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
from keras_inits.initializers.buffers import aligned
from keras_inits.initializers.checks import check_range
from keras_inits.initializers.quantiles import FLOAT32, FLOAT64, Precision, Workspace
from keras_inits.initializers.seeds import stream_of

CHUNK = 1 << 18
BLOCK = 1 << 16  # values at a time: what stays in the cache, and long enough for threads not to wait for each other
TAIL = 0.022750131948179207  # Phi(-2), the probability beyond two standard deviations on one side
LARGEST_NORMAL = 6.4  # of 2^32 words; float64, whose words reach 9.2, has room for both
TRUNCATED_STDDEV = 0.8796256610342398  # of a standard normal cut at two standard deviations

Law = Callable[[np.ndarray, np.ndarray, Precision, Workspace], None]  # words, which it overwrites, and where values go
Part = tuple[slice, ...]  # what of an array, a slice without steps for each axis


def uniform(shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], limit: float) -> "Sample":
    """A sample of U(-limit, limit)."""

    def law(words: np.ndarray, out: np.ndarray, precision: Precision, _: Workspace) -> None:
        words >>= precision.bits - precision.mantissa - 1
        np.copyto(out, words, casting="unsafe")
        out += 0.5  # exact, and leaves the values symmetric about zero
        out *= 2.0**-precision.mantissa
        out *= precision.floating.type(limit)

    return Sample(law, shape, dtype, entropy, limit)


def normal(shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], stddev: float = 1.0) -> "Sample":
    """A sample of N(0, stddev^2)."""

    def law(words: np.ndarray, out: np.ndarray, precision: Precision, workspace: Workspace) -> None:
        workspace.normal_quantile(words, 1.0, 0.5, out)
        if stddev != 1:
            out *= precision.floating.type(stddev)

    return Sample(law, shape, dtype, entropy, LARGEST_NORMAL * stddev)


def truncated_normal(
    shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], stddev: float = 1.0, mean: float = 0.0
) -> "Sample":
    """A sample of N(mean, stddev^2) cut at two `stddev` from the mean."""

    def law(words: np.ndarray, out: np.ndarray, precision: Precision, workspace: Workspace) -> None:
        workspace.normal_quantile(words, 1 - 2 * TAIL, TAIL * 2.0**precision.bits, out)
        np.clip(out, -2, 2, out=out)  # the table may be off by its last bit
        out *= precision.floating.type(stddev)
        out += precision.floating.type(mean)

    return Sample(law, shape, dtype, entropy, abs(mean) + 2 * stddev)


class Sample:
    """The values that a law gives at a shape from a stream, drawn when they are asked for.

    Args:
        law: From words to values.
        shape: Of the whole.
        dtype: Of the values.
        entropy: Of the stream.
        largest: What the values may reach.

    Raises:
        ValueError: If that is infinite in the dtype.
    """

    def __init__(
        self, law: Law, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], largest: float
    ) -> None:
        check_range(largest, dtype)
        self._law, self._shape, self._dtype, self._entropy = law, shape, dtype, entropy
        self._size = math.prod(shape)
        self._precision = FLOAT64 if dtype == np.float64 else FLOAT32

    def whole(self) -> np.ndarray:
        """Returns all values."""
        values = aligned(self._shape, self._dtype)
        self.fill(values)
        return values

    def fill(self, out: np.ndarray) -> None:
        """Writes all values to memory that may have gaps after each stretch of the last axis, cast to its dtype."""

        def worker() -> threads.Task:
            draw_chunk = self._chunk_drawer()
            if out.flags.c_contiguous:
                flat = out.reshape(-1)
                return lambda number: draw_chunk(number, flat[number * CHUNK : (number + 1) * CHUNK])
            rows, memory = out.reshape(-1, out.shape[-1]), self._chunk(out.dtype)

            def task(number: int) -> None:
                chunk = memory[: self._size - number * CHUNK]
                draw_chunk(number, chunk)
                _write(chunk, rows, number * CHUNK)

            return task

        threads.share(-(-self._size // CHUNK), worker)

    def part(self, part: Part) -> np.ndarray:
        """Returns what is in a part of the whole, without the rest ever being held."""
        draw_chunk, chunk, drawn = self._chunk_drawer(), self._chunk(self._dtype), -1
        bounds = [range(*one.indices(n)) for one, n in zip(part, self._shape, strict=True)]
        values = aligned(tuple(map(len, bounds)), self._dtype)
        rest = values.reshape(-1)
        for start, stop in _runs(self._shape, bounds):
            while start < stop:
                number, offset = divmod(start, CHUNK)
                if number != drawn:
                    draw_chunk(number, chunk[: self._size - number * CHUNK])
                    drawn = number
                count = min(stop - start, CHUNK - offset)
                rest[:count] = chunk[offset : offset + count]
                rest, start = rest[count:], start + count
        return values

    def at(self, positions: np.ndarray) -> np.ndarray:
        """Returns the values at these positions in C order, given from first to last."""
        draw_chunk, chunk = self._chunk_drawer(), self._chunk(self._dtype)
        values = np.empty(positions.shape, self._dtype)
        for number in np.unique(positions // CHUNK).tolist():
            draw_chunk(number, chunk[: self._size - number * CHUNK])
            first, last = np.searchsorted(positions, (number * CHUNK, (number + 1) * CHUNK))
            values[first:last] = chunk[positions[first:last] - number * CHUNK]
        return values

    def _chunk(self, dtype: np.dtype) -> np.ndarray:
        return np.empty(min(CHUNK, self._size), dtype)

    def _chunk_drawer(self) -> Callable[[int, np.ndarray], None]:
        """A function that draws a chunk by its number. It has a buffer of its own, for one thread at a time."""
        precision, workspace = self._precision, Workspace(min(BLOCK, self._size), self._precision)

        def draw_chunk(number: int, out: np.ndarray) -> None:
            stream = stream_of(self._entropy, (number, *self._shape))
            for first in range(0, out.size, BLOCK):
                block = out[first : first + BLOCK]
                values = block if block.dtype == precision.floating else workspace.values[: block.size]
                self._law(precision.raw_words(stream, block.size), values, precision, workspace)
                if values is not block:
                    block[...] = values

        return draw_chunk


def _write(chunk: np.ndarray, rows: np.ndarray, start: int) -> None:
    """Writes values that follow each other in C order to the rows of a matrix, from a position on."""
    columns = rows.shape[1]
    while chunk.size:
        row, column = divmod(start, columns)
        if column or chunk.size < columns:
            count = min(columns - column, chunk.size)
            rows[row, column : column + count] = chunk[:count]
        else:
            whole = chunk.size // columns
            count = whole * columns
            rows[row : row + whole] = chunk[:count].reshape(whole, columns)
        chunk, start = chunk[count:], start + count


def _runs(shape: tuple[int, ...], bounds: list[range]) -> Iterator[tuple[int, int]]:
    """Where, in C order, the stretches of the array begin and end that make the part within these bounds."""
    cut = [axis for axis, n in enumerate(shape) if len(bounds[axis]) < n]
    last = cut[-1] if cut else 0  # the axes behind it are whole
    stride = math.prod(shape[last + 1 :])
    inner = bounds[last] if bounds else range(1)
    strides = [math.prod(shape[axis + 1 :]) for axis in range(last)]
    for position in itertools.product(*bounds[:last]):
        start = sum(map(operator.mul, position, strides))
        yield start + inner.start * stride, start + inner.stop * stride
