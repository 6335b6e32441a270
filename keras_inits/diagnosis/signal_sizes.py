"""The findings about signals: those that fade or grow over depth, and values that leave a dtype's range."""

from collections.abc import Callable
from typing import NamedTuple

from keras_inits import thresholds
from keras_inits.diagnosis.case import Case
from keras_inits.diagnosis.closed_branches import in_closed_branches
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.kernel_sizes import too_large, too_small
from keras_inits.diagnosis.numbers import LayerNumbers
from keras_inits.diagnosis.rescaling import rescaled
from keras_inits.diagnosis.signals import Profile, has_signal, least_signal, signal_of, signals


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
    limit = least_signal(case, share)
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
    fades = kind == "vanishing_signal"
    closed = in_closed_branches(case) if fades else frozenset()
    profile = [one for one in signals(case) if one[0] not in closed]
    place = next((place for place, (_, size) in enumerate(profile) if is_off(size)), None)
    if place is None:
        return None
    run = _run(case, profile, place, min if fades else max)
    row, first = case.rows[run.last], case.rows[run.first].name
    extreme = told.format(f"{signal_of(row):.2g} at {row.name}")
    evidence = f"the outputs' standard deviation {extreme}, by {run.factor:.2g} per layer from {first} on"
    layers = tuple(case.rows[number].name for number, size in profile if is_off(size))
    remedy = rescaled(case, too_small if fades else too_large, "weights that keep the variance of what passes")
    return Finding(kind, layers, evidence, remedy, run.factor, first)


def dtype_range(case: Case) -> Finding | None:
    """Outputs of layers that compute in float16, near either end of its range."""
    limit = thresholds.FLOAT16_LARGEST / thresholds.FLOAT16_ROOM
    rows = [row for row in case.rows if row.dtype == "float16"]
    high = [row for row in rows if _largest(row) > limit or row.outputs.nonfinite > row.minus_infinite]
    told = [row for row in case.told if row.dtype == "float16" and has_signal(case, row)]
    low = [row for row in told if signal_of(row) < thresholds.FLOAT16_SMALLEST]
    if high:
        row = high[0]
        evidence = f"{row.name} computes in float16 and has values up to {_largest(row):.3g} (at most {limit:.3g})"
        remedy = rescaled(case, too_large, "weights that keep the variance of what passes")
        return Finding("dtype_range", tuple(row.name for row in high), evidence, remedy)
    if low:
        evidence = (
            f"{low[0].name} computes in float16 and its outputs have the standard deviation {signal_of(low[0]):.2g} "
            f"(at least {thresholds.FLOAT16_SMALLEST:.2g})"
        )
        remedy = rescaled(case, too_small, "weights that keep the variance of what passes")
        return Finding("dtype_range", tuple(row.name for row in low), evidence, remedy)
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
