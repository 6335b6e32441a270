"""From targets and a loss to the last bias, and to a regression's head that puts out less than its targets."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from keras_inits.layers.kinds import DEPTHWISE, TRANSPOSED
from keras_inits.models.heads import INVERSES, Call, Head, bias_for, head_of
from keras_inits.models.rules import Planned
from keras_inits.models.sample import Sample
from keras_inits.models.scaling import Scaling, first_of
from keras_inits.models.targets import Best, UnsuitableError, best_outputs

PART = 0.3
"""Of the targets' deviation, that a regression's outputs start with: they do not follow the inputs yet, and add to the
loss what they vary."""


class Fitted(NamedTuple):
    """The changes that were made for the outputs."""

    biases: dict[str, str]
    """By the stream of a bias what it was set to, in words."""
    factors: dict[str, float]
    """By the stream of a kernel, what it was multiplied by."""
    notes: tuple[str, ...]


def fit_outputs(
    model: Any, planned: Sequence[Planned], sample: Sample, outputs: Any, scaling: Scaling, loss: Any
) -> Fitted:
    """Sets the last bias of each output to the best constant output by its loss."""
    biases, factors, notes = dict[str, str](), dict[str, float](), list[str]()
    loss = getattr(model, "loss", None) if loss is None else loss
    if sample.y is None or outputs is None:
        return Fitted(biases, factors, ())
    if loss is None:
        return Fitted(biases, factors, ("the last bias does not follow the targets, for no loss is known: pass loss=",))
    names, leaves = _outputs(model, outputs)
    parts = [_by_output(given, names) for given in (sample.y, loss, sample.sample_weight)]
    for name, output, y, one, weight in zip(names, leaves, *parts, strict=True):
        if one is None or y is None:
            continue
        try:
            _fit(output, scaling, planned, best_outputs(one, y, weight, tuple(output.shape)), biases, factors)
        except UnsuitableError as why:
            of = f" of {name}" if len(leaves) > 1 else ""
            notes.append(f"the last bias{of} does not follow the targets, for {why}")
    return Fitted(biases, factors, tuple(notes))


def _fit(
    output: Any,
    scaling: Scaling,
    planned: Sequence[Planned],
    best: Best,
    biases: dict[str, str],
    factors: dict[str, float],
) -> None:
    head = head_of(first_of(output), scaling.calls)
    if head is None:
        raise UnsuitableError("no layer with a kernel was seen to put it out")
    drawn = {(id(one.weight.layer), one.weight.variable.name): one for one in planned}
    bias, kernel = (drawn.get((id(head.layer), name)) for name in ("bias", "kernel"))
    if bias is None or bias.origin == "rule":
        raise UnsuitableError("its layer has no bias" if bias is None else "an explicit rule gave it")
    values = bias_for(best, head.activation)
    if tuple(bias.weight.variable.shape) != values.shape:
        raise UnsuitableError(
            f"it has the shape {tuple(bias.weight.variable.shape)}, and the targets {values.shape[0]} units"
        )
    if bias.weight.stream in biases:
        raise UnsuitableError("its layer also puts out another output")
    # What it took in of the inputs' means stays; what its layer declares does not.
    before = (
        np.asarray(keras.ops.convert_to_numpy(bias.weight.variable), "float64")
        if id(head.layer) in scaling.folded
        else 0.0
    )
    if kernel is not None and kernel.origin != "rule" and kernel.factor and best.deviation is not None:
        factor = _factor(head, scaling.calls, best.values, best.deviation)
        kernel.weight.variable.assign(keras.ops.convert_to_numpy(kernel.weight.variable) * factor)
        factors[kernel.weight.stream] = float(np.sqrt(np.mean(factor**2)))
        before = before * factor
    bias.weight.variable.assign(before + values)
    biases[bias.weight.stream] = best.what


def _factor(head: Head, calls: Sequence[Call], values: Any, deviation: Any) -> Any:
    """The factor of each unit's kernel that keeps pre-activations within `PART` of the targets' deviation."""
    inverse, half = INVERSES[head.activation], np.maximum(deviation, 1e-12) / 2
    wanted = PART * np.abs(inverse(values + half) - inverse(values - half))
    if isinstance(head.layer, (*DEPTHWISE, *TRANSPOSED, layers.EinsumDense)):  # where units are not the last axis
        wanted = np.sqrt(np.mean(wanted**2, keepdims=True))
    before = next(call.before for call in reversed(calls) if call.layer is head.layer)
    size = float(np.sqrt(np.mean(np.square(before, dtype="float64"))))
    return np.minimum(1.0, wanted / size) if size > 0 else np.ones_like(wanted)


def _outputs(model: Any, outputs: Any) -> tuple[list[str], list[Any]]:
    if isinstance(outputs, dict):
        return list(outputs), list(outputs.values())
    leaves = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    names = list(getattr(model, "output_names", None) or [])
    return names if len(names) == len(leaves) else [f"output {number}" for number in range(len(leaves))], leaves


def _by_output(given: Any, names: list[str]) -> list[Any]:
    """One item for each output, from a dictionary by its name, a list, or one for all."""
    if isinstance(given, dict):
        return [given.get(name) for name in names]
    several = isinstance(given, (list, tuple)) and (len(names) > 1 or len(given) == 1)
    items = list(given) if several else [given] * len(names)
    return items + [None] * (len(names) - len(items))
