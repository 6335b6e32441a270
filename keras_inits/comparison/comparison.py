"""The result: the runs, as a table and as a report."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from keras_inits import whole
from keras_inits.diagnosis.setup import OF_ALL
from keras_inits.extras import REPORT, missing, pandas_for
from keras_inits.figures.saving import saved
from keras_inits.notebook import Shown
from keras_inits.runs.learning import learned
from keras_inits.runs.run import FindingText, Run
from keras_inits.text import wrapped

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped,unused-ignore]
    from matplotlib.figure import Figure

    from keras_inits.comparison.best import Best


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """The finished runs of a comparison."""

    runs: tuple[Run, ...]
    """In the order of initializers and, for each, of seeds. A run has `law`, the initializer as it prints itself;
    `history`, the loss and each metric after each epoch; `layers`, `findings` and `unseen`, what `diagnose` saw before
    training; `trace`, a `GradientTrace`; and `gradients`, one word for that."""
    planned: int
    """How many there would be without an interruption."""
    about: Mapping[str, str] = field(default_factory=dict)
    """The report's description of data and settings."""
    command: str = ""
    """The command that repeats it, if it came from one."""
    notes: tuple[str, ...] = ()
    """Notes for the reader of the comparison, such as which runs start from equal weights."""

    @cached_property
    def learned(self) -> tuple[str, ...]:
        """For each run one word for its loss: `learned`, `slow`, `at chance` or `diverged`; `not known` without a loss.

        It is told by the last loss of training, beside that of guessing and that of the best run; the gradients have
        no part in it.
        """
        return learned(self.runs)

    @cached_property
    def best(self) -> "Best | None":
        """The best start by the last metric on the validation data, else on training's, with its values over seeds.

        A start of which most runs diverged is behind all others. `equals` names the starts whose seeds' range overlaps:
        no difference was seen. None if no metric is known.
        """
        from keras_inits.comparison.best import best_of

        return best_of(self.runs, self.learned)

    @property
    def headline(self) -> str:
        """The answer in a few sentences: the best start, or that no start learned; empty if no metric is known."""
        from keras_inits.comparison.best import headline

        return headline(self.best, self.learned)

    @property
    def faults(self) -> tuple[str, ...]:
        """Which runs' starts were not looked at because keras_inits failed, and with what; training is as without it.

        Such runs are not kept: the next call trains them again.
        """
        return tuple(
            f"{run.name.title}, seed {run.name.seed}: {run.fault} To see the traceback, call diagnose on that model."
            for run in self.runs
            if run.fault
        )

    @property
    def data_findings(self) -> tuple[str, ...]:
        """What `diagnose` found about the data, which no start is to blame for."""
        return tuple(f"The data: {text}" for text in self._once(lambda one: one.of_data))

    @property
    def setup_findings(self) -> tuple[str, ...]:
        """What `diagnose` found about inputs, last activation and learning rate, which no initializer changes."""
        return tuple(f"The set-up: {text}" for text in self._once(lambda one: one.kind in OF_ALL and not one.of_data))

    def _once(self, is_meant: Callable[[FindingText], bool]) -> list[str]:
        """Findings as sentences, each remedy once: of several starts the first, whose numbers stand for theirs."""
        found: dict[tuple[str, str], list[tuple[Run, FindingText]]] = {}
        for run in self.runs:
            for one in filter(is_meant, run.findings):
                found.setdefault((one.kind, one.remedy), []).append((run, one))
        texts = []
        for (kind, remedy), pairs in found.items():
            run, one = pairs[0]
            of = f", here of {run.name.title}" if len({other.evidence for _, other in pairs}) > 1 else ""
            texts.append(f"{one.evidence} ({kind}{of}): {remedy}")
        return texts

    def __repr__(self) -> str:
        """One line; `print` shows more."""
        return f"<Comparison of {len(self.runs)} runs>"

    def __str__(self) -> str:
        """A line for each initializer, as wide as the terminal; over several seeds the median and the range.

        Columns that the terminal has no room for are left out, gradient norms first, and named below the table.
        """
        from keras_inits.comparison.table import NARROWEST, text_of

        found = (*self.data_findings, *self.setup_findings)
        told = (*found, *(f"Note: {note}" for note in self.notes), *self.faults, self.headline)
        texts = ["\n".join(wrapped(one, narrowest=NARROWEST)) for one in told if one]
        return "\n\n".join([text_of(self.runs, self.learned), *texts])

    def to_dataframe(self) -> "pandas.DataFrame":
        """A pandas table with a row for each run: gradients and learning in a word, the last metrics, gradient norms.

        A name that a spreadsheet would compute, such as `=1+1`, has an apostrophe before it.

        Raises:
            ImportError: If pandas is not installed.
        """
        from keras_inits.comparison.columns import columns_of, value_of

        columns = columns_of(self.runs)
        return pandas_for("Comparison.to_dataframe()").DataFrame(
            [value_of(run, word, columns) for run, word in zip(self.runs, self.learned, strict=True)]
        )

    def plot(self, path: str | os.PathLike[str] | None = None) -> "Figure":
        """Draws the norm of each layer's gradient over depth, at the first step and at the last, a line for each run.

        Args:
            path: A file that it is also written to; the suffix says the format (`.png`, `.svg`, `.pdf`, ...).

        Returns:
            A figure of matplotlib's, which a notebook shows.

        Raises:
            ImportError: If matplotlib is not installed.
            ValueError: If there is no run.
        """
        if not self.runs:
            raise ValueError(
                "Comparison.plot received no run. It expects at least one that is finished. Call compare again."
            )
        try:
            from keras_inits.comparison.plot import draw_plot
        except ImportError as error:
            raise missing("Comparison.plot()", "matplotlib", REPORT) from error
        return saved(draw_plot(self.runs), path)

    def report(self, path: str | os.PathLike[str]) -> None:
        """Writes a page of HTML, smaller than 3 MB, that needs no other file and no network.

        Args:
            path: Where to.

        Raises:
            ImportError: If jinja2, matplotlib or vl-convert-python is not installed.
        """
        try:
            from keras_inits.comparison.report import render_report
        except ImportError as error:
            raise missing("Comparison.report()", error.name, REPORT) from error
        whole.replace(Path(path), render_report(self).encode())
