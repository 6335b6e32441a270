"""A trace as columns, each with a name, for the formats that are tables.

    step, global_norm, [outcome], [clipped]    one value for each step
    dense                                      the gradient of the layer "dense"
    [weight]dense                              another quantity of it

Which is which is plain for any name of a layer: one that begins with "[", or is called like a column of steps, has
`[gradient]` before it.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_inits.recording.quantities import OUTCOMES, QUANTITIES, UPDATE
from keras_inits.recording.trace import GradientTrace

STEP, GLOBAL_NORM, OUTCOME, CLIPPED = "step", "global_norm", "[outcome]", "[clipped]"
_PER_STEP = (STEP, GLOBAL_NORM, OUTCOME, CLIPPED)
_GRADIENT = next(iter(QUANTITIES))
_PREFIXED = re.compile(rf"\[({'|'.join(QUANTITIES)})\](.*)", re.DOTALL)


def columns_of(trace: GradientTrace) -> dict[str, np.ma.MaskedArray]:
    """All of the trace, by the columns' names."""
    per_step = (trace.steps, trace.global_norm, trace.outcomes, trace.clipped)
    columns = dict(zip(_PER_STEP, map(np.ma.MaskedArray, per_step), strict=True))
    for quantity, table in {_GRADIENT: trace.norms, **trace.tracked}.items():
        columns.update({_name(quantity, layer): table[:, index] for index, layer in enumerate(trace.layers)})
    return columns


def fields_of(columns: Mapping[str, np.ma.MaskedArray]) -> dict[str, Any]:
    """The arguments of the trace; what no column tells is masked, or an update.

    Raises:
        ValueError: If there is no column of steps, or an outcome that is not known.
    """
    if STEP not in columns:
        raise ValueError(f'it has no column "{STEP}"')
    steps = np.ma.getdata(columns[STEP])
    places = {name: _place(name) for name in columns if name not in _PER_STEP}
    layers = tuple(dict.fromkeys(layer for _, layer in places.values()))
    indices = {layer: index for index, layer in enumerate(layers)}
    tables = {_GRADIENT: nothing((len(steps), len(layers)))}
    for name, (quantity, layer) in places.items():
        if quantity not in tables:
            tables[quantity] = nothing((len(steps), len(layers)))
        tables[quantity][:, indices[layer]] = columns[name]
    return {
        "steps": steps,
        "layers": layers,
        "norms": tables.pop(_GRADIENT),
        "tracked": tables,
        "outcomes": known_outcomes(columns[OUTCOME].tolist() if OUTCOME in columns else [None] * len(steps)),
        "clipped": columns.get(CLIPPED),
    }


def nothing(shape: tuple[int, int]) -> np.ma.MaskedArray:
    """A table of gaps."""
    return np.ma.MaskedArray(np.zeros(shape), mask=True)


def known_outcomes(outcomes: list[str | None]) -> list[str]:
    """The outcomes, an update where there is none.

    Raises:
        ValueError: If one of them is not known.
    """
    for outcome in outcomes:
        if outcome not in (None, *OUTCOMES):
            raise ValueError(f"it has the outcome {outcome!r}, which is none of {', '.join(OUTCOMES)}")
    return [outcome or UPDATE for outcome in outcomes]


def _name(quantity: str, layer: str) -> str:
    plain = quantity == _GRADIENT and not layer.startswith("[") and layer not in _PER_STEP
    return layer if plain else f"[{quantity}]{layer}"


def _place(column: str) -> tuple[str, str]:
    found = _PREFIXED.fullmatch(column)
    return (found[1], found[2]) if found else (_GRADIENT, column)
