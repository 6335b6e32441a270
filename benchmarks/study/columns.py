"""The starts that are compared: each builds a model and gives it its first weights."""

import hashlib
import importlib.util
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

import keras_inits
from study.datasets import Data
from study.kinds import LOSSES, Kind
from study.sinusoidal import sinusoidal
from study.variants import VARIANTS

BATCH = 256  # examples that `lsuv` measures on


class Column(NamedTuple):
    """A start: the kernels that Keras draws, what happens to the built model, and whose version decides."""

    kernels: str
    apply: Callable[[Any, int, Data, Any], Any] | None
    package: str
    ours: bool = False


def _anyinit(model: Any, seed: int, data: Data, loss: Any) -> None:
    import anyinit

    anyinit.initialize(model, seed=seed)


def _sinusoidal(model: Any, seed: int, data: Data, loss: Any) -> None:
    sinusoidal(model)


def _initialize(model: Any, seed: int, data: Data, loss: Any) -> None:
    keras_inits.initialize(model, seed=seed)


def _data(model: Any, seed: int, data: Data, loss: Any) -> None:
    keras_inits.initialize(model, seed=seed, data=(data.x, data.y), loss=loss, verbose=0)


def _lsuv(model: Any, seed: int, data: Data, loss: Any) -> None:
    keras_inits.lsuv(model, data.x[:BATCH], seed=seed, verbose=0)


COLUMNS = {
    "keras": Column("glorot_uniform", None, "keras"),  # what each layer of Keras has by itself
    "he": Column("he_normal", None, "keras"),
    "glorot": Column("glorot_normal", None, "keras"),
    "anyinit": Column("glorot_uniform", _anyinit, "anyinit"),
    "sinusoidal": Column("glorot_uniform", _sinusoidal, "keras"),
    "initialize": Column("glorot_uniform", _initialize, "keras_inits", ours=True),
    "data": Column("glorot_uniform", _data, "keras_inits", ours=True),
    "lsuv": Column("glorot_uniform", _lsuv, "keras_inits", ours=True),
    **{name: Column("glorot_uniform", apply, "keras_inits", ours=True) for name, apply in VARIANTS.items()},
}


def available() -> list[str]:
    """The starts that this installation has."""
    missing = set() if importlib.util.find_spec("anyinit") else {"anyinit"}
    if "data" not in inspect.signature(keras_inits.initialize).parameters:
        missing.add("data")
    return [name for name in COLUMNS if name not in missing]


def studied() -> list[str]:
    """Those that the table in the docs has."""
    return [name for name in available() if name not in ("lsuv", *VARIANTS)]


def version(name: str) -> str:
    """Package and version of a start."""
    package = COLUMNS[name].package
    return f"{package} {__import__(package).__version__}"


def started(kind: Kind, name: str, seed: int, data: Data) -> Any:
    """A model that begins as this start has it."""
    column = COLUMNS[name]
    keras.utils.clear_session()  # names are numbered from the first again: paths tell architectures apart
    keras.utils.set_random_seed(seed)
    model = kind.build(kernels=column.kernels)
    if column.apply is not None:
        column.apply(model, seed, data, LOSSES[kind.loss]())
    return model


def architecture(model: Any) -> list[tuple[str, tuple[int, ...], str, bool]]:
    """What two starts of a kind must have in common: each weight, by its place in the model, and whether it trains."""
    return [(one.path, tuple(one.shape), str(one.dtype), one.trainable) for one in model.weights]


def digest(model: Any) -> str:
    """A few digits that tell these weights from any others."""
    found = hashlib.sha256()
    for variable in model.weights:
        found.update(np.ascontiguousarray(keras.ops.convert_to_numpy(variable)).tobytes())
    return found.hexdigest()[:12]
