"""A file that says who writes another one."""

import os
import socket
from pathlib import Path

_held: set[Path] = set()
"""The locks of this process: a file that has its number and is not among these was left by an earlier one."""


class Lock:
    """Keeps other writers, of this process and of others, from a file.

    Args:
        path: The file. The lock is a hidden file beside it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f".{path.name}.lock")
        self.is_held = False

    def take(self) -> bool:
        """Whether nobody else writes the file. What a killed process left is taken over."""
        content = f"{socket.gethostname()} {os.getpid()}"
        for _ in range(2):
            try:
                with open(self._path, "x", encoding="utf-8") as file:
                    file.write(content)
            except FileExistsError:
                if self._path in _held or self._is_of_others():
                    return False
                self._path.unlink(missing_ok=True)
            else:
                _held.add(self._path)
                self.is_held = True
                return True
        return False

    def give_back(self) -> None:
        """Lets others write."""
        if self.is_held:
            self.is_held = False
            _held.discard(self._path)
            self._path.unlink(missing_ok=True)

    def _is_of_others(self) -> bool:
        """Whether a process holds it that still runs, as far as can be told."""
        try:
            host, process = self._path.read_text(encoding="utf-8").split()
            number = int(process)
        except (OSError, ValueError):  # gone, or cut off when it was written
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
