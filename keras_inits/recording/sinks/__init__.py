"""Where rows go as training goes: the protocol, and one file for each kind.

    rows -> delivery     each block to each sink once, again after it failed
         -> csv_file     a text file that a resumed training goes on with; `lock` keeps other writers from it
         -> tensorboard  scalars in a folder
         -> wandb        a run of Weights & Biases
         -> mlflow       a run of MLflow
            scalars      rows as named numbers, for services that know nothing of layers

A sink of a user's own is any object with the four methods of `Sink`.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from keras_inits.recording.trace import GradientTrace


@dataclass(frozen=True)
class Start:
    """Where a training stands when its first rows are about to come.

    Args:
        steps: How many steps the optimizer has made.
        state: A word for the state of the training, equal for equal weights and steps alone.
        resume: Whether the user says that an earlier training goes on.
        every: One step in so many is recorded.
    """

    steps: int
    state: str
    resume: bool
    every: int


@runtime_checkable
class Sink(Protocol):
    """Where `GradientNormLogger(sinks=...)` sends its rows; any object with these four methods will do.

    What a method raises ends no training: it is told once, and the rows are sent again with the next ones. Only what
    `check` raises comes before training, and reaches the user.
    """

    def check(self) -> None:
        """Raises an error if nothing can be written; called before each `fit`."""

    def begin(self, start: Start) -> int:
        """Gets ready, and returns the number of the first step: 0, or where a training stopped that goes on now."""

    def append(self, rows: GradientTrace) -> None:
        """Takes the latest rows. If an earlier call with the same object failed, some of them may have been written."""

    def close(self) -> None:
        """Ends; called when the logger is gone, or the process ends."""
