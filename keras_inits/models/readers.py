"""The layers that read the inputs of a model, and the feature behind each entry of a layer's inputs.

Made-up examples that spell the number of each feature go through the model. What only moves numbers (reshaping,
concatenation, padding, slices) or scales and shifts them leaves the numbers legible, in a graph and in any code of the
user's; what mixes them does not. A layer with weights puts out NaN, so that nothing behind it is read as an input.
"""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from keras_inits import backends
from keras_inits._keras import own_trainable, sublayers
from keras_inits.backends import swapped
from keras_inits.faults import InternalError
from keras_inits.layers.kinds import ELEMENTWISE, NORMALISATIONS, WRAPPERS
from keras_inits.layers.tree import walk_layers
from keras_inits.models.graph import Graph

MIXING = (*ELEMENTWISE, layers.Dot)
BASE = 64  # small enough for the digits of all dtypes, bfloat16 too
DIGITS = 4
LARGE_INPUT = 1000.0  # shows what is cut off
OTHER, ZERO = -1, -2
"""In the place of the number of a feature: what is none; zeros, as padding puts there."""


class Read(NamedTuple):
    """A layer's input, entry by entry of one example."""

    features: np.ndarray
    scale: np.ndarray
    """By which the feature was multiplied on its way, as `Rescaling` does."""
    offset: np.ndarray


class Followed(NamedTuple):
    """The calls of the layers that read inputs of the model."""

    reads: dict[int, list[Read]]
    """By the id of a layer all its calls, of the layers at least one of whose calls reads an input."""
    layers: dict[int, Any]
    failure: str = ""
    """Why the model could not be followed."""


def follow(model: Any, graph: Graph, inputs: Any, features: Sequence[np.ndarray | None]) -> Followed:
    """Follows the inputs through one call of the model.

    Args:
        model: A built model.
        graph: Of the model.
        inputs: A structure of arrays, of which the first examples are taken where no made-up ones can be.
        features: For each array the number of the feature that each entry of an example is; None: it is not followed.
    """
    leaves = keras.tree.flatten(inputs)
    as_they_are = [np.resize(leaf[:1], (DIGITS + 4, *leaf.shape[1:])) for leaf in leaves]
    made_up = [there if which is None else _spelled(which) for there, which in zip(as_they_are, features, strict=True)]
    # Integers may be places in a table of whatever kind, which takes no others.
    careful = [
        made if np.issubdtype(leaf.dtype, np.floating) else there
        for made, there, leaf in zip(made_up, as_they_are, leaves, strict=True)
    ]
    failure = ""
    for probe in (made_up, careful):
        calls = _Calls()
        try:
            with contextlib.ExitStack() as stack:
                for layer in _outermost(model, graph):
                    stack.enter_context(swapped(layer, "call", calls.of(layer, layer.call)))
                model(keras.tree.pack_sequence_as(inputs, probe), training=False)
            found = {key: reads for key, reads in calls.reads.items() if any((r.features >= 0).any() for r in reads)}
            return Followed(found, calls.layers)
        except Exception as error:  # of the user's layers, on numbers that nobody made for them
            if calls.failure is not None:
                raise calls.failure from None
            failure = f"the model takes no made-up inputs ({type(error).__name__})"
    return Followed({}, {}, failure)


def _spelled(features: np.ndarray) -> np.ndarray:
    """Examples of 0 and of 1, which tell scale and shift; the digits; the first ones negative; and a large one."""
    digits = [features // BASE**place % BASE + 1 for place in range(DIGITS)]
    rows = [np.zeros_like(features), np.ones_like(features), *digits, -digits[0], np.full_like(features, LARGE_INPUT)]
    return np.stack(rows).astype("float32")


def _legible(tensor: Any) -> Read:
    if bool(keras.ops.all(keras.ops.isnan(tensor[:1]))):  # behind a layer with weights, as most are
        shape = tuple(tensor.shape)[1:]
        return Read(np.full(shape, OTHER), np.ones(shape), np.zeros(shape))
    values = np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32")), "float64")
    with np.errstate(all="ignore"):
        offset, scale = values[0], values[1] - values[0]
        spelled = (values[2:] - offset) / scale
        digits = np.rint(spelled[:DIGITS])
        expected = np.stack([*digits, -digits[0], np.full_like(scale, LARGE_INPUT)])
        legible = np.abs(spelled - expected) <= np.abs(expected) * 2**-7 + 0.05
        legible = legible.all(0) & ((digits >= 1) & (digits <= BASE)).all(0) & (scale != 0)
        number = sum((digits[place] - 1) * BASE**place for place in range(DIGITS))
    zero = (values == 0).all(0)
    features = np.where(legible, np.nan_to_num(number), np.where(zero, ZERO, OTHER)).astype("int64")
    return Read(features, np.where(legible, scale, 1.0), np.where(legible, offset, 0.0))


def _outermost(model: Any, graph: Graph) -> list[Any]:
    """The layers of a model; for one that a wrapper runs, the wrapper, and no cells, which a loop runs."""
    every = [layer for _, layer in walk_layers(model) if layer is not model or not sublayers(layer)]
    inner = [layer.cell for layer in every if isinstance(layer, layers.RNN)]
    inner += [layer.layer for layer in every if isinstance(layer, WRAPPERS)]
    looped = {id(layer) for one in inner for _, layer in walk_layers(one)}
    operations = {id(found): found for found in map(graph.operation_of, every) if id(found) not in looped}
    return list(operations.values())


class _Calls:
    """Reads what layers are called with."""

    def __init__(self) -> None:
        self.reads: dict[int, list[Read]] = {}
        self.layers: dict[int, Any] = {}
        self.failure: InternalError | None = None  # which Keras would raise again as an error of the layer's

    def of(self, layer: Any, call: Callable[..., Any]) -> Callable[..., Any]:
        """The layer's `call`, which is read, and puts out nothing legible if the layer has weights or normalises."""
        alone = isinstance(layer, (layers.RNN, *WRAPPERS))  # what is inside of it is not looked at
        inside = [one for _, one in walk_layers(layer)] if alone else [layer]
        weighty = any(own_trainable(one) for one in inside) or isinstance(layer, NORMALISATIONS)

        def reading_call(*arguments: Any, **options: Any) -> Any:
            if backends.current().is_tracing():
                return call(*arguments, **options)
            if weighty or isinstance(layer, MIXING):
                self._read(layer, keras.tree.flatten((arguments, options)))
            if isinstance(layer, layers.Embedding):
                arguments = keras.tree.map_structure(_first_row, arguments)
            outputs = call(*arguments, **options)
            return keras.tree.map_structure(_illegible, outputs) if weighty else outputs

        return reading_call

    def _read(self, layer: Any, values: list[Any]) -> None:
        try:
            self._read_any(layer, values)
        except Exception as error:  # whatever it is, it is ours
            self.failure = InternalError(f"while it followed the inputs into the layer {layer.name!r}", error)
            raise

    def _read_any(self, layer: Any, values: list[Any]) -> None:
        tensors = [one for one in values if keras.ops.is_tensor(one) and tuple(one.shape)[:1] == (DIGITS + 4,)]
        if tensors:
            self.layers[id(layer)] = layer
            read = tensors if isinstance(layer, MIXING) else tensors[:1]
            self.reads.setdefault(id(layer), []).extend(_legible(tensor) for tensor in read)


def _first_row(leaf: Any) -> Any:
    return keras.ops.zeros_like(leaf) if keras.ops.is_tensor(leaf) else leaf


def _illegible(leaf: Any) -> Any:
    if keras.ops.is_tensor(leaf) and "float" in keras.backend.standardize_dtype(leaf.dtype):
        return keras.ops.full_like(leaf, float("nan"))
    return leaf
