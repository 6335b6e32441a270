"""Laws whose scale is given, whatever the shape."""

import math

import keras
import numpy as np

from keras_inits.arguments import check_number
from keras_inits.initializers import sampling
from keras_inits.initializers.base import REFUSED_BY_KERAS, Config, PointwiseInitializer
from keras_inits.initializers.fans import Fans
from keras_inits.initializers.sampling import Sample
from keras_inits.initializers.seeds import Seed


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

    def _sample_of(
        self, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], fans: Fans | None
    ) -> Sample:
        return sampling.uniform(shape, dtype, entropy, self.scale)

    def _stddev(self, shape: tuple[int, ...], fans: Fans | None) -> float:
        return self.scale / math.sqrt(3)

    def _law(self) -> str:
        return f"U(-{self.scale:g}, {self.scale:g})"

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

    def _sample_of(
        self, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], fans: Fans | None
    ) -> Sample:
        return sampling.normal(shape, dtype, entropy, self.scale)

    def _stddev(self, shape: tuple[int, ...], fans: Fans | None) -> float:
        return self.scale

    def _law(self) -> str:
        return f"N(0, {self.scale:g}^2), not truncated"

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

    def _sample_of(
        self, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], fans: Fans | None
    ) -> Sample:
        return sampling.truncated_normal(shape, dtype, entropy, self.stddev, self.mean)

    def _stddev(self, shape: tuple[int, ...], fans: Fans | None) -> float:
        return self.stddev * sampling.TRUNCATED_STDDEV

    def _law(self) -> str:
        return "N(mean, stddev^2), cut at two stddev"

    def get_config(self) -> Config:
        """Returns the constructor's arguments, ready for JSON."""
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config(), **REFUSED_BY_KERAS}
