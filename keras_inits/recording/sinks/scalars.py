"""Rows as named numbers, for services that know nothing of layers."""

from collections.abc import Callable, Iterator

import numpy as np

from keras_inits.recording.steps import columns_of
from keras_inits.recording.trace import GradientTrace

Column = np.ma.MaskedArray


def scalars_of(
    rows: GradientTrace, taken: Callable[[Column], Column] = lambda column: column
) -> Iterator[tuple[int, dict[str, float]]]:
    """For each row its step and its numbers: `global_norm`, `gradient/<layer>`, `<quantity>/<layer>`.

    Where there is no gradient there is no number.

    Args:
        rows: Whose numbers.
        taken: From a column of numbers to those that the service takes for them.
    """
    columns = {"global_norm": np.ma.MaskedArray(rows.global_norm), **columns_of(rows)}
    cells = {name: taken(column).tolist() for name, column in columns.items()}
    for row, step in enumerate(rows.steps.tolist()):
        yield step, {name: column[row] for name, column in cells.items() if column[row] is not None}
