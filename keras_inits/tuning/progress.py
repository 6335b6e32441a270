"""The progress of a search: a bar on a terminal, a line for each trial in a file or a notebook."""

import statistics
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from keras_inits._names import printable
from keras_inits.number import value as shown_value
from keras_inits.tuning.objectives import Objective
from keras_inits.tuning.results import Complete, Crashed, Failed, Pruned, Result
from keras_inits.tuning.space import Space

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


@dataclass
class Progress:
    """What a search says of itself while it runs; a context, in which the bar is shown.

    Args:
        console: Where it goes.
        space: For the names of trials.
        objective: For its name, and which way is better.
        total: How many trials there are.
        done: How many of them ended in earlier calls.
        best: The best objective of these.
    """

    console: Console
    space: Space
    objective: Objective
    total: int
    done: int = 0
    best: float | None = None
    _counts: Counter[str] = field(default_factory=Counter)
    _bar: "Bar | None" = None

    def __enter__(self) -> "Progress":
        """Shows the bar."""
        from rich import progress  # which takes longer to import than the rest of this room

        self._bar = progress.Progress(
            progress.BarColumn(20),
            progress.MofNCompleteColumn(),
            progress.TextColumn("trials; {task.description}", markup=False),
            progress.TimeElapsedColumn(),
            progress.TextColumn("left"),
            progress.TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._bar.add_task(self._words(0), total=self.total, completed=self.done)
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def began(self, running: int) -> None:
        """Shows that a trial runs."""
        self._show(running)

    def ended(self, trial: Any, result: Result, again: bool, running: int) -> None:
        """Tells of a trial.

        Args:
            trial: Optuna's.
            result: What it came to.
            again: Whether it is enqueued once more.
            running: How many others run.
        """
        line = self._line(result)
        if again:
            line += "; it is tried again"
        else:
            self.done += 1
        self._show(running)
        if not self.console.is_terminal:
            text = f"{self.done}/{self.total} {self.space.title(trial.params)}: {line}"
            self.console.print(Text(printable(text)), soft_wrap=True)

    def _line(self, result: Result) -> str:
        """A result in words, which is counted."""
        if isinstance(result, Complete):
            self._counts["complete"] += 1
            value = statistics.median(result.values)
            if not result.distance and (self.best is None or self._is_better(value)):
                self.best = value
            return f"{self.objective} {shown_value(self.objective.shown_as, value)}"
        if isinstance(result, Pruned):
            self._counts["pruned"] += 1
            return f"pruned: {result.finding}" + (f" at step {result.step}" if result.step is not None else "")
        self._counts["failed"] += 1
        return result.why if isinstance(result, Crashed) else result.error if isinstance(result, Failed) else ""

    def _is_better(self, value: float) -> bool:
        assert self.best is not None
        return value > self.best if self.objective.direction == "maximize" else value < self.best

    def _words(self, running: int) -> str:
        words = [f"{self._counts[name]} {name}" for name in ("complete", "pruned", "failed")]
        best = "" if self.best is None else f"; best {shown_value(self.objective.shown_as, self.best)}"
        return ", ".join([f"{running} running", *words]) + best

    def _show(self, running: int) -> None:
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self.done, description=self._words(running))
