"""From a built model to its weights, each with what is known of it and the name of its random stream."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import keras

from keras_inits._keras import default_name, own_trainable, sublayers, unnumbered
from keras_inits._names import stand_in, unique
from keras_inits.initializers.fans import Fans
from keras_inits.layers.catalogue import role_of
from keras_inits.layers.hub import scales_inside
from keras_inits.layers.roles import Role
from keras_inits.layers.tree import walk_layers
from keras_inits.models.declared import Declared

Origin = Literal["known", "declared", "left"]


class Weight(NamedTuple):
    """A variable that was made to be trained, with the layer that owns it."""

    path: str  # in the model: the names of the layers around it, and its own; no two weights share one
    stream: str  # from which the random stream follows; no two weights share one
    layer: Any
    variable: Any
    fans: Fans | None  # None: neither a kernel nor a table, or of an unknown layer
    origin: Origin = "left"
    reason: str = ""  # in words, where the origin is "declared" or "left"
    role: Role | None = None  # None: of an unknown layer
    start: Any = None  # the initializer of what is no kernel, or is declared


def weights_of(model: Any) -> list[Weight]:
    """Returns the weights that were made to be trained, in depth order, frozen ones too; a shared one once.

    Layers that a built model never built, because it does not use them, have none.

    Raises:
        TypeError: If the model is not one of Keras's.
        ValueError: If neither a layer nor any model around it is built.
    """
    if not isinstance(model, keras.Layer):
        raise TypeError(
            f"Argument `model` must be a model or a layer of Keras. Received: {model!r} (of type "
            f"{type(model).__name__}). Pass the built model."
        )
    _check_built(model)
    paths, streams = set[str](), set[str]()
    seen, scales = set[int](), dict[int, float]()
    found: list[Weight] = []
    for (path, layer), (stable, _) in zip(walk_layers(model), walk_layers(model, stable_names), strict=True):
        scales |= scales_inside(layer)
        mine, declared = own_trainable(layer), None
        # A wrapper, such as SpectralNormalization, may hold a weight of the layer inside of it too.
        inside = {id(variable) for child in sublayers(layer) for variable in own_trainable(child)} if mine else set()
        for variable in mine:
            if id(variable) in seen or id(variable) in inside:
                continue
            seen.add(id(variable))
            own = unique(f"{path}/{stand_in(variable.name)}", paths)
            stream = unique(f"{stable}/{unnumbered(variable.name)}", streams)
            paths.add(own)
            streams.add(stream)
            role = role_of(layer, variable)
            weight = Weight(own, stream, layer, variable, role.fans if role else None, role=role)
            if role is None or (role.part == "start" and role.start is None):
                declared = declared or Declared(layer)
                found.append(_declared(weight, declared))
            else:
                role = role._replace(scale=scales.get(id(layer), 1.0))
                found.append(weight._replace(origin="known", role=role, start=role.start))
    return found


def _declared(weight: Weight, declared: Declared) -> Weight:
    initializer, reason = declared.initializer(weight.variable)
    if initializer is None:
        return weight._replace(reason=reason)
    return weight._replace(origin="declared" if weight.role is None else "known", reason=reason, start=initializer)


def stable_names(layers: Sequence[Any]) -> list[str]:
    """The layers' names; those that Keras gave are numbered anew.

    Keras numbers them by how many layers of the kind the process has made before: the same code run a second time
    makes other names, and would start from other weights.
    """
    counts: Counter[str] = Counter()
    names = []
    for layer in layers:
        # Bidirectional puts a word before the names of its two layers.
        given = re.fullmatch(rf"((?:forward_|backward_)?{default_name(layer)})(_\d+)?", layer.name)
        if given:
            counts[given[1]] += 1
            names.append(f"{given[1]}_{counts[given[1]] - 1}")
        else:
            names.append(layer.name)
    return names


def _check_built(model: Any) -> None:
    """Raises an error if a layer may still get weights: one inside of a built model was left out by its calls."""
    waiting = [model]
    while waiting:
        layer = waiting.pop()
        if layer.built:
            continue
        inside = sublayers(layer)
        waiting += inside
        if not inside and type(layer).build is not keras.Layer.build:
            raise ValueError(
                f"The weights of a model are drawn once it has them all. Received: model={model.name!r}, whose layer "
                f"{layer.name!r} is not built. Give it an `Input`, call `model.build(shape)`, or run a first batch."
            )
