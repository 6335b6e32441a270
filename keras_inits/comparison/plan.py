"""The plan: a grid of networks, initializers and seeds, and the tasks that it comes to."""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from keras_inits.diagnosis.rule_code import expression_of
from keras_inits.runs.copies import copied
from keras_inits.runs.name import Name
from keras_inits.runs.run import law_of
from keras_inits.runs.task import Task, Training

Build = Callable[[Any], keras.Model]


@dataclass(frozen=True)
class Plan:
    """The grid of a comparison: every network from every initializer with every seed."""

    builds: Mapping[str, Build]
    """From the name of a network to the function that builds it; the name is "" if there is one."""
    initializers: Mapping[str, Any]
    seeds: Sequence[int]
    training: Training

    def __iter__(self) -> Iterator[Task]:
        """Goes over the runs in their order."""
        for name in itertools.starmap(Name, itertools.product(self.builds, self.initializers, self.seeds)):
            initializer = self.initializers[name.initializer]
            build = functools.partial(_built, self.builds[name.network], initializer)
            yield Task(name, build, law_of(initializer), self.training, expression_of(initializer))

    def __len__(self) -> int:
        """How many runs there are."""
        return len(self.builds) * len(self.initializers) * len(self.seeds)


def _built(build: Build, initializer: Any) -> Any:
    """Builds from a copy that has given no values yet: what has no seed gets another one in each run."""
    return build(copied(initializer) if isinstance(initializer, keras.initializers.Initializer) else initializer)
