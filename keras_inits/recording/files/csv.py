"""Comma-separated values: the table's columns, in UTF-8, with a first line of names."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from keras_inits.recording.files.table import CLIPPED, GLOBAL_NORM, OUTCOME, STEP, columns_of, fields_of
from keras_inits.recording.trace import GradientTrace

_BOOLEANS = {"True": True, "False": False, "": False}


def encode(trace: GradientTrace) -> bytes:
    """The whole file."""
    columns = list(columns_of(trace))
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(columns)  # which has it quote both of these within a name
    return line.getvalue().removesuffix("\r\n").encode() + b"\n" + lines(trace, columns)


def lines(trace: GradientTrace, header: list[str]) -> bytes:
    """One line for each step, in the order of a file's columns; those that the trace does not have stay empty."""
    columns = columns_of(trace)
    empty = [""] * len(trace)
    cells = [_cells(columns[name]) if name in columns else empty for name in header]
    return "".join(",".join(row) + "\n" for row in zip(*cells, strict=True)).encode()


def names(trace: GradientTrace) -> set[str]:
    """The columns that a file must have to take the trace's rows."""
    return set(columns_of(trace))


def header(path: Path) -> list[str]:
    """The columns that a file has."""
    with open(path, newline="", encoding="utf-8") as file:
        return next(csv.reader(file), [])


def decode(data: bytes) -> dict[str, Any]:
    """The trace's arguments from the whole lines.

    Raises:
        ValueError: If it is no such table.
    """
    text = data[: data.rfind(b"\n") + 1].decode()
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    if not rows or rows[0][:2] != [STEP, GLOBAL_NORM]:
        raise ValueError('its first line does not begin with "step,global_norm"')
    if len(set(rows[0])) != len(rows[0]):
        raise ValueError("two of its columns have the same name")
    columns = zip(*rows[1:], strict=True) if rows[1:] else [()] * len(rows[0])
    return fields_of({name: _column(name, cells) for name, cells in zip(rows[0], columns, strict=True)})


def _cells(column: np.ma.MaskedArray) -> list[str]:
    return ["" if value is None else str(value) for value in column.tolist()]


def _column(name: str, cells: tuple[str, ...]) -> np.ma.MaskedArray:
    if name == STEP:
        return np.ma.MaskedArray(np.array([int(cell) for cell in cells], np.int64))
    if name == OUTCOME:
        values = np.array(cells, str)
    elif name == CLIPPED:
        values = np.array([_BOOLEANS[cell] for cell in cells], bool)
    else:
        values = np.array([float(cell or "nan") for cell in cells])
    return np.ma.MaskedArray(values, mask=[not cell for cell in cells])
