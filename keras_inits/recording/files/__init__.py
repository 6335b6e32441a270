"""Traces in files: numbers that read back to the same bits, gaps apart from zero, NaN and infinity, damage noticed.

trace -> exact  `.npz`: written at once, whole or not at all
      -> csv    `.csv`: grows as training goes, a line for each step, each with its checksum
"""

import os
import warnings
from pathlib import Path
from typing import Any

from keras_inits import whole
from keras_inits._names import one_line, printable, shown, some_of
from keras_inits.recording.files import csv, exact
from keras_inits.recording.steps import Steps

__all__ = ["check_folder", "load", "save", "suffix_of"]

SUFFIXES = (".npz", ".csv")
MAX_TOLD = 5
"""How many lines a warning has the numbers of."""


def save(path: str | os.PathLike[str], trace: Steps) -> None:
    """Writes a file that is whole or, whatever interrupts, not there at all."""
    if suffix_of(path, "GradientTrace.save", "a path that ends in .npz") != ".npz":
        better = f"{printable(Path(path).stem) or 'gradients'}.npz"
        raise ValueError(
            f"GradientTrace.save received {shown(os.fspath(path))}. It expects a path that ends in .npz. Rename it, "
            f'for example to "{better}"; for other formats hand the trace to pandas: '
            'trace.to_dataframe("long").to_csv(...).'
        )
    check_folder(Path(path), "GradientTrace.save")
    whole.replace(Path(path), exact.encode(trace))


def load(path: str | os.PathLike[str]) -> Steps:
    """Reads a trace.

    Raises:
        ValueError: If the suffix is none of these, or the file is damaged or not of this kind.
    """
    suffix = suffix_of(path, "GradientTrace.load", "a path that ends in .npz or .csv")
    if suffix not in SUFFIXES:
        raise ValueError(
            f"GradientTrace.load received {shown(os.fspath(path))}. It expects a path that ends in .npz, as "
            "GradientTrace.save writes it, or in .csv, as GradientNormLogger(sinks=...) does. Pass one of these."
        )
    data = Path(path).read_bytes()
    try:
        if suffix == ".npz":
            return exact.decode(data)
        content = csv.read(data)
    except Exception as error:  # whatever a damaged file makes a reader raise
        reason = one_line(f"{error}" if isinstance(error, ValueError) else f"{type(error).__name__}: {error}")
        raise ValueError(
            f"GradientTrace.load could not read {shown(os.fspath(path))}: {reason.removesuffix('.')}. It expects a "
            "file that GradientTrace.save or GradientNormLogger(sinks=...) wrote. Pass the path of such a file."
        ) from error
    if content.damaged or content.expected != len(content.trace):
        _warn_of(path, content)
    return content.trace


def _warn_of(path: str | os.PathLike[str], content: csv.Content) -> None:
    rows, damaged = len(content.trace), content.damaged
    if damaged:
        told = (
            f"GradientTrace.load left out {len(damaged)} lines of {shown(os.fspath(path))} that are cut off or damaged "
            f"(line {some_of([str(number) for number in damaged], MAX_TOLD)})"
        )
    else:
        last = "is missing" if content.expected is None else f"says that there are {content.expected}"
        told = f"GradientTrace.load found {rows} rows in {shown(os.fspath(path))}, and the last line {last}"
    warnings.warn(
        f"{told}. It expects the lines that GradientNormLogger wrote, all of them. The others are read: {rows} rows.",
        stacklevel=4,
    )


def suffix_of(path: Any, caller: str, expected: str) -> str:
    """The suffix of a file's path.

    Raises:
        TypeError: If it is no path.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"{caller} received {shown(path)}, of type {type(path).__name__}. It expects {expected}. "
            'Pass a string or a pathlib.Path, such as "gradients.npz".'
        )
    return Path(path).suffix


def check_folder(path: Path, caller: str) -> None:
    """Raises an error if there is no folder for the file to be in."""
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"{caller} received {shown(str(path))}, and there is no folder {shown(str(path.parent))}. It expects a "
            "file in one that exists. Make it first: pathlib.Path(...).mkdir(parents=True)."
        )
