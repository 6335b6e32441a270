"""Ctrl-C, which must not get lost."""

import signal
import sys
import threading
from types import FrameType
from typing import Any, Self


class Interruption:
    """Ctrl-C that cannot get lost, while the `with` block runs.

    Python raises KeyboardInterrupt wherever it happens to be. In a callback of the garbage collector or a `__del__`, as
    the backends have, the exception is printed and dropped; while a module is imported it may come out as another.
    """

    def __init__(self) -> None:
        self.came = False
        self._held = False
        self._before: Any = None
        self._hook = sys.unraisablehook

    def check(self) -> None:
        """Raises KeyboardInterrupt if Ctrl-C came, wherever the first one went."""
        if self.came:
            raise KeyboardInterrupt

    def hold(self) -> None:
        """From here on Ctrl-C is remembered, and interrupts nothing."""
        self._held = True

    def __enter__(self) -> Self:
        """Takes Ctrl-C over."""
        if threading.current_thread() is threading.main_thread():  # only there may handlers be set
            self._before = signal.signal(signal.SIGINT, self._remember)
            sys.unraisablehook = self._tell
        return self

    def __exit__(self, *_: object) -> None:
        """Gives Ctrl-C back to whoever had it."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            sys.unraisablehook = self._hook

    def _tell(self, dropped: Any) -> None:
        """Prints what Python drops, but Ctrl-C, which is remembered."""
        if dropped.exc_type is not KeyboardInterrupt:
            self._hook(dropped)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        if not self._held:
            raise KeyboardInterrupt
