"""The catalogue's entry for a weight, from whichever part has it."""

from typing import Any

from keras_inits.layers import builtin, hub
from keras_inits.layers.roles import Role


def role_of(layer: Any, variable: Any) -> Role | None:
    """The role of a weight in the layer that owns it; None if this layer, or this weight of it, is not known."""
    return hub.role(layer, variable) or builtin.role(layer, variable)


def why_unknown(layer: Any) -> str:
    """Why nothing is known of a weight, in words that end a sentence."""
    kind = type(layer)
    return f"the class {kind.__module__}.{kind.__qualname__} is not in the catalogue of layers, or adds this weight"
