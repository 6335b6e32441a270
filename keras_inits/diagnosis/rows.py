"""From the probes' statistics of calls to rows of numbers."""

import math
from collections.abc import Sequence
from typing import Any

from keras_inits import thresholds
from keras_inits._names import stand_in
from keras_inits.diagnosis.counts import nonfinite_count
from keras_inits.diagnosis.forward_backward import Gradients, Pass
from keras_inits.diagnosis.kernels import kernel_numbers
from keras_inits.diagnosis.norms import norm_of
from keras_inits.diagnosis.numbers import LayerNumbers
from keras_inits.diagnosis.probes import Call
from keras_inits.diagnosis.unit_sums import equal_share
from keras_inits.diagnosis.watched import name_of, normalised_over
from keras_inits.models.graph import Graph

ADDED = ("bias", "beta")
"""The ends of the names of weights that are added, and open no branch to a signal."""


def rows_of(seen: Pass, graph: Graph, scale: float) -> tuple[LayerNumbers, ...]:
    """A row for each call, in their order; gradients are those of the loss without its scale."""
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
    norms = [(one, *norm_of(gradients[id(one.variable)])) for one in weights if id(one.variable) in gradients]
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
        saturated_limit=_saturated_limit(call, units.number, graph),
        dead=units.dead,
        units=units.number,
        identical=max([equal_share(units, alive=True), *(kernel.identical for kernel in kernels)]),
        gradient=math.hypot(*(norm for _, norm, _ in norms)) / scale if norms else None,
        factors_gradient=math.hypot(*(norm for one, norm, _ in norms if not one.variable.name.endswith(ADDED))) / scale,
        output_gradient=None if call.gradient is None else call.gradient / scale,
        gradient_nonfinite=call.gradient_nonfinite + sum(bad for _, _, bad in norms),
        entered_nonfinite=call.entered_nonfinite,
        examples=call.examples,
        gradient_examples=call.gradient_examples,
        bad_weights=tuple((path, bad) for path, one in variables if (bad := _nonfinite_entries(one.value))),
        kernels=kernels,
        weights=tuple(weight.path for weight in weights),
        minus_infinite=call.minus_infinite,
        across=call.across,
        scores=watched.scores,
    )


def _saturated_limit(call: Call, units: int, graph: Graph) -> float | None:
    """The share that may be saturated; None for an activation that is not flat at both ends."""
    slope = call.probe.slope
    if slope is None or not slope.saturates:
        return None
    good = slope.flat_share(graph.variance_before(call.probe.watched.layer))
    alike = call.inputs_alike
    return thresholds.saturated_limit(good, units, 1.0 if alike is None else alike, call.shape[0] if call.shape else 1)


def _nonfinite_entries(tensor: Any) -> int:
    return nonfinite_count(tensor) if not math.isfinite(norm_of(tensor)[0]) else 0


def finite_rows(larger: Sequence[LayerNumbers], smaller: Sequence[LayerNumbers]) -> tuple[LayerNumbers, ...]:
    """For each layer, the numbers under the larger loss scale if its gradient is finite there, else under the smaller.

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
