"""The layers of a model in depth order, with names that tell them apart."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

Namer = Callable[[Sequence[Any]], list[str]]


def own_names(layers: Sequence[Any]) -> list[str]:
    """The names that the layers have."""
    return [layer.name for layer in layers]


def walk_layers(model: Any, names: Namer = own_names) -> Iterator[tuple[str, Any]]:
    """Yields the model and each layer in it once, in depth order, frozen or not, with a path.

    A layer inside of another has the path "encoder/dense"; the model has its name for one.

    Args:
        model: A model or a layer.
        names: From the layers that lie directly in one to their names.
    """
    seen: set[int] = set()

    def walk(layer: Any, path: str, prefix: str) -> Iterator[tuple[str, Any]]:
        if id(layer) in seen:
            return
        seen.add(id(layer))
        yield path, layer
        for name, child in zip(names(layer._layers), layer._layers, strict=True):
            yield from walk(child, prefix + name, prefix + name + "/")

    yield from walk(model, names([model])[0], "")


def unique(name: str, taken: Sequence[str]) -> str:
    """The name, with a number behind it if it is taken: Keras lets two layers of a subclassed model share one."""
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}#{number}"
    return candidate
