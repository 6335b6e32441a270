"""From rows as the device leaves them to a trace: measures of variables become quantities of layers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_inits.backends.measures import ABSENT
from keras_inits.backends.recording import FetchedRows, innermost
from keras_inits.recording.columns import Columns
from keras_inits.recording.quantities import ACCUMULATE, SKIP, UPDATE
from keras_inits.recording.trace import GradientTrace

MEASURES = {
    "gradient": ("gradient",),
    "weight": ("weight",),
    "update": ("weight", "change"),
    "largest": ("largest",),
    "zeros": ("nonzeros",),
    "nonfinite": ("nonfinite",),
}
"""What has to be measured for each quantity."""


def measures_for(quantities: Sequence[str], optimizers: Sequence[Any]) -> tuple[str, ...]:
    """What is to be measured, with what these optimizers' clipping and accumulating call for."""
    wanted = [measure for quantity in quantities for measure in MEASURES[quantity]]
    inner = [innermost(optimizer) for optimizer in optimizers]
    if any(optimizer.gradient_accumulation_steps for optimizer in inner):
        wanted.append("accumulated")
    if any(optimizer.clipvalue for optimizer in inner):
        wanted.append("peak")
    return tuple(dict.fromkeys(wanted))


def read(
    rows: FetchedRows, columns: Columns, optimizers: Sequence[Any], quantities: Sequence[str], sees_clipping: bool
) -> GradientTrace:
    """Returns what the rows say.

    Args:
        rows: At least one.
        columns: Which variable a column is.
        optimizers: Those that the rows are of, in the order of their numbers.
        quantities: Those that are wanted.
        sees_clipping: Whether the gradients were seen before they were clipped.
    """
    outcomes = np.full(len(rows), UPDATE, object)
    clipped = np.ma.MaskedArray(np.zeros(len(rows), bool), mask=True)
    for number, optimizer in enumerate(optimizers):
        own = rows.optimizers == number
        outcomes[own] = _outcomes(rows.where(own, 0), optimizer)
        updates = own & (outcomes == UPDATE)
        if sees_clipping and _clips(innermost(optimizer)):
            clipped[updates] = _is_clipped(rows.where(updates, 0), innermost(optimizer))
    if len(np.unique(rows.steps)) < len(rows):
        rows, outcomes, clipped = _merged(rows, _groups(rows), outcomes, clipped)
    tracked = {
        name: table
        for name, table in _tracked(rows, columns, outcomes).items()
        if name in quantities or name == "accumulated"
    }
    norms = columns.norms(rows.measures["gradient"])
    return GradientTrace(rows.steps, columns.names, norms, tracked, outcomes, clipped)


def _tracked(rows: FetchedRows, columns: Columns, outcomes: np.ndarray) -> dict[str, np.ma.MaskedArray]:
    measures, tracked = rows.measures, {}
    if "accumulated" in measures:
        tracked["accumulated"] = columns.norms(measures["accumulated"])
        tracked["accumulated"][outcomes != UPDATE] = np.ma.masked
    if "weight" in measures:
        tracked["weight"] = columns.norms(measures["weight"])
    if "change" in measures:
        change = columns.norms(measures["change"])
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = change.data / tracked["weight"].data
        tracked["update"] = np.ma.MaskedArray(np.where(change.data == 0, 0.0, ratio), mask=change.mask)
    if "largest" in measures:
        tracked["largest"] = columns.largest(measures["largest"])
    if "nonzeros" in measures:
        present = measures["nonzeros"] != ABSENT
        counts = columns.sums(measures["nonzeros"])
        sizes = columns.sums(np.where(present, columns.sizes, ABSENT))
        tracked["zeros"] = np.ma.MaskedArray(1.0 - counts.data / np.maximum(sizes.data, 1.0), mask=counts.mask)
    if "nonfinite" in measures:
        tracked["nonfinite"] = columns.sums(measures["nonfinite"])
    return tracked


def _outcomes(rows: FetchedRows, optimizer: Any) -> np.ndarray:
    number = innermost(optimizer).gradient_accumulation_steps or 1
    outcomes = np.where(rows.accumulated == number - 1, UPDATE, ACCUMULATE)
    if not hasattr(optimizer, "initial_scale"):
        return outcomes
    return np.where(np.isfinite(rows.measures["gradient"]).all(axis=1), outcomes, SKIP)


def _clips(optimizer: Any) -> bool:
    return bool(optimizer.clipnorm or optimizer.global_clipnorm or optimizer.clipvalue)


def _is_clipped(rows: FetchedRows, optimizer: Any) -> np.ndarray:
    """For each row whether Keras clips its gradient."""
    norms = rows.measures["accumulated" if optimizer.gradient_accumulation_steps else "gradient"]
    norms = np.where(norms == ABSENT, 0.0, norms)
    if optimizer.clipnorm:
        return (norms > optimizer.clipnorm).any(axis=1)  # type: ignore[no-any-return]
    if optimizer.global_clipnorm:
        return np.sqrt((norms**2).sum(axis=1)) > optimizer.global_clipnorm  # type: ignore[no-any-return]
    return (rows.measures["peak"] > optimizer.clipvalue).any(axis=1)  # type: ignore[no-any-return]


def _groups(rows: FetchedRows) -> list[list[int]]:
    """Rows that belong together: calls of one step that touch different variables, as a GAN's two optimizers do."""
    groups: list[list[int]] = []
    taken = np.zeros(0, bool)
    for row, present in enumerate(rows.measures["gradient"] != ABSENT):
        if groups and rows.steps[groups[-1][0]] == rows.steps[row] and not (taken & present).any():
            groups[-1].append(row)
            taken = taken | present
        else:
            groups.append([row])
            taken = present
    return groups


def _merged(
    rows: FetchedRows, groups: list[list[int]], outcomes: np.ndarray, clipped: np.ma.MaskedArray
) -> tuple[FetchedRows, np.ndarray, np.ma.MaskedArray]:
    """One row for each group: of its outcomes one that is no update, if there is one; clipped if any was."""
    first = [group[0] for group in groups]
    measures = {
        name: np.array([np.max(values[group], axis=0) for group in groups]) for name, values in rows.measures.items()
    }
    merged = FetchedRows(rows.steps[first], rows.optimizers[first], rows.accumulated[first], measures)
    results = [min(outcomes[group], key=(SKIP, ACCUMULATE, UPDATE).index) for group in groups]
    known = ~np.ma.getmaskarray(clipped)
    any_clipped = np.array([(clipped.data[group] & known[group]).any() for group in groups])
    nothing_known = np.array([not known[group].any() for group in groups])
    return merged, np.array(results), np.ma.MaskedArray(any_clipped, mask=nothing_known)
