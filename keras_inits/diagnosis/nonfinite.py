"""The finding `nonfinite`: where the first infinite value, or the first that is not a number, comes from."""

import re
from collections.abc import Sequence

from keras_inits import thresholds
from keras_inits.diagnosis.case import Case
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.kernel_sizes import too_large
from keras_inits.diagnosis.numbers import LayerNumbers
from keras_inits.diagnosis.remedy import Remedy
from keras_inits.diagnosis.restoring import restoring
from keras_inits.models.examples import in_examples

KIND = "nonfinite"
LARGEST_EXPONENT = {"float16": 11.0}
"""From here on the exponential, of all functions in use the first to do so, is infinite: log(65504)."""
LARGEST_EXPONENT_ELSE = 88.7  # log(3.4e38), of float32, bfloat16 and, to be careful, float64
HINT = "a division by zero, a root or logarithm of what is not positive, an exponential of hundreds, a mean of nothing"
FINITE = "finite weights, of a size that keeps them so"


def nonfinite(case: Case) -> Finding | None:
    """Infinities, and values that are not a number, traced to the data, a weight, an operation or the loss."""
    return of_data(case) or _of_weights(case) or _of_forward(case) or _of_loss(case) or _of_backward(case)


def of_data(case: Case) -> Finding | None:
    """A finding about the inputs, or the targets, that are not finite: no weight is at fault then."""
    for name, bad in (("inputs", case.batch.bad_inputs), ("targets", case.batch.bad_targets)):
        if bad.values:
            evidence = f"{bad.values} values of the {name} are infinite or not a number{in_examples(bad.examples)}"
            remedy = f"no weight is at fault: clean the {name}, or leave these examples out"
            return Finding(KIND, (), evidence, Remedy(remedy), of_data=True)
    return None


def _of_weights(case: Case) -> Finding | None:
    bad = [(path, count) for row in case.rows for path, count in row.bad_weights]
    if not bad:
        return None
    evidence = f"{bad[0][1]} values of {bad[0][0]} are infinite or not a number"
    paths = {path for path, _ in bad}
    remedy = case.remedy(lambda _, weight: weight.path in paths, FINITE)
    drawn = [re.compile(pattern) for pattern, _ in remedy.rules]
    others = [path for path in paths if not any(pattern.search(path) for pattern in drawn)]
    owners = {path: case.graph.layer_at(path.rpartition("/")[0]) for path in sorted(others)}
    ways = [f"{path}: {restoring(path, layer, case.weights)}" for path, layer in owners.items()]
    reason = "; ".join([FINITE, *ways] if remedy.rules else ways)
    return Finding(KIND, _names(case.rows), evidence, remedy._replace(reason=reason))


def _of_forward(case: Case) -> Finding | None:
    number = next((number for number, row in enumerate(case.rows) if row.outputs.nonfinite), None)
    if number is None or _are_masks(case):
        return None
    row, before = case.rows[number], case.rows[number - 1] if number else None
    examples = in_examples(row.examples)
    if row.entered_nonfinite:
        place = f"between {before.name} and {row.name}" if before is not None else f"before {row.name}"
        evidence = (
            f"what goes into {row.name} has infinite values or ones that are no number{examples}: they arise {place}"
        )
        what = f"what is computed {place}"
    else:
        evidence = f"the outputs of {row.name} are the first with infinite values or ones that are no number{examples}"
        what = f"what {row.name} computes"
    return Finding(KIND, _names(case.rows), evidence, _smaller(case, number, what))


def _are_masks(case: Case) -> bool:
    """Whether all that is not finite is minus infinity, and does no harm, as before a softmax, which makes it zero."""
    harmless = all(row.outputs.nonfinite == row.minus_infinite and not row.gradient_nonfinite for row in case.rows)
    return harmless and case.batch.loss_is_finite


def _smaller(case: Case, number: int, what: str) -> Remedy:
    """New weights for kernels that are too large, if what they gave was large enough to become infinite."""
    before = case.rows[:number]
    row, inputs = case.rows[number], case.batch.inputs
    given = inputs.largest if inputs is not None else 1.0
    largest = max((one.outputs.largest for one in before), default=0.0)
    limit = LARGEST_EXPONENT.get(row.dtype, LARGEST_EXPONENT_ELSE)
    large = [kernel for one in before for kernel in one.kernels if too_large(kernel)] if largest > limit else []
    if not row.entered_nonfinite:
        entering = before[-1].outputs.largest if before else given
        large += [
            kernel
            for kernel in case.kernels_of(row)
            if too_large(kernel) and entering * kernel.moments.largest * kernel.fans[0] > limit
        ]
    remedy = case.for_kernels(large, FINITE)
    if remedy.rules:
        return remedy
    half = row.dtype == "float16"
    if given > (thresholds.FLOAT16_LARGEST / thresholds.FLOAT16_ROOM if half else thresholds.EXPLODING_NORM):
        return Remedy(f"no weight is at fault: the inputs reach {given:.2g}; divide them, or normalise them")
    return Remedy(f"no weight is at fault: look at {what} ({HINT})")


def _of_loss(case: Case) -> Finding | None:
    if case.batch.loss_is_finite:
        return None
    evidence = "the model's outputs are finite, and the loss is infinite or not a number"
    remedy = "no weight is at fault: look at the loss, and at whether outputs and targets are in its range"
    return Finding(KIND, (), evidence, Remedy(remedy))


def _of_backward(case: Case) -> Finding | None:
    number = next((n for n in reversed(range(len(case.rows))) if case.rows[n].gradient_nonfinite), None)
    if number is None:
        return None
    row = case.rows[number]
    behind = next((one for one in case.rows[number + 1 :] if one.output_gradient is not None), None)
    evidence = (
        f"the outputs are finite; going back, {row.name} is the first whose gradient is not"
        f"{in_examples(row.gradient_examples)}"
    )
    if row.dtype == "float16":
        evidence += ", at each loss scale at which those behind it have one"
    place = f"{behind.name}, and at what is between it and {row.name}" if behind else "the loss"
    norms = [one.output_gradient or 0.0 for one in case.rows if not one.gradient_nonfinite]
    overflows = row.dtype == "float16" or max(norms, default=0.0) > thresholds.EXPLODING_NORM
    large = [kernel for one in case.rows for kernel in one.kernels if too_large(kernel)]
    remedy = case.for_kernels(large if overflows else [], FINITE)
    if not remedy.rules:
        cause = f"look at {place}: its derivative is infinite somewhere (that of a root or of a norm at zero is)"
        remedy = Remedy(f"no weight is at fault: {cause}")
    return Finding(KIND, _names(case.rows), evidence, remedy)


def _names(rows: Sequence[LayerNumbers]) -> tuple[str, ...]:
    return tuple(row.name for row in rows if row.outputs.nonfinite or row.gradient_nonfinite or row.bad_weights)
