"""What a path says about the file there."""

import os
from pathlib import Path
from typing import Any

SUFFIXES = (".csv", ".jsonl", ".parquet")


def suffix_of(path: Any, caller: str) -> str:
    """The suffix of a file that holds a whole trace.

    Raises:
        TypeError: If it is no path.
        ValueError: If the suffix is another.
    """
    expected = "a path that ends in .csv, .jsonl or .parquet"
    suffix = _suffix(path, caller, expected)
    if suffix not in SUFFIXES:
        raise _wrong_suffix(path, caller, expected)
    return suffix


def kind_of(path: Any, caller: str) -> str:
    """Where rows go as training goes: `".csv"`, `".jsonl"`, or `"tensorboard"` for a folder.

    Raises:
        TypeError: If it is no path.
        ValueError: If it has another suffix and no slash at its end.
    """
    expected = "a path that ends in .csv or .jsonl, or a folder for TensorBoard (no suffix, or a slash at the end)"
    suffix = _suffix(path, caller, expected)
    name = os.fspath(path)
    if name and (not suffix or name.endswith(("/", os.sep))):
        return "tensorboard"
    if suffix == ".parquet":
        rows = Path(path).with_suffix(".csv").as_posix()
        raise ValueError(
            f"{caller} received {name!r}, and a .parquet file cannot grow as training goes. It expects {expected}. "
            f'Pass "{rows}", and at the end: GradientTrace.load("{rows}").save("{Path(path).as_posix()}").'
        )
    if suffix not in SUFFIXES:
        raise _wrong_suffix(path, caller, expected)
    return suffix


def check_folder(path: Path, caller: str) -> None:
    """Raises an error if there is no folder for the file to be in."""
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"{caller} received {str(path)!r}, and there is no folder {str(path.parent)!r}. It expects a file in one "
            "that exists. Make it first: pathlib.Path(...).mkdir(parents=True)."
        )


def _suffix(path: Any, caller: str, expected: str) -> str:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"{caller} received {path!r}, of type {type(path).__name__}. It expects {expected}. "
            'Pass a string or a pathlib.Path, such as "gradients.csv".'
        )
    return Path(path).suffix


def _wrong_suffix(path: Any, caller: str, expected: str) -> ValueError:
    return ValueError(
        f"{caller} received {os.fspath(path)!r}, with the suffix {Path(path).suffix!r}. It expects {expected}. "
        f'Rename it, for example to "{Path(path).stem or "gradients"}.csv".'
    )
