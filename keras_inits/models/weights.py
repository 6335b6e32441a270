"""From a built model to its weights, each with its fans and the name of its random stream."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

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
        ValueError: If a layer is not built.
    """
    found: list[Weight] = []
    streams: list[str] = []
    seen: set[int] = set()
    for path, layer in walk_layers(model, stable_names):
        _check_built(model, layer)
        for variable in layer._trainable_variables:
            if id(variable) not in seen:
                seen.add(id(variable))
                streams.append(unique(f"{path}/{variable.name}", streams))
                found.append(Weight(variable.path, streams[-1], layer, variable, fans_of(layer, variable)))
    return found


def stable_names(layers: Sequence[Any]) -> list[str]:
    """The layers' names; those that Keras gave are numbered anew.

    Keras numbers them by how many layers of the kind the process has made before: the same code run a second time
    makes other names, and would start from other weights.
    """
    counts: Counter[str] = Counter()
    names = []
    for layer in layers:
        kind = to_snake_case(type(layer).__name__)
        if re.fullmatch(rf"{kind}(_\d+)?", layer.name):
            counts[kind] += 1
            names.append(f"{kind}_{counts[kind] - 1}")
        else:
            names.append(layer.name)
    return names


def _check_built(model: Any, layer: Any) -> None:
    if not layer.built:
        raise ValueError(
            f"The weights of a model are drawn once it has them all. Received: model={model.name!r}, whose layer "
            f"{layer.name!r} is not built. Give it an `Input`, call `model.build(shape)`, or run a first batch."
        )
