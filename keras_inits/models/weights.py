"""From a built model to its weights, each with its fans and the name of its random stream."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras.src.utils.naming import to_snake_case

from keras_inits.initializers.fans import Fans
from keras_inits.initializers.layer_fans import fans_of
from keras_inits.layer_tree import unique, walk_layers


class Weight(NamedTuple):
    """A trainable variable, with the layer that owns it."""

    path: str  # as Keras has it
    stream: str  # from which the random stream follows; no two weights share one
    layer: Any
    variable: Any
    fans: Fans | None  # None: not a kernel


def weights_of(model: Any) -> list[Weight]:
    """Returns the weights that were made to be trained, in depth order, frozen ones too; a shared one once.

    Raises:
        TypeError: If the model is not one of Keras's.
        ValueError: If a layer is not built.
    """
    if not isinstance(model, keras.Layer):
        raise TypeError(
            f"Argument `model` must be a model or a layer of Keras. Received: {model!r} (of type "
            f"{type(model).__name__}). Pass the built model."
        )
    found: list[Weight] = []
    streams: list[str] = []
    seen: set[int] = set()
    for path, layer in walk_layers(model, stable_names):
        _check_built(model, layer)
        # A wrapper, such as SpectralNormalization, may hold a weight of the layer inside of it too.
        inside = {id(variable) for child in layer._layers for variable in child._trainable_variables}
        for variable in layer._trainable_variables:
            if id(variable) not in seen and id(variable) not in inside:
                seen.add(id(variable))
                name = "variable" if re.fullmatch(r"variable(_\d+)?", variable.name) else variable.name
                streams.append(unique(f"{path}/{name}", streams))
                fans = fans_of(layer, variable) if _is_kernel(layer, variable) else None
                found.append(Weight(variable.path, streams[-1], layer, variable, fans))
    return found


def _is_kernel(layer: Any, variable: Any) -> bool:
    """Whether the weight is known to be one: of layers that are not Keras's, its name must say so."""
    ours = type(layer).__module__.startswith("keras.")
    return ours or re.search(r"kernel|embedding|weight|matrix|^w$|^variable(_\d+)?$", variable.name) is not None


def stable_names(layers: Sequence[Any]) -> list[str]:
    """The layers' names; those that Keras gave are numbered anew.

    Keras numbers them by how many layers of the kind the process has made before: the same code run a second time
    makes other names, and would start from other weights.
    """
    counts: Counter[str] = Counter()
    names = []
    for layer in layers:
        # Bidirectional puts a word before the names of its two layers.
        given = re.fullmatch(rf"((?:forward_|backward_)?{to_snake_case(type(layer).__name__)})(_\d+)?", layer.name)
        if given:
            counts[given[1]] += 1
            names.append(f"{given[1]}_{counts[given[1]] - 1}")
        else:
            names.append(layer.name)
    return names


def _check_built(model: Any, layer: Any) -> None:
    if not layer.built:
        raise ValueError(
            f"The weights of a model are drawn once it has them all. Received: model={model.name!r}, whose layer "
            f"{layer.name!r} is not built. Give it an `Input`, call `model.build(shape)`, or run a first batch."
        )
