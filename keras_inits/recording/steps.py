"""Recorded steps, checked and frozen: the contents of a trace, and of its files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np

from keras_inits._names import shown
from keras_inits.recording.quantities import GRADIENT, OUTCOME_TYPE, OUTCOMES, RESERVED, UPDATE, in_order


@dataclass(frozen=True, eq=False, repr=False)
class Steps:
    """Tables of steps x layers, checked, that nobody can write to; `GradientTrace` says what the fields hold."""

    steps: np.ndarray
    layers: tuple[str, ...]
    norms: np.ma.MaskedArray
    tracked: Mapping[str, np.ma.MaskedArray] = field(default_factory=dict)
    outcomes: np.ndarray = None  # type: ignore[assignment]  # of every step: it updated
    clipped: np.ma.MaskedArray = None  # type: ignore[assignment]  # nothing is known

    def __post_init__(self) -> None:
        """Keeps copies, which nobody can write to."""
        steps, layers = _whole(self.steps), tuple(self.layers)
        shape = (*steps.shape, len(layers))
        names = {name for name in layers if isinstance(name, str)}
        if np.shape(self.norms) != shape or steps.ndim != 1 or len(names) != len(layers):
            raise ValueError(
                f"GradientTrace received steps of shape {steps.shape}, {len(layers)} layers with {len(names)} "
                f"different names, and norms of shape {np.shape(self.norms)}. It expects n steps, m different names, "
                "and n x m norms. Pass one row of norms for each step and one column for each layer."
            )
        if (np.diff(steps) < 0).any():
            place = int(np.flatnonzero(np.diff(steps) < 0)[0])
            raise ValueError(
                f"GradientTrace received the step {steps[place + 1]} after the step {steps[place]}. It expects steps "
                "in rising order. Sort the rows by their steps."
            )
        outcomes = np.array([UPDATE] * len(steps) if self.outcomes is None else self.outcomes, OUTCOME_TYPE)
        clipped = np.ma.MaskedArray(np.zeros(len(steps), bool), mask=True) if self.clipped is None else self.clipped
        _check_tracked(self.tracked, outcomes, clipped, shape)
        tracked = {name: _frozen(self.tracked[name]) for name in in_order(self.tracked)}
        steps.flags.writeable = outcomes.flags.writeable = False
        self._set(steps, layers, _frozen(self.norms), tracked, outcomes, _frozen(clipped, bool))

    def _set(
        self,
        steps: np.ndarray,
        layers: tuple[str, ...],
        norms: np.ma.MaskedArray,
        tracked: Mapping[str, np.ma.MaskedArray],
        outcomes: np.ndarray,
        clipped: np.ma.MaskedArray,
    ) -> None:
        values = {"steps": steps, "layers": layers, "norms": norms, "tracked": tracked}
        for name, value in {**values, "outcomes": outcomes, "clipped": clipped}.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of_frozen(
        cls,
        steps: np.ndarray,
        layers: tuple[str, ...],
        tables: Mapping[str, np.ma.MaskedArray],
        outcomes: np.ndarray,
        clipped: np.ma.MaskedArray,
    ) -> Self:
        """A trace of arrays that fit together and that nobody writes to: they are taken as they are."""
        trace = cls.__new__(cls)
        tracked = {name: tables[name] for name in in_order(tables) if name != GRADIENT}
        trace._set(steps, layers, tables[GRADIENT], tracked, outcomes, clipped)
        return trace

    @property
    def tables(self) -> dict[str, np.ma.MaskedArray]:
        """All quantities that were recorded, `"gradient"` first."""
        return {GRADIENT: self.norms, **self.tracked}

    def __getitem__(self, rows: Any) -> Self:
        """Some of the rows: a slice, their numbers, or a mask."""
        tracked = {name: table[rows] for name, table in self.tracked.items()}
        parts = (self.norms[rows], tracked, self.outcomes[rows], self.clipped[rows])
        return type(self)(self.steps[rows], self.layers, *parts)

    @cached_property
    def global_norm(self) -> np.ndarray:
        """The norm of all layers' gradients together, for each step; float64, so no square leaves its range."""
        totals = global_norms(self.norms)
        totals.flags.writeable = False
        return totals

    @property
    def clipped_share(self) -> float:
        """The share of updates whose gradient was clipped; NaN if the optimizer does not clip."""
        known = self.clipped[self.outcomes == UPDATE].compressed()
        return float(np.mean(known)) if len(known) else float("nan")

    def __len__(self) -> int:
        """The number of recorded steps."""
        return len(self.steps)


def _whole(steps: Any) -> np.ndarray:
    """Steps as integers.

    Raises:
        ValueError: If one is no whole number from 0 up.
    """
    given = np.array(steps)
    if given.size and (given.dtype.kind not in "iu" or given.min() < 0 or given.max() >= 2**63):
        raise ValueError(
            f"GradientTrace received steps={shown(given)} of {given.dtype}. It expects whole numbers from 0 up. Pass "
            "integers."
        )
    return given.astype(np.int64)


def _frozen(table: np.ma.MaskedArray, kind: type = np.float64) -> np.ma.MaskedArray:
    values: np.ndarray = np.array(np.ma.getdata(table), kind)
    mask = np.array(np.ma.getmaskarray(table))
    values[mask] = 0
    values.flags.writeable = mask.flags.writeable = False
    return np.ma.MaskedArray(values, mask=mask, copy=False, hard_mask=True)


def _check_tracked(
    tracked: Mapping[str, np.ma.MaskedArray], outcomes: np.ndarray, clipped: np.ma.MaskedArray, shape: tuple[int, ...]
) -> None:
    reserved = (GRADIENT, *RESERVED)
    wrong = [name for name, table in tracked.items() if name in reserved or np.shape(table) != shape]
    if wrong:
        raise ValueError(
            f"GradientTrace received tracked={{{wrong[0]!r}: ...}} of shape {np.shape(tracked[wrong[0]])}. It expects "
            f"tables of shape {shape}, and none of the names {', '.join(map(repr, reserved))}. Pass one row for each "
            "step and one column for each layer."
        )
    if (
        outcomes.shape != shape[:1]
        or np.shape(clipped) != shape[:1]
        or not set(outcomes.ravel().tolist()) <= set(OUTCOMES)
    ):
        raise ValueError(
            f"GradientTrace received outcomes {sorted(set(outcomes.ravel().tolist()))} of shape {outcomes.shape}, and "
            f"clipped of shape {np.shape(clipped)}. It expects one of {', '.join(map(repr, OUTCOMES))}, and True or "
            f"False, for each of {shape[0]} steps. Pass one of each for each step, or leave both out."
        )


def columns_of(trace: Steps) -> dict[str, np.ma.MaskedArray]:
    """The numbers of each layer over the steps, by the name `<quantity>/<layer>`, the gradient's first."""
    return {
        f"{quantity}/{layer}": table[:, place]
        for quantity, table in trace.tables.items()
        for place, layer in enumerate(trace.layers)
    }


def global_norms(norms: np.ma.MaskedArray) -> np.ndarray:
    """The norm of each row."""
    return np.asarray(np.sqrt(np.sum(norms.filled(0.0) ** 2, axis=1)))
