"""A trace as a table for pandas: wide, steps x layers; or long, a row for each step and layer."""

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from keras_inits._names import all_unique, no_formula, stand_in
from keras_inits.arguments import check_choice
from keras_inits.extras import pandas_for
from keras_inits.recording.quantities import OUTCOMES, TRACKED

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped,unused-ignore]

    from keras_inits.recording.trace import GradientTrace

Form = Literal["wide", "long"]
FORMS: tuple[Form, ...] = get_args(Form)


def to_dataframe(trace: "GradientTrace", form: Form, quantity: str) -> "pandas.DataFrame":
    """Returns the table.

    Args:
        trace: What to put into it.
        form: One of `FORMS`.
        quantity: What a wide table holds.

    Raises:
        ImportError: If pandas is not installed.
        ValueError: If the form is another, or the quantity was not recorded.
    """
    pandas = pandas_for("GradientTrace.to_dataframe()")
    tables, names = trace.tables, all_unique(no_formula(stand_in(layer)) for layer in trace.layers)
    _check(form, quantity, list(tables))
    if form == "wide":
        columns = {name: _nullable(tables[quantity][:, index]) for index, name in enumerate(names)}
        return pandas.DataFrame(columns, index=pandas.Index(trace.steps, name="step"))
    steps, layers = trace.norms.shape
    # Categories keep the order of depth, in which layer_2 is before layer_10, when a table is sorted or pivoted.
    layer = pandas.Categorical.from_codes(np.tile(np.arange(layers), steps), categories=names)
    return pandas.DataFrame(
        {
            "step": np.repeat(trace.steps, layers),
            "layer": layer,
            "outcome": pandas.Categorical(np.repeat(trace.outcomes, layers), categories=OUTCOMES),
            "clipped": _nullable(np.ma.repeat(trace.clipped, layers)),
            **{name: _nullable(table.ravel()) for name, table in tables.items()},
        }
    )


def _nullable(values: np.ma.MaskedArray) -> Any:
    """A column of pandas in which what is masked is NA."""
    import pandas

    kind = pandas.arrays.BooleanArray if values.dtype == bool else pandas.arrays.FloatingArray
    return kind(values.data.copy(), np.ma.getmaskarray(values).copy())


def _check(form: Form, quantity: str, recorded: list[str]) -> None:
    hint = "Pass form='wide' for a table of steps x layers, or form='long' for a row for each step and layer."
    check_choice("form", form, FORMS, hint)
    if quantity not in recorded:
        names = ", ".join(map(repr, recorded))
        remedy = f", or record it with GradientNormLogger(track=('gradient', {quantity!r}))"
        raise ValueError(
            f"GradientTrace.to_dataframe received quantity={quantity!r}. It expects one that was recorded, of {names}. "
            f"Pass one of these{remedy if quantity in TRACKED else ''}."
        )
