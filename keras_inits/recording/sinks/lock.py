"""A file that says who writes another one."""

import os
import socket
from pathlib import Path


class Lock:
    """Keeps other processes from a file.

    Args:
        path: The file. The lock is a hidden file beside it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f".{path.name}.lock")

    def take(self) -> bool:
        """Whether nobody else writes the file. What a killed process left is taken over."""
        content = f"{socket.gethostname()} {os.getpid()}"
        for _ in range(2):
            try:
                with open(self._path, "x", encoding="utf-8") as file:
                    file.write(content)
            except FileExistsError:
                if self._is_of_others():
                    return False
                self._path.unlink(missing_ok=True)
            else:
                return True
        return False

    def give_back(self) -> None:
        """Lets others write."""
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
