"""The key of a run: all that it depends on, as texts."""

import contextlib
import hashlib
import importlib.metadata
import json
import platform
import re
import warnings
from types import FunctionType
from typing import Any, Final, NamedTuple

import keras

from keras_inits._keras import all_layers
from keras_inits._version import __version__
from keras_inits.runs.by_value import Digest, is_library
from keras_inits.runs.task import Task

DIAGNOSIS: Final = "full"
"""How a start is diagnosed; another diagnosis gives other findings, and so another run."""
LENGTH = 12
"""Length of the digest in the names of files."""


class Key(NamedTuple):
    """The settings of a run. Two runs of the same settings are the same if nothing of them is unseen."""

    settings: dict[str, str]
    unseen: tuple[str, ...] = ()
    """Names of the settings that cannot be told apart by their values."""

    @property
    def digest(self) -> str:
        """Some letters and digits that differ where settings do."""
        return hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()[:LENGTH]


def key_of(task: Task, model: Any) -> Key:
    """The key of the run that the task makes of a model, which has its first weights."""
    parts = {"model": Digest(), "weights": Digest(), "random": Digest()}
    _add_model(parts["model"], model)
    weights = {id(weight) for weight in model.weights}
    for variable in (*model.trainable_variables, *model.non_trainable_variables):
        parts["weights" if id(variable) in weights else "random"].add(variable.path, variable)
    parts["data"] = task.training.digest
    settings = {
        "versions": _versions(),
        "seed": str(task.name.seed),
        "epochs": str(task.training.epochs),
        "diagnosis": DIAGNOSIS,
        **{name: digest.text for name, digest in parts.items()},
    }
    return Key(settings, tuple(place for digest in parts.values() for place in digest.unseen))


def _versions() -> str:
    backend = keras.backend.backend()
    return (
        f"{backend} {importlib.metadata.version(backend)}, Keras {keras.__version__}, keras_inits {__version__}, "
        f"Python {platform.python_version()}"
    )


def _add_model(digest: Digest, model: Any) -> None:
    """The layers, optimizer, loss and metrics by their config, and by code and numbers of the user's own in them."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a file with a lambda is unsafe to load: nothing is loaded
            config = re.sub(r'"shared_object_id": \d+', "", model.to_json())
    except (NotImplementedError, TypeError, ValueError):  # of a subclassed model
        config = json.dumps([type(model).__qualname__, [weight.path for weight in model.weights]])
    digest.add("model", config)
    _add_optimizer(digest, model.optimizer)
    parts = [*all_layers(model), model.optimizer, *keras.tree.flatten([model.loss, model.metrics])]
    for number, part in enumerate(parts):
        digest.add_class(f"model[{number}]", type(part))
        own = not is_library(type(part).__module__)
        for name, value in getattr(part, "__dict__", {}).items():
            if isinstance(value, FunctionType) or (own and not name.startswith("_") and _is_plain(value)):
                digest.add(f"model[{number}].{name}", value)
        if isinstance(part, FunctionType):
            digest.add(f"model[{number}]", part)


def _add_optimizer(digest: Digest, optimizer: Any) -> None:
    """The optimizer as it is now: the model's config has it as it was when the model was compiled."""
    with contextlib.suppress(NotImplementedError, TypeError, ValueError):  # of a class that has no config
        digest.add("optimizer", json.dumps(keras.optimizers.serialize(optimizer), sort_keys=True, default=repr))
    for variable in optimizer.variables:
        digest.add(f"optimizer/{variable.path}", variable)


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_plain, [*value, *value.values()]))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return isinstance(value, bool | int | float | str | None)
