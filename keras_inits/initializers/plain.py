"""Laws whose scale is given, whatever the shape."""

import math
from collections.abc import Iterator

import keras
import numpy as np

from keras_inits.initializers import sampling
from keras_inits.initializers.arguments import check_number, check_two_sizes
from keras_inits.initializers.base import REFUSED_BY_KERAS, Config, PointwiseInitializer, RandomInitializer
from keras_inits.initializers.fans import Fans
from keras_inits.initializers.sampling import Part
from keras_inits.initializers.seeds import Seed, derive_entropy


@keras.saving.register_keras_serializable(package="keras_inits")
class Uniform(PointwiseInitializer):
    """Draws from U(-scale, scale), as Keras 1's `uniform` did; the standard deviation is scale / sqrt(3).

    Args:
        scale: The largest absolute value, at least 0.
        seed: See `RandomInitializer`.

    Raises:
        TypeError: If `scale` is not a number, or `seed` not a seed.
        ValueError: If `scale` is negative or not finite.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(64, kernel_initializer=Uniform(scale=0.05))
        >>> values = Uniform(scale=0.05, seed=7)((784, 64))
        >>> bool(keras.ops.max(keras.ops.abs(values)) <= 0.05)
        True
    """

    def __init__(self, scale: float = 0.05, seed: Seed = None) -> None:
        super().__init__(seed)
        self.scale = check_number("scale", scale, lowest=0)

    def _sample(
        self, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], part: Part | None = None
    ) -> np.ndarray:
        return sampling.uniform(shape, dtype, entropy, self.scale, part)

    def _stddev(self, shape: tuple[int, ...], fans: Fans | None) -> float:
        return self.scale / math.sqrt(3)

    def _law(self) -> str:
        return "U(-scale, scale)"

    def get_config(self) -> Config:
        """Returns the constructor's arguments, ready for JSON."""
        return {"scale": self.scale, **super().get_config()}


@keras.saving.register_keras_serializable(package="keras_inits")
class Normal(PointwiseInitializer):
    """Draws from N(0, scale^2), not truncated, as Keras 1's `normal` did.

    Args:
        scale: The standard deviation, at least 0.
        seed: See `RandomInitializer`.

    Raises:
        TypeError: If `scale` is not a number, or `seed` not a seed.
        ValueError: If `scale` is negative or not finite.

    Example:
        >>> import keras
        >>> values = Normal(scale=0.05, seed=7)((784, 64))
        >>> round(float(keras.ops.std(values)), 3)
        0.05
    """

    def __init__(self, scale: float = 0.05, seed: Seed = None) -> None:
        super().__init__(seed)
        self.scale = check_number("scale", scale, lowest=0)

    def _sample(
        self, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], part: Part | None = None
    ) -> np.ndarray:
        return sampling.normal(shape, dtype, entropy, self.scale, part)

    def _stddev(self, shape: tuple[int, ...], fans: Fans | None) -> float:
        return self.scale

    def _law(self) -> str:
        return "N(0, scale^2), not truncated"

    def get_config(self) -> Config:
        """Returns the constructor's arguments, ready for JSON."""
        return {"scale": self.scale, **super().get_config()}


@keras.saving.register_keras_serializable(package="keras_inits")
class TruncatedNormal(PointwiseInitializer):
    """Draws from N(mean, stddev^2) cut at two `stddev` from `mean`, on every backend.

    As in Keras, `stddev` is that of the normal before it is cut; the values' own is 0.8796 times as large.

    Args:
        mean: The centre.
        stddev: The standard deviation before the cut, at least 0.
        seed: See `RandomInitializer`.

    Raises:
        TypeError: If `mean` or `stddev` is not a number, or `seed` not a seed.
        ValueError: If `mean` or `stddev` is not finite, or `stddev` is negative.

    Example:
        >>> import keras
        >>> values = TruncatedNormal(stddev=0.05, seed=7)((784, 64))
        >>> bool(keras.ops.max(keras.ops.abs(values)) <= 0.1)
        True
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None) -> None:
        super().__init__(seed)
        self.mean = check_number("mean", mean)
        self.stddev = check_number("stddev", stddev, lowest=0)

    def _sample(
        self, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], part: Part | None = None
    ) -> np.ndarray:
        return sampling.truncated_normal(shape, dtype, entropy, self.stddev, self.mean, part)

    def _stddev(self, shape: tuple[int, ...], fans: Fans | None) -> float:
        return self.stddev * sampling.TRUNCATED_STDDEV

    def _law(self) -> str:
        return "N(mean, stddev^2), cut at two stddev"

    def get_config(self) -> Config:
        """Returns the constructor's arguments, ready for JSON."""
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config(), **REFUSED_BY_KERAS}


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
        values = sampling.normal(shape, dtype, entropy, self.scale)
        columns = values.reshape(math.prod(shape[:-1]), shape[-1])
        zeros = math.ceil(self.sparsity * len(columns))
        width = max(1, sampling.BLOCK // max(1, len(columns)))
        for slab in self._slabs(columns):
            part = (*(slice(None) for _ in shape[:-1]), slab) if slab.stop - slab.start < shape[-1] else None
            ranks = sampling.uniform(shape, np.dtype("float64"), derive_entropy(entropy, 0), 1.0, part)
            ranks, ranked = ranks.reshape(len(columns), slab.stop - slab.start), columns[:, slab]
            for first in range(0, ranked.shape[1], width):  # a few columns at a time: their order is as large as they
                some = slice(first, first + width)
                chosen = np.argsort(ranks[:, some], axis=0, kind="stable")[:zeros]
                np.put_along_axis(ranked[:, some], chosen, 0, axis=0)
        return values

    def _slabs(self, columns: np.ndarray) -> Iterator[slice]:
        """Columns whose ranks, in float64, take an eighth of the values' memory; all of them in a small weight.

        Each slab draws all ranks again, and keeps its own.
        """
        units, share = columns.shape[1], columns.itemsize / (8 * np.dtype("float64").itemsize)
        width = max(1, units if columns.size <= sampling.CHUNK else math.ceil(units * share))
        return (slice(first, min(first + width, units)) for first in range(0, units, width))

    def _stddev(self, shape: tuple[int, ...], fans: Fans | None) -> float:
        return self.scale * math.sqrt(1 - self.sparsity)

    def _law(self) -> str:
        return "N(0, scale^2), not truncated, and zeros"

    def get_config(self) -> Config:
        """Returns the constructor's arguments, ready for JSON."""
        return {"sparsity": self.sparsity, "scale": self.scale, **super().get_config()}
