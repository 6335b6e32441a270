"""The differentiated function: a loss of the outputs, or without targets a random projection of them."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_inits import backends
from keras_inits.diagnosis.compared import Compared, as_wide, compared, described, value_of
from keras_inits.diagnosis.matching import leaves_of, parts_of, weights_of
from keras_inits.diagnosis.unit_sums import SEED
from keras_inits.faults import ModelError, ours

Tensor = Any

PROJECTION = "a random projection of the outputs, for no y was given"
MATCHING = "while it matched the targets and the losses with the outputs"


def target_of(model: Any, y: Any, loss: Any, sample_weight: Any = None, keep_failure: bool = False) -> "Target":
    """Returns what makes one number of the outputs.

    Raises:
        ValueError: If there is `y` and no loss, or a loss and no `y`.
    """
    if y is None and sample_weight is not None:
        raise ValueError(
            "Sample weights are those of targets. Received: sample_weight and y=None. Expected both, or neither. Pass "
            "y, or leave the weights out."
        )
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
    return Target(model, y, loss, sample_weight, keep_failure)


class Target:
    """From the outputs to the number that is differentiated.

    Args:
        model: Whose outputs they are.
        y: The targets.
        loss: The losses; None, and then `y` is None too, for a random projection.
        sample_weight: Of the examples of all outputs, or for each output.
        keep_failure: Whether the error of a loss that does not take its targets waits in `failure`.
    """

    def __init__(self, model: Any, y: Any, loss: Any, sample_weight: Any = None, keep_failure: bool = False) -> None:
        self._model, self._y, self._loss, self._keep_failure = model, y, loss, keep_failure
        self._weights = sample_weight
        self.failure: ModelError | None = None
        self.described = PROJECTION if loss is None else described(loss)
        self.unread: tuple[str, ...] = ()
        """The outputs without a loss, once it was called."""
        self.compared: tuple[Compared, ...] = ()
        """The targets that the loss received, once it was called."""

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
            weights = weights_of(self._weights, parts)
            pairs = [
                (compared(place, part, given, weights[place]), part.output)
                for place, part in enumerate(parts)
                for given in part.losses
            ]
            self.compared = tuple(one for one, _ in pairs)
            found = [self._value(one, output) for one, output in pairs]
            return sum(found[1:], found[0])

    def _value(self, one: "Compared", output: Tensor) -> Tensor:
        """The loss of one output; where it fails and that is kept, the projection of the output in its place."""
        try:
            return value_of(one, output)
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


def _projected(outputs: Sequence[Tensor]) -> Tensor:
    """The mean over examples of each output times a fixed normal vector: its gradient is known, and of norm 1 or so."""
    parts = []
    for number, output in enumerate(outputs):
        shape = tuple(output.shape)
        vector = np.random.default_rng(SEED + number).standard_normal(shape) / max(1, np.prod(shape)) ** 0.5
        wide = as_wide(output)
        dtype = keras.backend.standardize_dtype(wide.dtype)
        parts.append(keras.ops.sum(wide * backends.current().to_tensor(vector.astype(dtype))))
    return sum(parts[1:], parts[0])


def _names(model: Any, outputs: Any) -> list[str]:
    count = len(leaves_of(outputs))
    names = list(getattr(model, "output_names", None) or [])
    return names if len(names) == count else [str(number) for number in range(count)] if count > 1 else ["output"]
