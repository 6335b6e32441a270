"""Ctrl-C that cannot get lost.

Python raises KeyboardInterrupt wherever it happens to be. In a callback of the garbage collector or a `__del__`, as
the backends have, the exception is printed and dropped, and training would go on.
"""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class Interruption:
    """Remembers that Ctrl-C came while the `with` block runs, and raises it again on request.

    Example:
        >>> with Interruption() as interruption:
        ...     interruption.check()
    """

    def __init__(self) -> None:
        self.came = False
        self._before: Any = None

    def check(self) -> None:
        """Raises KeyboardInterrupt if Ctrl-C came, wherever the first one went."""
        if self.came:
            raise KeyboardInterrupt

    def __enter__(self) -> Self:
        """Takes Ctrl-C over."""
        if threading.current_thread() is threading.main_thread():  # only there may handlers be set
            self._before = signal.signal(signal.SIGINT, self._remember)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Gives Ctrl-C back to whoever had it."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        raise KeyboardInterrupt
