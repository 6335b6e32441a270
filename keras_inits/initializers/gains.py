"""Gains: by how much a layer's weights must be larger, for its activation to leave the mean square as it was."""

import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import activations

from keras_inits import backends
from keras_inits._names import printable, shown
from keras_inits.arguments import check_number
from keras_inits.initializers.quadrature import normal_mean

LARGEST = 1e150
"""Largest gain, and slope: the square of a larger one overflows."""

Activation = str | Callable[..., Any] | None

# Of Keras's activations with their own defaults. Written down, because what a machine computes differs in the last bit,
# and weights that follow from it are to be the same everywhere; the tests compute each anew.
GAINS: dict[Callable[..., Any], float] = {
    activations.celu: 1.2451983007007066,
    activations.elu: 1.2451983007007066,
    activations.exponential: math.exp(-1),
    activations.gelu: 1.5335304411955348,
    activations.hard_shrink: 1.015796354719734,
    activations.hard_sigmoid: 1.8978404247295588,
    activations.hard_silu: 1.7366572127665416,
    activations.hard_tanh: 1.3920361404483095,
    activations.leaky_relu: 1.386750490563073,
    activations.linear: 1.0,
    activations.log_sigmoid: 1.0418668355353016,
    activations.mish: 1.4868475812732078,
    activations.relu: math.sqrt(2),
    activations.relu6: 1.4142135650950736,
    activations.selu: 1.0,
    activations.sigmoid: 1.8462285453386054,
    activations.silu: 1.6765324703310913,
    activations.soft_shrink: 1.5443605282801334,
    activations.softplus: 1.0418668355353016,
    activations.softsign: 2.3375333631085398,
    activations.sparse_plus: 1.3803368628588104,
    activations.sparse_sigmoid: 1.6243215587888253,
    activations.squareplus: math.sqrt(2 / 3),
    activations.tanh: 1.5925374197228312,
    activations.tanh_shrink: 2.3383675301021216,
}
SEVERAL_UNITS = (activations.softmax, activations.log_softmax, activations.sparsemax, activations.glu)


def gain(activation: Activation, **parameters: float) -> float:
    r"""Returns the gain of an activation f: 1 / sqrt(E[f(z)^2]) for z ~ N(0, 1).

    Weights of variance gain^2 / fan_in after f keep the mean square of what goes through the layer. For relu it is
    sqrt(2), He's rule; for tanh 1.593, not the 5/3 of `torch.nn.init.calculate_gain`, which follows another rule there
    (and for selu, where it has 3/4 in place of 1).

    Args:
        activation: A name of Keras's (`"gelu"`), a function of one tensor that works on each entry on its own, a layer
            that does so, or `None` for none.
        parameters: What else the function takes, such as `negative_slope=0.01` for `"leaky_relu"`.

    Returns:
        Of Keras's own activations with their defaults, relu's and leaky_relu's gain to the last bit; others to 1e-6.

    Raises:
        ValueError: If the name is unknown, the activation mixes several entries (softmax, log_softmax, sparsemax, glu),
            or the mean square is 0 or not finite.
        TypeError: If the activation is neither a name nor a callable, or does not take these parameters, or they are no
            numbers.

    Example:
        >>> round(gain("relu") ** 2, 6)
        2.0
        >>> round(gain("leaky_relu", negative_slope=1.0), 6)
        1.0
        >>> round(gain(lambda x: 0.5 * x), 6)
        2.0

    Reference:
        He, Zhang, Ren & Sun (2015), Delving deep into rectifiers.
    """
    function = _resolve(activation)
    if function is activations.leaky_relu and parameters.keys() == {"negative_slope"}:
        slope = check_number("negative_slope", parameters["negative_slope"], lowest=-LARGEST, highest=LARGEST)
        return math.sqrt(2 / (1 + slope**2))
    if not parameters and function in GAINS:
        return GAINS[function]
    return 1 / math.sqrt(_moments(function, **parameters)[0])


def stability(activation: Activation, **parameters: float) -> float:
    """Returns how fast a small error of the mean square grows from layer to layer, with weights of the right gain.

    Let Q(q) = gain^2 E[f(sqrt(q) z)^2] be the mean square after a layer, q that before it. Q(1) = 1, and this is the
    slope d log Q / d log q there, (E[z^2 f(z)^2] / E[f(z)^2] - 1) / 2. Below 1 an error dies out; at 1 errors add up;
    above 1 each layer multiplies them by the slope, and a deep network needs normalisation, or weights that are scaled
    to data.

    Args:
        activation: See `gain`.
        parameters: See `gain`.

    Raises:
        ValueError: As `gain`.
        TypeError: As `gain`.

    Example:
        >>> round(stability("tanh"), 2), round(stability("relu"), 2), round(stability("gelu"), 2)
        (0.46, 1.0, 1.14)

    Reference:
        Poole, Lahiri, Raghu, Sohl-Dickstein & Ganguli (2016), Exponential expressivity in deep neural networks through
        transient chaos.
    """
    mean_square, weighted = _moments(_resolve(activation), **parameters)
    return (weighted / mean_square - 1) / 2


def _resolve(activation: Activation) -> Callable[..., Any]:
    if activation is not None and not isinstance(activation, str) and not callable(activation):
        raise TypeError(
            f"Argument `activation` must be a name or a callable. Received: activation={shown(activation)} (of type "
            f"{type(activation).__name__}). Pass a name such as 'gelu', or a function of one tensor."
        )
    try:
        function: Callable[..., Any] = activations.get(activation)
        hash(function)
    except Exception as error:  # an unknown name, or a callable whose own code fails
        if not isinstance(activation, str):
            raise _fails(activation, error) from error
        raise ValueError(
            f"Argument `activation` must be a name of Keras's. Received: activation={shown(activation)}. Expected one "
            f"of {', '.join(sorted(function.__name__ for function in GAINS))}. Pass the function itself for others."
        ) from None
    if function in SEVERAL_UNITS:
        raise _mixes(activation)
    return function


def _mixes(activation: Any) -> ValueError:
    return ValueError(
        "A gain belongs to an activation that works on each entry on its own, and keeps the shape. Received: "
        f"activation={shown(activation)}, which mixes several. Expected one such as 'relu' or 'gelu'. "
        "Start a layer before such an activation as one without: `LecunNormal`."
    )


@functools.lru_cache
def _moments(function: Callable[..., Any], **parameters: float) -> tuple[float, float]:
    """E[f(z)^2] and E[z^2 f(z)^2]."""
    check_elementwise(function, parameters)
    precision = np.finfo(values_of(function, parameters, np.zeros(1)).dtype).eps

    def integrands(z: np.ndarray) -> np.ndarray:
        squares = values_of(function, parameters, z).astype(np.float64) ** 2
        return np.stack([squares, squares * z**2])

    with np.errstate(over="ignore", invalid="ignore"):
        mean_square, weighted = normal_mean(integrands, float(precision))
    if not 1 / LARGEST**2 < mean_square < LARGEST**2 or not math.isfinite(weighted):
        raise ValueError(
            "An activation has a gain if its mean square is positive and finite. Received: "
            f"activation={shown(function)}, "
            f"mean square {mean_square:g}. Look at what it returns for numbers from -14 to 14."
        )
    return float(mean_square), float(weighted)


def check_elementwise(function: Callable[..., Any], parameters: dict[str, float]) -> None:
    """Raises an error for a function that does not work on each entry on its own."""
    z = np.linspace(-3, 3, 12)
    whole, part = values_of(function, parameters, z), values_of(function, parameters, z[4:8])  # cumsum keeps the first
    if whole.shape != z.shape or part.shape != (4,) or not np.allclose(whole[4:8], part, equal_nan=True):
        raise _mixes(function)


def values_of(function: Callable[..., Any], parameters: dict[str, float], z: np.ndarray) -> np.ndarray:
    """The values of an activation at these points, in the widest dtype that the backend computes in."""
    tensor = backends.current().to_tensor(z.astype(backends.current().widest_float()))
    try:
        values = np.asarray(keras.ops.convert_to_numpy(function(tensor, **parameters)))
        if not np.issubdtype(values.dtype, np.number):
            raise TypeError(f"it returns {values.dtype}")
    except Exception as error:  # whatever the function does
        raise _fails(function, error) from error
    return values


def _fails(activation: Any, error: Exception) -> Exception:
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return kind(
        "Argument `activation` must be a name or a function of one tensor that returns numbers. Received: "
        f"activation={shown(activation)}, which fails with {type(error).__name__}: {printable(str(error))[:400]}. "
        "Call it on a tensor of zeros to see why."
    )
