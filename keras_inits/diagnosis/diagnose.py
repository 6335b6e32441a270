"""From a model and a batch to its diagnosis."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from keras_inits._names import stand_in
from keras_inits.backends.forks import computing
from keras_inits.diagnosis.batch import batch_numbers
from keras_inits.diagnosis.counts import nonfinite_count
from keras_inits.diagnosis.diagnosis import Diagnosis
from keras_inits.diagnosis.findings import findings_of
from keras_inits.diagnosis.forward_backward import Gradients, Pass, passed
from keras_inits.diagnosis.kernels import kernel_numbers
from keras_inits.diagnosis.losses import Target, target_of
from keras_inits.diagnosis.norms import norm_of
from keras_inits.diagnosis.numbers import LayerNumbers, is_silent
from keras_inits.diagnosis.probes import Call, Probe
from keras_inits.diagnosis.remedies import Case
from keras_inits.diagnosis.unit_sums import equal_share
from keras_inits.diagnosis.unread import is_read
from keras_inits.diagnosis.unseen import too_few, without_loss
from keras_inits.diagnosis.watched import name_of, normalised_over
from keras_inits.faults import ours
from keras_inits.models.calls import check_batch, check_call
from keras_inits.models.graph import Graph
from keras_inits.models.weights import Weight, weights_of

FLOAT16_SCALES = tuple(2.0**exponent for exponent in range(15, -46, -10))
"""What the loss is multiplied by where a layer computes in float16: as Keras's LossScaleOptimizer begins, and, as that
does, by less if the gradients overflow."""


@computing("diagnose")
def diagnose(model: Any, x: Any, y: Any = None, loss: Any = None) -> Diagnosis:
    """Sends one batch forward and backward through a built model, and says what is wrong with its weights.

    The model runs as it does in training, with dropout and the statistics of the batch. Afterwards its weights, its
    optimizer, the states of its random numbers and its moving statistics are what they were, to the bit. Layers inside
    of code that the backend compiles as a whole are looked at from outside.

    Args:
        model: A built model of any kind.
        x: A batch, as the model takes it; some hundred examples.
        y: Its targets. Without them the gradients are those of a random projection of the outputs.
        loss: A loss of Keras's, or one for each output as in `compile`; by default the one the model is compiled with.

    Returns:
        The numbers of each layer in the order in which the batch went through them, and the findings. It prints.

    Raises:
        TypeError: If the model is not one of Keras's.
        ValueError: If it is not built, has no `call`, does not take the batch, or one of `y` and a loss is there
            without the other.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_inits import diagnose
        >>> model = keras.Sequential([keras.Input((64,))])
        >>> for _ in range(20):
        ...     model.add(keras.layers.Dense(64, "relu", kernel_initializer=keras.initializers.RandomNormal(0, 0.01)))
        >>> diagnosis = diagnose(model, np.random.default_rng(0).standard_normal((128, 64)))
        >>> [finding.kind for finding in diagnosis.findings]
        ['vanishing_signal', 'vanishing_gradient']
        >>> table = diagnosis.repair(model)
        >>> diagnose(model, np.random.default_rng(0).standard_normal((128, 64))).findings
        ()
    """
    weights, graph = weights_of(model), Graph(model)
    check_call(model)
    check_batch(x, "diagnose")
    target = target_of(model, y, loss)
    batch = batch_numbers(x, y)
    in_float16 = any(weight.layer.compute_dtype == "float16" for weight in weights)
    rows: tuple[LayerNumbers, ...] = ()
    for scale in FLOAT16_SCALES if in_float16 else (1.0,):
        seen = passed(model, x, weights, _times(scale, target))
        with ours("while it turned what the probes saw into numbers"):
            again = _rows(seen, graph, scale)
            rows = _finite(rows, again) if rows else again
        if not any(row.gradient_nonfinite for row in rows):
            break
    silent = _silent_for_lack_of_loss(model, x, weights, target, rows, graph)
    with ours("while it looked for findings"):
        case = Case(
            rows, batch._replace(loss_is_finite=seen.loss_is_finite), weights, graph, partial(is_read, model, x), silent
        )
        quiet = (*too_few(rows), *without_loss(rows, silent, target.unread))
        return Diagnosis(rows, findings_of(case), (*seen.unseen, *quiet), batch.inputs, target.described)


def _silent_for_lack_of_loss(
    model: Any, x: Any, weights: list[Weight], target: Target, rows: Sequence[LayerNumbers], graph: Graph
) -> frozenset[str]:
    """The names of the rows that only outputs without a loss depend on: a loss of these sends them a gradient."""
    silent = {row.name for row in rows if is_silent(row)}
    if not target.unread or not silent:
        return frozenset()
    seen = passed(model, x, weights, target.of_unread)
    with ours("while it looked for layers that no loss depends on"):
        return frozenset(row.name for row in _rows(seen, graph, 1.0) if row.name in silent and not is_silent(row))


def _times(scale: float, target: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda outputs: target(outputs) * scale


def _rows(seen: Pass, graph: Graph, scale: float) -> tuple[LayerNumbers, ...]:
    pairs = zip(seen.calls, [None, *seen.calls], strict=False)
    return tuple(_row(call, before, graph, seen.gradients, scale) for call, before in pairs)


def _row(call: Call, before: Call | None, graph: Graph, gradients: Gradients, scale: float) -> LayerNumbers:
    assert call.outputs is not None
    probe, (_, outputs, units) = call.probe, call.outputs
    watched = probe.watched
    weights = watched.weights if call.number == 1 else ()
    kernels = tuple(
        kernel_numbers(weight, graph, gradients.get(id(weight.variable)))
        for weight in weights
        if weight.fans is not None
    )
    gradient, nonfinite = _gradient(weights, gradients)
    earlier = before.outputs.moments.stddev if before is not None and before.outputs is not None else 0.0
    variables = watched.variables if call.number == 1 else ()
    return LayerNumbers(
        name=watched.name if call.number == 1 else f"{watched.name} (call {call.number})",
        layer=watched.name,
        call=call.number,
        kind=stand_in(type(watched.layer).__name__),
        shape=call.shape[1:],
        entries=math.prod(call.shape),
        normalised=normalised_over(watched.layer, call.shape),
        dtype=watched.layer.compute_dtype,
        activation=name_of(probe.activation),
        inputs=call.inputs,
        outputs=outputs,
        ratio=outputs.stddev / earlier if earlier else None,
        saturated=call.flat / call.entered if probe.slope is not None and call.entered else None,
        saturated_limit=_saturated_limit(probe, units.number, graph),
        dead=units.dead,
        units=units.number,
        identical=max([equal_share(units, alive=True), *(kernel.identical for kernel in kernels)]),
        gradient=None if gradient is None else gradient / scale,
        output_gradient=None if call.gradient is None else call.gradient / scale,
        gradient_nonfinite=call.gradient_nonfinite + nonfinite,
        entered_nonfinite=call.entered_nonfinite,
        examples=call.examples,
        gradient_examples=call.gradient_examples,
        bad_weights=tuple((path, bad) for path, one in variables if (bad := _nonfinite_entries(one.value))),
        kernels=kernels,
        weights=tuple(weight.path for weight in weights),
        minus_infinite=call.minus_infinite,
    )


def _saturated_limit(probe: Probe, units: int, graph: Graph) -> float | None:
    if probe.slope is None:
        return None
    return probe.slope.saturated_limit(units, graph.variance_before(probe.watched.layer))


def _nonfinite_entries(tensor: Any) -> int:
    return nonfinite_count(tensor) if not math.isfinite(norm_of(tensor)[0]) else 0


def _gradient(weights: Sequence[Weight], gradients: Gradients) -> tuple[float | None, int]:
    """The norm of the gradient of all of these weights, None if they have none, and how many entries are not finite."""
    found = [norm_of(gradients[id(one.variable)]) for one in weights if id(one.variable) in gradients]
    return (math.hypot(*(norm for norm, _ in found)) if found else None), sum(bad for _, bad in found)


def _finite(larger: Sequence[LayerNumbers], smaller: Sequence[LayerNumbers]) -> tuple[LayerNumbers, ...]:
    """Of each layer the numbers of the larger loss scale if its gradient is finite there, and else of the smaller one.

    Unless the smaller one has lost to zero what comes back from the layers behind: then no scale has room for both.
    """
    found, lost = [], False
    for large, small in zip(reversed(larger), reversed(smaller), strict=True):
        if large.gradient_nonfinite:
            found.append(large if lost and not small.output_gradient else small)
        else:
            lost = lost or (bool(large.output_gradient) and not small.output_gradient)
            found.append(large)
    return tuple(reversed(found))
