"""The finding `no_gradient`: weights to which the loss sends exactly nothing, though nothing in them blocks it."""

from keras_inits import thresholds
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.numbers import LayerNumbers
from keras_inits.diagnosis.remedies import Case, Remedy
from keras_inits.diagnosis.scales import FADED, begins_with_zeros, few_normalised, underflows

HINT = (
    "a rounding, a comparison, an argmax, a stop_gradient or a conversion to integers has the derivative zero "
    "everywhere, and so have a softmax of one unit and an accuracy as loss"
)


def no_gradient(case: Case) -> Finding | None:
    """All weights, from the first layer up to some layer, whose gradient is exactly zero for no reason of their own."""
    trained = [(number, row) for number, row in enumerate(case.rows) if row.gradient is not None]
    silent = 0
    while silent < len(trained) and _is_silent(trained[silent][1]):
        silent += 1
    if not any(row.kernels for _, row in trained[:silent]):  # one weight of its own that the loss does not depend on
        return None
    last = trained[silent - 1][0]
    first_heard = next((n for n in range(last + 1, len(case.rows)) if case.rows[n].output_gradient), None)
    end = len(case.rows) if first_heard is None else first_heard + 1
    if _is_explained(case, last, end):
        return None
    name, source = case.rows[last].name, "the loss" if first_heard is None else case.rows[first_heard].name
    evidence = (
        f"the gradient is exactly zero at {name} and at each layer with weights before it: none comes from {source}"
    )
    remedy = f"no weight is at fault: look between {name} and {source}, and at both. {HINT}"
    layers = tuple(one.name for _, one in trained[:silent])
    return Finding("no_gradient", layers, evidence, Remedy((), (), remedy))


def _is_silent(row: LayerNumbers) -> bool:
    return row.gradient == 0 and not row.output_gradient and not row.gradient_nonfinite


def _is_explained(case: Case, last: int, end: int) -> bool:
    """Whether weights block the gradient, as other findings say, or a batch normalisation of too few values does.

    What weights do it by is zeros, dead or saturated units, or underflow.
    """
    behind = case.rows[last:end]
    heard = [row.output_gradient for row in case.rows[end - 1 :] if row.output_gradient]
    return (
        any(begins_with_zeros(case, row) or row.outputs.nonfinite or few_normalised(row) for row in behind)
        or any(row.outputs.largest == 0 or row.dead == 1 for row in behind)
        or any(row.saturated is not None and row.saturated > (row.saturated_limit or 1.0) for row in behind)
        or any(norm < max(FADED, thresholds.VANISHING_NORM) for norm in heard)
        or underflows(case.rows)
    )
