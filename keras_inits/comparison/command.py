"""The command `keras-inits compare`: digits, networks and starts -> runs -> table and files."""

import functools
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import keras
from rich.console import Console
from rich.text import Text
from threadpoolctl import threadpool_limits

from keras_inits._names import printable
from keras_inits.comparison.comparison import Comparison
from keras_inits.comparison.digits import load_digits
from keras_inits.comparison.network import LEARNING_RATE, WIDTH, build_network
from keras_inits.comparison.plan import Plan
from keras_inits.comparison.session import Session
from keras_inits.comparison.starts import STARTS
from keras_inits.runs.run import Run
from keras_inits.runs.store import Store
from keras_inits.runs.task import Training

PLOT_NAME = "gradient_norms.png"
REPORT_NAME = "report.html"
BATCH_SIZE = 64


@dataclass
class Command:
    """One call of the command.

    Args:
        starts: Names of `STARTS`.
        activations: Keras names.
        epochs: Of each run.
        seed: Of the weights and of the split.
        depth: Hidden layers.
        output: The directory of the files; it exists.
        check: Called after each epoch; what it raises ends the training.
        console: Where the progress bar and the table go.
    """

    starts: Sequence[str]
    activations: Sequence[str]
    epochs: int
    seed: int
    depth: int
    output: Path
    check: Callable[[], None] = lambda: None
    console: Console = field(default_factory=Console)
    runs: Sequence[Run] = ()

    @property
    def planned(self) -> int:
        """How many runs the comparison has when it is complete."""
        return len(self.starts) * len(self.activations)

    def train_all(self) -> None:
        """Trains from every start; each run is on disk before the next begins.

        Raises:
            KeyboardInterrupt: On Ctrl-C; the finished runs are in `runs` and on disk.
        """
        digits = load_digits(self.seed)
        plan = Plan(
            {name: functools.partial(build_network, activation=name, depth=self.depth) for name in self.activations},
            {name: STARTS[name] for name in self.starts},
            (self.seed,),
            Training(
                (digits.train_images, digits.train_labels),
                self.epochs,
                {
                    "batch_size": BATCH_SIZE,
                    "shuffle": False,
                    "validation_data": (digits.test_images, digits.test_labels),
                    "validation_batch_size": len(digits.test_labels),
                    "validation_freq": self.epochs,  # once, after the last
                },
            ),
        )
        session = Session(plan, Store(self.output, self._print), self.console, self.check, self._tell)
        self.runs = session.runs
        # One thread: products of 64 x 64 are too small to share, and torch's threads wait for one another at each.
        with threadpool_limits(1):
            session.train_all()

    def show(self) -> None:
        """Prints the table of the finished runs, and writes their plot and report."""
        from keras_inits.comparison.plot import plot_bytes
        from keras_inits.comparison.table import build_table

        comparison = Comparison(tuple(self.runs), self.planned, self._about(), self._repeat())
        self.console.print(build_table(comparison.runs))
        for fault in comparison.faults:
            self.console.print(fault, markup=False)
        (self.output / PLOT_NAME).write_bytes(plot_bytes(comparison.runs))
        comparison.report(self.output / REPORT_NAME)
        self._print(f"Report: {self.output / REPORT_NAME}")
        files = f"{PLOT_NAME}, and for each run a .npz and a .json file"
        self._print(f"Plot and norms: {self.output / files}")

    def _print(self, text: str) -> None:
        """Prints a line as it is: names of files may look like the terminal's markup."""
        self.console.print(Text(printable(text)), soft_wrap=True)

    def _tell(self, run: Run, before: bool) -> None:
        """A log that is no terminal gets a line in place of the bar."""
        if not self.console.is_terminal:
            note = " (finished before)" if before else ""
            self._print(f"{len(self.runs)}/{self.planned} {run.name.file_name}: {run.verdict}{note}")

    def _repeat(self) -> str:
        """The command line that repeats the comparison, its defaults spelled out."""
        options = [("--backend", keras.backend.backend())]
        options += [(f"--{name}", getattr(self, name)) for name in ("epochs", "seed", "depth")]
        options += [("--activation", name) for name in self.activations]
        options += [("--initializer", name) for name in self.starts]
        return shlex.join(["keras-inits", "compare", *(str(part) for option in options for part in option)])

    def _about(self) -> dict[str, str]:
        return {
            "Data": "The 1,797 scanned digits of 8 x 8 pixels that ship with scikit-learn: three quarters to train on, "
            "one to validate on, scaled to mean 0 and deviation 1. Guessing gives 10% accuracy.",
            "Network": f"{self.depth} hidden dense layers of {WIDTH} units ({' or '.join(self.activations)}), and an "
            "output of 10 classes. Biases start at zero.",
            "Training": f"{self.epochs} {'epoch' if self.epochs == 1 else 'epochs'} of Adam, learning rate "
            f"{LEARNING_RATE}, batches of {BATCH_SIZE}, in the same order for every run. Seed {self.seed}.",
        }
