"""The base of all initializers: the call, the config and the printed form."""

from collections.abc import Callable
from typing import Any, Self

import keras
import numpy as np

from keras_inits import backends
from keras_inits.initializers.checks import check_dtype, check_shape
from keras_inits.initializers.configs import PACKAGE, check_config
from keras_inits.initializers.fans import Fans
from keras_inits.initializers.sampling import Part, Sample
from keras_inits.initializers.seeds import Seed, check_seed, draw_entropy

Tensor = Any
Config = dict[str, Any]

# Where Keras has a class of the same name and another law, it would take that one, in silence, for a saved model that
# is opened without this package. This entry of the config is one that Keras's class refuses.
REFUSED_BY_KERAS = {"package": PACKAGE}


backend = backends.current()


class HostInitializer(keras.initializers.Initializer):
    """An initializer whose values are made on the host and handed to the backend."""

    @backend.untraced
    def __call__(self, shape: tuple[int, ...], dtype: Any = None, layout: Any = None) -> Tensor:
        """Returns a tensor of initial values.

        While Keras builds a model symbolically it asks for values that it throws away: those are zeros.

        Args:
            shape: The sizes of the tensor.
            dtype: `"float16"`, `"bfloat16"`, `"float32"` or `"float64"`; `keras.config.floatx()` by default. Values are
                computed in float32 (float64 for float64), then rounded to it.
            layout: On JAX, how the tensor lies on the devices, as Keras's distributions hand it over: each device's
                part is drawn on its own. Orthogonal, sparse and fused kernels are drawn whole, and then cut.

        Raises:
            TypeError: If `shape` is not a sequence of integers.
            ValueError: If `shape` does not suit the initializer, or `dtype` is not a real floating one.
        """
        shape, numpy_dtype = check_shape(shape), check_dtype(dtype)
        self._check_rank(shape)
        if backends.is_symbolic():
            return keras.ops.zeros(shape, dtype=numpy_dtype.name)
        if layout is not None:
            return backend.to_sharded(shape, self._parts(shape, numpy_dtype), layout)
        return backend.to_tensor(self._draw(shape, numpy_dtype))

    def _check_rank(self, shape: tuple[int, ...]) -> None:
        """Raises an error if the law has no meaning on this shape."""

    def _draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        raise NotImplementedError

    def _parts(self, shape: tuple[int, ...], dtype: np.dtype) -> Callable[[Part], np.ndarray]:
        """A function that gives any part of one draw's values."""
        return self._draw(shape, dtype).__getitem__

    def _draw_stream(
        self, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], fans: Fans | None
    ) -> np.ndarray:
        """The values that a stream gives, for a weight whose fans are known better than from its shape, or None."""
        return self._draw(shape, dtype)

    def _fill(self, out: np.ndarray, entropy: tuple[int, ...], fans: Fans | None) -> None:
        """Writes these values to memory that has gaps after each stretch of the last axis."""
        out[...] = self._draw_stream(out.shape, out.dtype, entropy, fans)

    def _stddev(self, shape: tuple[int, ...], fans: Fans | None) -> float | None:
        """The root of the entries' mean square that the law promises; None where it is no matter of a law."""
        return None

    def _law(self) -> str:
        """The law in a few words."""
        raise NotImplementedError

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Makes an initializer from what `get_config` returned.

        Raises:
            TypeError: If the config is no dictionary, or does not hold the arguments of this class.
            ValueError: If it is of another package, or an argument is refused.
        """
        return cls(**check_config(cls, config))

    def __str__(self) -> str:
        """The call that makes this initializer, and its law."""
        return f"{self!r}: {self._law()}"

    def __repr__(self) -> str:
        """The call that makes this initializer."""
        config = {name: getattr(self, name) for name in self.get_config() if name not in REFUSED_BY_KERAS}
        arguments = ", ".join(f"{name}={value!r}" for name, value in config.items() if value is not None)
        return f"{type(self).__name__}({arguments})"


class RandomInitializer(HostInitializer):
    """An initializer with a seed.

    Args:
        seed: An integer, of any sign and up to 4,300 digits, gives the same values at every call with one shape and
            dtype. `None` gives new values at every call, which repeat after `keras.utils.set_random_seed`. A
            `keras.random.SeedGenerator` advances at every call.
    """

    def __init__(self, seed: Seed = None) -> None:
        self.seed = check_seed(seed)

    def _draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return self._sample(shape, dtype, draw_entropy(self.seed))

    def _draw_stream(
        self, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], fans: Fans | None
    ) -> np.ndarray:
        return self._sample(shape, dtype, entropy)

    def _sample(self, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...]) -> np.ndarray:
        raise NotImplementedError

    def get_config(self) -> Config:
        """Returns the constructor's arguments, ready for JSON."""
        return {"seed": keras.saving.serialize_keras_object(self.seed)}


class PointwiseInitializer(RandomInitializer):
    """A random initializer each of whose values follows from a word of its own, so that a part can be drawn alone."""

    def _parts(self, shape: tuple[int, ...], dtype: np.dtype) -> Callable[[Part], np.ndarray]:
        return self._sample_of(shape, dtype, draw_entropy(self.seed), None).part

    def _draw_stream(
        self, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], fans: Fans | None
    ) -> np.ndarray:
        return self._sample_of(shape, dtype, entropy, fans).whole()

    def _fill(self, out: np.ndarray, entropy: tuple[int, ...], fans: Fans | None) -> None:
        self._sample_of(out.shape, out.dtype, entropy, fans).fill(out)

    def _sample(self, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...]) -> np.ndarray:
        return self._sample_of(shape, dtype, entropy, None).whole()

    def _sample_of(
        self, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], fans: Fans | None
    ) -> Sample:
        raise NotImplementedError
