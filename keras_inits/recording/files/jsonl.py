"""A JSON object for each step, each with the names of its layers: rows of several models stand in one file."""

import json
import math
from typing import Any

import numpy as np

from keras_inits.recording.files.table import known_outcomes
from keras_inits.recording.quantities import QUANTITIES
from keras_inits.recording.trace import GradientTrace


def encode(trace: GradientTrace) -> bytes:
    """The whole file; names of layers and quantities need a line of their own only where no row has them."""
    names = {"layers": trace.layers, "tracked": list(trace.tracked)}
    return lines(trace) if len(trace) else _line(names)


def lines(trace: GradientTrace) -> bytes:
    """One line for each step."""
    steps = zip(
        *(column.tolist() for column in (trace.steps, trace.global_norm, trace.outcomes, trace.clipped, trace.norms)),
        strict=True,
    )
    tracked = {quantity: table.tolist() for quantity, table in trace.tracked.items()}
    whole = []
    for row, (step, total, outcome, clipped, norms) in enumerate(steps):
        record = {"step": step, "global_norm": _number(total), "outcome": outcome, "clipped": clipped}
        record["norms"] = _named(trace.layers, norms)
        if tracked:
            record["tracked"] = {name: _named(trace.layers, table[row]) for name, table in tracked.items()}
        whole.append(_line(record))
    return b"".join(whole)


def decode(data: bytes) -> dict[str, Any]:
    """The trace's arguments from the whole lines.

    Raises:
        ValueError: If it has no such lines.
    """
    text = data[: data.rfind(b"\n") + 1].decode()
    records = [json.loads(line) for line in text.split("\n") if line.strip()]
    rows = [record for record in records if "layers" not in record]
    layers = tuple(dict.fromkeys(name for record in records for name in _names(record)))
    found = {quantity for record in records for quantity in record.get("tracked", ())}
    return {
        "steps": np.array([int(row["step"]) for row in rows], np.int64),
        "layers": layers,
        "norms": _table([row["norms"] for row in rows], layers),
        "tracked": {
            quantity: _table([row.get("tracked", {}).get(quantity, {}) for row in rows], layers)
            for quantity in QUANTITIES
            if quantity in found
        },
        "outcomes": known_outcomes([row.get("outcome") for row in rows]),
        "clipped": np.ma.MaskedArray(
            [bool(row.get("clipped")) for row in rows], mask=[row.get("clipped") is None for row in rows], dtype=bool
        ),
    }


def _names(record: dict[str, Any]) -> list[str]:
    return list(record["layers"] if "layers" in record else record["norms"])


def _table(rows: list[dict[str, Any]], layers: tuple[str, ...]) -> np.ma.MaskedArray:
    cells = [[row.get(name) for name in layers] for row in rows]
    values = [[np.nan if cell is None else float(cell) for cell in row] for row in cells]
    mask = [[cell is None for cell in row] for row in cells]
    shape = (len(rows), len(layers))
    return np.ma.MaskedArray(np.reshape(values, shape), mask=np.reshape(mask, shape), dtype=float)


def _named(layers: tuple[str, ...], values: list[float | None]) -> dict[str, float | str | None]:
    return {layer: _number(value) for layer, value in zip(layers, values, strict=True)}


def _number(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else repr(value)  # JSON has no NaN and no infinity


def _line(record: dict[str, Any]) -> bytes:
    return (json.dumps(record, allow_nan=False) + "\n").encode()
