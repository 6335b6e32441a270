"""Gives a model, for one step at a time, a training function that also records, and keeps it for later fits."""

import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_inits.backends import recording
from keras_inits.backends.recording import innermost
from keras_inits.recording.announced import Announced, announced_of, own_function
from keras_inits.recording.columns import Columns
from keras_inits.recording.optimizers import optimizers_of
from keras_inits.recording.reading import measures_for, read
from keras_inits.recording.trace import GradientTrace

SECONDS_WAITING = 5.0
"""How long rows may wait on the device at the most, from one step to the next."""


class Recorder:
    """Keeps one recording step, for the model and the settings it was made for, and counts steps over its whole life.

    Two recorders of one fit share a step: the second is the guest of the first, which hands it what its step left.

    Args:
        per: "layer" or "variable".
        every: The steps 0, every, 2 * every, ... are recorded.
        quantities: What is recorded of each.
        optimizers: The names of attributes of the model; None for all optimizers that it has.
    """

    def __init__(self, per: str, every: int, quantities: Sequence[str], optimizers: Sequence[str] | None) -> None:
        self.steps = 0  # how many were trained, when rows were last fetched
        self.quantities, self.every, self.optimizers = tuple(quantities), every, optimizers
        self._per = per
        self._own: tuple[Any, ...] = ()  # the optimizers themselves
        self._gave_up = False
        self._made_for: tuple[Any, ...] = ()
        self._step: Any = None
        self._plan: Any = None
        self._columns = Columns(None, per)
        self._announced: Announced | None = None
        self._row = 0  # of the step: the first that was not fetched
        self._pending = 0  # how many steps may have run since rows were last fetched
        self._left = 0  # of how many steps before those, at the most, rows may still be on the device
        self._calls = 0  # rows of a step; 0 until the first step was looked at
        self._fetched_at = time.monotonic()
        self._inbox: list[GradientTrace] = []
        self._guests: list[tuple[Recorder, int]] = []  # each with how far its count of steps is ahead
        self._host: Recorder | None = None

    @property
    def gave_up(self) -> bool:
        """Whether this fit is not recorded any more."""
        return self._host.gave_up if self._host is not None else self._gave_up

    def begin_fit(self, model: Any) -> None:
        """Forgets what was announced in a fit that was interrupted, and looks which optimizers the model has now."""
        self._announced, self._host, self._guests = None, None, []
        self._own = optimizers_of(model, self.optimizers)
        if self._step is not None:
            self._step.start(self.steps)  # which a host may have counted on
        if self._plan is not None and not set(map(id, self._own)) <= set(map(id, self._plan.optimizers)):
            self._made_for = ()

    def steps_done(self, model: Any) -> int:
        """How many steps the model's optimizers have made, as they have it: the most of any."""
        return max(int(innermost(one)._iterations) for one in optimizers_of(model, self.optimizers))

    def announce(self, model: Any) -> None:
        """Has the next step, or group of steps, that `fit` takes recorded."""
        if own_function(model) is None:  # a loop of the user's own, that has not made one
            return
        other = announced_of(model)
        if other is not None and other.recorder is not self:
            self._join(other, model)
            return
        self._host = None
        if _settings(model) != self._made_for:
            self._collect()
            self._make(model)
        elif self._announced is not None and not self._announced.began:
            self._give_up(
                "another callback put its training function in the way, or train_on_batch was called, which is not "
                "recorded"
            )
        if not self._gave_up:
            self._pending += model.steps_per_execution
            self._announced = Announced(model, self, self._step)

    def must_fetch(self, model: Any) -> bool:
        """Whether rows are here already, or waited for long, or the next step may find no room for its own."""
        if self._inbox:
            return True
        if not self._pending:
            return False
        if not self._calls:
            return True
        if time.monotonic() - self._fetched_at > SECONDS_WAITING:
            return True
        steps = self._left + self._pending + model.steps_per_execution
        rows = steps * self._calls // self._plan.every + 1
        return bool(rows > max(recording.ROWS_WAITING, model.steps_per_execution))

    def fetch(self, wait: bool = True) -> list[GradientTrace]:
        """The rows that were not fetched before, in blocks; without waiting, those that are computed already."""
        (self._host or self)._collect(wait)
        blocks, self._inbox = self._inbox, []
        return blocks

    def _collect(self, wait: bool = True) -> None:
        """Takes the rows from the device, for this recorder and its guests."""
        self._fetched_at = time.monotonic()
        if self._step is None or not (self._pending or self._left):
            return
        wait = wait or not self._calls  # which the first rows tell
        count, rows = self._step.fetch(self._row, wait)
        steps = self._step.steps  # on TensorFlow read from the device
        self._look(rows.steps, steps)
        since = steps - (rows.steps[-1] + 1) if len(rows) else self._left + self._pending
        self._left, self._pending = 0 if wait else since, 0
        self._warn_of_lost(count - self._row - len(rows))
        self._row = count
        for reader, ahead in [(self, 0), *self._guests]:
            reader.steps = steps + ahead
            reader._receive(rows, ahead, self._plan, self._step)

    def _receive(self, rows: recording.FetchedRows, ahead: int, plan: Any, step: Any) -> None:
        own = np.array([any(one is optimizer for one in self._own) for optimizer in plan.optimizers])
        rows = rows.where(((rows.steps + ahead) % self.every == 0) & own[rows.optimizers], ahead)
        if len(rows):
            self._columns.arrange((), ())
            self._inbox.append(read(rows, self._columns, plan.optimizers, self.quantities, not step.clips_before))

    def _look(self, steps_of_rows: np.ndarray, steps: int) -> None:
        """Learns whether the steps since the last look left rows, and how many each."""
        if self._announced is not None and self._announced.ended and self._pending:
            if self._step.failure is not None:
                self._give_up_on(self._step.failure)
            elif steps == self.steps and not self._step.may_skip_steps:
                self._give_up(
                    "the model's train_step does not hand its gradients to an optimizer that the model holds"
                    if self._announced.trains
                    else "no layer of the model has a gradient, since no weight is trained"
                )
            counts = np.unique(steps_of_rows, return_counts=True)[1].tolist()
            self._calls = max(self._calls, len(self._plan.optimizers), *counts)

    def _warn_of_lost(self, lost: int) -> None:
        if lost > 0:
            warnings.warn(
                f"GradientNormLogger lost {lost} rows: the model's train_step called the optimizer more often than "
                f"once a step, and more than {recording.ROWS_WAITING} rows came between two looks at the device. It "
                "expects to have room for them. Compile the model with a smaller steps_per_execution.",
                stacklevel=2,
            )

    def _join(self, other: Announced, model: Any) -> None:
        """Has another recorder of this fit record for this one too."""
        host = other.recorder
        if self._host is not host:
            self._collect()
            host._collect()
            self._host, self._columns = host, Columns(model, self._per)
            host._guests.append((self, self.steps - host.steps))
            host._make(model)
            other.step = host._step

    def _make(self, model: Any) -> None:
        """Makes a recording step, unless the one that there is records all that is wanted."""
        if _settings(model) != self._made_for:
            self._made_for, self._columns, self._step = _settings(model), Columns(model, self._per), None
            self._gave_up, self._announced = False, None
        try:
            self._own = optimizers_of(model, self.optimizers)
            plan = self._wanted(model)
            if self._step is None or not _covers(self._plan, plan):
                self._plan, self._row, self._calls = plan, 0, 0
                self._step = recording.current().RecordingStep(model, plan)
                self._step.start(self.steps)
        except Exception as error:  # a model that trains without the logger must train with it
            self._step = None
            self._give_up_on(error)

    def _wanted(self, model: Any) -> recording.Plan:
        readers = [self, *(guest for guest, _ in self._guests)]
        optimizers = [one for reader in readers for one in reader._own]
        optimizers = list({id(optimizer): optimizer for optimizer in optimizers}.values())
        quantities = [quantity for reader in readers for quantity in reader.quantities]
        in_step = all(guest.every == self.every and ahead % self.every == 0 for guest, ahead in self._guests)
        measures = measures_for(quantities, optimizers)
        return recording.Plan(self._columns.arrange, measures, self.every if in_step else 1, tuple(optimizers))

    def _give_up_on(self, error: Exception) -> None:
        """Says what the model does that cannot be recorded, or, of any other error, that it is ours."""
        if isinstance(error, (NotImplementedError, ValueError)):
            self._give_up(f"{error}")
        elif not self._gave_up:
            self._gave_up = True
            warnings.warn(
                f"GradientNormLogger stops recording: it failed with {type(error).__name__}: {error}. This is a fault "
                "of keras_inits, not of your model or data. Training goes on, without further rows. It expects no "
                "error there; please report it.",
                stacklevel=2,
            )

    def _give_up(self, reason: str) -> None:
        if not self._gave_up:
            warnings.warn(
                f"GradientNormLogger stops recording: {reason}. It expects a train_step that hands its gradients to "
                "model.optimizer, as that of keras.Model does, or to an optimizer in another attribute of the model. "
                "Training goes on, without further rows. Change what is named here to have them.",
                stacklevel=2,
            )
        self._gave_up = True


def _covers(plan: recording.Plan | None, wanted: recording.Plan) -> bool:
    """Whether what one plan records is all that another wants."""
    return (
        plan is not None
        and set(plan.measures) >= set(wanted.measures)
        and wanted.every % plan.every == 0
        and set(map(id, plan.optimizers)) >= set(map(id, wanted.optimizers))
    )


def _settings(model: Any) -> tuple[Any, ...]:
    """What a training function is made from; each `compile` makes a new loss tracker."""
    return (
        model,
        model.optimizer,
        model._loss_tracker,
        own_function(model),
        model.run_eagerly,
        model.jit_compile,
        model.steps_per_execution,
    )
