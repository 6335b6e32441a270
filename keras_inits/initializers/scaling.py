"""Laws whose scale follows from the fans: the general rule."""

import math
from collections.abc import Sequence
from typing import Any, Literal, get_args

import keras
import numpy as np

from keras_inits._names import shown
from keras_inits.arguments import check_choice, check_number
from keras_inits.initializers import sampling
from keras_inits.initializers.base import REFUSED_BY_KERAS, Config, PointwiseInitializer
from keras_inits.initializers.checks import check_axes
from keras_inits.initializers.configs import restored
from keras_inits.initializers.fans import Fans, compute_fans
from keras_inits.initializers.gains import Activation, gain
from keras_inits.initializers.sampling import Sample
from keras_inits.initializers.seeds import Seed

Mode = Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]
Distribution = Literal["uniform", "untruncated_normal", "truncated_normal"]
MODES: tuple[Mode, ...] = get_args(Mode)
DISTRIBUTIONS: tuple[Distribution, ...] = get_args(Distribution)
Axes = tuple[int, ...] | None


def _lower(value: Any) -> Any:
    return str.lower(value) if isinstance(value, str) else value  # as Keras does


def _check_axes(input_axes: Sequence[int] | None, output_axes: Sequence[int] | None) -> tuple[Axes, Axes]:
    if (input_axes is None) != (output_axes is None):
        raise ValueError(
            "Arguments `input_axes` and `output_axes` belong together. "
            f"Received: input_axes={shown(input_axes)}, output_axes={shown(output_axes)}. "
            "Pass both for a kernel whose fans its shape alone does not tell, or neither."
        )
    if input_axes is None or output_axes is None:
        return None, None
    return check_axes("input_axes", input_axes), check_axes("output_axes", output_axes)


# A subclass of Keras's class: EinsumDense and MultiHeadAttention hand the axes of their kernels over to no other.
@keras.saving.register_keras_serializable(package="keras_inits")
class VarianceScaling(PointwiseInitializer, keras.initializers.VarianceScaling):
    """Draws with variance v = scale gain^2 / n, n being a fan of the weight and gain that of an activation, or 1.

    The variance is v whatever the distribution: U(+-sqrt(3 v)), N(0, v), or a normal cut at two standard deviations
    whose variance after the cut is v. A fan below 1 counts as 1.

    Args:
        scale: The factor, greater than 0.
        mode: The n: `"fan_in"`, `"fan_out"`, `"fan_avg"`, their mean, or `"fan_geo_avg"`, the root of their product.
        distribution: `"uniform"`, `"untruncated_normal"` or `"truncated_normal"`.
        seed: See `RandomInitializer`.
        input_axes: The axes of the weight whose sizes multiply to fan_in. By default the last but one, and for kernels
            of convolutions those before it.
        output_axes: Those that multiply to fan_out. By default the last, and those before the last two.
        activation: The one that comes before the weight, or `None`: a name of Keras's or a function, see `gain`.

    Raises:
        TypeError: If `scale` is not a number, `seed` not a seed, the axes are not integers, or `activation` is neither
            a name nor a callable.
        ValueError: If `scale`, `mode` or `distribution` is none of the above, `activation` has no gain, one of the axes
            comes alone, or, when called, an axis is not one of the weight's.

    Example:
        >>> import keras
        >>> values = VarianceScaling(2.0, "fan_in", "uniform", seed=7)((784, 64))
        >>> round(float(keras.ops.var(values)) * 784, 1)
        2.0
        >>> VarianceScaling(activation="gelu", distribution="uniform").gain
        1.5335304411955348
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: Mode = "fan_in",
        distribution: Distribution = "truncated_normal",
        seed: Seed = None,
        *,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
        activation: Activation = None,
    ) -> None:
        PointwiseInitializer.__init__(self, seed)
        self.scale = check_number("scale", scale, above=0)
        self.mode = check_choice(
            "mode", _lower(mode), MODES, "The rules of LeCun and He take 'fan_in', Glorot's 'fan_avg'."
        )
        self.distribution = check_choice(
            "distribution",
            _lower(distribution),
            DISTRIBUTIONS,
            "What Keras calls 'normal' is its 'truncated_normal'; the law of the papers is 'untruncated_normal'.",
        )
        self.input_axes, self.output_axes = _check_axes(input_axes, output_axes)
        if isinstance(activation, dict):
            activation = restored("activation", activation)
        self.activation, self.gain = activation, gain(activation)

    def _check_rank(self, shape: tuple[int, ...]) -> None:
        axes = (*(self.input_axes or ()), *(self.output_axes or ()))
        if any(not -len(shape) <= axis < len(shape) for axis in axes):
            raise ValueError(
                "Arguments `input_axes` and `output_axes` must name axes of the weight. "
                f"Received: input_axes={shown(self.input_axes)}, output_axes={shown(self.output_axes)}, shape={shape}. "
                f"Pass axes from {-len(shape)} to {len(shape) - 1}."
            )

    def _sample_of(
        self, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], fans: Fans | None
    ) -> Sample:
        variance = self._variance(shape, fans)
        if self.distribution == "uniform":
            return sampling.uniform(shape, dtype, entropy, math.sqrt(3 * variance))
        if self.distribution == "untruncated_normal":
            return sampling.normal(shape, dtype, entropy, math.sqrt(variance))
        return sampling.truncated_normal(shape, dtype, entropy, math.sqrt(variance) / sampling.TRUNCATED_STDDEV)

    def _stddev(self, shape: tuple[int, ...], fans: Fans | None) -> float:
        return math.sqrt(self._variance(shape, fans))

    def _variance(self, shape: tuple[int, ...], fans: Fans | None) -> float:
        return self.scale * self.gain**2 / max(1.0, self._fan(shape, fans))

    def _fan(self, shape: tuple[int, ...], fans: Fans | None) -> float:
        if fans is None or self.input_axes is not None:
            fans = compute_fans(shape, self.input_axes, self.output_axes)
        fan_in, fan_out = fans
        if self.mode == "fan_in":
            return fan_in
        if self.mode == "fan_out":
            return fan_out
        return (fan_in + fan_out) / 2 if self.mode == "fan_avg" else math.sqrt(fan_in * fan_out)

    def _law(self) -> str:
        scale = self.scale * self.gain**2
        variance = f"{scale:g} / {self.mode}"
        return {
            "uniform": f"U(-limit, limit), limit = sqrt({3 * scale:g} / {self.mode})",
            "untruncated_normal": f"N(0, {variance}), not truncated",
            "truncated_normal": f"normal cut at two standard deviations, variance {variance} after the cut",
        }[self.distribution]

    def get_config(self) -> Config:
        """Returns the constructor's arguments, ready for JSON."""
        config = {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "seed": PointwiseInitializer.get_config(self)["seed"],
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }
        if self.activation is not None:  # which Keras's class refuses, as it does `fan_geo_avg`
            config["activation"] = keras.saving.serialize_keras_object(self.activation)
        return {**config, **REFUSED_BY_KERAS} if self.distribution == "truncated_normal" else config
