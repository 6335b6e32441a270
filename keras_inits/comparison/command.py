"""The command `keras-inits compare`: a subject and starts -> runs -> table and files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from rich.console import Console
from rich.text import Text
from threadpoolctl import threadpool_limits

from keras_inits._names import printable
from keras_inits.comparison import subject
from keras_inits.comparison.comparison import Comparison
from keras_inits.comparison.drawn import Drawn
from keras_inits.comparison.equal import equal_starts
from keras_inits.comparison.plan import Plan
from keras_inits.comparison.session import Session
from keras_inits.comparison.starts import STARTS
from keras_inits.comparison.subject import Options, Subject
from keras_inits.runs.run import Run
from keras_inits.runs.store import Store
from keras_inits.text import fitted

PLOT_NAME = "gradient_norms.png"
REPORT_NAME = "report.html"
ACTIVATIONS = ("tanh", "relu")


def subject_of(options: Options) -> Subject:
    """The subject that the options name.

    Raises:
        FileError: If a file is not what it should be.
        OptionError: If there is no such function or optimizer.
    """
    subject.checked_optimizer(options["optimizer"])
    if options["build"] is not None:
        return subject.own(options)
    return subject.digits(options, list(dict.fromkeys(options["activation"] or ACTIVATIONS)))


@dataclass
class Command:
    """One call of the command.

    Args:
        subject: What is compared.
        options: The values of the options; the folder `output` exists.
        repeat: The command line that repeats it.
        check: Called after each epoch; what it raises ends the training.
        console: Where the progress bar and the table go.
    """

    subject: Subject
    options: Options
    repeat: str = ""
    check: Callable[[], None] = lambda: None
    console: Console = field(default_factory=Console)
    notes: tuple[str, ...] = ()

    @property
    def runs(self) -> Sequence[Run]:
        """The finished runs."""
        return self._session.runs

    @property
    def planned(self) -> int:
        """How many runs the comparison has when it is complete."""
        return len(self._plan)

    @property
    def output(self) -> Path:
        """The folder of the files."""
        return Path(self.options["output"])

    @property
    def failed(self) -> bool:
        """Whether a run was not diagnosed through a fault of ours, or cannot be written."""
        return not self._store.is_complete or any(run.fault for run in self.runs)

    @cached_property
    def _plan(self) -> Plan:
        starts = dict.fromkeys(self.options["initializer"] or STARTS)
        seeds = range(self.options["seed"], self.options["seed"] + self.options["seeds"])
        networks, training, _ = self.subject
        return Plan(networks, {name: STARTS[name] for name in starts}, tuple(seeds), training)

    @cached_property
    def _store(self) -> Store:
        return Store(self.output, self._print)

    @cached_property
    def _session(self) -> Session:
        return Session(self._plan, self._store, self.console, self.check)

    def train_all(self) -> None:
        """Trains from every start; each run is on disk before the next begins.

        Raises:
            KeyboardInterrupt: On Ctrl-C; the finished runs are in `runs` and on disk.
        """
        session = self._session
        if self.options["build"] is not None:
            session.train_all()
            self.notes = equal_starts(self._plan, session.keys)
            return
        # One thread: products of 64 x 64 are too small to share, and torch's threads wait for one another at each.
        with threadpool_limits(1):
            session.train_all()

    def show(self) -> None:
        """Prints the table of the finished runs, and writes their plot and report."""
        from keras_inits.comparison.table import build_table

        about = {**self.subject.about, **({"Note": " ".join(self.notes)} if self.notes else {})}
        comparison = Comparison(tuple(self.runs), self.planned, about, self.repeat, notes=self.notes)
        table = build_table(comparison.runs, comparison.learned)
        self.console.print(table, width=fitted(table, self.console.width), crop=False)
        best = () if comparison.best is None else (str(comparison.best),)
        for text in (*comparison.data_findings, *self.notes, *comparison.faults, *best):
            self.console.print(text, markup=False)
        self._draw(comparison)
        self._print(f"Report: {self.output / REPORT_NAME}")
        files = f"{PLOT_NAME}, and for each run a .npz and a .json file"
        self._print(f"Plot and norms: {self.output / files}")

    def _draw(self, comparison: Comparison) -> None:
        """Writes plot and report, unless they are there and show these runs, all of which were finished before."""
        kept = [[*name, self._store.checksum(key)] for name, key in self._session.keys.items()]
        shown = [kept, self.planned, dict(comparison.about), self.repeat]
        drawn = Drawn(self.output / REPORT_NAME, self.output / PLOT_NAME, shown)
        if self._session.found == len(self.runs) and drawn.is_there():
            return
        self._print("Writing the report ...")
        from keras_inits.comparison.plot import plot_bytes
        from keras_inits.comparison.report import render_report

        drawn.write(lambda: render_report(comparison), lambda: plot_bytes(comparison.runs))

    def _print(self, text: str) -> None:
        """Prints a line as it is: names of files may look like the terminal's markup."""
        self.console.print(Text(printable(text)), soft_wrap=True)
