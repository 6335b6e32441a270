"""The whole flow once: the runs behind a progress bar, then the table and the files, also when Ctrl-C comes."""

import itertools
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from threadpoolctl import threadpool_limits

from keras_inits.comparison.digits import load_digits
from keras_inits.comparison.run import Run, Settings, train

PLOT_NAME = "gradient_norms.png"
REPORT_NAME = "report.html"


@dataclass
class Session:
    """A comparison in the making.

    Args:
        starts: Names of `STARTS`.
        activations: Keras names.
        settings: What all runs share.
        output: The directory of the files; it exists.
        console: Where the progress bar and the table go.
        check: Called after each epoch; what it raises ends the training.

    Example:
        >>> session = Session(["he"], ["relu"], Settings(), Path("out"))  # doctest: +SKIP
        >>> session.train_all()  # doctest: +SKIP
        >>> session.show()  # doctest: +SKIP
    """

    starts: Sequence[str]
    activations: Sequence[str]
    settings: Settings
    output: Path
    console: Console = field(default_factory=Console)
    check: Callable[[], None] = lambda: None
    runs: list[Run] = field(default_factory=list)

    @property
    def planned(self) -> int:
        """How many runs the comparison has when it is complete."""
        return len(self.starts) * len(self.activations)

    @property
    def command(self) -> str:
        """What repeats the comparison, its defaults spelled out."""
        options = [("--backend", keras.backend.backend())]
        options += [(f"--{name}", getattr(self.settings, name)) for name in ("epochs", "seed", "depth")]
        options += [("--activation", name) for name in self.activations] + [
            ("--initializer", name) for name in self.starts
        ]
        return shlex.join(["keras-inits", "compare", *(str(part) for option in options for part in option)])

    def train_all(self) -> None:
        """Trains from every start; each run's norms are on disk before the next begins.

        Raises:
            KeyboardInterrupt: On Ctrl-C; the finished runs are in `runs` and on disk.
        """
        digits = load_digits(self.settings.seed)
        self.check()
        # One thread: products of 64 x 64 are too small to share, and torch's threads wait for one another at each.
        with threadpool_limits(1), self._progress() as progress:
            task = progress.add_task("", total=self.planned * self.settings.epochs)

            def after_epoch() -> None:
                progress.advance(task)
                self.check()

            for activation, start in itertools.product(self.activations, self.starts):
                progress.update(task, description=f"{activation} from {start}")
                self._keep(train(start, activation, digits, self.settings, on_epoch_end=after_epoch))
                self.check()

    def show(self) -> None:
        """Prints the table of the finished runs, and writes their plot and report."""
        from keras_inits.comparison.plot import plot_bytes
        from keras_inits.comparison.report import Comparison, render_report
        from keras_inits.comparison.table import build_table

        for run in self.runs[-1:]:  # Ctrl-C may have cut its file short
            run.trace.save(self.output / f"{run.name}.csv")
        self.console.print(build_table(self.runs))
        plot = plot_bytes(self.runs)
        (self.output / PLOT_NAME).write_bytes(plot)
        page = render_report(Comparison(self.runs, self.planned, self.settings, self.command), plot)
        (self.output / REPORT_NAME).write_text(page, encoding="utf-8")
        self.console.print(f"Report: {self.output / REPORT_NAME}", soft_wrap=True)
        self.console.print(f"Plot and norms: {self.output / PLOT_NAME}, {len(self.runs)} CSV files", soft_wrap=True)

    def _keep(self, run: Run) -> None:
        """Takes a finished run in; a log that is no terminal gets a line in place of the bar."""
        self.runs.append(run)
        run.trace.save(self.output / f"{run.name}.csv")
        if not self.console.is_terminal:
            self.console.print(f"{len(self.runs)}/{self.planned} {run.name}: {run.verdict}")

    def _progress(self) -> Progress:
        """The bar: what is training, how many epochs of all runs are done, and for how long yet."""
        return Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("epochs"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
