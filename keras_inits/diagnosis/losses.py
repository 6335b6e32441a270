"""What is differentiated: a loss of the outputs, or without targets a random projection of them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_inits import backends
from keras_inits._names import printable
from keras_inits.diagnosis.labels import check_labels
from keras_inits.diagnosis.matching import Part, leaves_of, parts_of
from keras_inits.diagnosis.unit_sums import SEED
from keras_inits.faults import ModelError, ours

Tensor = Any

PROJECTION = "a random projection of the outputs, for no y was given"
MATCHING = "while it matched the targets and the losses with the outputs"


def target_of(model: Any, y: Any, loss: Any, keep_failure: bool = False) -> "Target":
    """Returns what makes one number of the outputs.

    Raises:
        ValueError: If there is `y` and no loss, or a loss and no `y`.
    """
    if y is None and loss is None:
        return Target(model, None, None)
    if y is None:
        raise ValueError(
            f"A loss compares outputs with targets. Received: loss={loss!r} and y=None. Expected both, or neither. "
            "Pass y, or leave the loss out: the gradients are then those of a random projection of the outputs."
        )
    loss = getattr(model, "loss", None) if loss is None else loss
    if loss is None:
        raise ValueError(
            f"Targets need a loss. Received: y, and loss=None, for the model {model.name!r}, which is not compiled "
            "with one. Expected a loss of Keras's. Pass one such as loss='mse', compile the model, or leave y out."
        )
    return Target(model, y, loss, keep_failure)


class Target:
    """From the outputs to the number that is differentiated.

    Args:
        model: Whose outputs they are.
        y: The targets.
        loss: The losses; None, and then `y` is None too, for a random projection.
        keep_failure: Whether the error of a loss that does not take its targets waits in `failure`.
    """

    def __init__(self, model: Any, y: Any, loss: Any, keep_failure: bool = False) -> None:
        self._model, self._y, self._loss, self._keep_failure = model, y, loss, keep_failure
        self.failure: ModelError | None = None
        self.described = PROJECTION if loss is None else _described(loss)
        self.unread: tuple[str, ...] = ()
        """The outputs without a loss, once it was called."""
        self.compared: tuple[Compared, ...] = ()
        """What is compared with the outputs, once it was called."""

    def __call__(self, outputs: Any) -> Tensor:
        """The mean loss of each output, summed.

        Raises:
            ModelError: If targets or losses are not those of the outputs, or a loss fails.
            InternalError: If anything else does.
        """
        with ours(MATCHING):
            if self._loss is None:
                return _projected([one for _, one in leaves_of(outputs)])
            parts = parts_of(outputs, _names(self._model, outputs), self._y, self._loss)
            self.unread = tuple(part.name for part in parts if not part.losses)
            pairs = [
                (_compared(place, part, given), part.output)
                for place, part in enumerate(parts)
                for given in part.losses
            ]
            self.compared = tuple(one for one, _ in pairs)
            found = [self._value(one, output) for one, output in pairs]
            return sum(found[1:], found[0])

    def _value(self, one: "Compared", output: Tensor) -> Tensor:
        """The loss of one output; where it fails and that is kept, the projection of the output in its place."""
        try:
            return _value(one, output)
        except ModelError as error:
            if not self._keep_failure:
                raise
            self.failure, self.described = error, PROJECTION.replace("no y was given", "the loss fails")
            return _projected([output])

    def of_unread(self, outputs: Any) -> Tensor:
        """A random projection of the outputs without a loss."""
        with ours(MATCHING):
            parts = parts_of(outputs, _names(self._model, outputs), self._y, self._loss)
            return _projected([part.output for part in parts if not part.losses])


class Compared(NamedTuple):
    """A loss and the targets of one output."""

    place: int
    """Of the output among all."""
    name: str
    """The output's."""
    target: Tensor
    loss: keras.losses.Loss
    given: Any
    """The loss as it was given."""


def _compared(place: int, part: Part, given: Any) -> Compared:
    target, output = of_one_rank(_tensor(part), part.output)
    return Compared(place, part.name, target, _loss_of(given, part.name, target, output), given)


def _value(one: Compared, output: Tensor) -> Tensor:
    target, output = of_one_rank(one.target, output)
    loss, given = one.loss, one.given
    check_labels(loss, one.name, target, output)
    try:
        value = loss(target, output)
    except Exception as error:  # of Keras's code or the user's: the targets are tensors, and the outputs the model's
        raise ModelError(
            f"diagnose computes the loss {_described(given)} of the output {one.name!r}, and that ended with the "
            f"{type(error).__name__} above: {error}. Received: targets of the shape {tuple(target.shape)} and outputs "
            f"of the shape {tuple(output.shape)}. Expected targets and a loss that suit the outputs, as `model.fit` "
            "takes them. Call the loss alone on y and model(x) to see where it fails. The model is what it was."
        ) from error
    return keras.ops.mean(_as_wide(value))


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
    """What `fit` makes of a loss that is a function, or the name of one: the outputs' mask counts for it too."""

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


def _projected(outputs: Sequence[Tensor]) -> Tensor:
    """The mean over examples of each output times a fixed normal vector: its gradient is known, and of norm 1 or so."""
    parts = []
    for number, output in enumerate(outputs):
        shape = tuple(output.shape)
        vector = np.random.default_rng(SEED + number).standard_normal(shape) / max(1, np.prod(shape)) ** 0.5
        wide = _as_wide(output)
        dtype = keras.backend.standardize_dtype(wide.dtype)
        parts.append(keras.ops.sum(wide * backends.current().to_tensor(vector.astype(dtype))))
    return sum(parts[1:], parts[0])


def _as_wide(tensor: Tensor) -> Tensor:
    """In float32, or as it is in float64, whose numbers may be out of float32's range."""
    wide = keras.backend.standardize_dtype(tensor.dtype) == "float64"
    return tensor if wide else keras.ops.cast(tensor, "float32")


def _names(model: Any, outputs: Any) -> list[str]:
    count = len(leaves_of(outputs))
    names = list(getattr(model, "output_names", None) or [])
    return names if len(names) == count else [str(number) for number in range(count)] if count > 1 else ["output"]


def _described(loss: Any) -> str:
    plain = isinstance(loss, (str, dict, list))
    return printable(str(loss if plain else getattr(loss, "name", getattr(loss, "__name__", loss))))
