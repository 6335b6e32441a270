"""A process for one trial: started, listened to, and ended with the one that started it."""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import pickle
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from keras_inits.tuning.results import Begun, Crashed, Refused, Result, is_lack_of_memory

SECONDS_TO_END = 10.0
"""Seconds that a process has to end by itself once it has told its result."""
PROMPT = 0.5
"""Seconds after which processes are asked whether they still run: a process that a killed one had forked keeps its
pipes open."""

LOADS = "keras_inits_loads"
"""The attribute of a process that imports the user's program."""

Carry = Callable[[Path, Any, Connection], None]


class Process:
    """A fresh process that carries out one trial.

    Args:
        carry: A function of a module, from the file of the work, a point of the space and a pipe.
        file: Where the work is pickled.
        environment: Variables that it gets where they are not set.
        params: The point of the space.
    """

    def __init__(self, carry: Carry, file: Path, environment: Mapping[str, str], params: Any) -> None:
        self._pipe, theirs = multiprocessing.Pipe(duplex=False)
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=carry, args=(file, params, theirs))
        try:
            with _interrupts_held(), _defaults(environment):
                self._process.start()
        except BaseException:  # a Ctrl-C that was held
            if self._process.pid is not None:
                self.kill()
            raise
        theirs.close()
        self._begun = False
        self._result: Result | None = None
        self._told_at = 0.0

    @property
    def pid(self) -> int | None:
        """Its number."""
        return self._process.pid

    def result(self) -> Result | None:
        """What it came to; None as long as it runs."""
        exit_code = self._process.exitcode
        self._listen()
        if exit_code is None and (self._result is None or time.monotonic() < self._told_at + SECONDS_TO_END):
            return None
        self.end()
        return self._result or Crashed(exit_code or 0, self._begun)

    def kill(self) -> None:
        """Has it end at once."""
        self._process.kill()

    def end(self) -> None:
        """Ends it, and waits until it is gone."""
        self.kill()
        self._process.join()
        self._pipe.close()

    def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError):  # it ended, perhaps in mid-sentence
            while self._pipe.poll():
                message = self._pipe.recv()
                if isinstance(message, Begun):
                    self._begun = True
                else:
                    self._result, self._told_at = message, time.monotonic()

    def _sources(self) -> list[Any]:
        return [self._pipe, self._process.sentinel]


def wait_for(processes: list[Process]) -> None:
    """Returns when one of the processes has said something or ended, or after a moment."""
    multiprocessing.connection.wait([one for process in processes for one in process._sources()], PROMPT)


def carry_out(file: Path, params: Any, pipe: Connection) -> None:
    """Carries out a trial, in a process of its own.

    Args:
        file: Where the work is pickled.
        params: The point of the space.
        pipe: Where the result goes.
    """
    threading.Thread(target=_end_with_parent, args=(file.parent,), daemon=True).start()
    try:
        with open(file, "rb") as source, _loading():
            work = pickle.load(source)
    except Exception as error:
        lacks = is_lack_of_memory(error)
        told = f"{type(error).__name__}: {error}"
        pipe.send(Crashed(1, True, told) if lacks else Refused(TypeError(_not_loaded(told))))
        return
    pipe.send(Begun())
    try:
        result = work.trial(params)
    except RuntimeError as error:  # of Keras's settings: one of the user's code is a result
        result = Refused(error)
    pipe.send(result)


def _end_with_parent(folder: Path) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def imports_the_program() -> bool:
    """Whether this is a process of a search, which imports the user's program."""
    process = multiprocessing.current_process()
    return bool(getattr(process, "_inheriting", False) or getattr(process, LOADS, False))


@contextlib.contextmanager
def _loading() -> Iterator[None]:
    """Marks the process while the user's modules are imported in it."""
    process = multiprocessing.current_process()
    setattr(process, LOADS, True)
    try:
        yield
    finally:
        delattr(process, LOADS)


def _not_loaded(told: str) -> str:
    return (
        f"A process of search() cannot load `build`, the data or an option of the space: {told}. It expects what can "
        "be pickled, and imported there. Define functions and classes at the top of a file, and import them from there."
    )


@contextlib.contextmanager
def _defaults(environment: Mapping[str, str]) -> Iterator[None]:
    """Has processes that start in this block get these variables, where they are not set."""
    new = {name: value for name, value in environment.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """What starts in this block never hears of Ctrl-C: who started it ends it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
