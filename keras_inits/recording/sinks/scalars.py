"""Rows as named numbers, for services that know nothing of layers."""

from collections.abc import Iterator

import numpy as np

from keras_inits.recording.trace import GradientTrace


def scalars_of(rows: GradientTrace) -> Iterator[tuple[int, dict[str, float]]]:
    """For each row its step and its numbers: `global_norm`, `gradient/<layer>`, `<quantity>/<layer>`.

    Where there is no gradient there is no number.
    """
    columns = {"global_norm": np.ma.MaskedArray(rows.global_norm)}
    for quantity, table in rows.tables.items():
        columns |= {f"{quantity}/{layer}": table[:, place] for place, layer in enumerate(rows.layers)}
    cells = {name: column.tolist() for name, column in columns.items()}
    for row, step in enumerate(rows.steps.tolist()):
        yield step, {name: column[row] for name, column in cells.items() if column[row] is not None}
