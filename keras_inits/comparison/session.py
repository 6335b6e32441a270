"""A plan carried out: the runs one by one behind a progress bar, each kept on disk as soon as it is finished."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from keras_inits._names import printable, stand_in
from keras_inits.comparison.plan import Plan
from keras_inits.runs.key import Key
from keras_inits.runs.name import Name
from keras_inits.runs.run import Run
from keras_inits.runs.store import Store
from keras_inits.runs.task import Task
from keras_inits.runs.trainer import AfterEpoch, Logs, finish

if TYPE_CHECKING:
    from rich.progress import Progress

TITLE_WIDTH = 24
SILENCE = 30.0
"""Seconds after which a log that is no terminal gets a line within a run, too."""


@dataclass
class Session:
    """A comparison in the making.

    Args:
        plan: What to train.
        store: Where finished runs are kept, and found when they are asked for again. None keeps none.
        console: Where the progress bar goes; one that is no terminal, as a file or a notebook, gets lines instead.
        check: Called after each epoch; what it raises ends the training.
    """

    plan: Plan
    store: Store | None = None
    console: Console = field(default_factory=Console)
    check: Callable[[], None] = lambda: None
    runs: list[Run] = field(default_factory=list)
    keys: dict[Name, Key] = field(default_factory=dict)
    found: int = 0
    """How many of the runs were finished before, by an earlier call or under another name."""
    _told: float = field(default_factory=time.monotonic)

    def train_all(self) -> None:
        """Goes through the plan.

        Raises:
            KeyboardInterrupt: On Ctrl-C; the finished runs are in `runs` and on disk.
        """
        self.check()
        with self._progress() as progress:
            epochs = self.plan.training.epochs
            bar = progress.add_task("", total=len(self.plan) * epochs)

            def after_epoch(logs: Logs) -> None:
                progress.advance(bar)
                if time.monotonic() - self._told > SILENCE:
                    run = progress.tasks[bar]
                    epoch = int(run.completed) - len(self.runs) * epochs
                    self._tell(f"{len(self.runs) + 1}/{len(self.plan)} {run.description}: epoch {epoch} of {epochs}")
                self.check()

            for task in self.plan:
                progress.update(bar, description=stand_in(task.name.title, TITLE_WIDTH))
                self._finish(task, after_epoch)
                progress.update(bar, completed=len(self.runs) * epochs)
                self.check()

    def _finish(self, task: Task, after_epoch: AfterEpoch) -> None:
        run, key, before = finish(task, self.store, after_epoch)
        twin = next((name for name, other in self.keys.items() if before and other == key), None)
        self.runs.append(run)
        self.keys[task.name] = key
        self.found += before
        if self.store is not None and not before:
            self.store.keep(run, key)
        note = f" (equals {twin.file_name})" if twin is not None else " (finished before)" if before else ""
        self._tell(f"{len(self.runs)}/{len(self.plan)} {task.name.file_name}: {run.gradients}{note}")

    def _tell(self, line: str) -> None:
        """Prints a line where there is no bar."""
        self._told = time.monotonic()
        if not self.console.is_terminal:
            self.console.print(Text(printable(line)), soft_wrap=True)

    def _progress(self) -> "Progress":
        """The bar: what is training, how many epochs of all runs are done, and for how long yet."""
        from rich import progress  # which takes longer to import than the rest of this room

        return progress.Progress(
            progress.TextColumn(f"{{task.description:<{TITLE_WIDTH}}}", markup=False),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("epochs,"),
            progress.TimeElapsedColumn(),
            progress.TextColumn("gone,"),
            progress.TimeRemainingColumn(),
            progress.TextColumn("left"),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
