"""One logger's part in the recorder: its book, where its rows go, and who watches them."""

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_inits import _keras
from keras_inits.backends.recording import some_entries
from keras_inits.recording.alerts import Alerts, GradientError, Watch
from keras_inits.recording.book import Book, Wants
from keras_inits.recording.files.csv import Mark
from keras_inits.recording.optimizers import optimizers_of
from keras_inits.recording.reading import state_word
from keras_inits.recording.recorder import Recorder, recorder_of
from keras_inits.recording.sinks import Start
from keras_inits.recording.sinks.delivery import Delivery
from keras_inits.recording.trace import GradientTrace


class Subscription:
    """One logger's part in a fit; it holds no model.

    Args:
        wants: What is recorded for it.
        sinks: Where its rows go.
        alerts: What is done when gradients go bad.
        resume: Whether the user says that an earlier training goes on.
    """

    def __init__(self, wants: Wants, sinks: list[Delivery], alerts: Alerts | None, resume: bool) -> None:
        self._book = Book(wants, keeps_blocks=bool(sinks) or alerts is not None)
        self._sinks, self._resume = sinks, resume
        self._watch = Watch(alerts)
        self._recorder: Recorder | None = None
        self._joins = False  # at the next epoch
        self._lock = threading.RLock()
        self._process = os.getpid()  # which sends to the sinks, and not those that are forked from it

    def begin_fit(self, model: Any) -> None:
        """Brings an earlier fit to its end, and checks what can be written."""
        for sink in self._sinks:
            sink.check()
        self._collect()
        self._take_over()
        self._recorder, self._joins = recorder_of(model), True
        self._watch.begin_fit()

    def begin_epoch(self, model: Any) -> None:
        """Begins the means anew, and joins the recorder where the training stands by now."""
        if self._joins and self._recorder is not None:
            if not self._book.steps:
                self._book.steps = self._first_step(model)
            with self._ours("joined the recorder"):
                self._recorder.join(self._book, model)
            self._joins = False
        self._book.begin_epoch()

    def begin_step(self, model: Any) -> None:
        """Announces the coming step, after a look at those before."""
        self._take_over()
        if self._recorder is None:  # a loop of the user's own that began without `on_train_begin`
            self._recorder = recorder_of(model)
        with self._ours("recorded a step"):
            if self._recorder.must_fetch(model):
                self._collect(wait=False)
                self._watch.look(self._book, self._recorder.steps + self._book.ahead, model)
            self._recorder.announce(self._book, model)

    def end_epoch(self, model: Any, logs: dict[str, Any] | None, log: str | None) -> None:
        """Fetches everything, adds the means to the logs, and tells of what went bad."""
        if self._recorder is None:
            return
        with self._ours("ended an epoch"):
            self._recorder.end_epoch(self._book, model)
            if any(sink.knows_state for sink in self._sinks) and not self._joins:
                mark = Mark(self._book.steps, _state_of(model, self._book.wants))
                for sink in self._sinks:
                    sink.mark(self._book.steps - 1, mark)
            self._deliver()
            if logs is not None and log is not None:
                self._add_to(logs, log)
            self._watch.look(self._book, self._book.steps, model)

    def end_fit(self) -> None:
        """Leaves the recorder."""
        with self._ours("ended a fit"):
            if self._recorder is not None:
                self._recorder.leave(self._book)
            self._deliver()

    def trace(self) -> GradientTrace:
        """The trace so far."""
        self._collect()
        return self._book.trace()

    def close(self) -> None:
        """Brings what still waits to the sinks, and ends them."""
        if self._process != os.getpid():
            return
        self._collect()
        for sink in self._sinks:
            sink.close()

    def content(self) -> Any:
        """The state that a copy goes on with."""
        self._collect()
        return self._book.trace(), self._book.steps

    def restore(self, content: Any) -> None:
        """Goes on with what another one had."""
        trace, self._book.steps = content
        self._book.restore(trace)

    def _take_over(self) -> None:
        """Sends to the sinks in a process that was forked too, but nothing that the first one recorded, and sends."""
        if self._process != os.getpid():
            self._collect()
            self._process = os.getpid()
            for sink in self._sinks:
                sink.skip(self._book)

    def _collect(self, wait: bool = True) -> None:
        if self._recorder is not None:
            self._recorder.collect(wait)
        self._deliver()

    def _deliver(self) -> None:
        if self._process != os.getpid():
            return
        with self._lock:
            for sink in self._sinks:
                sink.deliver(self._book)
            self._book.forget(min([self._watch.seen, *(sink.sent for sink in self._sinks)]))

    def _first_step(self, model: Any) -> int:
        if not self._sinks:
            return 0
        wants = self._book.wants
        steps = max(_calls_of(one) for one in optimizers_of(model, wants.optimizers))
        start = Start(steps, _state_of(model, wants), self._resume, wants.every)
        return max((sink.begin(start) for sink in self._sinks), default=0)

    def _add_to(self, logs: dict[str, Any], log: str) -> None:
        assert self._recorder is not None
        epoch = self._book.epoch
        if self._recorder.failure.gave_up or not self._recorder.recorded_rows:
            return
        found = {"grad_norm": epoch.norm.value}
        if self._recorder.may_skip(self._book):
            found["grad_norm_skipped"] = epoch.skipped
        if log == "layers":
            names = dict.fromkeys([*epoch.layers, *self._book.last_layers])
            means = {name: epoch.layers[name].value if name in epoch.layers else float("nan") for name in names}
            found |= {f"grad_norms/{name}": mean for name, mean in means.items()}
        logs.update({self._recorder.key_for(name, logs): value for name, value in found.items()})

    @contextlib.contextmanager
    def _ours(self, what: str) -> Iterator[None]:
        """Ends recording, and not training, for an error of ours in the block."""
        try:
            yield
        except (GradientError, Warning):
            raise
        except Exception as error:
            if self._recorder is None:
                raise
            self._recorder.failure.give_up_on(RuntimeError(f"{type(error).__name__}: {error}, while it {what}"))


def _state_of(model: Any, wants: Wants) -> str:
    """The word for the state that a model is in, between two epochs."""
    optimizer = optimizers_of(model, wants.optimizers)[0]
    _keras.bring_state_back(model)
    variables = _keras.optimized(optimizer)
    if not variables:
        return ""
    values = [
        float(keras.ops.convert_to_numpy(one)) for one in some_entries([variable.value for variable in variables])
    ]
    return state_word(_calls_of(optimizer), np.array(values))


def _calls_of(optimizer: Any) -> int:
    # A variable with a value for each replica of a strategy is no number.
    return int(keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(_keras.calls_counter(optimizer))))
