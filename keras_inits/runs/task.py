"""A task: what a run trains, from where, and on what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras

from keras_inits._keras import fresh_names, without_import_of_tensorflow
from keras_inits.runs.by_value import Digest
from keras_inits.runs.data import NAMES, Batch, first_batch, from_the_start
from keras_inits.runs.name import Name


@dataclass(frozen=True)
class Training:
    """How a model is trained; several tasks may share one."""

    data: tuple[Any, ...]
    """The first arguments of `fit`: x, y and sample_weight, as far as they are there."""
    epochs: int
    fit: Mapping[str, Any] = field(default_factory=dict)
    """The others."""

    @cached_property
    def batch(self) -> Batch:
        """Some examples to look at a start with, with their targets and sample weights, if there are any."""
        return first_batch(self.data)

    @cached_property
    def digest(self) -> Digest:
        """The digest of data and arguments at the first call: a callback changes as it is used."""
        digest = Digest()
        for name, value in self._given().items():
            if name != "verbose":
                digest.add(name, value)
        return digest

    @property
    def targets(self) -> tuple[Any, Any]:
        """All targets and their weights, if they are arrays; else those of the first batch."""
        if len(self.data) == 1:
            return self.batch.y, self.batch.sample_weight
        return self.data[1], self.data[2] if len(self.data) > 2 else None

    def arguments(self) -> dict[str, Any]:
        """The arguments of `fit` for one run."""
        return {name: from_the_start(value) for name, value in self._given().items()}

    def _given(self) -> dict[str, Any]:
        return {**dict(zip(NAMES, self.data, strict=False)), **self.fit}


@dataclass(frozen=True)
class Task:
    """One run that is to be made."""

    name: Name
    build: Callable[[], Any]
    """Returns a compiled model, of other weights for other seeds of `keras.utils.set_random_seed`."""
    law: str
    """The initializer as it prints itself."""
    training: Training
    code: str = ""
    """The Python expression of the initializer; empty for one of the user's own."""

    def start(self) -> keras.Model:
        """Builds the model, with its first weights.

        Raises:
            TypeError: If `build` returns something else than a compiled model.
        """
        without_import_of_tensorflow(keras.utils.set_random_seed, self.name.seed)
        with fresh_names():
            model = self.build()
            if not isinstance(model, keras.Model) or not model.compiled:
                raise TypeError(
                    f"Each run begins with a new model from `build`. Received from it: {model!r}. Expected a "
                    "compiled keras.Model. Call model.compile(...) in build, and return the model."
                )
            if not model.built:
                model(self.training.batch.x)
        return model
