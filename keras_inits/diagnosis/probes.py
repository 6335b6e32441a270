"""Probes of layers: each call of a layer, while the batch goes through, is reduced to numbers and let go."""

import contextlib
import functools
import math
import statistics
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras

from keras_inits.backends import swapped
from keras_inits.backends.differentiation import Watch
from keras_inits.diagnosis.counts import bad_examples, examples_with, minus_infinite, nonfinite_count
from keras_inits.diagnosis.endings import CANCELLED, Endings
from keras_inits.diagnosis.norms import norm_of
from keras_inits.diagnosis.numbers import Moments, mean_cosine
from keras_inits.diagnosis.reductions import Reduced, across_examples, merged, reduced
from keras_inits.diagnosis.slopes import slope_of
from keras_inits.diagnosis.watched import Watched, ending_of, last_function_of
from keras_inits.faults import InternalError, ours
from keras_inits.layers.axes import output_axis
from keras_inits.layers.kinds import RESHAPES

Tensor = Any
Look = Callable[[Tensor], None]


class Recording:
    """The state that all probes of a pass share: the calls, in the order of their ends, and a probe's first failure."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.fault: InternalError | None = None
        self.forward = True
        """Whether the batch still goes forward: layers that are computed again on the way back are no further calls."""
        self.endings = Endings()

    def guarded(self, look: Look, step: str) -> Look:
        """The same look, whose failure is remembered as ours, whatever the code around it makes of the exception."""

        def guarded_look(tensor: Tensor) -> None:
            try:
                with ours(step):
                    look(tensor)
            except InternalError as fault:
                self.fault = self.fault or fault
                raise

        return guarded_look


class Call:
    """The statistics of one call of a layer."""

    def __init__(self, probe: "Probe", number: int) -> None:
        self.probe, self.number = probe, number
        self.shape: tuple[int, ...] = ()
        self.outputs: Reduced | None = None
        self.flat = self.entered = self.minus_infinite = 0
        self._inputs: list[tuple[int, Moments]] = []
        self._alike: list[float] = []
        self.across: float | None = None
        self.is_last = False
        self.heard = 0
        """The number of examples whose outputs get a gradient, of one of the model's last calls."""
        self.gradient: float | None = None
        self.gradient_nonfinite = 0
        self.entered_nonfinite = False
        self.examples: tuple[int, ...] = ()
        self.gradient_examples: tuple[int, ...] = ()

    @property
    def inputs(self) -> Moments | None:
        """The input of the activation; None for a layer without one."""
        return merged(self._inputs) if self._inputs else None

    @property
    def inputs_alike(self) -> float | None:
        """The mean cosine between two examples' inputs of an activation that saturates; None if nothing says it."""
        return statistics.fmean(self._alike) if self._alike else None

    def see_inputs(self, tensor: Tensor) -> None:
        """Looks at what goes into the activation."""
        found = reduced(tensor, masks=True)
        self._inputs.append((found.entries, found.moments))
        self.entered += math.prod(tensor.shape)
        if self.probe.slope is not None:
            self.flat += self.probe.slope.flat(tensor)
            if self.probe.slope.saturates:
                alike = mean_cosine(found.moments, across_examples(tensor, found.moments), tensor.shape[0])
                self._alike += [] if alike is None else [alike]

    def see_outputs(self, tensor: Tensor) -> None:
        """Looks at what the layer puts out."""
        self.shape = tuple(tensor.shape)
        self.outputs = reduced(tensor, (output_axis(self.probe.watched.layer),), masks=True)
        self.across = across_examples(tensor, self.outputs.moments)
        if self.outputs.moments.nonfinite:
            self.minus_infinite = minus_infinite(tensor)
            self.examples = bad_examples(tensor)

    def see_gradient(self, tensor: Tensor, inputs: bool) -> None:
        """Looks at the gradient that comes back, to the outputs or to the activation's inputs, whichever counts."""
        if self.is_last:
            self.heard = max(self.heard, examples_with(tensor))
        if inputs != ((self.probe.mixes or (self.is_last and self.probe.cancels)) and self.entered > 0):
            return
        norm, nonfinite = norm_of(tensor)
        self.gradient = math.hypot(self.gradient or 0.0, norm)  # an activation is called once for each step
        self.gradient_nonfinite += nonfinite
        if nonfinite:
            self.gradient_examples = bad_examples(tensor)

    def see_end(self) -> None:
        """Learns that its outputs are the model's, and its activation belongs together with a loss."""
        self.is_last = True

    def see_arguments(self, tensors: list[Tensor]) -> None:
        """Looks whether what went in was finite, of a call whose outputs are not."""
        if self.examples or (self.outputs is not None and self.outputs.moments.nonfinite):
            self.entered_nonfinite = any(nonfinite_count(tensor) for tensor in tensors)


class Probe:
    """Looks at the calls of one layer.

    Args:
        watched: The layer.
        recording: To which each call adds itself.
        filled: By the numbers of calls, the number that each puts out in all places instead of its own.
    """

    def __init__(self, watched: Watched, recording: Recording, filled: Mapping[int, float] | None = None) -> None:
        self.watched, self._recording, self._filled = watched, recording, filled or {}
        self._ending = ending_of(watched.layer)
        self.activation = last_function_of(self._ending)
        self.slope = slope_of(self.activation) if self.activation is not None else None
        # Softmax makes every gradient small, of the more units the more: the layer's own is the one before that.
        self.mixes = self.activation is not None and self.slope is None
        self.cancels = any(self.activation is one for one in CANCELLED)
        self._open: list[Call] = []
        self.count = 0
        """How many calls showed values."""
        self.called = False
        self.traced = False
        """Whether it was called in code that the backend compiles as a whole, where there are no values."""

    @contextlib.contextmanager
    def open(self, watch: Watch) -> Iterator[None]:
        """Looks for as long as the block runs."""
        layer = self.watched.layer
        with contextlib.ExitStack() as stack:
            if self.activation is not None:
                place = (self._ending, "call" if self.activation is self._ending else "activation")
                stack.enter_context(swapped(*place, self._watching_activation(getattr(*place), watch)))
            for name in ("call", "quantized_call"):
                stack.enter_context(swapped(layer, name, self._watching_call(getattr(layer, name), watch)))
            yield

    def _watching_call(self, run: Callable[..., Any], watch: Watch) -> Callable[..., Any]:
        def watching_call(*arguments: Any, **options: Any) -> Any:
            self.called = True
            call = Call(self, self.count + 1)
            self._open.append(call)
            try:
                outputs = run(*arguments, **options)
                if call.number in self._filled:
                    outputs = filled_with(self._filled[call.number], outputs)
                return self._seen(outputs, watch, call, (arguments, options))
            finally:
                self._open.pop()

        return watching_call

    def _seen(self, outputs: Any, watch: Watch, call: Call, given: Any) -> Any:
        leaves = keras.tree.flatten(outputs)
        place = next((place for place, leaf in enumerate(leaves) if is_float(leaf)), None)
        if place is None:
            return outputs
        found, leaves[place] = leaves[place], self._watch(watch, leaves[place], call, inputs=False)
        outputs = keras.tree.pack_sequence_as(outputs, leaves)
        if call.outputs is None:
            self.traced = self.traced or self._recording.forward
            return outputs
        self.count += 1
        self._recording.calls.append(call)
        tensors = [leaf for leaf in keras.tree.flatten(given) if is_float(leaf)]
        passes = len(tensors) == 1 and (found is tensors[0] or isinstance(self.watched.layer, RESHAPES))
        if passes and not self.cancels:
            self._recording.endings.move(leaves[place], tensors[0])
        else:
            self._recording.endings.add(leaves[place], call, self.cancels)
        self._recording.guarded(call.see_arguments, self._step("inputs"))(tensors)
        return outputs

    def _watching_activation(self, activation: Callable[..., Any], watch: Watch) -> Callable[..., Any]:
        def watching_activation(*arguments: Any, **options: Any) -> Any:
            if self._open and arguments:
                arguments = (self._watch(watch, arguments[0], self._open[-1], inputs=True), *arguments[1:])
            return activation(*arguments, **options)

        return watching_activation

    def _watch(self, watch: Watch, tensor: Tensor, call: Call, inputs: bool) -> Tensor:
        if not is_float(tensor):
            return tensor
        if not self._recording.forward:  # the same operations once more, on the way back, and no further call
            return watch(tensor, _look_away, _look_away)
        what = "inputs" if inputs else "outputs"
        forward = self._recording.guarded(call.see_inputs if inputs else call.see_outputs, self._step(what))
        backward = functools.partial(call.see_gradient, inputs=inputs)
        return watch(tensor, forward, self._recording.guarded(backward, self._step("gradient")))

    def _step(self, what: str) -> str:
        return f"while it reduced the {what} of the layer {self.watched.name!r} to numbers"


def _look_away(tensor: Tensor) -> None:
    """Sees nothing."""


def filled_with(value: float, outputs: Any) -> Any:
    """The same structure, with this value for all floating-point numbers."""
    return keras.tree.map_structure(lambda leaf: keras.ops.full_like(leaf, value) if is_float(leaf) else leaf, outputs)


def is_float(leaf: Any) -> bool:
    """Whether this is a tensor of floating-point numbers."""
    return keras.ops.is_tensor(leaf) and "float" in keras.backend.standardize_dtype(leaf.dtype)
