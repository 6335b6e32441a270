"""The set-up, on the host: each output beside its targets and its loss, and the layer that returned it."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import activations, layers

from keras_inits._keras import is_gone_round
from keras_inits.diagnosis.compared import Compared, of_one_rank
from keras_inits.diagnosis.endings import Output
from keras_inits.models.examples import evenly_spaced
from keras_inits.models.heads import Call, head_of
from keras_inits.models.targets import keras_loss

Array = Any  # of NumPy

MAX_NUMBERS = 1 << 20
"""The most numbers of an output that are copied to the host; of a larger one evenly spaced examples are."""
SPARSE = ("sparse_categorical_crossentropy",)
CATEGORICAL = ("categorical_crossentropy", "categorical_focal_crossentropy", "kl_divergence")
BINARY = ("binary_crossentropy", "binary_focal_crossentropy")
NUMBERS = (
    *("mean_squared_error", "mean_absolute_error", "mean_squared_logarithmic_error", "huber", "log_cosh", "poisson"),
    "mean_absolute_percentage_error",
)
FAMILIES = {
    name: family
    for family, names in {"sparse": SPARSE, "categorical": CATEGORICAL, "binary": BINARY, "numbers": NUMBERS}.items()
    for name in names
}
RANGES: dict[Any, tuple[float, float]] = {
    activations.celu: (-1, math.inf),
    activations.elu: (-1, math.inf),
    activations.exponential: (0, math.inf),
    activations.gelu: (-0.17, math.inf),
    activations.glu: (-math.inf, math.inf),
    activations.hard_shrink: (-math.inf, math.inf),
    activations.hard_sigmoid: (0, 1),
    activations.hard_silu: (-0.375, math.inf),
    activations.hard_tanh: (-1, 1),
    activations.leaky_relu: (-math.inf, math.inf),
    activations.linear: (-math.inf, math.inf),
    activations.log_sigmoid: (-math.inf, 0),
    activations.log_softmax: (-math.inf, 0),
    activations.mish: (-0.3089, math.inf),
    activations.relu: (0, math.inf),
    activations.relu6: (0, 6),
    activations.selu: (-1.7581, math.inf),
    activations.sigmoid: (0, 1),
    activations.silu: (-0.2785, math.inf),
    activations.soft_shrink: (-math.inf, math.inf),
    activations.softmax: (0, 1),
    activations.softplus: (0, math.inf),
    activations.softsign: (-1, 1),
    activations.sparse_plus: (0, math.inf),
    activations.sparse_sigmoid: (0, 1),
    activations.sparsemax: (0, 1),
    activations.squareplus: (0, math.inf),
    activations.tanh: (-1, 1),
    activations.tanh_shrink: (-math.inf, math.inf),
}
"""The range of each of Keras's activations with its defaults."""


class Seen(NamedTuple):
    """An output, its targets and its loss."""

    name: str
    """The output's."""
    layer: Any
    """The layer that returns the output; None if code of the model's own does."""
    activation: Any
    """Keras's function with which it ends; None where that is not known."""
    output: Array
    target: Array
    loss: str | None
    """The name of Keras's function; None for other losses, of which nothing is known."""
    arguments: dict[str, Any]
    given: Any
    heard: float | None
    """The share of examples to whose outputs a gradient comes; None if it was not seen."""

    @property
    def family(self) -> str | None:
        """What the loss compares: "sparse", "categorical", "binary", "numbers"; None if it is not known."""
        return FAMILIES.get(self.loss or "")

    @property
    def takes_logits(self) -> bool:
        """Whether the loss itself makes probabilities of what it takes."""
        return bool(self.arguments.get("from_logits"))

    @property
    def units(self) -> int:
        """How many numbers an output has, or a place in it."""
        return int(self.output.shape[-1]) if self.output.ndim > 1 else 1

    @property
    def range(self) -> tuple[float, float]:
        """The range of its activation."""
        return RANGES.get(self.activation, (-math.inf, math.inf))

    @property
    def sums_to_one(self) -> bool:
        """Whether the targets are shares of several classes, as one-hot ones are."""
        y = self.target
        fits = self.units > 1 and y.ndim == self.output.ndim and y.shape[-1] == self.units and y.size > 0
        return bool(fits and y.min() >= 0 and np.allclose(y.sum(-1), 1, atol=1e-3))

    @property
    def called(self) -> str:
        """How a text names what the output ends with."""
        name = getattr(self.activation, "__name__", "an activation")
        what = "no activation" if name == "linear" else name
        return f"{self.layer.name if self.layer is not None else self.name} ends with {what}"


def seen_of(outputs: Sequence[Output], compared: Sequence[Compared]) -> tuple[Seen, ...]:
    """Each output with a loss, as it was compared."""
    return tuple(found for one in compared if (found := _seen(outputs[one.place], one)) is not None)


def _seen(output: Output, one: Compared) -> Seen | None:
    target, values = of_one_rank(one.target, output.values)
    target, values = _some(target), _some(values)
    if not (np.isfinite(target).all() and target.size and values.size):
        return None
    loss, arguments = keras_loss(one.loss)
    call = output.call
    count = output.values.shape[0] if len(output.values.shape) else 1
    # Of an activation in code of the model's own nobody sees what goes in, which the loss may take.
    unheard = call is None or (is_gone_round(output.values) and not call.entered)
    return Seen(
        name=one.name,
        layer=None if call is None else call.probe.watched.layer,
        activation=_activation(output),
        output=values,
        target=target,
        loss=loss,
        arguments=arguments,
        given=one.given,
        heard=None if unheard else call.heard / max(1, count),
    )


def _some(tensor: Any) -> Array:
    """Some examples, as float64."""
    part = keras.ops.cast(evenly_spaced(tensor, MAX_NUMBERS), "float32")
    return np.asarray(keras.ops.convert_to_numpy(part), "float64")


def _activation(output: Output) -> Any:
    """Keras's function with which an output ends, from the layer that puts it out, or from its values."""
    if output.call is not None:
        return function_of(output.call.probe.activation, output.call.probe.watched.layer)
    calls = [
        Call(call.probe.watched.layer, values, values) for call, tensor in output.before for values in [_some(tensor)]
    ]
    head = head_of(_some(output.values), calls)
    return None if head is None else function_of(head.activation, head.layer)


def function_of(activation: Any, layer: Any) -> Any:
    """The function of `keras.activations` that an activation is; None for others."""
    if activation is None:
        return activations.linear if getattr(layer, "activation", None) is activations.linear else None
    if isinstance(activation, layers.Softmax):
        return activations.softmax if activation.axis == -1 else None
    if isinstance(activation, layers.ReLU):
        plain = (activation.max_value, activation.negative_slope, activation.threshold) == (None, 0, 0)
        return activations.relu if plain else None
    name = getattr(activation, "__name__", "")
    named = [getattr(place, name, None) for place in (activations, keras.ops)]
    return named[0] if any(one is activation for one in named) else None
