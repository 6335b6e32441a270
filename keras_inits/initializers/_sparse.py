"""Weights most of which are zero."""

import math

import keras
import numpy as np

from keras_inits.arguments import check_number
from keras_inits.initializers import sampling
from keras_inits.initializers.base import Config, RandomInitializer
from keras_inits.initializers.buffers import aligned
from keras_inits.initializers.checks import check_two_sizes
from keras_inits.initializers.fans import Fans
from keras_inits.initializers.sampling import Sample
from keras_inits.initializers.seeds import Seed, derive_entropy


@keras.saving.register_keras_serializable(package="keras_inits")
class Sparse(RandomInitializer):
    """Draws from N(0, scale^2), and sets a share of the weights that feed each unit to zero.

    The weight is seen as a matrix of shape `(prod(shape[:-1]), shape[-1])`, n rows and a column for each unit. In each
    column ceil(sparsity n) entries are zero, chosen at random.

    Args:
        sparsity: The share of zeros, from 0 to 1.
        scale: The standard deviation of the others, at least 0.
        seed: See `RandomInitializer`.

    Raises:
        TypeError: If `sparsity` or `scale` is not a number, or `seed` not a seed.
        ValueError: If `sparsity` is not from 0 to 1, `scale` is negative or not finite, or, when called, the shape has
            less than two sizes.

    Example:
        >>> import keras
        >>> values = keras.ops.convert_to_numpy(Sparse(sparsity=0.9, seed=7)((100, 8)))
        >>> (values == 0).sum(axis=0).tolist()
        [90, 90, 90, 90, 90, 90, 90, 90]

    Reference:
        Martens (2010), Deep learning via Hessian-free optimization.
    """

    def __init__(self, sparsity: float, scale: float = 0.01, seed: Seed = None) -> None:
        super().__init__(seed)
        self.sparsity = check_number("sparsity", sparsity, lowest=0, highest=1)
        self.scale = check_number("scale", scale, lowest=0)

    def _check_rank(self, shape: tuple[int, ...]) -> None:
        check_two_sizes("Sparse", "the last of which counts the units", shape)

    def _sample(self, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...]) -> np.ndarray:
        values = aligned(shape, dtype)
        self._fill(values, entropy, None)
        return values

    def _fill(self, out: np.ndarray, entropy: tuple[int, ...], fans: Fans | None) -> None:
        values, bits = sampling.normal(out.shape, out.dtype, entropy, self.scale), 8 * out.dtype.itemsize
        ranks = sampling.uniform(out.shape, np.dtype("float64"), derive_entropy(entropy, 0), 2.0 ** (bits - 1))
        columns = out.reshape(math.prod(out.shape[:-1]), out.shape[-1])
        zeros = math.ceil(self.sparsity * len(columns))
        if not zeros or not columns.size:
            return values.fill(out)
        chosen = _smallest(ranks, columns.view(f"i{out.dtype.itemsize}"), zeros)
        values.fill(out)
        height = max(1, sampling.BLOCK // out.shape[-1])
        for first in range(0, len(columns), height):
            some = slice(first, first + height)
            columns[some][np.unpackbits(chosen[some], axis=1, count=out.shape[-1]).view(bool)] = 0

    def _stddev(self, shape: tuple[int, ...], fans: Fans | None) -> float:
        return self.scale * math.sqrt(1 - self.sparsity)

    def _law(self) -> str:
        return f"N(0, {self.scale:g}^2), not truncated, and zeros"

    def get_config(self) -> Config:
        """Returns the constructor's arguments, ready for JSON."""
        return {"sparsity": self.sparsity, "scale": self.scale, **super().get_config()}


def _smallest(ranks: Sample, codes: np.ndarray, count: int) -> np.ndarray:
    """A mask of the `count` smallest ranks of each column, one bit an entry, packed along the rows.

    A rank takes eight bytes, the value to come fewer. So only the leading bits of the ranks are kept, in `codes`, the
    memory of the values; ranks that these bits do not tell apart are drawn again.
    """
    rows, units = codes.shape
    ranks.fill(codes)
    chosen = np.empty((rows, -(-units // 8)), np.uint8)
    wanted, undecided = np.empty(units, np.intp), []
    width = 8 * max(1, sampling.BLOCK // (8 * rows))
    for first in range(0, units, width):
        some = np.ascontiguousarray(codes[:, first : first + width])
        last = np.partition(some, count - 1, axis=0)[count - 1]
        below, equal = some < last, some == last
        wanted[first : first + width] = left = count - below.sum(axis=0)
        decided = left == equal.sum(axis=0)
        chosen[:, first // 8 : (first + width) // 8] = np.packbits(below | equal & decided, axis=1)
        row, column = np.nonzero(equal & ~decided)
        undecided.append(row * units + first + column)
    positions = np.sort(np.concatenate(undecided))
    order = np.lexsort((ranks.at(positions), positions % units))  # by column, then rank, then row
    positions = positions[order]
    column = positions % units
    place = np.arange(len(column)) - np.searchsorted(column, column)
    row, column = np.divmod(positions[place < wanted[column]], units)
    np.bitwise_or.at(chosen, (row, column // 8), (128 >> column % 8).astype(np.uint8))
    return chosen
