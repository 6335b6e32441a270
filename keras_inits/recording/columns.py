"""Which variable stands in which column of a row, and which columns make a layer."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_inits.backends import ABSENT
from keras_inits.layer_tree import unique, walk_layers

Tensor = Any


class Columns:
    """The columns of the rows of one model, known from the first row on: only then is every model built.

    Args:
        model: The model that is trained.
        per: "layer" or "variable": what a name stands for.
    """

    def __init__(self, model: Any, per: str) -> None:
        self.names: tuple[str, ...] = ()
        self._model, self._per = model, per
        self._columns: dict[Any, int] = {}
        self._owners = np.zeros(0, np.int64)

    def arrange(self, gradients: Sequence[Tensor], variables: Sequence[Any]) -> list[Tensor]:
        """Returns, for each column, the gradient of its variable, or None where it has none."""
        key = self._model.optimizer._var_key
        if not self._columns:
            self._build(list(owned_variables(self._model)), key)
        arranged: list[Tensor] = [None] * len(self._columns)
        for gradient, variable in zip(gradients, variables, strict=True):
            if key(variable) not in self._columns:
                name = getattr(variable, "path", variable.name)
                raise ValueError(f"the optimizer was handed the gradient of {name!r}, which no layer of the model owns")
            # What float8 layers hand over as "gradients" are new values, with which Keras overwrites the variable.
            if not getattr(variable, "overwrite_with_gradient", False):
                arranged[self._columns[key(variable)]] = gradient
        return arranged

    def by_name(self, norms: np.ndarray) -> np.ma.MaskedArray:
        """Puts the variables' norms (rows x columns) together to the norms of what is named (rows x names)."""
        present = norms != ABSENT
        squares = np.zeros((len(norms), len(self.names)))
        seen = np.zeros(squares.shape, bool)
        for column, owner in enumerate(self._owners):  # no matrix product: it would spread NaN over all layers
            squares[:, owner] += np.where(present[:, column], norms[:, column], 0.0) ** 2
            seen[:, owner] |= present[:, column]
        return np.ma.MaskedArray(np.sqrt(squares), mask=~seen)

    def _build(self, owned: list[tuple[str, Any]], key: Any) -> None:
        names: list[str] = []
        of_layer: dict[str, int] = {}
        owners: list[int] = []
        for layer, variable in owned:
            if key(variable) in self._columns:  # a variable that two layers share is the first one's
                continue
            self._columns[key(variable)] = len(owners)
            if self._per == "variable":
                names.append(unique(variable.path, names))
                owners.append(len(names) - 1)
            else:
                if layer not in of_layer:
                    of_layer[layer] = len(names)
                    names.append(layer)
                owners.append(of_layer[layer])
        self._owners, self.names = np.array(owners), tuple(names)


def owned_variables(model: Any) -> Iterator[tuple[str, Any]]:
    """Each layer's own trainable variables, with the layer's name, in depth order, each layer once.

    A layer inside of another is named by its path, "encoder/dense". Frozen layers are there too.
    """
    names: list[str] = []
    for path, layer in walk_layers(model):
        # The public `trainable_variables` are those of sublayers too, and none at all once the layer is frozen.
        if layer._trainable_variables:
            names.append(unique(path, names))
            yield from ((names[-1], variable) for variable in list(layer._trainable_variables))
