"""What a process says of its trial."""

import contextlib
import signal
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Begun:
    """The process has its work, and begins."""


@dataclass(frozen=True)
class Complete:
    """All seeds were trained."""

    values: tuple[float, ...]
    """The objective of each."""
    distance: float
    """By how much the level of `steps_to` was missed; 0 if it was not."""
    about: Mapping[str, object]
    """What the trial's user attributes say of the runs."""
    unread: tuple[str, ...] = ()
    """The names that `build` did not read."""


@dataclass(frozen=True)
class Pruned:
    """A seed had gradients, or an objective, that make it useless."""

    finding: str
    """A state of gradients."""
    layer: str
    step: int | None
    why: str
    excess: float
    """By how many powers of ten it is beyond what is healthy."""
    guess: float | None
    """The objective of guessing, if it is known."""
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failed:
    """The user's code raised an exception: the same would come of it again."""

    error: str
    traceback: str


@dataclass(frozen=True)
class Refused:
    """No trial can be made: the search ends with this error."""

    error: Exception


@dataclass(frozen=True)
class Crashed:
    """The process ended without a word, or for want of memory: it may end well another time."""

    exit_code: int
    begun: bool
    told: str = ""
    """What it said of its end."""

    @property
    def why(self) -> str:
        """What ended it."""
        if self.told:
            return self.told
        if self.exit_code < 0:
            with contextlib.suppress(ValueError):  # of a signal without a name
                return f"its process was killed ({signal.Signals(-self.exit_code).name})"
        return f"its process ended with the exit status {self.exit_code}"


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether an exception, of Python or of a backend, says that memory ran out."""
    marks, texts = ("OutOfMemory", "ResourceExhausted", "RESOURCE_EXHAUSTED"), (type(error).__name__, str(error))
    return isinstance(error, MemoryError) or any(mark in text for text in texts for mark in marks)


Result = Complete | Pruned | Failed | Refused | Crashed
