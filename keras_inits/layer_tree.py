"""The layers of a model in depth order, with names that tell them apart."""

import collections
import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from keras.src.backend.common import global_state

Namer = Callable[[Sequence[Any]], list[str]]


def own_names(layers: Sequence[Any]) -> list[str]:
    """The names that the layers have."""
    return [layer.name for layer in layers]


@contextlib.contextmanager
def fresh_names() -> Iterator[None]:
    """Has Keras number the layers that it names (`dense_1`) from the beginning, and go on as before afterwards."""
    counts = "object_name_uids"
    before = global_state.get_global_attribute(counts)
    global_state.set_global_attribute(counts, collections.defaultdict(int))
    try:
        yield
    finally:
        global_state.set_global_attribute(counts, before)


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
