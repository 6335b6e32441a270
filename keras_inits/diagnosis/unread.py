"""Whether what a layer puts out has a part in what the model puts out: the layer is made to put out something else."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_inits.backends import differentiation, swapped
from keras_inits.diagnosis.probes import is_float

Tensor = Any

CHANGES: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda leaf: keras.ops.full_like(leaf, float("nan")),  # which a product with zero or a softmax of one unit shows
    lambda leaf: 1 - 2 * leaf,  # which a comparison shows
)


def is_read(model: Any, x: Any, layer: Any) -> bool:
    """Whether the model's outputs depend on this layer's; a model that then fails has read them."""
    with differentiation.current().preserved(model):
        before = _outputs(model, x)
        for change in CHANGES:
            with swapped(layer, "call", _changed(layer.call, change)):
                try:
                    after = _outputs(model, x)
                except Exception:  # of the user's code, which such values need not suit
                    return True
            if not all(map(_same, before, after)):
                return True
    return False


def _outputs(model: Any, x: Any) -> list[Any]:
    with keras.StatelessScope():  # the same random numbers each time, and nothing is assigned
        found = keras.tree.flatten(model(x, training=True))
    return [keras.ops.convert_to_numpy(leaf) for leaf in found if leaf is not None]


def _changed(run: Callable[..., Any], change: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    def changed_call(*arguments: Any, **options: Any) -> Any:
        outputs = run(*arguments, **options)
        return keras.tree.map_structure(lambda leaf: change(leaf) if is_float(leaf) else leaf, outputs)

    return changed_call


def _same(one: Any, other: Any) -> bool:
    return np.array_equal(one, other, equal_nan="float" in str(one.dtype))
