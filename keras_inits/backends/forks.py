"""Processes that were forked from one that imported this package: a backend's threads do not exist in there.

A backend that waits for its threads waits without an end. What it can do without them is done in that way; where it
cannot, that is found out by a small computation, and said.
"""

import contextlib
import functools
import os
import threading
from collections.abc import Iterator

from keras_inits import backends

LONGEST = 30.0
"""Seconds that a small computation may take, with what a backend does before its first one."""

_importer = os.getpid()


@contextlib.contextmanager
def computing(what: str) -> Iterator[None]:
    """A block, or a function, that computes with the backend, in a process that was forked too.

    Args:
        what: What computes, as it stands in the message.

    Raises:
        RuntimeError: If the backend does not compute in this process.
    """
    if os.getpid() == _importer:
        yield
        return
    with backends.current().without_threads():
        if not _computes(os.getpid()):
            raise RuntimeError(
                f"{what} was called in a process that was forked, in which the backend does not compute: it waits for "
                f"threads that exist in the first process alone, and finished nothing within {LONGEST:.0f} seconds. It "
                "expects a backend that computes. Start the process anew instead, as "
                'multiprocessing.get_context("spawn") does, or fork before anything is computed.'
            )
        yield


@functools.cache
def _computes(process: int) -> bool:
    """Whether a small computation ends in this process."""
    thread = threading.Thread(target=backends.current().compute, daemon=True)
    thread.start()
    thread.join(LONGEST)
    return not thread.is_alive()
