"""A plan carried out: the runs one by one behind a progress bar, each kept on disk as soon as it is finished."""

import gc
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from keras_inits._names import stand_in
from keras_inits.comparison import kept
from keras_inits.comparison.plan import Cell, Plan
from keras_inits.comparison.run import Run, train

if TYPE_CHECKING:
    from rich.progress import Progress

TITLE_WIDTH = 24
LARGE = 1_000_000
"""Parameters of a model that is freed before the next is built; smaller ones wait until Python looks for garbage, which
takes tenths of a second."""


@dataclass
class Session:
    """A comparison in the making.

    Args:
        plan: What to train.
        directory: Where finished runs are kept, and found when they are asked for again; it exists. None keeps none.
        console: Where the progress bar goes, if that is a terminal.
        check: Called after each epoch; what it raises ends the training.
        tell: Called with each run that is finished, and whether it was before.
        warn: Called with a sentence about a file that cannot be read, or written.
    """

    plan: Plan
    directory: Path | None = None
    console: Console = field(default_factory=Console)
    check: Callable[[], None] = lambda: None
    tell: Callable[[Run, bool], None] = lambda run, before: None
    warn: Callable[[str], None] = warnings.warn
    runs: list[Run] = field(default_factory=list)
    unkept: list[tuple[Run, Mapping[str, str]]] = field(default_factory=list)
    """Finished runs that could not be written yet, with their settings."""
    starts: dict[Cell, str] = field(default_factory=dict)
    """From a run to a digest of its first weights."""

    def train_all(self) -> None:
        """Goes through the plan.

        Raises:
            KeyboardInterrupt: On Ctrl-C; the finished runs are in `runs` and on disk.
        """
        self.check()
        with self._progress() as progress:
            task = progress.add_task("", total=len(self.plan) * self.plan.epochs)

            def after_epoch() -> None:
                progress.advance(task)
                self.check()

            for cell in self.plan:
                progress.update(task, description=stand_in(cell.title, TITLE_WIDTH))
                self._finish(cell, after_epoch)
                progress.update(task, completed=len(self.runs) * self.plan.epochs)
                self.check()

    def _finish(self, cell: Cell, after_epoch: Callable[[], None]) -> None:
        """Takes a run from the disk, or trains it and keeps it there."""
        model = self.plan.start(cell)
        settings = self.plan.settings(cell, model)
        self.starts[cell] = settings["weights"]
        run = kept.load(cell, settings, self.directory, self.warn) if self.directory is not None else None
        before = run is not None
        if run is None:
            run = train(model, self.plan, cell, after_epoch)
        self.runs.append(run)
        if not before and not run.fault:  # a run with a fault is trained again
            self.unkept.append((run, settings))
        try:
            self._keep_all()
        except KeyboardInterrupt:  # a run that is finished is kept
            self._keep_all()
            raise
        self.tell(run, before)
        if model.count_params() >= LARGE:
            del model
            gc.collect()  # it refers to itself, and would stay in memory beside the next ones

    def _keep_all(self) -> None:
        """Writes what is not on the disk; what cannot be written is told, and tried again after the next run."""
        while self.directory is not None and self.unkept:
            run, settings = self.unkept[0]
            try:
                kept.keep(run, settings, self.directory)
            except (ValueError, OSError) as error:
                self.warn(
                    f"The run {run.cell.title!r} cannot be kept: {error}. It is in the result, and is written with the "
                    "next run if that can be. Make room, or choose another directory."
                )
                return
            self.unkept.pop(0)

    def _progress(self) -> "Progress":
        """The bar: what is training, how many epochs of all runs are done, and for how long yet."""
        from rich import progress  # which takes longer to import than the rest of this room

        return progress.Progress(
            progress.TextColumn(f"{{task.description:<{TITLE_WIDTH}}}", markup=False),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("epochs"),
            progress.TimeElapsedColumn(),
            progress.TextColumn("left"),
            progress.TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
