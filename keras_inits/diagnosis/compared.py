"""An output beside its targets and its loss, and the number that the loss makes of them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from keras_inits._names import printable
from keras_inits.diagnosis.labels import check_labels
from keras_inits.diagnosis.matching import Part
from keras_inits.faults import ModelError

Tensor = Any


class Compared(NamedTuple):
    """A loss and the targets of one output."""

    place: int
    """The index of the output among all."""
    name: str
    """The output's."""
    target: Tensor
    loss: keras.losses.Loss
    given: Any
    """The loss as it was given."""
    weight: Any = None
    """Of each example, or of each target."""


def compared(place: int, part: Part, given: Any, weight: Any = None) -> Compared:
    """The loss as Keras makes one of it, and the targets as a tensor.

    Raises:
        ModelError: If one of the two cannot be made.
    """
    target, output = of_one_rank(_tensor(part), part.output)
    return Compared(place, part.name, target, _loss_of(given, part.name, target, output), given, weight)


def value_of(one: Compared, output: Tensor) -> Tensor:
    """The mean loss of an output.

    Raises:
        ModelError: If the loss does not take the targets.
    """
    target, output = of_one_rank(one.target, output)
    loss, given = one.loss, one.given
    check_labels(loss, one.name, target, output)
    try:
        value = loss(target, output, sample_weight=one.weight)
    except Exception as error:  # of Keras's code or the user's: the targets are tensors, and the outputs the model's
        raise ModelError(
            f"diagnose computes the loss {described(given)} of the output {one.name!r}, and that ended with "
            f"{type(error).__name__}: {error}. Received: targets of the shape {tuple(target.shape)} and outputs "
            f"of the shape {tuple(output.shape)}. Expected targets and a loss that suit the outputs, as `model.fit` "
            "takes them. Call the loss alone on y and model(x) to see where it fails. The model is what it was."
        ) from error
    return keras.ops.mean(as_wide(value))


def _tensor(part: Part) -> Tensor:
    """The targets as a tensor."""
    try:
        tensor = keras.ops.convert_to_tensor(part.target)
        if keras.backend.standardize_dtype(tensor.dtype) == "string":  # of which TensorFlow has tensors too
            raise TypeError("text is no number")
        return tensor
    except Exception as error:
        kind = getattr(part.target, "dtype", type(part.target).__name__)
        raise ModelError(
            f"The targets of the output {part.name!r} become no tensor of numbers ({type(error).__name__}). "
            f"Received: targets of the type {kind}. Expected numbers, in one array. Encode words as numbers, such as "
            "by keras.layers.StringLookup, and leave out what is missing."
        ) from error


class _OfFunction(keras.losses.Loss):
    """The loss that `fit` makes of a function, or of a name: it applies the outputs' mask too."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.call = self.fn = function


def _loss_of(given: Any, name: str, target: Tensor, output: Tensor) -> Any:
    if str(given).lower() in ("crossentropy", "ce"):  # as `fit` understands it
        sparse = len(target.shape) < len(output.shape) or target.shape[-1] == 1
        categories = "sparse_categorical" if sparse else "categorical"
        given = f"{'binary' if output.shape[-1] == 1 else categories}_crossentropy"
    try:
        loss = keras.losses.get(given)
    except Exception as error:
        raise ModelError(
            f"Keras makes no loss of what was given for the output {name!r}. Received: loss={given!r} "
            f"({type(error).__name__}: {error}). Expected the name of a loss of Keras's, an object or a function. Pass "
            "one such as 'mse'."
        ) from error
    return loss if isinstance(loss, keras.losses.Loss) else _OfFunction(loss)


def of_one_rank(target: Tensor, output: Tensor) -> list[Tensor]:
    """Targets and outputs, one of which may lack a last axis of one entry, as Keras's losses compare them in `fit`."""
    pair = [target, output]
    short, long = sorted((0, 1), key=lambda which: len(pair[which].shape))
    rank = len(pair[short].shape)
    if len(pair[long].shape) == rank + 1 and pair[long].shape[-1] == 1:
        if rank == 1:
            pair[short] = keras.ops.expand_dims(pair[short], -1)
        else:
            pair[long] = keras.ops.squeeze(pair[long], -1)
    return pair


def as_wide(tensor: Tensor) -> Tensor:
    """In float32, or as it is in float64, whose numbers may be out of float32's range."""
    wide = keras.backend.standardize_dtype(tensor.dtype) == "float64"
    return tensor if wide else keras.ops.cast(tensor, "float32")


def described(loss: Any) -> str:
    """How a text names a loss as it was given."""
    plain = isinstance(loss, (str, dict, list))
    return printable(str(loss if plain else getattr(loss, "name", getattr(loss, "__name__", loss))))
