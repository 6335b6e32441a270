"""Scales the kernels of the layers that a batch goes through, each before its outputs go on.

A kernel is divided by the root of the mean square of what its layer puts out before its activation, so that this is 1.
The divisor is no less than a third of what the kernel's fans promise for what comes in: the kernel of one unit may lie
across all that comes in, and would be blown up by chance. It is the mean square, not the variance: inputs that hardly
vary, as the last state of an LSTM, would ask for a kernel that blows up their mean.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from keras_inits import backends
from keras_inits._keras import without_autocast
from keras_inits.backends import swapped
from keras_inits.layers.kinds import ONE_KERNEL, SEPARABLE
from keras_inits.models.heads import Call
from keras_inits.models.rules import Planned
from keras_inits.models.weights import Weight

LEAST = 1 / 9
"""Least share of the mean square that a kernel's fans promise."""
LOOKED_AT = 64
"""Examples whose outputs are kept, to know the layer that puts out the model's."""


def is_scaled(weight: Weight) -> bool:
    """Whether this is a kernel whose size is that of its layer's outputs."""
    named = weight.variable.name in ("kernel", "pointwise_kernel")
    return isinstance(weight.layer, (*ONE_KERNEL, *SEPARABLE)) and named and weight.variable.trainable


class CallError(Exception):
    """The call of the model ended with this error."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class NotScaledError(Exception):
    """A kernel that no factor brings to its size."""


class Scaling:
    """The factors of kernels, found while a batch goes through the model.

    Args:
        folded: By the id of a layer whose kernel took in the inputs' deviations, the bias that took in the means, and
            is scaled with the kernel, or None.
        progress: A progress bar.
        tolerance: How far a mean square may be from its target, relatively; it is looked at again and scaled again
            until then. None: once is enough, and zeros are left alone.
        iterations: How often a kernel is scaled at the most.
    """

    def __init__(
        self, folded: Mapping[int, Weight | None], progress: Any, tolerance: float | None = None, iterations: int = 1
    ) -> None:
        self.factors: dict[str, float] = {}
        self.calls: list[Call] = []
        self.folded, self._progress = folded, progress
        self._tolerance, self._iterations = tolerance, iterations
        self._failure = ""

    def run(self, model: Any, x: Any) -> Any:
        """Sends the batch through the model, whose layers call what `of` returned; returns the outputs."""
        try:
            return model(x, training=False)
        except Exception as error:
            if self._failure:
                raise NotScaledError(self._failure) from None
            raise CallError(error) from error

    def of(self, planned: Planned, call: Callable[..., Any], scale: bool = True) -> Callable[..., Any]:
        """The layer's `call`, which scales the kernel first when it runs for the first time."""
        weight = planned.weight
        role = 1.0 if weight.role is None else weight.role.scale
        target = (role * planned.factor) ** 2
        waiting = scale and target > 0

        def scaling_call(*arguments: Any, **options: Any) -> Any:
            nonlocal waiting
            # Inside of code that is compiled as a whole, or mapped over examples, there are no values to look at.
            if backends.current().is_tracing(*keras.tree.flatten((arguments, options))):
                return call(*arguments, **options)
            with swapped(weight.layer, "activation", keras.activations.linear):
                before = call(*arguments, **options)
                if waiting:
                    waiting = False
                    with self._without_bias(weight) as changed:
                        before = call(*arguments, **options) if changed else before
                        factor = self._scale(weight, target, arguments, before, lambda: call(*arguments, **options))
                    before = call(*arguments, **options) if changed else before * factor
                    self._progress.add(1)
            outputs = call(*arguments, **options)
            self.calls.append(Call(weight.layer, first_of(before), first_of(outputs)))
            return outputs

        return scaling_call

    @contextlib.contextmanager
    def _without_bias(self, weight: Weight) -> Iterator[bool]:
        """Takes a bias away that is not of the inputs' means: it is no part of the kernel's size. Says if there is."""
        bias = getattr(weight.layer, "bias", None)
        values = None if bias is None or id(weight.layer) in self.folded else keras.ops.convert_to_numpy(bias.value)
        if bias is None or values is None or not values.any():
            yield False
            return
        values = values.copy()
        with without_autocast():
            bias.assign(np.zeros_like(values))
        try:
            yield True
        finally:
            with without_autocast():
                bias.assign(backends.current().to_tensor(values))

    def _scale(self, weight: Weight, target: float, arguments: Any, outputs: Any, again: Callable[[], Any]) -> float:
        """Scales a kernel, and returns what it was multiplied by."""
        bias = self.folded.get(id(weight.layer))
        # Inputs that are not standardised say nothing of a kernel that takes them as if they were.
        least = 0.0 if id(weight.layer) in self.folded else LEAST * _promised(weight, arguments)
        factor = 1.0
        for iteration in range(self._iterations + 1):
            square = _mean_square(outputs)
            part = max(square, least * factor**2) / target
            if self._tolerance is None and (square == 0 or iteration):
                break
            if self._tolerance is not None and abs(part - 1) <= self._tolerance and square > 0:
                break
            if not 0 < square < np.inf or iteration == self._iterations:
                self._failure = _not_scaled(weight, target, square, iteration, self._iterations, self._tolerance)
                raise NotScaledError
            factor /= part**0.5
            with without_autocast():
                for one in (weight,) if bias is None else (weight, bias):
                    one.variable.assign(one.variable / part**0.5)
            if self._tolerance is None:
                break
            outputs = again()
        self.factors[weight.stream] = factor
        return factor


def _mean_square(outputs: Any) -> float:
    values = keras.ops.convert_to_numpy(outputs)
    return float(np.mean(np.square(values, dtype="float64")))


def _promised(weight: Weight, arguments: Any) -> float:
    """The mean square of the outputs, averaged over all kernels with the entries of this one."""
    if weight.fans is None or isinstance(weight.layer, SEPARABLE):
        return 0.0
    inputs = next(leaf for leaf in keras.tree.flatten(arguments) if keras.ops.is_tensor(leaf))
    return weight.fans[0] * _mean_square(weight.variable) * _mean_square(inputs)


def first_of(outputs: Any) -> np.ndarray:
    """The outputs of the first examples."""
    return np.asarray(keras.ops.convert_to_numpy(outputs[:LOOKED_AT]), "float32")


def _not_scaled(
    weight: Weight, target: float, square: float, done: int, iterations: int, tolerance: float | None
) -> str:
    asked = (
        ""
        if tolerance is None
        else f" after {done} of {iterations} iterations, and tolerance={tolerance:g} was asked for"
    )
    return (
        f"The kernel of each layer is scaled until its outputs have the mean square {target:g}. Those of layer "
        f"{weight.layer.name!r} ({weight.path!r}) have the mean square {square:g}{asked}. The model has its former "
        f"weights again. {_advice(square, tolerance)}"
    )


def _advice(square: float, tolerance: float | None) -> str:
    """The remedy for a layer whose outputs ended at this mean square."""
    if not np.isfinite(square):
        return (
            "The batch is finite, so a weight, a statistic or an operation before makes what is not: diagnose(model, "
            "x) says which."
        )
    if square == 0 or tolerance is None:
        return "Pass a batch of several different examples, or see what reaches it."
    return "Pass a batch of several different examples, a larger tolerance, or see what reaches it."
