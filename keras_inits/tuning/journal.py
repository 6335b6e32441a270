"""The journal: a file to which Optuna appends a line for each event of a study."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from keras_inits.recording.sinks.lock import Lock

SECONDS_OF_A_WRITE = 3.0
"""Seconds after which a lock of the journal is that of a process that was killed: a write takes milliseconds."""
BLOCK = 4096


@contextlib.contextmanager
def journal(path: Path) -> Iterator[JournalStorage]:
    """The storage in a journal that no other search writes as long as the block lasts.

    What a search that was killed left is mended: a lock, and a line without its end, behind which a further one would
    make both of them unreadable.

    Args:
        path: Of the file, which is made if it is not there.

    Raises:
        OSError: If it cannot be written.
        RuntimeError: If another search writes it.
    """
    path = path.absolute()  # Optuna's own lock is never released where the path is relative
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = Lock(path)
        taken = lock.take()
    except OSError as error:
        raise _unwritable(error, path) from error
    if not taken:
        raise RuntimeError(
            f"Another search writes {os.fspath(path)!r}. search() expects to be the only one. Wait for it, or choose "
            f"another output=; if it ran on a machine that is gone, remove {f'.{path.name}.lock'!r} beside it."
        )
    try:
        lock_of_writes = JournalFileOpenLock(os.fspath(path))
        _release_stale(path.with_name(f"{path.name}.lock"))
        try:
            lock_of_writes.acquire()
            try:
                _mend(path)
            finally:
                lock_of_writes.release()
        except OSError as error:
            raise _unwritable(error, path) from error
        yield JournalStorage(JournalFileBackend(os.fspath(path), lock_of_writes))
    finally:
        lock.give_back()


def _unwritable(error: OSError, path: Path) -> OSError:
    reason = f"{error.strerror}. Expected a journal that can be written. Choose another with storage= or output="
    return OSError(error.errno, reason, os.fspath(path))


def _release_stale(lock: Path) -> None:
    """Removes the lock of a write that never ended."""
    end = time.monotonic() + SECONDS_OF_A_WRITE
    while lock.exists():
        if time.monotonic() > end:
            lock.unlink(missing_ok=True)
        time.sleep(0.05)


def _mend(path: Path) -> None:
    """Cuts off a last line that has no end."""
    with open(path, "a+b") as file:
        end = position = file.seek(0, os.SEEK_END)
        while position > 0:
            start = max(0, position - BLOCK)
            file.seek(start)
            newline = file.read(position - start).rfind(b"\n")
            if newline >= 0:
                position = start + newline + 1
                break
            position = start
        if position < end:
            file.truncate(position)
