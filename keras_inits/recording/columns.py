"""Which variable stands in which column of a row, and which columns make a layer."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_inits.backends.measures import ABSENT
from keras_inits.layer_tree import unique, walk_layers


class Columns:
    """The columns of the rows of one model, known from the first row on: only then is every model built.

    Args:
        model: The model that is trained.
        per: "layer" or "variable": what a name stands for.
    """

    def __init__(self, model: Any, per: str) -> None:
        self.names: tuple[str, ...] = ()
        self.sizes = np.zeros(0)  # of the variable in each column
        self._model, self._per = model, per
        self._columns: dict[Any, int] = {}
        self._starts: list[int] = []  # of each name, the first of its columns, which lie beside each other
        self._places: dict[tuple[int, ...], tuple[list[Any], list[int | None]]] = {}

    def arrange(self, values: Sequence[Any], variables: Sequence[Any]) -> list[Any]:
        """Returns, for each column, the value of its variable, or None where it has none."""
        if not self._columns:
            self._build(list(owned_variables(self._model)), self._model.optimizer._var_key)
        key = tuple(map(id, variables))
        if key not in self._places:  # optimizers are handed the same variables at every step
            self._places[key] = list(variables), [self._place(variable) for variable in variables]
        arranged: list[Any] = [None] * len(self._columns)
        for value, place in zip(values, self._places[key][1], strict=True):
            if place is not None:
                arranged[place] = value
        return arranged

    def norms(self, norms: np.ndarray) -> np.ma.MaskedArray:
        """Puts the variables' norms (rows x columns) together to the norms of what is named (rows x names)."""
        squares = self.sums(np.where(norms == ABSENT, ABSENT, norms**2))
        return np.ma.MaskedArray(np.sqrt(squares.data), mask=squares.mask)

    def sums(self, numbers: np.ndarray) -> np.ma.MaskedArray:
        """Adds up the numbers of the variables of each name."""
        # No matrix product: it would spread NaN over all layers.
        return self._joined(np.add, numbers)

    def largest(self, numbers: np.ndarray) -> np.ma.MaskedArray:
        """The largest number of the variables of each name; NaN if one is."""
        return self._joined(np.maximum, numbers)

    def _joined(self, join: np.ufunc, numbers: np.ndarray) -> np.ma.MaskedArray:
        present = numbers != ABSENT
        table = join.reduceat(np.where(present, numbers, 0.0), self._starts, axis=1)
        return np.ma.MaskedArray(table, mask=~np.logical_or.reduceat(present, self._starts, axis=1))

    def _place(self, variable: Any) -> int | None:
        # What float8 layers hand over as "gradients" are new values, with which Keras overwrites the variable.
        if getattr(variable, "overwrite_with_gradient", False):
            return None
        key = self._model.optimizer._var_key
        if key(variable) not in self._columns:
            name = getattr(variable, "path", variable.name)
            raise ValueError(f"the optimizer was handed the gradient of {name!r}, which no layer of the model owns")
        return self._columns[key(variable)]

    def _build(self, owned: list[tuple[str, Any]], key: Any) -> None:
        names: list[str] = []
        sizes: list[int] = []
        for layer, variable in owned:
            if key(variable) in self._columns:  # a variable that two layers share is the first one's
                continue
            name = unique(variable.path, names) if self._per == "variable" else layer
            if not names or name != names[-1]:
                names.append(name)
                self._starts.append(len(sizes))
            self._columns[key(variable)] = len(sizes)
            sizes.append(int(np.prod(variable.shape)))
        self.sizes, self.names = np.array(sizes, float), tuple(names)


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
