"""The laws that stood behind `init=` in Keras 1.2.2.

Today's names stand for other laws in Keras: its normals are cut, its orthogonal matrices are not multiplied by 1.1, and
its fans of kernels of three or five sizes are others.
"""

import difflib
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras.initializers import Ones, Zeros

from keras_inits._names import shown
from keras_inits.arguments import check_choice, check_number
from keras_inits.initializers import sampling
from keras_inits.initializers._orthogonal import Identity, orthogonal_matrix
from keras_inits.initializers.base import Config, RandomInitializer
from keras_inits.initializers.checks import check_two_sizes
from keras_inits.initializers.plain import Normal, Uniform
from keras_inits.initializers.seeds import Seed

__all__ = ["Keras1Orthogonal", "Keras1Scaling", "get"]

DIM_ORDERINGS = ("tf", "th")
RULES = {
    "lecun_uniform": (1.0, "fan_in", "uniform"),
    "glorot_uniform": (1.0, "fan_avg", "uniform"),
    "glorot_normal": (1.0, "fan_avg", "normal"),
    "he_uniform": (2.0, "fan_in", "uniform"),
    "he_normal": (2.0, "fan_in", "normal"),
}


def compute_fans(shape: tuple[int, ...], dim_ordering: str) -> tuple[float, float]:
    """Returns `(fan_in, fan_out)` as Keras 1.2.2 read them from a shape.

    A matrix is `(fan_in, fan_out)`. Four and five sizes are a convolution's kernel, `(channels out, channels in,
    *window)` for "th" and `(*window, channels in, channels out)` for "tf", where the window's third size was forgotten.
    Everything else, kernels of three sizes among them, has the square root of its size for both.
    """
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) not in (4, 5):
        return math.sqrt(math.prod(shape)), math.sqrt(math.prod(shape))
    if dim_ordering == "th":
        window = math.prod(shape[2:])
        return shape[1] * window, shape[0] * window
    window = math.prod(shape[:2])
    return shape[-2] * window, shape[-1] * window


@keras.saving.register_keras_serializable(package="keras_inits")
class Keras1Scaling(RandomInitializer):
    """Draws as `lecun_uniform`, `glorot_uniform`, `glorot_normal`, `he_uniform` or `he_normal` did in Keras 1.2.2.

    The variance is scale / n, with the rule's scale and n, and Keras 1's fans (see `compute_fans`); normals are not
    truncated.

    Args:
        rule: The name.
        dim_ordering: How the shape of a kernel is read: `"tf"`, as Keras 3 has it, or `"th"`.
        seed: See `RandomInitializer`.

    Raises:
        TypeError: If `seed` is not a seed.
        ValueError: If `rule` or `dim_ordering` is none of these.

    Example:
        >>> import keras
        >>> values = Keras1Scaling("he_normal", seed=7)((3, 100, 200))  # Keras 1: fans of sqrt(3 * 100 * 200)
        >>> round(float(keras.ops.var(values)) * 60000**0.5, 1)
        2.0
    """

    def __init__(self, rule: str, dim_ordering: str = "tf", seed: Seed = None) -> None:
        super().__init__(seed)
        self.rule = _choice("rule", rule, tuple(RULES))
        self.dim_ordering = _choice("dim_ordering", dim_ordering, DIM_ORDERINGS)

    def _sample(self, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...]) -> np.ndarray:
        scale, mode, distribution = RULES[self.rule]
        fan_in, fan_out = compute_fans(shape, self.dim_ordering)
        n = fan_in if mode == "fan_in" else (fan_in + fan_out) / 2
        variance = scale / n if n else 0.0
        if distribution == "uniform":
            return sampling.uniform(shape, dtype, entropy, math.sqrt(3 * variance)).whole()
        return sampling.normal(shape, dtype, entropy, math.sqrt(variance)).whole()

    def _law(self) -> str:
        return f"{self.rule} of Keras 1.2.2"

    def get_config(self) -> Config:
        """Returns the constructor's arguments, ready for JSON."""
        return {"rule": self.rule, "dim_ordering": self.dim_ordering, **super().get_config()}


@keras.saving.register_keras_serializable(package="keras_inits")
class Keras1Orthogonal(RandomInitializer):
    """Draws as `orthogonal` did in Keras 1.2.2: `scale` times a random orthogonal matrix.

    The weight is seen as a matrix of shape `(shape[0], prod(shape[1:]))`, which for kernels of convolutions is another
    than that of `Orthogonal`.

    Args:
        scale: The factor, any finite number.
        seed: See `RandomInitializer`.

    Raises:
        TypeError: If `scale` is not a number, or `seed` not a seed.
        ValueError: If `scale` is not finite, or, when called, the shape has less than two sizes.

    Example:
        >>> import keras
        >>> weight = Keras1Orthogonal(seed=7)((64, 64))
        >>> round(float(keras.ops.sum(weight**2)) / 64, 2)
        1.21
    """

    def __init__(self, scale: float = 1.1, seed: Seed = None) -> None:
        super().__init__(seed)
        self.scale = check_number("scale", scale)

    def _check_rank(self, shape: tuple[int, ...]) -> None:
        check_two_sizes("Keras1Orthogonal", "since it makes a matrix of the first one by all others", shape)

    def _sample(self, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...]) -> np.ndarray:
        return orthogonal_matrix(shape[0], math.prod(shape[1:]), dtype, entropy, self.scale).reshape(shape)

    def _law(self) -> str:
        return "orthogonal of Keras 1.2.2, scale times an orthogonal matrix of the first size by all others"

    def get_config(self) -> Config:
        """Returns the constructor's arguments, ready for JSON."""
        return {"scale": self.scale, **super().get_config()}


def get(init: str, dim_ordering: str = "tf", seed: Seed = None) -> Any:
    """Returns the initializer of the law that stood behind `init=` in Keras 1.2.2.

    Args:
        init: `"uniform"`, `"normal"`, `"lecun_uniform"`, `"glorot_uniform"`, `"glorot_normal"`, `"he_uniform"`,
            `"he_normal"`, `"orthogonal"`, `"identity"`, `"zero"` or `"one"`.
        dim_ordering: How the shape of a kernel is read: `"tf"`, as Keras 3 has it, or `"th"`.
        seed: See `RandomInitializer`.

    Raises:
        TypeError: If `seed` is not a seed.
        ValueError: If Keras 1 had no such name, or `dim_ordering` is neither of these.

    Example:
        >>> get("glorot_normal", seed=7)
        Keras1Scaling(rule='glorot_normal', dim_ordering='tf', seed=7)
    """
    _choice("dim_ordering", dim_ordering, DIM_ORDERINGS)
    laws: dict[str, Callable[[], Any]] = {
        "uniform": lambda: Uniform(0.05, seed),
        "normal": lambda: Normal(0.05, seed),
        "orthogonal": lambda: Keras1Orthogonal(1.1, seed),
        "identity": Identity,
        "zero": Zeros,
        "one": Ones,
    }
    init = _choice("init", init, (*laws, *RULES))
    return Keras1Scaling(init, dim_ordering, seed) if init in RULES else laws[init]()


def _choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(shown(value), choices, n=1) or choices[:1]
    return check_choice(name, value, choices, f"Pass one such as {close[0]!r}, one that Keras 1 had.")
