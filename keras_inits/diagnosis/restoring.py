"""Remedies for weights and statistics that are not finite."""

from collections.abc import Sequence
from typing import Any

from keras import layers

from keras_inits.layers.kinds import NORMALISATIONS
from keras_inits.models.rules import why_fixed
from keras_inits.models.weights import Weight

LOADED = "load it again: no initializer draws it"


def restoring(path: str, layer: Any, weights: Sequence[Weight]) -> str:
    """The remedy for one variable of a layer.

    Args:
        path: The variable's, in the model.
        layer: That owns it.
        weights: All of the model's, of which it is one or not.
    """
    weight = next((one for one in weights if one.path == path), None)
    fixed = why_fixed(weight) if weight is not None else None
    if weight is not None and fixed == "frozen":
        return (
            "load it again: it is frozen, and so `initialize` leaves it. Or thaw its layer "
            f"({layer.name}.trainable = True), call initialize(model), and freeze it again"
        )
    if weight is not None:
        return LOADED if fixed or weight.origin == "left" else "draw it again with initialize(model)"
    name = path.rsplit("/", 1)[-1]
    if isinstance(layer, NORMALISATIONS) and hasattr(layer, f"{name}_initializer"):
        if layer.trainable:
            return "set it back to its start with initialize(model, reset=True), which draws the weights again too"
        return f"load it again: its layer is frozen, and so initialize(model, reset=True) leaves it ({layer.name})"
    if isinstance(layer, layers.Normalization):
        return f"call `adapt` of the layer {layer.name} again, on finite data"
    return LOADED
