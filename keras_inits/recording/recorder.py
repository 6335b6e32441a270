"""Gives a model, for one step at a time, a training function that also records, and keeps it for later fits."""

import sys
import warnings
from collections.abc import Callable
from typing import Any

from keras_inits import backends
from keras_inits.recording.columns import Columns
from keras_inits.recording.rows import Block


class Announced:
    """Stands in `model.train_function` for one step: the first thing it does is to put Keras's own back."""

    def __init__(self, model: Any, step: Callable[..., Any]) -> None:
        self.own = _own_function(model)
        self.began = self.ended = False
        self.fit = getattr(model, "history", None)  # each `fit` gives its model another History
        self._model, self._step = model, step

    def __call__(self, *arguments: Any) -> Any:
        """Runs the announced step, recording; anything else as Keras would."""
        self.withdraw()
        # A step that was announced, but interrupted before it began, leaves this here for whoever trains next.
        if self.fit is not getattr(self._model, "history", None) or sys._getframe(1).f_code.co_name == "train_on_batch":
            return self.own(*arguments)
        self.began = True
        logs = self._step(*arguments)
        self.ended = True
        return logs

    def withdraw(self) -> None:
        """Puts Keras's own training function back, if this is still in its place."""
        if self._model.train_function is self:
            _set_train_function(self._model, self.own)


class Recorder:
    """Keeps one recording step, for the model and the settings it was made for, and counts steps over its whole life.

    Args:
        per: "layer" or "variable".
        every: The steps 0, every, 2 * every, ... are recorded.
    """

    def __init__(self, per: str, every: int) -> None:
        self.gave_up = False
        self._per, self._every = per, every
        self._made_for: tuple[Any, ...] = ()
        self._step: Any = None
        self._columns = Columns(None, per)
        self._announced: Announced | None = None
        self._count = 0  # how many steps there were when rows were last fetched
        self._pending = 0  # how many may have run since
        self._calls = 0  # of the optimizer in a step; 0 until the first step was looked at

    def begin_fit(self) -> None:
        """Forgets what was announced in a fit that was interrupted."""
        self._announced = None

    def announce(self, model: Any) -> None:
        """Has the next step, or group of steps, that `fit` takes recorded."""
        if _own_function(model) is None:  # a loop of the user's own, that has not made one
            return
        if _settings(model) != self._made_for:
            self._make(model)
        elif self._announced is not None and not self._announced.began:
            self._give_up(
                "another callback, such as a second GradientNormLogger, put its training function in the way, or "
                "train_on_batch was called, which is not recorded"
            )
        if not self.gave_up:
            self._pending += model.steps_per_execution
            self._announced = Announced(model, self._step)
            _set_train_function(model, self._announced)

    def must_fetch(self, model: Any) -> bool:
        """Whether the next step may find no room for its row, or a new function's first step is to be looked at."""
        if not self._pending:
            return False
        if not self._calls or _settings(model) != self._made_for:
            return True
        rows = (self._pending + model.steps_per_execution) * self._calls // self._every + 1
        return bool(rows > max(backends.ROWS_WAITING, model.steps_per_execution))

    def fetch(self, since: int) -> Block | None:
        """The rows from this step on that are held on the device, if there are any."""
        if self._step is None or not self._pending:
            return None
        steps, norms = self._step.fetch(since)
        self._look(self._step.count)
        self._count_lost(len(range(-(-since // self._every) * self._every, self._count, self._every)) - len(steps))
        return Block(steps, self._columns.names, self._columns.by_name(norms)) if len(steps) else None

    def _look(self, count: int) -> None:
        """Learns whether the steps since the last look left rows, and how many each."""
        if self._announced is not None and self._announced.ended and self._pending:
            if self._step.failure is not None:
                self._give_up(f"{self._step.failure}")
            elif count == self._count and not self._step.may_skip_steps:
                self._give_up("the model's train_step does not hand its gradients to model.optimizer")
            self._calls = max(self._calls, -(-(count - self._count) // self._pending), 1)
        self._count, self._pending = count, 0

    def _count_lost(self, lost: int) -> None:
        if lost > 0:
            warnings.warn(
                f"GradientNormLogger lost {lost} rows: the model's train_step called the optimizer more often than "
                f"once a step, and more than {backends.ROWS_WAITING} rows came between two looks at the device. It "
                "expects to have room for them. Compile the model with a smaller steps_per_execution.",
                stacklevel=2,
            )

    def _make(self, model: Any) -> None:
        self._made_for, self._columns = _settings(model), Columns(model, self._per)
        self.gave_up, self._announced, self._calls = False, None, 0
        try:
            self._step = backends.current().RecordingStep(model, self._columns.arrange, self._every)
            self._step.start(self._count)
        except Exception as error:  # a model that trains without the logger must train with it
            self._step = None
            self._give_up(f"{error}")

    def _give_up(self, reason: str) -> None:
        if not self.gave_up:
            warnings.warn(
                f"GradientNormLogger stops recording: {reason}. It expects a train_step that hands its gradients to "
                "model.optimizer, as that of keras.Model does, and to be the only GradientNormLogger in `fit`. "
                "Training goes on, without further rows. Change what is named here to have them.",
                stacklevel=2,
            )
        self.gave_up = True


def _settings(model: Any) -> tuple[Any, ...]:
    """What a training function is made from; each `compile` makes a new loss tracker."""
    return (
        model,
        model.optimizer,
        model._loss_tracker,
        _own_function(model),
        model.run_eagerly,
        model.jit_compile,
        model.steps_per_execution,
    )


def _own_function(model: Any) -> Any:
    """Keras's; what a logger announced and nothing ever ran, because `fit` was interrupted, is looked through."""
    found = model.train_function
    return found.own if isinstance(found, Announced) else found


def _set_train_function(model: Any, function: Any) -> None:
    object.__setattr__(model, "train_function", function)  # plain assignment would have Keras look for layers in it
