"""Laws whose scale follows from the fans: the rules of LeCun, Glorot and He."""

from collections.abc import Sequence
from typing import ClassVar

import keras

from keras_inits.arguments import check_flag
from keras_inits.initializers.base import Config
from keras_inits.initializers.scaling import Distribution, Mode, VarianceScaling
from keras_inits.initializers.seeds import Seed


class _UniformRule(VarianceScaling):
    """A uniform rule of the literature, whose scale and mode are fixed."""

    rule: ClassVar[tuple[float, Mode]]

    def __init__(
        self,
        seed: Seed = None,
        *,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(*self.rule, "uniform", seed, input_axes=input_axes, output_axes=output_axes)

    def get_config(self) -> Config:
        """Returns the constructor's arguments, ready for JSON."""
        config = super().get_config()
        return {name: config[name] for name in ("seed", "input_axes", "output_axes")}


class _NormalRule(VarianceScaling):
    """A normal rule of the literature, whose scale and mode are fixed."""

    rule: ClassVar[tuple[float, Mode]]

    def __init__(
        self,
        seed: Seed = None,
        *,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
        truncated: bool = False,
    ) -> None:
        hint = "Pass True for the law that Keras 3 has under this name, False for the one that the paper has."
        self.truncated = check_flag("truncated", truncated, hint)
        distribution: Distribution = "truncated_normal" if truncated else "untruncated_normal"
        super().__init__(*self.rule, distribution, seed, input_axes=input_axes, output_axes=output_axes)

    def get_config(self) -> Config:
        """Returns the constructor's arguments, ready for JSON."""
        config = super().get_config()
        # Keras's classes of the same names refuse `truncated`, as they must: their law is another one.
        return {
            "truncated": self.truncated,
            **{name: config[name] for name in ("seed", "input_axes", "output_axes")},
        }


@keras.saving.register_keras_serializable(package="keras_inits")
class LecunUniform(_UniformRule):
    """Draws from U(-limit, limit) with limit = sqrt(3 / fan_in), variance 1 / fan_in.

    For layers whose activation is near the identity at zero (tanh, selu, none).

    Args:
        seed: See `RandomInitializer`.
        input_axes: See `VarianceScaling`.
        output_axes: See `VarianceScaling`.

    Raises:
        TypeError: If `seed` is not a seed.
        ValueError: If one of the axes comes alone.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(64, kernel_initializer=LecunUniform())
        >>> values = LecunUniform(seed=7)((784, 64))
        >>> bool(keras.ops.max(keras.ops.abs(values)) <= (3 / 784) ** 0.5)
        True

    Reference:
        LeCun, Bottou, Orr & Mueller (1998), Efficient BackProp.
    """

    rule: ClassVar[tuple[float, Mode]] = (1.0, "fan_in")


@keras.saving.register_keras_serializable(package="keras_inits")
class LecunNormal(_NormalRule):
    """Draws from N(0, 1 / fan_in), not truncated.

    For layers whose activation is near the identity at zero (tanh, selu, none).

    Args:
        seed: See `RandomInitializer`.
        input_axes: See `VarianceScaling`.
        output_axes: See `VarianceScaling`.
        truncated: Cut the normal at two standard deviations and correct its variance, as Keras 3 does under this name.

    Raises:
        TypeError: If `seed` is not a seed, or `truncated` not a bool.
        ValueError: If one of the axes comes alone.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(64, kernel_initializer=LecunNormal())
        >>> values = LecunNormal(seed=7)((784, 64))
        >>> round(float(keras.ops.var(values)) * 784, 1)
        1.0

    Reference:
        LeCun, Bottou, Orr & Mueller (1998), Efficient BackProp.
    """

    rule: ClassVar[tuple[float, Mode]] = (1.0, "fan_in")


@keras.saving.register_keras_serializable(package="keras_inits")
class GlorotUniform(_UniformRule):
    """Draws from U(-limit, limit) with limit = sqrt(6 / (fan_in + fan_out)), variance 2 / (fan_in + fan_out).

    A compromise between the signal's variance going forward and the gradient's going back.

    Args:
        seed: See `RandomInitializer`.
        input_axes: See `VarianceScaling`.
        output_axes: See `VarianceScaling`.

    Raises:
        TypeError: If `seed` is not a seed.
        ValueError: If one of the axes comes alone.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(64, kernel_initializer=GlorotUniform())
        >>> values = GlorotUniform(seed=7)((784, 64))
        >>> bool(keras.ops.max(keras.ops.abs(values)) <= (6 / 848) ** 0.5)
        True

    Reference:
        Glorot & Bengio (2010), Understanding the difficulty of training deep feedforward neural networks.
    """

    rule: ClassVar[tuple[float, Mode]] = (1.0, "fan_avg")


@keras.saving.register_keras_serializable(package="keras_inits")
class GlorotNormal(_NormalRule):
    """Draws from N(0, 2 / (fan_in + fan_out)), not truncated.

    A compromise between the signal's variance going forward and the gradient's going back.

    Args:
        seed: See `RandomInitializer`.
        input_axes: See `VarianceScaling`.
        output_axes: See `VarianceScaling`.
        truncated: Cut the normal at two standard deviations and correct its variance, as Keras 3 does under this name.

    Raises:
        TypeError: If `seed` is not a seed, or `truncated` not a bool.
        ValueError: If one of the axes comes alone.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(64, kernel_initializer=GlorotNormal())
        >>> values = GlorotNormal(seed=7)((784, 64))
        >>> round(float(keras.ops.var(values)) * 848, 1)
        2.0

    Reference:
        Glorot & Bengio (2010), Understanding the difficulty of training deep feedforward neural networks.
    """

    rule: ClassVar[tuple[float, Mode]] = (1.0, "fan_avg")


@keras.saving.register_keras_serializable(package="keras_inits")
class HeUniform(_UniformRule):
    """Draws from U(-limit, limit) with limit = sqrt(6 / fan_in), variance 2 / fan_in.

    For layers whose activation is ReLU, which halves the mean square.

    Args:
        seed: See `RandomInitializer`.
        input_axes: See `VarianceScaling`.
        output_axes: See `VarianceScaling`.

    Raises:
        TypeError: If `seed` is not a seed.
        ValueError: If one of the axes comes alone.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(64, kernel_initializer=HeUniform())
        >>> values = HeUniform(seed=7)((784, 64))
        >>> bool(keras.ops.max(keras.ops.abs(values)) <= (6 / 784) ** 0.5)
        True

    Reference:
        He, Zhang, Ren & Sun (2015), Delving deep into rectifiers.
    """

    rule: ClassVar[tuple[float, Mode]] = (2.0, "fan_in")


@keras.saving.register_keras_serializable(package="keras_inits")
class HeNormal(_NormalRule):
    """Draws from N(0, 2 / fan_in), not truncated.

    For layers whose activation is ReLU, which halves the mean square.

    Args:
        seed: See `RandomInitializer`.
        input_axes: See `VarianceScaling`.
        output_axes: See `VarianceScaling`.
        truncated: Cut the normal at two standard deviations and correct its variance, as Keras 3 does under this name.

    Raises:
        TypeError: If `seed` is not a seed, or `truncated` not a bool.
        ValueError: If one of the axes comes alone.

    Example:
        >>> import keras
        >>> layer = keras.layers.Dense(64, kernel_initializer=HeNormal())
        >>> values = HeNormal(seed=7)((784, 64))
        >>> round(float(keras.ops.var(values)) * 784, 1)
        2.0

    Reference:
        He, Zhang, Ren & Sun (2015), Delving deep into rectifiers.
    """

    rule: ClassVar[tuple[float, Mode]] = (2.0, "fan_in")
