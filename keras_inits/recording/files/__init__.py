"""Traces in files: whole rows only, numbers that read back to the same bits, gaps apart from zero, NaN and infinity.

    trace -> table -> csv, parquet    named columns
    trace -> jsonl                    a line of JSON for each step
    trace -> tensorboard              scalars in a folder, which only TensorBoard reads
    paths                             which of these a path means
    whole                             bytes that reach a file whole or not at all

| suffix | a row | no gradient | NaN, infinity |
|---|---|---|---|
| .csv | `step,global_norm,[outcome],[clipped],dense,[weight]dense` | an empty cell | nan, inf |
| .jsonl | `{"step": 0, "global_norm": 1.0, "outcome": "update", "clipped": null,` | null | "nan", "inf" |
|  | `"norms": {"dense": 1.0}, "tracked": {"weight": {"dense": 1.0}}}` |  |  |
| .parquet | the columns of .csv | null | themselves |

The column of a layer's gradient has the layer's name, that of another quantity `[quantity]` before it; `table` says how
this stays unambiguous. `global_norm` stands there for other readers, and is computed anew when a file is loaded. A file
may lack the outcomes, which are then updates, the clipping, of which then nothing is known, and other quantities.
"""

import csv as standard_csv
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from keras_inits.recording.files import csv, jsonl, parquet, whole
from keras_inits.recording.files.paths import check_folder, kind_of, suffix_of
from keras_inits.recording.files.table import nothing
from keras_inits.recording.files.tensorboard import TensorBoardFolder, check_tensorboard
from keras_inits.recording.trace import GradientTrace

__all__ = [
    "TensorBoardFolder",
    "append",
    "check_folder",
    "check_tensorboard",
    "keep_before",
    "kind_of",
    "load",
    "save",
    "widen",
]

_FORMATS: dict[str, ModuleType] = {".csv": csv, ".jsonl": jsonl, ".parquet": parquet}
_UNREADABLE = (
    *(ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, OSError),
    standard_csv.Error,
)


def save(path: str | os.PathLike[str], trace: GradientTrace) -> None:
    """Writes a file that is whole or, whatever interrupts, not there at all."""
    form = _FORMATS[suffix_of(path, "GradientTrace.save")]
    check_folder(Path(path), "GradientTrace.save")
    whole.replace(Path(path), form.encode(trace))


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads the arguments of a `GradientTrace`. A last line without an end, cut off by a crash, is left out.

    Raises:
        ValueError: If the suffix is none of these, or the file is not of this kind.
    """
    form = _FORMATS[suffix_of(path, "GradientTrace.load")]
    data = Path(path).read_bytes()
    try:
        fields: dict[str, Any] = form.decode(data)
        return fields
    except _UNREADABLE as error:
        raise ValueError(
            f"GradientTrace.load could not read {os.fspath(path)!r}: {error}. It expects a file that "
            "GradientTrace.save or GradientNormLogger(filename=...) wrote. Pass the path of such a file."
        ) from error


def append(path: str | os.PathLike[str], trace: GradientTrace) -> None:
    """Adds the trace's rows to a `.csv` or `.jsonl` file, in one write of whole lines; makes the file if there is none.

    A file without columns for all that the trace has is widened first. Call `keep_before` first if another process may
    have been killed while it wrote the file.
    """
    path = Path(path)
    if not path.exists():
        save(path, trace)
    elif path.suffix == ".csv":
        if not csv.names(trace) <= set(csv.header(path)):
            widen(path, trace.layers, tuple(trace.tracked))
        whole.append(path, csv.lines(trace, csv.header(path)))
    else:
        whole.append(path, jsonl.lines(trace))


def widen(path: str | os.PathLike[str], layers: tuple[str, ...], quantities: tuple[str, ...] = ()) -> None:
    """Gives a file columns for these layers and quantities as well; the rows that are in it have nothing there."""
    old = GradientTrace(**load(path))
    names = tuple(dict.fromkeys((*old.layers, *layers)))

    def wide(table: np.ma.MaskedArray | None) -> np.ma.MaskedArray:
        new = nothing((len(old), len(names)))
        if table is not None:
            new[:, : len(old.layers)] = table
        return new

    tracked = {name: wide(old.tracked.get(name)) for name in (*old.tracked, *quantities)}
    save(path, GradientTrace(old.steps, names, wide(old.norms), tracked, old.outcomes, old.clipped))


def keep_before(path: str | os.PathLike[str], step: int) -> None:
    """Drops the rows from this step on, and a last line that was cut off, for a training that goes on from there."""
    if not Path(path).exists():
        return
    old = GradientTrace(**load(path))
    kept = old.steps < step
    tracked = {name: table[kept] for name, table in old.tracked.items()}
    per_step = old.outcomes[kept], old.clipped[kept]
    save(path, GradientTrace(old.steps[kept], old.layers, old.norms[kept], tracked, *per_step))
