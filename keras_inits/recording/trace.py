"""The table of gradient norms that a training left."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from keras_inits._names import shown, stand_in
from keras_inits.figures import saved
from keras_inits.notebook import Shown
from keras_inits.recording.quantities import GRADIENT, OUTCOME_TYPE, OUTCOMES, RESERVED, UPDATE, in_order

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped,unused-ignore]
    from matplotlib.figure import Figure

MOST_LINES = 24
"""How many layers `print(trace)` shows: a terminal's height."""


@dataclass(frozen=True, eq=False, repr=False)
class GradientTrace(Shown):
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

    steps: np.ndarray
    layers: tuple[str, ...]
    norms: np.ma.MaskedArray
    tracked: Mapping[str, np.ma.MaskedArray] = field(default_factory=dict)
    outcomes: np.ndarray = None  # type: ignore[assignment]  # of every step: it updated
    clipped: np.ma.MaskedArray = None  # type: ignore[assignment]  # nothing is known

    def __post_init__(self) -> None:
        """Keeps copies, which nobody can write to."""
        steps, layers = _whole(self.steps), tuple(self.layers)
        shape = (*steps.shape, len(layers))
        names = {name for name in layers if isinstance(name, str)}
        if np.shape(self.norms) != shape or steps.ndim != 1 or len(names) != len(layers):
            raise ValueError(
                f"GradientTrace received steps of shape {steps.shape}, {len(layers)} layers with {len(names)} "
                f"different names, and norms of shape {np.shape(self.norms)}. It expects n steps, m different names, "
                "and n x m norms. Pass one row of norms for each step and one column for each layer."
            )
        if (np.diff(steps) < 0).any():
            place = int(np.flatnonzero(np.diff(steps) < 0)[0])
            raise ValueError(
                f"GradientTrace received the step {steps[place + 1]} after the step {steps[place]}. It expects steps "
                "in rising order. Sort the rows by their steps."
            )
        outcomes = np.array([UPDATE] * len(steps) if self.outcomes is None else self.outcomes, OUTCOME_TYPE)
        clipped = np.ma.MaskedArray(np.zeros(len(steps), bool), mask=True) if self.clipped is None else self.clipped
        _check_tracked(self.tracked, outcomes, clipped, shape)
        tracked = {name: _frozen(self.tracked[name]) for name in in_order(self.tracked)}
        steps.flags.writeable = outcomes.flags.writeable = False
        self._set(steps, layers, _frozen(self.norms), tracked, outcomes, _frozen(clipped, bool))

    def _set(
        self,
        steps: np.ndarray,
        layers: tuple[str, ...],
        norms: np.ma.MaskedArray,
        tracked: Mapping[str, np.ma.MaskedArray],
        outcomes: np.ndarray,
        clipped: np.ma.MaskedArray,
    ) -> None:
        values = {"steps": steps, "layers": layers, "norms": norms, "tracked": tracked}
        for name, value in {**values, "outcomes": outcomes, "clipped": clipped}.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of_frozen(
        cls,
        steps: np.ndarray,
        layers: tuple[str, ...],
        tables: Mapping[str, np.ma.MaskedArray],
        outcomes: np.ndarray,
        clipped: np.ma.MaskedArray,
    ) -> Self:
        """A trace of arrays that fit together and that nobody writes to: they are taken as they are."""
        trace = cls.__new__(cls)
        tracked = {name: tables[name] for name in in_order(tables) if name != GRADIENT}
        trace._set(steps, layers, tables[GRADIENT], tracked, outcomes, clipped)
        return trace

    @property
    def tables(self) -> dict[str, np.ma.MaskedArray]:
        """All quantities that were recorded, `"gradient"` first."""
        return {GRADIENT: self.norms, **self.tracked}

    def __getitem__(self, rows: Any) -> "GradientTrace":
        """Some of the rows: a slice, their numbers, or a mask."""
        tracked = {name: table[rows] for name, table in self.tracked.items()}
        parts = (self.norms[rows], tracked, self.outcomes[rows], self.clipped[rows])
        return GradientTrace(self.steps[rows], self.layers, *parts)

    @cached_property
    def global_norm(self) -> np.ndarray:
        """The norm of all layers' gradients together, for each step; float64, so no square leaves its range."""
        totals = global_norms(self.norms)
        totals.flags.writeable = False
        return totals

    @property
    def clipped_share(self) -> float:
        """The share of updates whose gradient was clipped; NaN if the optimizer does not clip."""
        known = self.clipped[self.outcomes == UPDATE].compressed()
        return float(np.mean(known)) if len(known) else float("nan")

    def __len__(self) -> int:
        """The number of recorded steps."""
        return len(self.steps)

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
        if len(body) > MOST_LINES:
            half = MOST_LINES // 2
            body[half:-half] = [f"... {len(body) - 2 * half} more layers ..."]
        return "\n".join(lines + body)

    def to_dataframe(self, form: Literal["wide", "long"] = "wide", quantity: str = "gradient") -> "pandas.DataFrame":
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
        from keras_inits.recording.frames import to_dataframe

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
        from keras_inits.recording import files

        files.save(path, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "GradientTrace":
        """Reads what `save` wrote (`.npz`), or the logger (`.csv`), also while the logger is still writing.

        Lines of a `.csv` that are cut off or damaged are left out, with a warning; all others are read.

        Raises:
            ValueError: If the suffix is none of these, or the file is damaged or not of this kind.
        """
        from keras_inits.recording import files

        return files.load(path)

    def plot(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        kind: Literal["lines", "heatmap", "profile"] = "lines",
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
        from keras_inits.recording.plots import draw

        return saved(draw(self, kind, quantity), path)


def _whole(steps: Any) -> np.ndarray:
    """Steps as integers.

    Raises:
        ValueError: If one is no whole number from 0 up.
    """
    given = np.array(steps)
    if given.size and (given.dtype.kind not in "iu" or given.min() < 0 or given.max() >= 2**63):
        raise ValueError(
            f"GradientTrace received steps={shown(given)} of {given.dtype}. It expects whole numbers from 0 up. Pass "
            "integers."
        )
    return given.astype(np.int64)


def _frozen(table: np.ma.MaskedArray, kind: type = np.float64) -> np.ma.MaskedArray:
    values: np.ndarray = np.array(np.ma.getdata(table), kind)
    mask = np.array(np.ma.getmaskarray(table))
    values[mask] = 0
    values.flags.writeable = mask.flags.writeable = False
    return np.ma.MaskedArray(values, mask=mask, copy=False, hard_mask=True)


def _check_tracked(
    tracked: Mapping[str, np.ma.MaskedArray], outcomes: np.ndarray, clipped: np.ma.MaskedArray, shape: tuple[int, ...]
) -> None:
    reserved = (GRADIENT, *RESERVED)
    wrong = [name for name, table in tracked.items() if name in reserved or np.shape(table) != shape]
    if wrong:
        raise ValueError(
            f"GradientTrace received tracked={{{wrong[0]!r}: ...}} of shape {np.shape(tracked[wrong[0]])}. It expects "
            f"tables of shape {shape}, and none of the names {', '.join(map(repr, reserved))}. Pass one row for each "
            "step and one column for each layer."
        )
    if (
        outcomes.shape != shape[:1]
        or np.shape(clipped) != shape[:1]
        or not set(outcomes.ravel().tolist()) <= set(OUTCOMES)
    ):
        raise ValueError(
            f"GradientTrace received outcomes {sorted(set(outcomes.ravel().tolist()))} of shape {outcomes.shape}, and "
            f"clipped of shape {np.shape(clipped)}. It expects one of {', '.join(map(repr, OUTCOMES))}, and True or "
            f"False, for each of {shape[0]} steps. Pass one of each for each step, or leave both out."
        )


class Block(GradientTrace):
    """Rows on their way from the recorder to a subscriber.

    Args:
        trace: What is in a trace.
        states: For each row a word for the state that its step began in; empty where it is not wanted.
        judged_layers: The names of the layers, whatever the rows are per.
        judged_norms: The norms of their gradients.
    """

    states: Sequence[str]
    judged_layers: tuple[str, ...]
    judged_norms: np.ma.MaskedArray

    def __init__(
        self, trace: Sequence[Any], states: Sequence[str], judged_layers: tuple[str, ...], judged_norms: Any
    ) -> None:
        super().__init__(*trace)
        values = {"states": states, "judged_layers": judged_layers, "judged_norms": judged_norms}
        for name, value in values.items():
            object.__setattr__(self, name, value)


def columns_of(trace: GradientTrace) -> dict[str, np.ma.MaskedArray]:
    """The numbers of each layer over the steps, by the name `<quantity>/<layer>`, the gradient's first."""
    return {
        f"{quantity}/{layer}": table[:, place]
        for quantity, table in trace.tables.items()
        for place, layer in enumerate(trace.layers)
    }


def global_norms(norms: np.ma.MaskedArray) -> np.ndarray:
    """The norm of each row."""
    return np.asarray(np.sqrt(np.sum(norms.filled(0.0) ** 2, axis=1)))


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
