"""The table of gradient norms that a training left."""

import os
from typing import TYPE_CHECKING

import numpy as np

from keras_inits._names import stand_in
from keras_inits.figures.saving import saved
from keras_inits.notebook import Shown
from keras_inits.recording import files
from keras_inits.recording.frames import Form, to_dataframe
from keras_inits.recording.plots import Kind, draw
from keras_inits.recording.steps import Steps

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped,unused-ignore]
    from matplotlib.figure import Figure

MAX_LINES = 24
"""How many layers `print(trace)` shows: a terminal's height."""


class GradientTrace(Steps, Shown):
    r"""The norm of each layer's gradient at each recorded step of a training.

    With :math:`g_l(t)` the gradient that the optimizer received at step :math:`t` for all weights of layer :math:`l`,
    `norms[t, l]` is :math:`\lVert g_l(t) \rVert_2`, and `global_norm[t]` is :math:`\sqrt{\sum_l \lVert g_l(t)
    \rVert_2^2}`. Four things stay apart: a layer without a gradient (frozen, or not part of the loss) is masked, a zero
    gradient is 0.0, and NaN and infinity are themselves.

    Args:
        steps: The numbers of the recorded steps, rising; twice the same where a step called the optimizer twice.
        layers: The layers' names in depth order; variables' paths if the logger recorded `per="variable"`.
        norms: steps x layers; masked where a layer had no gradient.
        tracked: What else was recorded, by its name: `"weight"`, `"update"`, `"largest"`, `"zeros"`, `"nonfinite"`,
            `"accumulated"`, or that of a `Quantity`; each steps x layers, masked where there was nothing.
        outcomes: For each step what the optimizer did with its gradient: `"update"`, `"accumulate"` (a micro-step whose
            gradient waits for others) or `"skip"` (it overflowed under a dynamic loss scale).
        clipped: For each step whether the gradient that the update used was clipped; masked where nothing is known.

    Raises:
        ValueError: If the shapes do not fit together, steps do not rise, or a quantity has the name of something else.

    Example:
        >>> import numpy as np
        >>> trace = GradientTrace([0, 1], ("dense", "dense_1"), np.array([[3.0, 4.0], [0.6, 0.8]]))
        >>> trace.global_norm
        array([5., 1.])
    """

    def __repr__(self) -> str:
        """One line; `print` shows more."""
        return f"<GradientTrace of {len(self)} steps x {len(self.layers)} layers>"

    def __str__(self) -> str:
        """A line for each layer: its first and last norm, the least and the largest, and what was not a number."""
        if not len(self):
            return "GradientTrace: no step was recorded"
        shown = range(len(self.layers))
        lines = [f"GradientTrace: {len(self)} steps ({self.steps[0]} to {self.steps[-1]}) x {len(self.layers)} layers"]
        names = [stand_in(name) for name in self.layers]
        width = max(map(len, ["all layers", *names]))
        lines.append(f"{'':{width}}  {'first':>9}  {'last':>9}  {'least':>9}  {'largest':>9}")
        lines.append(_line("all layers", np.ma.MaskedArray(self.global_norm), width))
        body = [_line(names[index], self.norms[:, index], width) for index in shown]
        if len(body) > MAX_LINES:
            half = MAX_LINES // 2
            body[half:-half] = [f"... {len(body) - 2 * half} more layers ..."]
        return "\n".join(lines + body)

    def to_dataframe(self, form: Form = "wide", quantity: str = "gradient") -> "pandas.DataFrame":
        """A pandas table, in which "no gradient" is `pandas.NA` and NaN stays NaN.

        A name that a spreadsheet would compute, such as `=1+1`, has an apostrophe before it.

        Args:
            form: `"wide"`, steps x layers of one quantity; or `"long"`, a row for each step and layer with the columns
                `step`, `layer`, `outcome`, `clipped` and one for each quantity that was recorded.
            quantity: What a wide table holds: `"gradient"`, or a name in `tracked`.

        Raises:
            ImportError: If pandas is not installed.
            ValueError: If the form is another, or the quantity was not recorded.

        Example:
            >>> trace = GradientTrace([0, 5], ("dense", "dense_1"), [[3.0, 4.0], [0.6, 0.8]])
            >>> trace.to_dataframe("long")["gradient"].tolist()
            [3.0, 4.0, 0.6, 0.8]
        """
        return to_dataframe(self, form, quantity)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a file that `load` gives back exactly, and that is whole or not there at all.

        For other formats hand the trace to pandas: `trace.to_dataframe("long").to_parquet("norms.parquet")`.

        Args:
            path: Where to; it ends in `.npz`.

        Raises:
            ValueError: If it ends in something else.
            FileNotFoundError: If the folder does not exist.
        """
        files.save(path, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "GradientTrace":
        """Reads what `save` wrote (`.npz`), or the logger (`.csv`), also while the logger is still writing.

        Lines of a `.csv` that are cut off or damaged are left out, with a warning; all others are read.

        Raises:
            ValueError: If the suffix is none of these, or the file is damaged or not of this kind.
        """
        read = files.load(path)
        return cls.of_frozen(read.steps, read.layers, read.tables, read.outcomes, read.clipped)

    def plot(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        kind: Kind = "lines",
        quantity: str = "gradient",
    ) -> "Figure":
        """Draws a picture of the trace, of as many steps and layers as there are.

        The scale is logarithmic; it is linear for `"zeros"`, `"nonfinite"` and a `Quantity` with a negative value.

        Args:
            path: A file that it is also written to; the suffix says the format (`.png`, `.svg`, `.pdf`, ...).
            kind: `"lines"`, the norm of each layer over the steps, from dark (first layer) to light (last);
                `"heatmap"`, layers x steps with the norm as colour, which stays readable with hundreds of layers;
                `"profile"`, the norm over depth at the first step, the last, and some between.
            quantity: What is drawn: the gradient's norm, or a name in `tracked`. Lines of `"update"` stand beside what
                trains well.

        Returns:
            A figure of matplotlib's, which a notebook shows.

        Raises:
            ImportError: If matplotlib is not installed.
            ValueError: If the kind is another, or the quantity was not recorded.

        Example:
            >>> trace = GradientTrace([0, 5], ("dense", "dense_1"), [[3.0, 4.0], [0.6, 0.8]])
            >>> trace.plot("norms.png", kind="heatmap").axes[0].get_xlabel()
            'step'
        """
        return saved(draw(self, kind, quantity), path)


def _line(name: str, norms: np.ma.MaskedArray, width: int) -> str:
    values = norms.compressed()
    finite = values[np.isfinite(values)]
    ends = [norms[0], norms[-1], *((finite.min(), finite.max()) if len(finite) else (np.ma.masked, np.ma.masked))]
    cells = "  ".join(f"{'-' if value is np.ma.masked else format(value, '.3g'):>9}" for value in ends)
    counts = {
        "no gradient": norms.size - len(values),
        "zero": np.count_nonzero(values == 0),
        "NaN": np.count_nonzero(np.isnan(values)),
        "infinite": np.count_nonzero(np.isinf(values)),
    }
    notes = ", ".join(f"{count} x {what}" for what, count in counts.items() if count)
    return f"{name:{width}}  {cells}  {notes}".rstrip()
