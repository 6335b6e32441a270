"""From rows as the device leaves them to a trace: measures of variables become quantities of layers."""

import hashlib
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_inits import _keras
from keras_inits.backends.measures import ABSENT
from keras_inits.backends.recording import FetchedRows, Own
from keras_inits.recording.block import Block
from keras_inits.recording.columns import Layout
from keras_inits.recording.quantities import ACCUMULATE, ACCUMULATED, GRADIENT, RECORDED, SKIP, UPDATE


class Treatment(NamedTuple):
    """An optimizer's treatment of a gradient before it updates."""

    accumulates: int  # of how many calls
    may_skip: bool
    clipnorm: float | None
    global_clipnorm: float | None
    clipvalue: float | None

    @property
    def clips(self) -> bool:
        """Whether it bounds gradients."""
        return bool(self.clipnorm or self.global_clipnorm or self.clipvalue)


def treatment_of(optimizer: Any) -> Treatment:
    """This optimizer's treatment of gradients."""
    inner = _keras.innermost(optimizer)
    bounds = (inner.clipnorm, inner.global_clipnorm, inner.clipvalue)
    return Treatment(inner.gradient_accumulation_steps or 1, hasattr(optimizer, "initial_scale"), *bounds)


def measures_for(quantities: Sequence[str], treatments: Sequence[Treatment]) -> tuple[str, ...]:
    """The measures that some quantities need, with those for these optimizers' clipping and accumulating."""
    wanted = [measure for quantity in quantities for measure in RECORDED[quantity].measures]
    if any(one.accumulates > 1 for one in treatments):
        wanted.append("accumulated")
    if any(one.clipvalue for one in treatments):
        wanted.append("peak")
    return tuple(dict.fromkeys(wanted))


class Reader(NamedTuple):
    """The meaning of one recording step's rows. It does not hold the model."""

    layouts: dict[str, Layout]
    treatments: tuple[Treatment, ...]
    sees_clipping: bool  # whether the gradients are seen before they are clipped

    def read(
        self, rows: FetchedRows, per: str, quantities: Collection[str], own: Sequence[Own], lost: Collection[str]
    ) -> Block:
        """Returns what the rows say.

        Args:
            rows: At least one.
            per: "layer" or "variable".
            quantities: Those of the recorder's that are wanted.
            own: Those of the user's own.
            lost: The names of those whose function failed.
        """
        outcomes, clipped = self._outcomes_and_clipping(rows)
        if len(np.unique(rows.steps)) < len(rows):
            rows, outcomes, clipped = _merged(rows, _groups(rows), outcomes, clipped)
        layout, measures = self.layouts[per], rows.measures
        norms = RECORDED[GRADIENT].read(measures, layout)
        tracked = {
            name: one.read(measures, layout)
            for name, one in RECORDED.items()
            if name in (*quantities, ACCUMULATED) and name != GRADIENT and set(one.measures) <= measures.keys()
        }
        if ACCUMULATED in tracked:
            tracked[ACCUMULATED][outcomes != UPDATE] = np.ma.masked
        for one in own:
            if one.name not in lost:
                tracked[one.name] = np.ma.MaskedArray(rows.own[one], mask=np.ma.getmaskarray(norms).copy())
        judged = norms if per == "layer" else RECORDED[GRADIENT].read(measures, self.layouts["layer"])
        trace = (rows.steps, layout.names, norms, tracked, outcomes, clipped)
        return Block(trace, states_of(rows), self.layouts["layer"].names, judged)

    def _outcomes_and_clipping(self, rows: FetchedRows) -> tuple[np.ndarray, np.ma.MaskedArray]:
        outcomes = np.full(len(rows), UPDATE, object)
        clipped = np.ma.MaskedArray(np.zeros(len(rows), bool), mask=True)
        for number, treatment in enumerate(self.treatments):
            own = rows.optimizers == number
            outcomes[own] = _outcomes(rows.where(own), treatment)
            updates = own & (outcomes == UPDATE)
            if self.sees_clipping and treatment.clips:
                clipped[updates] = _is_clipped(rows.where(updates), treatment)
        return outcomes, clipped


def states_of(rows: FetchedRows) -> list[str]:
    """For each row a word for the state that its step began in: the optimizer's calls and some weights, to the bit."""
    if not rows.state.shape[1]:
        return [""] * len(rows)
    return [state_word(calls, row) for calls, row in zip(rows.calls.tolist(), rows.state, strict=True)]


def state_word(calls: int, weights: np.ndarray) -> str:
    """Eight characters that tell one state of a training from any other."""
    content = np.asarray(weights, "<f8").tobytes() + calls.to_bytes(8, "little")
    return hashlib.blake2s(content, digest_size=4).hexdigest()


def _outcomes(rows: FetchedRows, treatment: Treatment) -> np.ndarray:
    last = rows.calls % treatment.accumulates == treatment.accumulates - 1
    outcomes = np.where(last, UPDATE, ACCUMULATE)
    if not treatment.may_skip:
        return outcomes
    return np.where(np.isfinite(rows.measures["gradient"]).all(axis=1), outcomes, SKIP)


def _is_clipped(rows: FetchedRows, treatment: Treatment) -> np.ndarray:
    """For each row whether Keras clips its gradient."""
    norms = rows.measures["accumulated" if treatment.accumulates > 1 else "gradient"]
    norms = np.where(norms == ABSENT, 0.0, norms)
    if treatment.clipnorm:
        return np.asarray((norms > treatment.clipnorm).any(axis=1))
    if treatment.global_clipnorm:
        return np.sqrt((norms**2).sum(axis=1)) > treatment.global_clipnorm  # type: ignore[no-any-return]
    return np.asarray((rows.measures["peak"] > treatment.clipvalue).any(axis=1))


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
    # Where a call had no gradient, its value is 0.
    own = {one: np.array([values[group].sum(axis=0) for group in groups]) for one, values in rows.own.items()}
    heads = (rows.steps[first], rows.optimizers[first], rows.calls[first], rows.state[first])
    merged = FetchedRows(*heads, measures, own)
    results = [min(outcomes[group], key=(SKIP, ACCUMULATE, UPDATE).index) for group in groups]
    known = ~np.ma.getmaskarray(clipped)
    any_clipped = np.array([(clipped.data[group] & known[group]).any() for group in groups])
    nothing_known = np.array([not known[group].any() for group in groups])
    return merged, np.array(results), np.ma.MaskedArray(any_clipped, mask=nothing_known)
