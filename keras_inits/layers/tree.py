"""The layers of a model in depth order, with names that tell them apart."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from keras_inits._keras import graph_layers, sublayers
from keras_inits._names import all_unique, stand_in

Namer = Callable[[Sequence[Any]], list[str]]


def own_names(layers: Sequence[Any]) -> list[str]:
    """The names that the layers have, or stand-ins for what cannot be shown as it is; no two are the same.

    Keras lets two layers of a subclassed model share a name, and takes any text for one.
    """
    return all_unique(stand_in(layer.name) for layer in layers)


def walk_layers(model: Any, names: Namer = own_names) -> Iterator[tuple[str, Any]]:
    """Yields the model and each layer in it once, in depth order, frozen or not, with a path.

    A layer inside of another has the path "encoder/dense"; the model has its name for one. A layer that a functional
    model has as an attribute, outside of its graph, comes last: another graph may hold it, and then it belongs there.

    Args:
        model: A model or a layer.
        names: From the layers that lie directly in one to their names.
    """
    seen: set[int] = set()
    waiting: list[tuple[str, Any, str]] = [(names([model])[0], model, "")]
    last: list[tuple[str, Any, str]] = []
    while waiting or last:
        path, layer, prefix = waiting.pop() if waiting else last.pop(0)
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        yield path, layer
        children, inside = sublayers(layer), len(graph_layers(layer))
        named = [
            (prefix + name, child, f"{prefix}{name}/") for name, child in zip(names(children), children, strict=True)
        ]
        last += named[inside:] if inside else []
        waiting += reversed(named[:inside] if inside else named)
