"""The findings about gradients that vanish or explode from one layer to another that depends on it."""

import math
from collections.abc import Callable, Sequence

from keras_inits import thresholds
from keras_inits.diagnosis.cancelled import cancelled_gradient, is_cancelled
from keras_inits.diagnosis.case import Case
from keras_inits.diagnosis.closed_branches import in_closed_branches
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.kernel_sizes import too_large, too_small
from keras_inits.diagnosis.numbers import KernelNumbers, few_normalised
from keras_inits.diagnosis.rescaling import NONE, OTHER_LAYERS, rescaled
from keras_inits.diagnosis.signals import Profile, begins_with_zeros, faded, underflows

FADING_RATIO = thresholds.VANISHING_RATIO * thresholds.RATIO_UNCERTAINTY
GROWING_RATIO = thresholds.EXPLODING_RATIO / thresholds.RATIO_UNCERTAINTY


def vanishing_gradient(case: Case) -> Finding | None:
    """Gradients that are too small beside those of layers nearer to the outputs."""
    small = _signal_vanishes(case)
    for what, profile in _gradients(case, small):
        smallest, largest = _extremes(profile)
        lost = largest[1] < thresholds.VANISHING_NORM
        ends = _along_a_path(case, profile, FADING_RATIO)
        if lost or ends is not None:
            return _gradient_finding(case, what, profile, "vanishing_gradient", ends or (smallest, largest))
        if underflows(case.rows):  # zeros at the end of a decay are the decay's
            number = next(number for number, row in enumerate(case.rows) if case.kernels_of(row))
            if case.rows[number].output_gradient == 0 and number < largest[0]:
                ends = (number, 0.0), largest
                return _gradient_finding(case, what, profile, "vanishing_gradient", ends)
    if small:
        return None
    return cancelled_gradient([row for row in case.rows if not begins_with_zeros(case, row)])


def exploding_gradient(case: Case) -> Finding | None:
    """Gradients that are too large beside those of layers nearer to the outputs."""
    for what, profile in _gradients(case, _signal_vanishes(case)):
        smallest, largest = _extremes(profile)
        lost = largest[1] > thresholds.EXPLODING_NORM
        ends = _along_a_path(case, profile, GROWING_RATIO)
        if lost or ends is not None:
            return _gradient_finding(case, what, profile, "exploding_gradient", ends or (largest, smallest))
    return None


def _gradient_finding(
    case: Case, what: str, profile: Profile, kind: str, ends: tuple[tuple[int, float], tuple[int, float]]
) -> Finding:
    (first, size), (last, other) = ends
    count = sum(bool(case.kernels_of(row)) for row in case.rows[min(first, last) : max(first, last)])
    factor = (size / other) ** (1 / max(1, count))
    low, high = case.rows[min(first, last)].name, case.rows[max(first, last)].name
    evidence = (
        f"the gradient of the {what} has the norm {size:.2g} at {case.rows[first].name} and {other:.2g} at "
        f"{case.rows[last].name}: by {factor:.2g} per layer from {high} to {low}"
    )
    fades = kind == "vanishing_gradient"
    bound = other * (FADING_RATIO if fades else GROWING_RATIO)
    layers = tuple(case.rows[number].name for number, norm in profile if (norm < bound if fades else norm > bound))
    reason = "weights that keep the gradient's norm from layer to layer"
    layers = layers or (case.rows[first].name,)
    remedy = rescaled(case, too_small if fades else too_large, reason, NONE)
    if not remedy.rules:  # a normalisation turns it round: small numbers before it have a large gradient
        remedy = rescaled(case, _either_off(case, layers), reason, OTHER_LAYERS)
    return Finding(kind, layers, evidence, remedy, factor, high)


def _either_off(case: Case, names: Sequence[str]) -> Callable[[KernelNumbers], bool]:
    """Whether a kernel of one of these rows is too small or too large."""
    paths = {kernel.path for row in case.rows if row.name in names for kernel in case.kernels_of(row)}
    return lambda kernel: kernel.path in paths and (too_small(kernel) or too_large(kernel))


def _signal_vanishes(case: Case) -> bool:
    return not in_closed_branches(case).issuperset(faded(case, thresholds.VANISHING_SIGNAL))


def _gradients(case: Case, small: bool) -> list[tuple[str, Profile]]:
    """The two profiles of norms, of layers with kernels: those that are zero or not finite are other findings.

    Queries and keys are in none, nor are branches that begin closed. Where attention looks everywhere alike, next to
    nothing comes back through its scores, and all that passes on the gradient does so past them.

    Args:
        case: The case.
        small: Whether the signal vanishes, which makes the gradients of weights small too.
    """
    first = max((number for number, row in enumerate(case.rows) if few_normalised(row)), default=0)
    closed = in_closed_branches(case)
    rows = [
        (number, row)
        for number, row in enumerate(case.rows)
        if number >= first and not row.scores and number not in closed
    ]
    outputs = [(number, row.output_gradient) for number, row in rows if case.kernels_of(row)]
    # The gradient of a kernel of zeros may be all rounding, as behind batch normalisation.
    # That of a kernel that several calls share is the sum of theirs, and of no place.
    shared = {row.layer for row in case.rows if row.call > 1}
    own = [(number, row) for number, row in rows if row.kernels and row.layer not in shared]
    moving = [(number, row) for number, row in own if not begins_with_zeros(case, row)]
    weights = [(number, row.gradient) for number, row in moving if small or not is_cancelled(row)]
    named = [("outputs", outputs), ("weights", weights)]
    return [
        (what, kept)
        for what, profile in named
        if (kept := [(number, norm) for number, norm in profile if norm and math.isfinite(norm)])
    ]


def _extremes(profile: Profile) -> tuple[tuple[int, float], tuple[int, float]]:
    return min(profile, key=lambda one: one[1]), max(profile, key=lambda one: one[1])


def _along_a_path(case: Case, profile: Profile, ratio: float) -> tuple[tuple[int, float], tuple[int, float]] | None:
    """The most extreme norm that is off beside one that depends on it, and that one; None if there is no such pair.

    The order of calls makes no path: an encoder is called after its decoder's words, or before them.

    Args:
        case: The case.
        profile: The norms.
        ratio: Below 1, a norm is off that is smaller than this share of one behind it; above, one that is larger.
    """
    sign = 1 if ratio < 1 else -1
    cleared = set[int]()
    for one in sorted(profile, key=lambda one: sign * one[1]):
        later = (norm for number, norm in profile if number > one[0])
        if one[0] not in cleared and any(sign * one[1] < sign * ratio * norm for norm in later):
            reached = case.reached(one[0])
            behind = [other for other in profile if other[0] in reached]
            other_end = max(behind, key=lambda other: sign * other[1], default=one)
            if sign * one[1] < sign * ratio * other_end[1]:
                return one, other_end
            cleared |= reached  # these are less extreme, and come to no others
    return None
