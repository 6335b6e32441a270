"""The findings about sizes: signals and gradients that fade or grow over depth, and what leaves a dtype's range."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from keras_inits import thresholds
from keras_inits.diagnosis.cancelled import cancelled_gradient, is_cancelled
from keras_inits.diagnosis.case import Case
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.kernel_sizes import too_large, too_small
from keras_inits.diagnosis.numbers import KernelNumbers, LayerNumbers, few_normalised, mixes
from keras_inits.diagnosis.remedy import Remedy

LSUV = Remedy("each kernel has the size that its fans ask for; this asks the batch", code="keras_inits.lsuv(model, x)")
OTHER_LAYERS = Remedy(
    "each kernel has the size that its fans ask for: add normalisation, shortcuts, or take another activation"
)
NONE = Remedy("")

FADED_NORM = thresholds.FLOAT32_SMALLEST / thresholds.FLOAT32_ROUNDOFF
"""Inputs of a layer below this, 2e-31, may come out as zero: then the layers before are at fault."""

FADING_RATIO = thresholds.VANISHING_RATIO * thresholds.RATIO_UNCERTAINTY
GROWING_RATIO = thresholds.EXPLODING_RATIO / thresholds.RATIO_UNCERTAINTY

Profile = Sequence[tuple[int, float]]  # the rows' numbers, and a size of each


class Run(NamedTuple):
    """A stretch of layers over which a size shrinks or grows."""

    first: int
    last: int
    factor: float
    """From one layer with a kernel to the next."""


def vanishing_signal(case: Case) -> Finding | None:
    """Outputs whose standard deviation has become too small beside that of the inputs."""
    return faded_signal(case, thresholds.VANISHING_SIGNAL)


def faded_signal(case: Case, share: float) -> Finding | None:
    """The finding `vanishing_signal` of outputs whose standard deviation is below this share of that of the inputs.

    Args:
        case: The case.
        share: Of the inputs' size, or of 1 if they are larger.
    """
    limit = _least_signal(case, share)
    return _signal_finding(case, "vanishing_signal", lambda size: size < limit, f"falls to {{}} (at least {limit:.2g})")


def exploding_signal(case: Case) -> Finding | None:
    """Outputs whose standard deviation has become too large beside that of the inputs."""
    limit = thresholds.EXPLODING_SIGNAL * max(1.0, case.size_of_inputs)
    return _signal_finding(case, "exploding_signal", lambda size: size > limit, f"grows to {{}} (at most {limit:.2g})")


def _signal_finding(case: Case, kind: str, is_off: Callable[[float], bool], told: str) -> Finding | None:
    """The finding of outputs whose standard deviation is off.

    Args:
        case: The case.
        kind: The finding's.
        is_off: Whether a standard deviation is beyond the limit.
        told: Where it went, with braces for the most extreme one and its layer.
    """
    profile, fades = _signals(case), kind == "vanishing_signal"
    place = next((place for place, (_, size) in enumerate(profile) if is_off(size)), None)
    if place is None:
        return None
    run = _run(case, profile, place, min if fades else max)
    row, first = case.rows[run.last], case.rows[run.first].name
    extreme = told.format(f"{_signal(row):.2g} at {row.name}")
    evidence = f"the outputs' standard deviation {extreme}, by {run.factor:.2g} per layer from {first} on"
    layers = tuple(case.rows[number].name for number, size in profile if is_off(size))
    remedy = rescaled(case, too_small if fades else too_large, "weights that keep the variance of what passes")
    return Finding(kind, layers, evidence, remedy, run.factor, first)


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


def dtype_range(case: Case) -> Finding | None:
    """Outputs of layers that compute in float16, near either end of its range."""
    limit = thresholds.FLOAT16_LARGEST / thresholds.FLOAT16_ROOM
    rows = [row for row in case.rows if row.dtype == "float16"]
    high = [row for row in rows if _largest(row) > limit or row.outputs.nonfinite > row.minus_infinite]
    told = [row for row in case.told if row.dtype == "float16" and _has_signal(case, row)]
    low = [row for row in told if _signal(row) < thresholds.FLOAT16_SMALLEST]
    if high:
        row = high[0]
        evidence = f"{row.name} computes in float16 and has values up to {_largest(row):.3g} (at most {limit:.3g})"
        remedy = rescaled(case, too_large, "weights that keep the variance of what passes")
        return Finding("dtype_range", tuple(row.name for row in high), evidence, remedy)
    if low:
        evidence = (
            f"{low[0].name} computes in float16 and its outputs have the standard deviation {_signal(low[0]):.2g} "
            f"(at least {thresholds.FLOAT16_SMALLEST:.2g})"
        )
        remedy = rescaled(case, too_small, "weights that keep the variance of what passes")
        return Finding("dtype_range", tuple(row.name for row in low), evidence, remedy)
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


def rescaled(case: Case, off: Callable[[KernelNumbers], bool], reason: str, otherwise: Remedy = LSUV) -> Remedy:
    """New weights for the kernels that are off, or another remedy if none is."""
    found = case.for_kernels([kernel for row in case.rows for kernel in row.kernels if off(kernel)], reason)
    return found if found.rules else otherwise


def _signals(case: Case) -> Profile:
    """The signal of each row that can be judged by it, and that passes through it.

    What attention looks at goes past its scores: all but equal ones are those of a small start, and average its values.
    """
    told = [(number, row) for number, row in enumerate(case.told) if not row.scores]
    return [(number, _signal(row)) for number, row in told if _has_signal(case, row)]


def _least_signal(case: Case, share: float) -> float:
    return share * min(1.0, case.size_of_inputs)


def _signal_vanishes(case: Case) -> bool:
    limit = _least_signal(case, thresholds.VANISHING_SIGNAL)
    return any(size < limit for _, size in _signals(case))


def _has_signal(case: Case, row: LayerNumbers) -> bool:
    """Zeros are what dead layers are about, and where numbers are not finite, too few may be left to differ.

    A kernel of zeros, as some heads begin with, passes nothing by design, or else its units are symmetric. One number,
    as a single unit has of a single example, has no deviation.
    """
    if begins_with_zeros(case, row) or row.entries < thresholds.SIGNAL_ENTRIES:
        return False
    same = bool(case.kernels_of(row)) and row.outputs.largest > 0 and not row.outputs.nonfinite
    return same or _signal(row) > 0


def begins_with_zeros(case: Case, row: LayerNumbers) -> bool:
    """Whether the row's layer has kernels, and all of them are zero."""
    kernels = case.kernels_of(row)
    return bool(kernels) and all(kernel.moments.largest == 0 for kernel in kernels)


def _signal(row: LayerNumbers) -> float:
    """The outputs' standard deviation; before an activation that mixes units, whose outputs say how many there are."""
    return row.inputs.stddev if mixes(row) and row.inputs is not None else row.outputs.stddev


def _gradients(case: Case, small: bool) -> list[tuple[str, Profile]]:
    """The two profiles of norms, of layers with kernels: those that are zero or not finite are other findings.

    Queries and keys are in none. Where attention looks everywhere alike, next to nothing comes back through its scores,
    and all that passes on the gradient does so past them.

    Args:
        case: The case.
        small: Whether the signal vanishes, which makes the gradients of weights small too.
    """
    first = max((number for number, row in enumerate(case.rows) if few_normalised(row)), default=0)
    rows = [(number, row) for number, row in enumerate(case.rows) if number >= first and not row.scores]
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


def underflows(rows: Sequence[LayerNumbers]) -> bool:
    """Whether the signal becomes so small that it becomes zero."""
    pairs = itertools.pairwise(rows)
    return any(0 < before.outputs.largest < FADED_NORM and row.outputs.largest == 0 for before, row in pairs)


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


def _run(case: Case, profile: Profile, place: int, extreme: object) -> Run:
    """The stretch around a place of the profile, up to the extreme of all that follows."""
    sign = 1 if extreme is min else -1
    last = min(range(place, len(profile)), key=lambda one: sign * profile[one][1])
    first = place
    while first and sign * profile[first - 1][1] > sign * profile[first][1]:
        first -= 1
    count = sum(bool(case.kernels_of(row)) for row in case.rows[profile[first][0] + 1 : profile[last][0] + 1])
    start, end = (max(profile[one][1], thresholds.FLOAT32_SMALLEST) for one in (first, last))  # a constant has zero
    factor = (end / start) ** (1 / max(1, count))
    return Run(profile[first][0], profile[last][0], factor)


def _largest(row: LayerNumbers) -> float:
    return max(row.outputs.largest, row.inputs.largest if row.inputs is not None else 0.0)
