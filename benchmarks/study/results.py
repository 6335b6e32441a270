"""Rows that are kept, verdicts over them, and tables."""

import json
import math
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

Row = dict[str, Any]
KEY = ("kind", "start", "seed", "optimizer", "rate")
OPTIMIZERS = {"sgd": "SGD", "adam": "Adam"}


class Cell(NamedTuple):
    """What a start reaches on a kind with an optimizer, at its best rate: over the seeds."""

    median: float
    least: float
    most: float
    rate: float

    def __str__(self) -> str:
        """The median, and the least and the most in brackets."""
        return f"{_short(self.median)} ({_short(self.least)} {_short(self.most)})"


def read(path: Path) -> list[Row]:
    """The rows of a file, if there is one; a last line that was cut off is left out."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def append(path: Path, rows: Iterable[Row]) -> None:
    """Adds rows to the file, all in one write: two processes may share it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows))


def newest(rows: Iterable[Row], recipes: dict[str, str]) -> list[Row]:
    """The last row of each run, of those that were made by these kinds' recipes: same data, steps and architecture."""
    chosen = {tuple(row[name] for name in KEY): row for row in rows if recipes.get(row["kind"]) == row["recipe"]}
    return list(chosen.values())


def cells(rows: Iterable[Row]) -> dict[tuple[str, str, str], Cell]:
    """By kind, optimizer and start: the rate with the least median of the last losses, and that."""
    losses: dict[tuple[str, str, str], dict[float, dict[int, float]]] = {}
    for row in rows:
        last = row["losses"][-1]
        of_rate = losses.setdefault((row["kind"], row["optimizer"], row["start"]), {}).setdefault(row["rate"], {})
        of_rate[row["seed"]] = last if last is not None and math.isfinite(last) else math.inf
    found = {}
    for key, of_rates in losses.items():
        seeds = {frozenset(of_seeds) for of_seeds in of_rates.values()}
        if len(seeds) > 1:
            raise SystemExit(
                f"{key[2]} on {key[0]} with {key[1]}: its rates were tried with different seeds, "
                f"{sorted(map(sorted, seeds))}; all rates must have the same. Run these again: {key[0]!r} with --seeds."
            )
        found[key] = min(
            Cell(statistics.median(values), min(values), max(values), rate)
            for rate, values in ((rate, list(of_seeds.values())) for rate, of_seeds in of_rates.items())
        )
    return found


def verdict(one: Cell, other: Cell) -> str:
    """Better or worse: where the seeds' ranges do not overlap."""
    if one.most < other.least:
        return "better"
    return "worse" if one.least > other.most else "equal"


def table(found: dict[tuple[str, str, str], Cell], starts: list[str], constants: dict[str, float]) -> str:
    """A Markdown table: a row for each kind and optimizer, a column for each start."""
    lines = [["kind", "optimizer", "constant", *starts], ["---"] * 2 + ["---:"] * (1 + len(starts))]
    for kind, optimizer in dict.fromkeys((kind, optimizer) for kind, optimizer, _ in found):
        each = (found.get((kind, optimizer, start)) for start in starts)
        values = ["" if cell is None else str(cell) for cell in each]
        lines.append([kind, OPTIMIZERS[optimizer], _short(constants[kind]), *values])
    return _markdown(lines)


def verdicts(found: dict[tuple[str, str, str], Cell], ours: list[str], peers: list[str]) -> str:
    """A Markdown table of how often each of ours is better, equal and worse, and the cells where it is worse."""
    lines = [["start", "against", "better", "equal", "worse", "worse in"], ["---"] * 2 + ["---:"] * 3 + ["---"]]
    for one in ours:
        for other in peers:
            said: dict[str, list[str]] = {"better": [], "equal": [], "worse": []}
            for kind, optimizer, start in found:
                if start == one and (kind, optimizer, other) in found and one != other:
                    judged = verdict(found[kind, optimizer, one], found[kind, optimizer, other])
                    said[judged].append(f"{kind} ({OPTIMIZERS[optimizer]})")
            if any(said.values()):
                counts = [str(len(names)) for names in said.values()]
                lines.append([one, other, *counts, "; ".join(said["worse"]) or "none"])
    return _markdown(lines)


def _markdown(lines: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _short(value: float) -> str:
    return "diverges" if math.isinf(value) else f"{value:.3g}"
