"""Traces in files: one line a step, whole lines only, numbers that read back to the same bits.

| suffix | no gradient | NaN, infinity | columns |
|---|---|---|---|
| .csv | an empty cell | nan, inf | step, global_norm (for readers; computed anew when loaded), layers |
| .jsonl | null | "nan", "inf" (no numbers in JSON) | {"step": 0, "global_norm": 1.0, "norms": {layer: norm}} |
"""

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

SUFFIXES = (".csv", ".jsonl")

Table = tuple[np.ndarray, tuple[str, ...], np.ma.MaskedArray]


def check_suffix(path: Any, caller: str) -> str:
    """Returns the suffix, if it is one of these."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"{caller} received {path!r}, of type {type(path).__name__}. It expects the path of a file that ends in "
            '.csv or .jsonl. Pass a string or a pathlib.Path, such as "gradients.csv".'
        )
    suffix = Path(path).suffix
    if suffix not in SUFFIXES:
        raise ValueError(
            f"{caller} received {os.fspath(path)!r}, with the suffix {suffix!r}. It expects a path that ends in .csv "
            f'or .jsonl. Rename it, for example to "{Path(path).stem or "gradients"}.csv".'
        )
    return suffix


def check_folder(path: Path, caller: str) -> None:
    """Raises an error if there is no folder for the file to be in."""
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"{caller} received {str(path)!r}, and there is no folder {str(path.parent)!r}. It expects a file in one "
            "that exists. Make it first: pathlib.Path(...).mkdir(parents=True)."
        )


def save(path: str | os.PathLike[str], *table: Any) -> None:
    """Writes steps, layers and norms to a file that is whole or, whatever interrupts, not there at all."""
    suffix = check_suffix(path, "GradientTrace.save")
    path = Path(path)
    check_folder(path, "GradientTrace.save")
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        draft.write_bytes(header(suffix, table[1], len(table[0])) + lines(suffix, *table))
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def header(suffix: str, layers: tuple[str, ...], rows: int) -> bytes:
    """The names of the columns; JSON has them on every line, and so needs a line of names only where there is none."""
    if suffix == ".csv":
        return _csv_line(["step", "global_norm", *layers])
    return b"" if rows else (json.dumps({"layers": layers}) + "\n").encode()


def lines(suffix: str, steps: np.ndarray, layers: tuple[str, ...], norms: np.ma.MaskedArray) -> bytes:
    """One line for each step."""
    totals = np.sqrt(np.sum(norms.filled(0.0) ** 2, axis=1)).tolist()
    whole = []
    for step, total, row in zip(steps.tolist(), totals, norms.tolist(), strict=True):
        if suffix == ".csv":
            whole.append(_csv_line([step, repr(total), *("" if norm is None else repr(norm) for norm in row)]))
        else:
            named = {name: _json_number(norm) for name, norm in zip(layers, row, strict=True)}
            record = {"step": step, "global_norm": _json_number(total), "norms": named}
            whole.append((json.dumps(record, allow_nan=False) + "\n").encode())
    return b"".join(whole)


def append(path: Path, data: bytes) -> None:
    """Writes whole lines in one call, so that a reader or a crash meets whole lines only."""
    with open(path, "ab", buffering=0) as file:
        file.write(data)


def load(path: str | os.PathLike[str]) -> Table:
    """Reads steps, layers and norms. A last line without an end, cut off by a crash, is left out."""
    suffix = check_suffix(path, "GradientTrace.load")
    data = Path(path).read_bytes()
    try:
        text = data[: data.rfind(b"\n") + 1].decode()
        layers, rows = _read_csv(text) if suffix == ".csv" else _read_jsonl(text)
        steps = np.array([step for step, _ in rows], np.int64)
        values = [[np.nan if norm is None else float(norm) for norm in norms] for _, norms in rows]
        mask = [[norm is None for norm in norms] for _, norms in rows]
        shape = (len(rows), len(layers))
        return steps, layers, np.ma.MaskedArray(np.reshape(values, shape), mask=np.reshape(mask, shape))
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, csv.Error) as error:
        raise ValueError(
            f"GradientTrace.load could not read {os.fspath(path)!r}: {error}. It expects a file that "
            "GradientTrace.save or GradientNormLogger(filename=...) wrote. Pass the path of such a file."
        ) from error


def _read_csv(text: str) -> tuple[tuple[str, ...], list[tuple[int, list[str | None]]]]:
    table = [row for row in csv.reader(io.StringIO(text)) if row]
    if not table or table[0][:2] != ["step", "global_norm"]:
        raise ValueError('its first line does not begin with "step,global_norm"')
    return tuple(table[0][2:]), [(int(row[0]), [cell or None for cell in row[2:]]) for row in table[1:]]


def _read_jsonl(text: str) -> tuple[tuple[str, ...], list[tuple[int, list[Any]]]]:
    records = [json.loads(line) for line in text.splitlines() if line.strip()]
    if records and "layers" in records[0]:
        return tuple(records[0]["layers"]), []
    layers = tuple(dict.fromkeys(name for record in records for name in record["norms"]))
    return layers, [(int(record["step"]), [record["norms"].get(name) for name in layers]) for record in records]


def _csv_line(cells: list[Any]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)  # which has it quote both of these within a name
    return line.getvalue().removesuffix("\r\n").encode() + b"\n"


def _json_number(norm: float | None) -> float | str | None:
    return norm if norm is None or np.isfinite(norm) else repr(norm)
