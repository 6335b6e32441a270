r"""The text format: comma-separated values, a line for each step, with plain names of columns in the first line.

    step, global_norm, outcome, clipped    one value for each step
    gradient/dense, weight/dense, ...      a quantity of a layer: the name of a quantity has no slash
    state                                  words for states of the training, by which one that goes on is known again;
                                           in the last line, and in what was the last line once, the number of rows
    check                                  a checksum of the line's other cells and of the first line

No gradient is an empty cell; NaN and infinity are `nan` and `inf`. A control character, a backslash or half of a
surrogate pair in a layer's name is written as `\u001b`.
"""

import csv
import io
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from keras_inits.recording.quantities import GRADIENT, OUTCOMES
from keras_inits.recording.steps import Steps, columns_of

PER_STEP = ("step", "global_norm", "outcome", "clipped")
STATE, CHECK = "state", "check"
END, ONCE_THE_END = b"end:", b"row:"
"""Before the number of rows: in the last line, and in one that was the last. Of one length: it is changed in place."""
_ESCAPED = re.compile(r"[\x00-\x1f\x7f-\x9f\\\u2028\u2029\ud800-\udfff]")
_BOOLEANS = {"True": True, "False": False, "": False}


class Mark(NamedTuple):
    """The word for the state of a training after so many steps."""

    step: int
    word: str


def columns_for(layers: Sequence[str], quantities: Sequence[str]) -> list[str]:
    """The names of the columns of a file."""
    return [*PER_STEP, *(f"{quantity}/{layer}" for quantity in quantities for layer in layers), STATE, CHECK]


def header(columns: Sequence[str]) -> bytes:
    """The first line."""
    line = io.StringIO()
    escaped = [_ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", name) for name in columns]
    csv.writer(line, lineterminator="\n").writerow(escaped)
    return line.getvalue().encode()


def lines(trace: Steps, columns: Sequence[str], marks: Sequence[Sequence[Mark]], before: int = 0) -> bytes:
    """One line for each step, the last with the number of rows; columns that the trace does not have stay empty.

    Args:
        trace: The rows.
        columns: Those of the file.
        marks: For each row the states that are known.
        before: How many rows the file has before these.
    """
    per_step = (trace.steps, trace.global_norm, trace.outcomes, trace.clipped)
    cells = {name: _cells(np.ma.MaskedArray(values)) for name, values in zip(PER_STEP, per_step, strict=True)}
    cells |= {name: _cells(column) for name, column in columns_of(trace).items()}
    words = [[f"{mark.step}:{mark.word}" for mark in row] for row in marks]
    if words:
        words[-1].append(f"{END.decode()}{before + len(words)}")
    cells[STATE] = [" ".join(row) for row in words]
    empty = [""] * len(trace)
    seed = zlib.crc32(header(columns))
    rows = zip(*(cells.get(name, empty) for name in columns[:-1]), strict=True)
    return b"".join(_checked(",".join(row).encode(), seed) for row in rows)


def continued(last: bytes, columns: Sequence[str]) -> bytes:
    """The former last line, as it stands when others follow it."""
    content, _, number = last.rpartition(b",")[0].rpartition(END)
    return _checked(content + ONCE_THE_END + number, zlib.crc32(header(columns))) if content else last


class Content(NamedTuple):
    """The contents of a file."""

    trace: Steps
    columns: list[str]
    marks: list[list[Mark]]  # for each row
    damaged: list[int]  # the numbers of lines that cannot be read, the first line being 1
    expected: int | None  # how many rows there are, by the last line; None if that is another


def read(data: bytes) -> Content:
    """All lines that are whole.

    Raises:
        ValueError: If it is no such file.
    """
    first, *rest = data.split(b"\n")
    columns = _columns(first.decode())
    seed, good, damaged = zlib.crc32(first + b"\n"), [], []
    for number, line in enumerate(rest, 2):
        content, _, check = line.rpartition(b",")
        if line and check == _check(content, seed) and number <= len(rest):  # the last one has no end
            good.append(content.decode().split(","))
            if len(good[-1]) != len(columns) - 1:
                raise ValueError(f"its line {number} has {len(good[-1])} cells, and {len(columns) - 1} are expected")
        elif line or number <= len(rest):
            damaged.append(number)
    if damaged and not good and len(rest) > 1:
        raise ValueError("its first line or all others are damaged")
    cells = dict(zip(columns, zip(*good, strict=True) if good else [()] * len(columns), strict=False))
    words = [cell.split() for cell in cells[STATE]]
    marks = [[_mark(word) for word in row if word[0].isdigit()] for row in words]
    _, end, count = words[-1][-1].rpartition(END.decode()) if words and words[-1] else ("", "", "")
    return Content(_trace(columns, cells), columns, marks, damaged, int(count) if end else None)


def _mark(text: str) -> Mark:
    step, word = text.split(":")
    return Mark(int(step), word)


def _columns(line: str) -> list[str]:
    columns = next(csv.reader([line], strict=True), [])
    columns = [re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), name) for name in columns]
    if tuple(columns[:4]) != PER_STEP or columns[-2:] != [STATE, CHECK]:
        raise ValueError(f'its first line does not begin with "{",".join(PER_STEP)}" and end in "{STATE},{CHECK}"')
    if len(set(columns)) != len(columns):
        raise ValueError("two of its columns have the same name")
    return columns


def _trace(columns: list[str], cells: Mapping[str, Sequence[str]]) -> Steps:
    places = [name.partition("/")[::2] for name in columns[4:-2]]
    layers = tuple(dict.fromkeys(layer for _, layer in places))
    tables = {
        quantity: _table([cells[f"{quantity}/{layer}"] for layer in layers], (len(cells["step"]), len(layers)))
        for quantity in dict.fromkeys([GRADIENT, *(quantity for quantity, _ in places)])
    }
    if not set(cells["outcome"]) <= set(OUTCOMES):
        raise ValueError(f"it has outcomes that are none of {', '.join(OUTCOMES)}")
    clipped = np.ma.MaskedArray(
        [_BOOLEANS[cell] for cell in cells["clipped"]], mask=[not cell for cell in cells["clipped"]], dtype=bool
    )
    steps = np.array([int(cell) for cell in cells["step"]], np.int64)
    return Steps(steps, layers, tables.pop(GRADIENT), tables, np.array(cells["outcome"], str), clipped)


def _table(columns: list[Sequence[str]], shape: tuple[int, int]) -> np.ma.MaskedArray:
    values = np.zeros(shape)
    mask = np.zeros(shape, bool)
    for place, cells in enumerate(columns):
        values[:, place] = [float(cell or "nan") for cell in cells]
        mask[:, place] = [not cell for cell in cells]
    return np.ma.MaskedArray(values, mask=mask)


def _cells(column: np.ma.MaskedArray) -> list[str]:
    return ["" if value is None else str(value) for value in column.tolist()]


def _checked(content: bytes, seed: int) -> bytes:
    return content + b"," + _check(content, seed) + b"\n"


def _check(content: bytes, seed: int) -> bytes:
    return f"{zlib.crc32(content, seed):08x}".encode()
