"""The note `linear_stack`: layers one behind the other that compute what one of them could."""

import keras
from keras import layers

from keras_inits._keras import nodes_of
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.remedy import Remedy
from keras_inits.diagnosis.setup.setup import Setup
from keras_inits.layers.kinds import CONVOLUTIONS, NOISE, RESHAPES

STACKED = (layers.Dense, *CONVOLUTIONS)


def linear_stack(setup: Setup) -> Finding | None:
    """Dense layers or convolutions of a graph, of which one reads the other, without an activation between them."""
    functionals = {id(one): one for one in setup.case.graph.functionals}.values()
    found = [pair for functional in functionals for pair in _pairs(functional)]
    if not found:
        return None
    shown = ", ".join(f"{first.name} and {second.name}" for first, second in found)
    evidence = f"no activation stands between {shown}: the two compute what one linear layer computes"
    (first, _), *_ = found
    code = f"model.get_layer({first.name!r}).activation = keras.activations.relu"
    own = any(first is layer for layer in getattr(setup.model, "layers", []))
    remedy = Remedy("depth adds something behind an activation", code=code if own else "")
    return Finding("linear_stack", tuple(dict.fromkeys(one.name for pair in found for one in pair)), evidence, remedy)


def _pairs(functional: object) -> list[tuple[keras.Layer, keras.Layer]]:
    linear, found = dict[int, keras.Layer](), []  # by tensor: the layer that put it out
    for node in nodes_of(functional):
        layer = node.operation
        source = linear.get(id(node.input_tensors[0])) if node.input_tensors else None
        if isinstance(layer, STACKED):
            if source is not None and type(layer) is type(source):
                found.append((source, layer))
            source = layer if layer.activation is keras.activations.linear else None
        elif not isinstance(layer, (*RESHAPES, *NOISE)):
            source = None
        if source is not None:
            linear[id(node.output_tensors[0])] = source
    return found
