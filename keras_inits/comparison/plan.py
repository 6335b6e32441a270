"""The plan: what is trained, from where, on what; and the settings that tell whether a finished run is the same one."""

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_inits._version import __version__
from keras_inits.comparison.data import NAMES, Replayed, first_batch, from_the_start
from keras_inits.layer_tree import fresh_names

MOST_BYTES = 200
"""Of a file's name: systems take 255, and some are needed for its ending, and while it is written."""

Build = Callable[[Any], keras.Model]


class Cell(NamedTuple):
    """One run of a plan: names of a network and of an initializer, and a seed."""

    network: str
    initializer: str
    seed: int

    @property
    def file_name(self) -> str:
        """The run's name in the names of files: letters, digits and a few signs, and a digest in the place of many."""
        name = re.sub(r"[^\w.+=-]+", "_", "-".join(str(part) for part in self if part != ""))
        if len(name.encode()) <= MOST_BYTES:
            return name
        return f"{name.encode()[: MOST_BYTES - 17].decode(errors='ignore')}-{digest(*self)[:16]}"

    @property
    def title(self) -> str:
        """The run's name for people."""
        return f"{self.network} from {self.initializer}" if self.network else self.initializer


@dataclass(frozen=True)
class Plan:
    """What a comparison trains: every network from every initializer with every seed."""

    builds: Mapping[str, Build]
    """From the name of a network to the function that builds it; the name is "" if there is one."""
    initializers: Mapping[str, Any]
    seeds: Sequence[int]
    epochs: int
    data: tuple[Any, ...]
    """The first arguments of `fit`: x, y and sample_weight, as far as they are there."""
    fit: Mapping[str, Any] = field(default_factory=dict)
    """The others."""

    def __iter__(self) -> Iterator[Cell]:
        """Goes over the runs in their order."""
        return itertools.starmap(Cell, itertools.product(self.builds, self.initializers, self.seeds))

    def __len__(self) -> int:
        """How many runs there are."""
        return len(self.builds) * len(self.initializers) * len(self.seeds)

    @cached_property
    def batch(self) -> tuple[Any, Any]:
        """Some examples to look at a start with, and their targets, if there are any."""
        return first_batch(self.data)

    def arguments(self) -> dict[str, Any]:
        """The arguments of `fit` for one run."""
        given = {**dict(zip(NAMES, self.data, strict=False)), **self.fit}
        return {name: from_the_start(value) for name, value in given.items()}

    def start(self, cell: Cell) -> keras.Model:
        """Builds the model of a run, with its first weights.

        Raises:
            TypeError: If `build` returns something else than a compiled model.
        """
        keras.utils.set_random_seed(cell.seed)
        with fresh_names():
            model = self.builds[cell.network](_unused(self.initializers[cell.initializer]))
            if not isinstance(model, keras.Model) or not model.compiled:
                raise TypeError(
                    f"compare() calls build(initializer) for each run. Received from it: {model!r}. Expected a "
                    "compiled keras.Model. Call model.compile(...) in build, and return the model."
                )
            if not model.built:
                model(self.batch[0])
        return model

    def settings(self, cell: Cell, model: keras.Model) -> dict[str, str]:
        """All that a run depends on, as texts; two runs of the same settings are the same."""
        return {
            "versions": f"{keras.backend.backend()}, Keras {keras.__version__}, keras_inits {__version__}",
            "seed": str(cell.seed),
            "epochs": str(self.epochs),
            "model": digest(_config(model)),
            "weights": digest(*(keras.ops.convert_to_numpy(weight) for weight in model.weights)),
            "data": self._data_digest,
        }

    @cached_property
    def _data_digest(self) -> str:
        return digest(*keras.tree.flatten([self.data, *sorted(self.fit.items())]))


def digest(*leaves: Any) -> str:
    """Tells values apart: arrays by their bytes, data sets by what they say of themselves, objects by their class."""
    total = hashlib.sha256()
    for leaf in leaves:
        total.update(_bytes(leaf) + b"\0")
    return total.hexdigest()


def _bytes(leaf: Any) -> bytes:
    if leaf is None or isinstance(leaf, str | int | float):
        return repr(leaf).encode()
    if hasattr(leaf, "dtype") or hasattr(leaf, "to_numpy"):
        array = np.ascontiguousarray(keras.ops.convert_to_numpy(leaf))
        return f"{array.dtype} {array.shape}".encode() + array.tobytes()
    if isinstance(leaf, Replayed):
        return b"generator " + digest(*keras.tree.flatten(next(leaf.batches(), None))).encode()
    length = len(leaf) if hasattr(leaf, "__len__") else None
    return f"{type(leaf).__qualname__} {length} {getattr(leaf, 'element_spec', '')}".encode()


def _unused(initializer: Any) -> Any:
    """A copy that has given no values yet: what has no seed gets another one in each run."""
    return initializer.clone() if isinstance(initializer, keras.initializers.Initializer) else initializer


def _config(model: keras.Model) -> str:
    """The layers, the optimizer and the loss, as far as the model tells."""
    try:
        text = model.to_json()
    except (NotImplementedError, TypeError, ValueError):  # of a subclassed model
        text = json.dumps([type(model).__qualname__, [weight.path for weight in model.weights]])
    return re.sub(r'"shared_object_id": \d+', "", text)
