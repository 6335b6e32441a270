"""The result: numbers, findings, and the repair."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from keras_inits import whole
from keras_inits.diagnosis import table
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.histograms import histograms_of
from keras_inits.diagnosis.numbers import LayerNumbers, Moments
from keras_inits.diagnosis.unseen import Unseen
from keras_inits.extras import REPORT, missing, pandas_for
from keras_inits.figures.saving import saved
from keras_inits.initializers.seeds import Seed
from keras_inits.models._initialize import initialize
from keras_inits.models.table import InitializationTable
from keras_inits.notebook import Shown

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped,unused-ignore]
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Diagnosis(Shown):
    """The result of sending one batch forward and backward through a model."""

    layers: tuple[LayerNumbers, ...]
    """In the order in which the batch went through them."""
    findings: tuple[Finding, ...]
    """Causes before what follows from them; empty for a good start."""
    unseen: tuple[Unseen, ...]
    """The layers with weights that were not looked at, or where too few examples show too little, with the reason and
    what no finding is about."""
    inputs: Moments | None
    """Moments of the batch; None if it has no floating-point numbers."""
    loss: str
    """The loss, or the projection of the outputs, that was differentiated."""
    notes: tuple[Finding, ...] = ()
    """Hints: what trains nonetheless, and could be better."""
    first_loss: float | None = None
    """The loss of the batch with these weights, without penalties on weights; None without targets."""

    def __iter__(self) -> Iterator[Finding]:
        """Goes over the findings."""
        return iter(self.findings)

    def __repr__(self) -> str:
        """One line; `print` shows more."""
        return f"<Diagnosis of {table.headline(self.layers, self.findings, self.unseen)}>"

    def __str__(self) -> str:
        """The table of layers and the findings, as text as wide as the terminal."""
        return table.text_of(self)

    def repair(self, model: keras.Model, seed: Seed = None) -> InitializationTable:
        """Draws the weights that the findings' remedies name again, by `initialize`, and leaves the others.

        Remedies that were tried and did not help are left out, and so is code that changes the set-up, which is yours.
        Where no remedy draws weights, nothing is drawn, and the table has no rows.

        Args:
            model: The model that was diagnosed.
            seed: See `initialize`.

        Returns:
            The table of `initialize`.

        Raises:
            ValueError: If the model is another one.
        """
        remedies = [finding.remedy for finding in self.findings if finding.remedy.tried is not False]
        return initialize(model, [rule for remedy in remedies for rule in remedy.rules], seed)

    def to_dataframe(self) -> "pandas.DataFrame":
        """A pandas table of layers x numbers; what a layer has not is missing.

        A name that a spreadsheet would compute, such as `=1+1`, has an apostrophe before it.

        Raises:
            ImportError: If pandas is not installed.
        """
        pandas = pandas_for("Diagnosis.to_dataframe()")
        return pandas.DataFrame([table.flat(row) for row in self.layers]).set_index("layer")

    def plot(self, path: str | os.PathLike[str] | None = None) -> "Figure":
        """Draws the activations and the gradients over depth.

        Args:
            path: A file that it is also written to; the suffix says the format (`.png`, `.svg`, `.pdf`, ...).

        Returns:
            A figure of matplotlib's, which a notebook shows.

        Raises:
            ImportError: If matplotlib is not installed.
        """
        from keras_inits.diagnosis.plot import draw

        return saved(draw(self.layers, table.headline(self.layers, self.findings, self.unseen)), path)

    def report(self, path: str | os.PathLike[str], model: keras.Model | None = None, x: Any = None) -> None:
        """Writes a page of HTML, smaller than 3 MB, that needs no other file and no network.

        Args:
            path: Where to.
            model: The one that was diagnosed: the page has histograms of its weights too.
            x: Inputs: the page has histograms of the layers' outputs for the first of them too.

        Raises:
            ImportError: If jinja2 or vl-convert-python is not installed.
        """
        try:
            from keras_inits.diagnosis.report import render_report
        except ImportError as error:
            raise missing("Diagnosis.report()", error.name, REPORT) from error
        histograms = () if model is None else histograms_of(model, x, "now")
        whole.replace(Path(path), render_report(self, histograms).encode())
