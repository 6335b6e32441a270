"""The finding `last_activation`: a loss that is not made for what the last layer puts out."""

from typing import Any

import numpy as np
from keras import activations

from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.remedy import Remedy
from keras_inits.diagnosis.setup.changes import change
from keras_inits.diagnosis.setup.outputs import RANGES, Seen
from keras_inits.diagnosis.setup.setup import Setup
from keras_inits.diagnosis.setup.targets import are_class_numbers, classes_in

BEYOND = 1e-3  # of one: targets that a rounding has left outside
OUT_OF_RANGE = 0.1
"""How far beyond what a last activation can reach the targets may lie, as a root mean square, beside their deviation:
so much of an error stays, however long it is trained. A tenth leaves a hundredth of the squared error."""

TRAINS = (
    " (TensorFlow's losses take what goes into the last sigmoid or softmax, if they find it, and may train all the "
    "same; JAX and torch do not)"
)
ELEMENTWISE = (activations.sigmoid, activations.hard_sigmoid, activations.sparse_sigmoid)

Fault = tuple[str, str, str, str | None, bool]
"""The evidence, the reason for the remedy, and its activation, loss and `from_logits`."""


def last_activation(setup: Setup) -> Finding | None:
    """The first output whose activation does not suit its loss and its targets."""
    for one in setup.seen:
        fault = _constant(one) or _logits(one) or _unsuited(one) or _of_negatives(one) or _out_of_range(one)
        if fault is not None:
            evidence, reason, activation, loss, logits = fault
            code = change(setup.model, one, activation, loss, logits)
            words = _in_words(activation, loss or one.loss, logits)
            remedy = Remedy(reason if code else f"{words}: {reason}", code=code)
            return Finding("last_activation", () if one.layer is None else (one.layer.name,), evidence, remedy)
    return None


def suited(one: Seen) -> tuple[str, str]:
    """The last activation and the loss that the targets ask for."""
    y = one.target
    if one.family == "sparse" or (one.units > 2 and (y.ndim < one.output.ndim or y.shape[-1] == 1)):
        return "softmax", "sparse_categorical_crossentropy"
    if one.sums_to_one:
        return "softmax", "categorical_crossentropy"
    if classes_in(y) in (1, 2) and y.min() >= 0 and y.max() <= 1:
        return "sigmoid", "binary_crossentropy"
    if one.family == "binary" and y.min() >= -BEYOND and y.max() <= 1 + BEYOND:
        return "sigmoid", one.loss or "binary_crossentropy"
    return "linear", one.loss if one.family == "numbers" and one.loss else "mean_squared_error"


def _in_words(activation: str, loss: str | None, logits: bool) -> str:
    what = "no activation" if activation == "linear" else f"the activation {activation}"
    return (
        f"end the model with {what}"
        + (f", and the loss {loss}" if loss else "")
        + (" with from_logits=True" if logits else "")
    )


def _constant(one: Seen) -> Fault | None:
    """One unit that a softmax, or a loss that divides by the units' sum, makes 1 whatever the model computes."""
    if one.units > 1 or one.output.ndim < 2:
        return None
    softmax = one.activation is activations.softmax
    if not softmax and not (one.family == "categorical" and one.loss != "kl_divergence"):
        return None
    activation, loss = suited(one._replace(loss=None) if one.family in ("categorical", "sparse") else one)
    shown = "softmax of one unit is 1" if softmax else f"{one.loss} divides one unit by itself, which is 1"
    evidence = f"{one.called}, on one unit: {shown}, whatever goes in, and so the loss sends no gradient{TRAINS}"
    return evidence, "one unit has nothing to be compared with", activation, loss, False


def _logits(one: Seen) -> Fault | None:
    """Logits where the loss takes probabilities, and the reverse."""
    if one.family not in ("sparse", "categorical", "binary") or one.loss == "kl_divergence":
        return None
    mixes, several = one.activation is activations.softmax, one.family != "binary"
    probable = mixes or one.activation in ELEMENTWISE or (one.activation is None and _looks_probable(one))
    if one.takes_logits and probable and not (mixes and not several):
        name = getattr(one.activation, "__name__", "probabilities")
        evidence = (
            f"{one.called}, and the loss {one.loss} has from_logits=True: it takes the outputs of {name} for logits, "
            "and makes probabilities of them once more"
        )
        wanted = suited(one)[0] if several else "sigmoid"
        loss = suited(one)[1] if several else None
        return evidence, "the loss then takes the probabilities that the model puts out", wanted, loss, False
    linear = one.activation is activations.linear or (one.activation is None and _leaves_range(one, 0, 1))
    if not one.takes_logits and linear and _targets_suit(one):
        evidence = (
            f"{one.called} and puts out numbers from {one.output.min():.3g} to {one.output.max():.3g}; the loss "
            f"{one.loss} without from_logits takes them for probabilities, and cuts off what is not from 0 to 1"
        )
        return evidence, "the loss then makes probabilities of the outputs itself", "linear", None, True
    return None


def _unsuited(one: Seen) -> Fault | None:
    """An activation of another kind than the loss, or than the targets."""
    activation, loss = suited(one)
    if one.family == "binary" and loss not in (one.loss, "binary_crossentropy") and not are_class_numbers(one):
        evidence = (
            f"the loss {one.loss} compares probabilities, and the targets of {one.name!r} are numbers from "
            f"{one.target.min():.3g} to {one.target.max():.3g}"
        )
        return evidence, "numbers are compared by a squared error", activation, loss, False
    if one.activation is activations.softmax and one.family is not None and _is_multi_label(one):
        sums = one.target.sum(-1)
        evidence = (
            f"{one.called}, whose {one.units} units sum to one, and the targets sum to {sums.min():.3g} to "
            f"{sums.max():.3g}: they are several labels at once, or numbers"
        )
        return evidence, "each unit then has a range of its own", activation, loss, False
    if one.takes_logits and one.activation is not activations.relu:
        return None
    outside = (*_OUTSIDE, activations.linear) if one.loss == "kl_divergence" else _OUTSIDE
    if one.family in ("sparse", "categorical") and one.activation in (*ELEMENTWISE, *outside):
        if one.family == "categorical" and activation not in ("softmax", "sigmoid"):
            activation, loss = "softmax", one.loss or loss
        evidence = (
            f"{one.called}, and the loss {one.loss} compares a distribution over {one.units} classes: the units do not "
            f"sum to one{TRAINS if one.activation in ELEMENTWISE else ''}"
        )
        return evidence, "the loss is made for what this puts out", activation, loss, False
    if one.family == "binary" and one.activation in _OUTSIDE:
        evidence = f"{one.called}, and the loss {one.loss} takes probabilities: outside of 0 to 1 it has no gradient"
        return evidence, "the loss is made for what this puts out", "sigmoid", None, False
    return None


_OUTSIDE = (
    *(one for one, (low, _) in RANGES.items() if low < 0 and one is not activations.linear),
    *(activations.relu, activations.relu6),
)
"""Activations whose outputs are no probabilities. (Those of softplus and the exponential are, divided by their sum; a
linear end puts out logits.)"""


def _of_negatives(one: Seen) -> Fault | None:
    """Negative numbers where the loss takes a logarithm."""
    if one.loss != "poisson" or one.output.min() >= 0:
        return None
    evidence = (
        f"{one.called} and puts out numbers down to {one.output.min():.3g}; the loss {one.loss} takes their logarithm, "
        "and negative numbers have none"
    )
    return evidence, "the exponential of any number is a rate", "exponential", None, False


def _out_of_range(one: Seen) -> Fault | None:
    """Targets that the last activation cannot reach."""
    low, high = one.range
    if one.family != "numbers" or one.activation is activations.softmax or one.target.shape != one.output.shape:
        return None
    y = one.target
    beyond = np.maximum(0, np.maximum(low - y, y - high))
    if np.sqrt(np.mean(beyond**2)) <= OUT_OF_RANGE * (y.std() or 1.0):
        return None
    evidence = (
        f"{one.called}, which puts out {_numbers(low, high)}, and the targets of {one.name!r} go from {y.min():.4g} to "
        f"{y.max():.4g}: {np.mean(beyond > 0):.0%} of the targets lie out of its range, and are never reached"
    )
    return evidence, "a linear last layer reaches all targets", "linear", None, False


def _numbers(low: float, high: float) -> str:
    if np.isinf(high):
        return f"no number below {low:g}"
    return f"no number above {high:g}" if np.isinf(low) else f"numbers from {low:g} to {high:g}"


def _is_multi_label(one: Seen) -> bool:
    """Whether the targets are one for each unit, and no distribution."""
    fits = one.target.shape == one.output.shape and one.units > 1
    return fits and one.family != "sparse" and not one.sums_to_one


def _targets_suit(one: Seen) -> bool:
    y: Any = one.target
    return bool(one.family == "sparse" or (y.min() >= -BEYOND and y.max() <= 1 + BEYOND))


def _leaves_range(one: Seen, low: float, high: float) -> bool:
    return bool(one.output.min() < low - BEYOND or one.output.max() > high + BEYOND)


def _looks_probable(one: Seen) -> bool:
    """Whether the outputs are distributions over several units, as those of a softmax in code of the model's own."""
    x = one.output
    fits = one.units > 1 and one.family != "binary" and x.size >= 2 * one.units
    return bool(fits and x.min() >= 0 and np.allclose(x.sum(-1), 1, atol=1e-3))
