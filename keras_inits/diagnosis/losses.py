"""What is differentiated: a loss of the outputs, or without targets a random projection of them."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_inits import backends
from keras_inits.diagnosis.reductions import SEED

Tensor = Any

PROJECTION = "a random projection of the outputs, for no y was given"


def target_of(model: Any, y: Any, loss: Any) -> tuple[Callable[[Any], Tensor], str]:
    """Returns a function from outputs to one number, and what it is.

    Raises:
        ValueError: If there is `y` and no loss, or a loss and no `y`.
    """
    if y is None and loss is None:
        return _projection, PROJECTION
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

    def total(outputs: Any) -> Tensor:
        names = _names(model, outputs)
        targets, losses = _by_output(y, names), _by_output(loss, names)
        parts = [
            keras.ops.mean(_as_wide(_loss_of(one)(*_of_one_rank(target, output))))
            for output, target, one in zip(_outputs(outputs), targets, losses, strict=True)
            if one is not None
        ]
        return sum(parts[1:], parts[0])

    return total, _described(loss)


class _OfFunction(keras.losses.Loss):
    """What `fit` makes of a loss that is a function, or the name of one: the outputs' mask counts for it too."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.call = function


def _loss_of(given: Any) -> Any:
    loss = keras.losses.get(given)
    return loss if isinstance(loss, keras.losses.Loss) else _OfFunction(loss)


def _of_one_rank(target: Any, output: Tensor) -> list[Tensor]:
    """Targets and outputs, one of which may lack a last axis of one entry, as Keras's losses compare them in `fit`."""
    pair = [keras.ops.convert_to_tensor(target), output]
    short, long = sorted((0, 1), key=lambda which: len(pair[which].shape))
    rank = len(pair[short].shape)
    if len(pair[long].shape) == rank + 1 and pair[long].shape[-1] == 1:
        if rank == 1:
            pair[short] = keras.ops.expand_dims(pair[short], -1)
        else:
            pair[long] = keras.ops.squeeze(pair[long], -1)
    return pair


def _projection(outputs: Any) -> Tensor:
    """The mean over examples of each output times a fixed normal vector: its gradient is known, and of norm 1 or so."""
    parts = []
    for number, output in enumerate(_outputs(outputs)):
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


def _outputs(outputs: Any) -> list[Tensor]:
    if isinstance(outputs, dict):
        return list(outputs.values())
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def _names(model: Any, outputs: Any) -> list[str]:
    if isinstance(outputs, dict):
        return list(outputs)
    count = len(_outputs(outputs))
    names = list(getattr(model, "output_names", None) or [])
    return names if len(names) == count else [str(number) for number in range(count)]


def _by_output(given: Any, names: list[str]) -> list[Any]:
    """One item for each output, from a dictionary by its name, a list, or one for all."""
    if isinstance(given, dict):
        return [given.get(name) for name in names]
    several = isinstance(given, (list, tuple)) and (len(names) > 1 or len(given) == 1)
    return list(given) if several else [given] * len(names)


def _described(loss: Any) -> str:
    return str(loss if isinstance(loss, (str, dict, list)) else getattr(loss, "name", getattr(loss, "__name__", loss)))
