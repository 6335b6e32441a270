"""The recorder of a model: one for as long as the model lives, and what subscribers want of it together."""

import math
import threading
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_inits.backends.recording import Rows
from keras_inits.recording.columns import renamed
from keras_inits.recording.compiled_steps import CompiledSteps, Kept, Union
from keras_inits.recording.failure import Failure
from keras_inits.recording.handout import Handout, Member, Subscriber
from keras_inits.recording.optimizers import optimizers_of
from keras_inits.recording.pace import Pace
from keras_inits.recording.reading import Reader
from keras_inits.recording.step_hook import Announcement, StepHook, fit_of, own_function

_recorders: "weakref.WeakKeyDictionary[Any, Recorder]" = weakref.WeakKeyDictionary()


def recorder_of(model: Any) -> "Recorder":
    """The recorder of a model, which neither keeps the other alive."""
    if model not in _recorders:
        _recorders[model] = Recorder()
    return _recorders[model]


class Recorder:
    """Records the union of what its subscribers want, and hands each of them its own.

    It holds the rows that wait, and neither the model nor its optimizers: what still waits when a model is gone is
    handed out all the same. `lock` guards all of it: subscribers may be read in any thread.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.failure = Failure()
        self._compiled = CompiledSteps()
        self._pace = Pace()
        self._handout = Handout()
        self._members: tuple[Member, ...] = ()
        self._reader: Reader | None = None
        self._run = Run()

    @property
    def steps(self) -> int:
        """How many steps were trained while something was recorded."""
        return self._handout.source.steps if self._handout.source is not None else 0

    def join(self, subscriber: Subscriber, model: Any) -> None:
        """Has the steps of the running fit recorded for a subscriber; those of an earlier fit have left."""
        with self.lock:
            self.collect()
            if self._run.fit() is not fit_of(model):
                self._members, self._run = (), Run(fit_of(model), self.steps, self._handout.next_row)
                self.failure.begin_fit()
            others = [member for member in self._members if member.subscriber is not subscriber]
            subscriber.join(self._handout.next_row, subscriber.steps - self.steps)
            self._members = (*others, Member(subscriber, ()))
            self.failure.tell_stand_ins(list(renamed(model)))
            self._run.prepared = False

    def leave(self, subscriber: Subscriber) -> None:
        """Records no further steps for it."""
        with self.lock:
            self.collect()
            self._members = tuple(member for member in self._members if member.subscriber is not subscriber)
            self._run.prepared = False

    def announce(self, subscriber: Subscriber, model: Any) -> None:
        """Has the next step, or group of steps, that `fit` takes recorded."""
        self._raise_interrupt()
        if own_function(model) is None:  # a loop of the user's own, that has not made one
            return
        if not any(member.subscriber is subscriber for member in self._members):
            self.join(subscriber, model)
        kept = self._compiled.current(model)
        if kept is None or not self._run.prepared:
            with self.lock:
                self.collect()
                kept = self._prepared(model)
        announcement = self._run.announcement
        if announcement is not None and not announcement.began:
            if subscriber not in announcement.by:  # another subscriber announced this step
                announcement.by += (subscriber,)
                return
            self._run.announcement = None
            self.failure.give_up(
                "another callback put its training function in the way, or train_on_batch was called, which is not "
                "recorded"
            )
        if kept is not None and not self.failure.gave_up:
            self._pace.pending += model.steps_per_execution
            self._run.announcement = Announcement()
            self._run.announcement.by = (subscriber,)
            StepHook(model, kept.step, self._run.announcement)

    def must_fetch(self, model: Any) -> bool:
        """Whether rows waited for long, may find no room, or are to be told of at once."""
        kept, rows = self._compiled.current(model), self._handout.source
        if kept is None or rows is None:
            return False
        prompt = any(member.subscriber.wants.prompt for member in self._members)
        return self._pace.must_fetch(rows, kept.plan.every, model.steps_per_execution, prompt)

    def collect(self, wait: bool = True) -> None:
        """Takes rows from the device, and hands them out; without waiting, those that are computed already."""
        with self.lock:
            rows = self._handout.source
            if rows is None or self._reader is None:
                return
            wait = wait or not self._pace.knows_calls  # which the first rows tell
            fetched = self._handout.fetch(self._reader, wait)
            self._note(rows, fetched.steps, wait)
            if fetched.lost > 0 and self._members:
                self.failure.tell_lost_rows(fetched.lost)
            self.failure.tell_lost_quantities(rows.lost)
            steps = rows.steps
            for member in self._members:
                member.subscriber.steps = steps + member.subscriber.ahead
            self._handout.hand_out(self._members, rows.lost)

    def end_epoch(self, subscriber: Subscriber, model: Any) -> None:
        """Collects, and says if nothing was recorded although there was something to record."""
        self._raise_interrupt()
        self.collect()
        kept = self._compiled.current(model)
        if kept is None or self.failure.gave_up or kept.step.may_skip_steps:
            return
        first = self._run.first_step + subscriber.ahead
        due = -(-first // subscriber.wants.every) * subscriber.wants.every < subscriber.steps
        if due and self._handout.next_row == self._run.first_row:
            self.failure.tell_no_rows(bool(model.trainable_variables))

    def key_for(self, name: str, logs: Mapping[str, Any]) -> str:
        """The key, or another one if a metric has it, in the logs of an epoch of the running fit."""
        if name in logs and name not in self._run.keys:
            self.failure.tell_taken_key(name)
            return f"keras_inits/{name}"
        self._run.keys.add(name)
        return name

    @property
    def recorded_rows(self) -> bool:
        """Whether the running fit left rows."""
        return self._handout.next_row > self._run.first_row

    def may_skip(self, subscriber: Subscriber) -> bool:
        """Whether an optimizer that is recorded for it skips steps whose gradients overflow."""
        treatments = () if self._reader is None else self._reader.treatments
        wanted = next((member.optimizers for member in self._members if member.subscriber is subscriber), ())
        return any(one.may_skip for one, wants in zip(treatments, wanted, strict=False) if wants)

    def _note(self, rows: Rows, steps: np.ndarray, wait: bool) -> None:
        if rows.failure is not None and not self.failure.gave_up and self._members:
            self.failure.give_up_on(rows.failure)
        counts = np.unique(steps, return_counts=True)[1].tolist()
        since = rows.steps - (int(steps[-1]) + 1) if len(steps) else None
        began = self._run.announcement is not None and self._run.announcement.began
        self._pace.fetched(wait, since, max(counts, default=int(began)))

    def _prepared(self, model: Any) -> Kept | None:
        """A step that records what all members want."""
        try:
            chosen = [optimizers_of(model, member.subscriber.wants.optimizers) for member in self._members]
            wanted = self._union(chosen)
            before, steps = self._handout.source, self.steps
            kept = self._compiled.find(model, own_function(model), wanted)
            self._members = tuple(
                Member(member.subscriber, tuple(any(one is own for own in wants) for one in kept.plan.optimizers))
                for member, wants in zip(self._members, chosen, strict=True)
            )
            self._reader = Reader(kept.columns.layouts, kept.treatments, not kept.step.clips_before)
            kept.step.start(steps, self._shift(kept.plan.every))
            self._handout.change_source(kept.step.rows)
            if before is not kept.step.rows:
                self._pace.restart()
            self._run.prepared, self._run.announcement = True, None
        except Exception as error:  # a model that trains without the logger must train with it
            self.failure.give_up_on(error)
            return None
        return kept

    def _union(self, optimizers: list[tuple[Any, ...]]) -> Union:
        wants = [member.subscriber.wants for member in self._members]
        quantities = tuple(dict.fromkeys(name for want in wants for name in want.quantities))
        every = math.gcd(*(want.every for want in wants))
        if len({member.subscriber.ahead % every for member in self._members}) > 1:
            every = 1
        own = tuple(dict.fromkeys(one for want in wants for one in want.own))
        found = {id(one): one for several in optimizers for one in several}
        state = any(want.state for want in wants)
        return Union(quantities, own, every, state, tuple(found.values()))

    def _shift(self, every: int) -> int:
        return self._members[0].subscriber.ahead % every

    def _raise_interrupt(self) -> None:
        rows = self._handout.source
        if rows is not None and rows.interrupt is not None:
            interrupt, rows.interrupt = rows.interrupt, None
            raise interrupt


class Run:
    """The running fit.

    Args:
        fit: What tells it from others.
        first_step: The number of its first step.
        first_row: The number of its first row.
    """

    def __init__(self, fit: Any = None, first_step: int = 0, first_row: int = 0) -> None:
        self.fit: Any = (lambda: None) if fit is None else weakref.ref(fit)
        self.first_step, self.first_row = first_step, first_row
        self.prepared = False
        self.keys: set[str] = set()  # that subscribers have in the logs
        self.announcement: Announcement | None = None
