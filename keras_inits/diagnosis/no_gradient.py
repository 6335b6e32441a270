"""The finding `no_gradient`: weights to which the loss sends exactly nothing, though nothing in them blocks it."""

import itertools

from keras_inits import thresholds
from keras_inits.diagnosis.case import Case
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.norms import norm_of
from keras_inits.diagnosis.numbers import LayerNumbers, few_normalised, is_silent
from keras_inits.diagnosis.remedy import Remedy
from keras_inits.diagnosis.signals import FADED_NORM, begins_with_zeros, underflows
from keras_inits.diagnosis.units import is_saturated

HINT = (
    "A rounding, a comparison, an argmax, a stop_gradient or a conversion to integers has the derivative zero "
    "everywhere, and so have a softmax of one unit and an accuracy as loss"
)


UNREAD = (
    "no weight is at fault: nothing that the model puts out depends on {}, and what it may give to add_loss "
    "does not count here. Use what it puts out, or leave out what computes it"
)


def no_gradient(case: Case) -> Finding | None:
    """Weights, from the first layer on or in a branch, whose gradient is exactly zero for no reason of their own.

    A loss that is no number has no gradient that says anything, and layers of outputs without a loss need none.
    """
    if not case.batch.loss_is_finite:
        return None
    rows = [(number, row) for number, row in enumerate(case.rows) if row.name not in case.without_loss]
    trained = [(number, row) for number, row in rows if row.gradient is not None]
    for place, (silent, group) in enumerate(itertools.groupby(trained, key=lambda one: is_silent(one[1]))):
        run = list(group)
        # One weight of its own on which the loss does not depend is no kernel, and no fault.
        if silent and any(row.kernels for _, row in run):
            finding = _of_run(case, run, is_first=place == 0)
            if finding is not None:
                return finding
    return None


def _of_run(case: Case, run: list[tuple[int, LayerNumbers]], is_first: bool) -> Finding | None:
    last, row = run[-1]
    reached = case.graph.reached_from(row.layer)
    heard = [n for n in range(last + 1, len(case.rows)) if case.rows[n].output_gradient]
    behind = [n for n in heard if case.rows[n].layer in reached]
    next_heard = next(iter(behind or heard), None)
    end = len(case.rows) if next_heard is None else next_heard + 1
    if _is_explained(case, last, end) or not (is_first or _is_branch(case, next_heard)):
        return None
    names = [row.name for _, row in run]
    branch = f"{names[0]} and up to {row.name}" if len(names) > 1 else f"{row.name} alone"
    where = f"{row.name} and at each layer with weights before it" if is_first else branch
    if not any(_is_read(case, one) for _, one in reversed(run)):
        evidence = f"the gradient is exactly zero at {where}: nothing reads its outputs"
        return Finding("no_gradient", tuple(names), evidence, Remedy(UNREAD.format(row.name)))
    source = "the loss" if next_heard is None else case.rows[next_heard].name
    place = f"between {row.name} and {source}, and at both"
    if heard and not behind:  # the order of the calls alone, which need not be that of what reads what
        source = f"what reads its outputs, and {source} is the next layer that has one"
        place = f"at what is computed from the outputs of {row.name}"
    evidence = f"the gradient is exactly zero at {where}: none comes from {source}"
    return Finding("no_gradient", tuple(names), evidence, Remedy(f"no weight is at fault: look {place}. {HINT}"))


def _is_branch(case: Case, first_heard: int | None) -> bool:
    """Whether something reads these layers, and no zero of any layer closes their branch, as some designs begin.

    Such a zero need not stand behind them: a layer around them may hold it, or another branch compute it.
    """
    zeros = any(begins_with_zeros(case, row) or row.outputs.largest == 0 or row.dead == 1 for row in case.rows)
    own = [one for one in case.weights if one.origin != "known" and "float" in one.variable.dtype]
    return first_heard is not None and not zeros and all(norm_of(one.variable.value)[0] for one in own)


def _is_read(case: Case, row: LayerNumbers) -> bool:
    """Whether the model's outputs depend on those of a layer with weights."""
    return any(case.is_read(weight.layer) for weight in case.weights if weight.path in row.weights)


def _is_explained(case: Case, last: int, end: int) -> bool:
    """Whether weights block the gradient, as other findings say, or a batch normalisation of too few values does.

    What weights do it by is zeros, dead or saturated units, or underflow.
    """
    behind = case.rows[last:end]
    heard = [row.output_gradient for row in case.rows[end - 1 :] if row.output_gradient]
    return (
        any(begins_with_zeros(case, row) or row.outputs.nonfinite or few_normalised(row) for row in behind)
        or any(row.outputs.largest == 0 or row.dead == 1 for row in behind)
        or any(is_saturated(case, number) for number in range(last, end))
        or any(norm < max(FADED_NORM, thresholds.VANISHING_NORM) for norm in heard)
        or underflows(case.rows)
    )
