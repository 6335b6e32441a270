"""The findings about units: equal ones, saturated ones, dead ones."""

from keras_inits import thresholds
from keras_inits.diagnosis.case import Case
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.kernel_sizes import too_large
from keras_inits.diagnosis.norms import norm_of
from keras_inits.diagnosis.numbers import LayerNumbers, mixes
from keras_inits.diagnosis.remedy import Remedy
from keras_inits.diagnosis.signals import FADED_NORM, begins_with_zeros
from keras_inits.layers.kinds import NOISE

LARGE_RMS = 2.0
"""Inputs of this root mean square double what goes into the first activation, whatever the weights: tanh's derivative
is then below a hundredth of its largest for 13 percent, and not for 0.3."""


def symmetric_units(case: Case) -> Finding | None:
    """Units that start equal and have an equal gradient: they stay equal, and the layer is narrower than it looks."""
    found = [
        (row.name, kernel)
        for number, row in enumerate(case.rows)
        for kernel in row.kernels
        if not (case.batch.are_zero and _may_be_zero(case, number)) and kernel.symmetric >= thresholds.SYMMETRIC_SHARE
    ]
    if not found:
        return None
    name, kernel = max(found, key=lambda one: one[1].symmetric)
    start = f"all {kernel.moments.mean:.3g}" if kernel.moments.stddev == 0 else "equal columns"
    evidence = (
        f"{kernel.symmetric:.0%} of the units of {name} have the weights and the gradient of another one ({start}; "
        f"at most {thresholds.SYMMETRIC_SHARE:.0%})"
    )
    remedy = case.for_kernels([one[1] for one in found], "random weights: units that start equal stay equal")
    return Finding("symmetric_units", tuple(dict.fromkeys(one[0] for one in found)), evidence, remedy)


def _may_be_zero(case: Case, number: int) -> bool:
    """Whether this is the last layer with kernels, and begins with zeros: a batch of zeros gives them no gradient."""
    return begins_with_zeros(case, case.rows[number]) and not any(row.kernels for row in case.rows[number + 1 :])


def saturated(case: Case) -> Finding | None:
    """Activations that are flat at both ends, at one of these for most units and examples."""
    found = [number for number, _ in enumerate(case.told) if is_saturated(case, number)]
    if not found:
        return None
    place = max(found, key=lambda number: case.rows[number].saturated or 0.0)
    worst = case.rows[place]
    assert worst.inputs is not None
    evidence = (
        f"{worst.saturated:.0%} of {worst.name}'s inputs to {worst.activation} lie where its derivative is below "
        f"{thresholds.SATURATED_DERIVATIVE:.0%} of its largest (at most {_saturated_limit(case, place):.0%}); their "
        f"standard deviation is {worst.inputs.stddev:.3g}"
    )
    feeding = [row for number in found for row in case.feeding(number)]
    remedy = case.for_rows(feeding, "inputs for which the activation is not flat")
    if (
        not any(too_large(kernel) for row in feeding for kernel in case.kernels_of(row))
        and case.size_of_inputs > LARGE_RMS
    ):
        remedy = Remedy(f"divide the inputs by {case.size_of_inputs:.3g}, or add keras.layers.Normalization")
    return Finding("saturated", tuple(case.rows[number].name for number in found), evidence, remedy)


def is_saturated(case: Case, number: int) -> bool:
    """Whether a row's activation is flat at both ends, and at one of these for too many units and examples."""
    return (case.rows[number].saturated or 0.0) > _saturated_limit(case, number)


def _saturated_limit(case: Case, number: int) -> float:
    """The share that may be saturated: as many as chance explains, or most where exactly nothing comes back through."""
    row = case.rows[number]
    if row.saturated_limit is None:
        return 1.0
    gradients = [one.gradient for one in case.feeding(number) if one.gradient is not None]
    is_blocked = row.output_gradient and gradients and not any(gradients)
    return thresholds.SATURATED_SHARE if is_blocked else row.saturated_limit


def dead_units(case: Case) -> Finding | None:
    """More units that are zero on the whole batch than chance makes, in a layer that is not dead as a whole.

    An activation that mixes units, as sparsemax, leaves out most of them by design.
    """
    found = [
        number
        for number, row in enumerate(case.told)
        if row.activation is not None
        and not mixes(row)
        and thresholds.DEAD_SHARE < row.dead < 1
        and _dead_limit(case, number) < row.dead
        and row.outputs.largest > FADED_NORM
    ]
    if not found:
        return None
    place = max(found, key=lambda number: case.rows[number].dead)
    worst = case.rows[place]
    evidence = (
        f"{worst.dead:.0%} of the {worst.units} units of {worst.name} are zero on the whole batch "
        f"(at most {_dead_limit(case, place):.0%})"
    )
    feeding = [row for number in found for row in case.feeding(number)]
    remedy = case.for_rows(feeding, "weights and biases that leave each unit on for half of its inputs")
    return Finding("dead_units", tuple(case.rows[number].name for number in found), evidence, remedy)


def _dead_limit(case: Case, number: int) -> float:
    """The share of dead units that chance explains: of few units by how much alike the examples are that they get.

    Behind other layers pairs of examples are not equally alike, and a narrow layer may lose half of its units for that.
    There it takes a bias that is not zero, as a unit that was switched off has.
    """
    row, feeding = case.rows[number], case.feeding(number)
    before = number - len(feeding)
    alike = case.rows[before].alike if before >= 0 else case.batch.alike
    if alike is None or (before >= 0 and not _has_bias(case, feeding[0])):
        return thresholds.dead_limit(row.units)
    return thresholds.dead_limit(row.units, thresholds.off_by_chance(alike, case.batch.examples))


def _has_bias(case: Case, row: LayerNumbers) -> bool:
    """Whether the layer has a bias, and not all of it is zero."""
    own = [one.variable for one in case.weights if one.path in row.weights and one.variable.name == "bias"]
    return any(norm_of(variable.value)[0] > 0 for variable in own)


def dead_layer(case: Case) -> Finding | None:
    """The first layer that is zero on the whole batch and has no gradient, though its weights are not zero."""
    for number, row in enumerate(case.told):
        feeding = case.feeding(number)
        kernels = [kernel for one in feeding for kernel in case.kernels_of(one)]
        still = all(not one.gradient for one in feeding)
        zero = row.outputs.largest == 0 and not row.outputs.nonfinite and row.entries >= thresholds.DEAD_ENTRIES
        entering = case.rows[number - len(feeding)] if number >= len(feeding) else None
        if entering is not None and entering.outputs.largest < FADED_NORM:
            continue
        if zero and still and kernels and all(kernel.moments.largest > 0 for kernel in kernels):
            source = next(one for one in feeding if one.outputs.largest == 0)
            if isinstance(case.graph.layer_at(source.layer), NOISE):  # a branch that is left out by chance
                continue
            evidence = f"all {row.units} units of {row.name} are zero on the whole batch, and so is their gradient"
            remedy = case.for_rows(feeding, "weights and biases that leave each unit on for half of its inputs")
            if mixes(source) or (source.activation is None and not source.weights and not source.kernels):
                remedy = Remedy(f"no weight is at fault: look at what {source.name} does to its inputs")
            return Finding("dead_layer", (row.name,), evidence, remedy)
    return None
