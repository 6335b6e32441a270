"""The layers with weights that showed no values, or too few, each with the reason: nothing is said of them."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from keras_inits import thresholds
from keras_inits._keras import own_trainable
from keras_inits._names import stand_in
from keras_inits.diagnosis.numbers import LayerNumbers, few_normalised
from keras_inits.diagnosis.probes import Probe
from keras_inits.layers.tree import walk_layers


class Unseen(NamedTuple):
    """A layer with weights that was not looked at."""

    name: str
    kind: str
    """The layer's class."""
    reason: str

    def __str__(self) -> str:
        """The name and the reason."""
        return f"{self.name} ({self.kind}): {self.reason}"


NOT_CALLED = "the batch does not reach it"
COMPILED = "it runs inside of code that the backend compiles as a whole, and no layer around it shows values"
NO_CALL = "the model has no `call`"
FAILED = "keras_inits failed as it looked at the model"
NOT_RUN = (
    "the gradient of its weights is exactly zero, within a layer that is looked at from outside: it may stand in a "
    "branch that the batch did not take, or in a loop of no steps"
)
NO_FLOATS = "its outputs are no floating-point numbers"


def unseen_layers(probes: Sequence[Probe]) -> tuple[Unseen, ...]:
    """Says of each of these probes why it saw nothing."""
    return tuple(
        Unseen(
            probe.watched.name,
            stand_in(type(probe.watched.layer).__name__),
            COMPILED if probe.traced else NO_FLOATS if probe.called else NOT_CALLED,
        )
        for probe in probes
    )


def not_run(inside: Sequence[tuple[str, Any]]) -> tuple[Unseen, ...]:
    """Says of layers within one that shows values as a whole that no gradient came to them."""
    return tuple(Unseen(path, stand_in(type(layer).__name__), NOT_RUN) for path, layer in inside)


def too_few(rows: Sequence[LayerNumbers]) -> tuple[Unseen, ...]:
    """Says of each batch normalisation with too few values what is not judged because of them."""
    return tuple(
        Unseen(row.name, row.kind, _reason(row.normalised, row.entries // max(1, math.prod(row.shape))))
        for row in rows
        if row.normalised is not None and few_normalised(row)
    )


def without_loss(rows: Sequence[LayerNumbers], silent: frozenset[str], outputs: Sequence[str]) -> tuple[Unseen, ...]:
    """Says of each of these rows with weights that the loss does not depend on it."""
    several = len(outputs) > 1
    names = ", ".join(map(repr, outputs))
    reason = (
        f"no loss reads the output{'s' if several else ''} {names}, and it serves no other: no finding is about its "
        f"gradient. Give {'one of these outputs' if several else 'that output'} a loss"
    )
    return tuple(Unseen(row.name, row.kind, reason) for row in rows if row.name in silent and row.weights)


def _reason(values: int, examples: int) -> str:
    least = thresholds.LEAST_NORMALISED
    enough = math.ceil(least * examples / max(1, values))
    remedy = f"Pass at least {enough} examples, which have {least} values or more of each unit"
    if values == 1:
        return (
            "it normalises each unit over 1 value, which leaves the same outputs for all inputs: no finding is about "
            f"the gradients before it, nor about the values behind it. {remedy}"
        )
    return (
        f"it normalises each unit over {values} values, and the gradient depends on their number: no finding is about "
        f"the gradients before it. {remedy}"
    )


def all_unseen(model: Any, reason: str = NO_CALL) -> tuple[Unseen, ...]:
    """Each layer with weights, of a model through which no batch can be sent, or was sent."""
    found = [(path, layer) for path, layer in walk_layers(model) if own_trainable(layer)]
    return tuple(Unseen(path, stand_in(type(layer).__name__), reason) for path, layer in found)
