"""A file that says who writes another one."""

import os
import socket
from pathlib import Path
from typing import TextIO

try:
    import fcntl
except ImportError:  # a system without locks of this kind: two processes that begin at once are not kept apart there
    fcntl = None  # type: ignore[assignment]


class Lock:
    """Keeps other processes from a file.

    Args:
        path: The file. The lock is a hidden file beside it, with the name of the host and the number of the process.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f".{path.name}.lock")

    def take(self) -> bool:
        """Whether nobody else writes the file. What a killed process left is taken over."""
        while True:
            with open(self._path, "a+", encoding="utf-8") as file:
                _wait_for_others(file)
                if not self._is_still_there(file):
                    continue  # somebody gave it back in the meantime
                file.seek(0)
                if _is_of_others(file.read()):
                    return False
                file.truncate(0)
                file.write(f"{socket.gethostname()} {os.getpid()}")
                return True

    def give_back(self) -> None:
        """Lets others write."""
        self._path.unlink(missing_ok=True)

    def _is_still_there(self, file: TextIO) -> bool:
        try:
            return self._path.stat().st_ino == os.fstat(file.fileno()).st_ino
        except FileNotFoundError:
            return False


def _wait_for_others(file: TextIO) -> None:
    """Until no other process is between reading the file and writing it; they let go when they close it, or die."""
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX)


def _is_of_others(content: str) -> bool:
    """Whether a process holds the lock that still runs, as far as can be told."""
    try:
        host, process = content.split()
        number = int(process)
    except ValueError:  # new, or cut off when it was written
        return False
    if host != socket.gethostname():
        return True
    if number == os.getpid():
        return False
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
