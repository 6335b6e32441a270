"""The work of a search, pickled once, and one trial of it: what happens in a process of its own."""

import math
import statistics
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import keras

from keras_inits._keras import without_import_of_tensorflow
from keras_inits._names import one_line
from keras_inits.recording import Alerts, GradientError
from keras_inits.recording.alerts import FLOAT32_POWERS, Watch
from keras_inits.runs.guess import metrics_of_guessing
from keras_inits.runs.name import Name
from keras_inits.runs.run import Run
from keras_inits.runs.store import Store
from keras_inits.runs.task import Task, Training
from keras_inits.runs.trainer import Finished, Logs, finish
from keras_inits.states import State
from keras_inits.tuning.objectives import Objective, UnreportedError
from keras_inits.tuning.results import Complete, Crashed, Failed, Pruned, Refused, Result, is_lack_of_memory
from keras_inits.tuning.space import Params, Space
from keras_inits.tuning.values import Values

Build = Callable[[Mapping[str, Any]], keras.Model]
RAISING = Alerts(nonfinite="raise", vanishing="raise", exploding="raise")


@dataclass(frozen=True)
class Work:
    """All that a trial needs beside its point of the space."""

    build: Build
    training: Training
    space: Space
    objective: Objective
    seeds: tuple[int, ...]
    prune: bool
    output: Path | None
    """Where finished runs are kept, and found again."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Those of Keras in the process of the search."""

    def trial(self, params: Params) -> Result:
        """Trains each seed of a point of the space."""
        self._set_up_keras()
        return Trial(self, params).result()

    def _set_up_keras(self) -> None:
        here = keras.backend.backend()
        if here != self.settings["backend"]:
            raise RuntimeError(
                f"Keras runs on {here!r} in the processes of search(), and on {self.settings['backend']!r} in yours. "
                "They expect the backend to be the same. Set the environment variable KERAS_BACKEND before Python "
                "starts."
            )
        keras.config.set_floatx(self.settings["floatx"])
        keras.config.set_epsilon(self.settings["epsilon"])
        keras.config.set_image_data_format(self.settings["image_data_format"])
        policy = without_import_of_tensorflow(keras.dtype_policies.deserialize, self.settings["dtype_policy"])
        keras.config.set_dtype_policy(policy)


def keras_settings() -> dict[str, Any]:
    """The settings of Keras that a process does not get from its environment."""
    return {
        "backend": keras.backend.backend(),
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
        "image_data_format": keras.config.image_data_format(),
        "dtype_policy": without_import_of_tensorflow(keras.dtype_policies.serialize, keras.config.dtype_policy()),
    }


@dataclass
class Trial:
    """One point of the space, trained from each seed."""

    work: Work
    params: Params
    values: list[float] = field(default_factory=list)
    finished: list[Finished] = field(default_factory=list)
    read: list[Values] = field(default_factory=list)

    def result(self) -> Result:
        """Trains; an exception of the user's code is a result as well."""
        begin = time.monotonic()
        try:
            for seed in self.work.seeds:
                pruned = self._train(seed)
                if pruned is not None:
                    return pruned
            return Complete(tuple(self.values), self._distance(), self._about(begin), self._unread())
        except UnreportedError as error:
            return Refused(error)
        except BaseException as error:  # SystemExit, too: it is the user's code that raised it
            told = one_line(f"{type(error).__name__}: {error}")
            return Crashed(1, True, told) if is_lack_of_memory(error) else Failed(told, traceback.format_exc())

    def _train(self, seed: int) -> Pruned | None:
        task = self._task(seed)
        alerts = RAISING if self.work.prune else None
        found: GradientError | None = None
        try:
            one = finish(task, self._store, self._check, alerts)
            if one.before:  # perhaps without these alerts
                Watch(alerts).look_back(one.run.trace)
        except GradientError as error:
            found = error.with_traceback(None)  # which holds the model
        if found is not None:
            return self._pruned(task, found.kind, found.layer, found.step, str(found), found.excess)
        if self._store is not None and not one.before:
            self._store.keep(one.run, one.key)
        value = self.work.objective.value(one.run)
        if not math.isfinite(value):
            why = f"The objective {str(self.work.objective)!r} is {value} at the end."
            return self._pruned(task, State.NONFINITE, "", None, why, FLOAT32_POWERS)
        self.values.append(value)
        self.finished.append(one)
        return None

    def _task(self, seed: int) -> Task:
        title, code = self.work.space.title(self.params), self.work.space.code(self.params)
        return Task(Name("", title, seed), self._build, title, self.work.training, code)

    def _build(self) -> keras.Model:
        self.read.append(Values(self.work.space.values(self.params)))
        return self.work.build(self.read[-1])

    @cached_property
    def _store(self) -> Store | None:
        return None if self.work.output is None else Store(self.work.output)

    def _check(self, logs: Logs) -> None:
        if "validation_freq" not in self.work.training.fit:  # else metrics of the validation data come later
            self.work.objective.check(logs)

    def _pruned(self, task: Task, kind: State, layer: str, step: int | None, why: str, excess: float) -> Pruned:
        metrics = metrics_of_guessing(task.start(), *task.training.targets)  # the model that was trained is beyond use
        guess = metrics.get(self.work.objective.metric.removeprefix("val_"))
        if self.work.objective.kind == "steps_to" or (guess is not None and not math.isfinite(guess)):
            guess = None
        return Pruned(str(kind), layer, step, why, excess, guess, self._unread())

    def _distance(self) -> float:
        return statistics.median(self.work.objective.distance(one.run) for one in self.finished)

    def _about(self, begin: float) -> dict[str, object]:
        runs = [one.run for one in self.finished]
        about: dict[str, object] = {
            "gradients": _worst(runs),
            "steps": sum(int(run.trace.steps[-1]) + 1 if len(run.trace) else 0 for run in runs),
            "seconds": round(time.monotonic() - begin, 3),
        }
        if len(runs) > 1:
            about["of_seeds"] = list(self.values)
        if self._store is not None:
            about["runs"] = [name for one in self.finished for name in self._store.names_of(one.key)[:1]]
            about["found"] = sum(one.before for one in self.finished)
        return about

    def _unread(self) -> tuple[str, ...]:
        return tuple(name for name in self.params if all(name in one.unread for one in self.read))


def _worst(runs: list[Run]) -> str:
    """The word for the gradients of the runs: that of the first that is not healthy."""
    words = [run.gradients for run in runs]
    return next((str(word) for word in words if word != State.HEALTHY), str(words[0]))
