"""When rows are fetched: seldom, but before they find no room, and soon where somebody waits for them."""

import time

from keras_inits.backends.recording import ROWS_WAITING, Rows

SECONDS_WAITING = 5.0
"""How long rows may wait on the device at the most, from one step to the next."""

SECONDS_BETWEEN_LOOKS = 0.005
"""How often it is asked whether a gradient was not finite, at the most. Asking takes some ten microseconds."""


class Pace:
    """Counts the steps whose rows may wait on the device."""

    def __init__(self) -> None:
        self.pending = 0  # the number of steps announced since rows were last fetched
        self._left = 0  # upper bound on the number of earlier steps whose rows are still on the device
        self._calls = 0  # the most rows of a step so far; 0 until the first step was looked at
        self._fetched_at = self._looked_at = time.monotonic()

    def restart(self) -> None:
        """Begins with another recording step, of which nothing is known."""
        self.pending = self._left = self._calls = 0

    @property
    def knows_calls(self) -> bool:
        """Whether the first step was looked at."""
        return self._calls > 0

    def must_fetch(self, rows: Rows, every: int, ahead: int, prompt: bool) -> bool:
        """Whether rows waited for long, the coming steps may find no room for theirs, or one is not finite.

        Args:
            rows: Those that wait.
            every: One step in so many has rows.
            ahead: How many steps come before this is asked again.
            prompt: Whether somebody waits to hear of gradients that are not finite.
        """
        if not self.pending:
            return False
        if not self._calls:
            return True
        now = time.monotonic()
        if now - self._fetched_at > SECONDS_WAITING:
            return True
        steps = self._left + self.pending + ahead
        if steps * self._calls // every + 1 > max(ROWS_WAITING, ahead):
            return True
        if prompt and now - self._looked_at >= SECONDS_BETWEEN_LOOKS:
            self._looked_at = now
            return rows.nonfinite()
        return False

    def fetched(self, waited: bool, since_last_row: int | None, calls: int) -> None:
        """Notes that rows were fetched.

        Args:
            waited: For all of them, so that none is left.
            since_last_row: How many steps were trained since the last one of them; None if there was none.
            calls: How many rows a step had, at the most.
        """
        self._fetched_at = time.monotonic()
        left = self._left + self.pending if since_last_row is None else since_last_row
        self._left, self.pending = 0 if waited else left, 0
        self._calls = max(self._calls, calls)
