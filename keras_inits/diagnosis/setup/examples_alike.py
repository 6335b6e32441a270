"""The finding `examples_alike`: outputs that are the same whatever goes in, though they differ from unit to unit."""

import math

from keras_inits import thresholds
from keras_inits.diagnosis.case import Case
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.kernel_sizes import too_small
from keras_inits.diagnosis.numbers import LayerNumbers, mixes
from keras_inits.diagnosis.rescaling import NONE, OTHER_LAYERS, rescaled
from keras_inits.diagnosis.setup.setup import Setup
from keras_inits.diagnosis.setup.small_weights import moves_all
from keras_inits.diagnosis.signals import begins_with_zeros

EXPLAINED = (
    *("vanishing_signal", "vanishing_gradient", "dead_layer", "nonfinite"),
    *("symmetric_units", "same_examples"),
)
LEAST = 2
"""So many layers with kernels: the last one alone may have small weights by design, and the first steps enlarge it."""
REASON = "weights that keep apart what differs between examples"


def examples_alike(setup: Setup) -> Finding | None:
    """What tells examples apart is lost in the last layers, or hidden behind what they have in common."""
    if setup.has(*EXPLAINED):
        return None
    case = setup.case
    told = [row for row in case.told if row.across is not None and not mixes(row) and not begins_with_zeros(case, row)]
    return _lost(case, told) or _hidden(setup, told)


def _lost(case: Case, told: list[LayerNumbers]) -> Finding | None:
    """The layers from which on no unit's outputs differ from example to example, up to the model's last ones.

    What puts out the same for all examples by design, as encodings of places do, has others behind it that do not.
    """
    limit = thresholds.VANISHING_SIGNAL * min(1.0, case.batch.across or 1.0)
    lost: list[LayerNumbers] = []
    for row in reversed(told):
        if row.across is None or row.across >= limit or row.outputs.largest == 0:
            break
        lost.insert(0, row)
    if sum(bool(case.kernels_of(row)) for row in lost) < LEAST:
        return None
    last, first = lost[-1], lost[0]
    evidence = (
        f"what differs between examples is lost from {first.name} on: the outputs of {last.name} have the deviation "
        f"{last.outputs.stddev:.2g}, and that across examples is {last.across:.2g} (at least {limit:.2g}); the mean "
        f"cosine between two examples is {_cosine(last)}{_of_inputs(case)}"
    )
    remedy = rescaled(case, too_small, REASON, OTHER_LAYERS)
    return Finding("examples_alike", tuple(row.name for row in lost), evidence, remedy, start=first.name)


def _hidden(setup: Setup, told: list[LayerNumbers]) -> Finding | None:
    """The layers up to the last kernel whose outputs differ by next to nothing of their size, where weights are small.

    An optimizer that moves each kernel by what is healthy finds it all the same.
    """
    case = setup.case
    ends = [place for place, row in enumerate(told) if case.kernels_of(row)]
    if not ends or moves_all(setup):
        return None
    hidden: list[LayerNumbers] = []
    for row in reversed(told[: ends[-1]]):
        if row.normalised is not None or _share(row) >= thresholds.ALIKE:
            break
        hidden.insert(0, row)
    remedy = rescaled(case, too_small, REASON, NONE)
    if not any(case.kernels_of(row) for row in hidden) or not remedy.rules:
        return None
    last = hidden[-1]
    evidence = (
        f"what differs between examples is hidden from {hidden[0].name} on: beside the size of the outputs of "
        f"{last.name}, their deviation across examples is {_share(last):.2g} (at least {thresholds.ALIKE:.2g}); the "
        f"mean cosine between two examples is {_cosine(last)}{_of_inputs(case)}"
    )
    return Finding("examples_alike", tuple(row.name for row in hidden), evidence, remedy, start=hidden[0].name)


def _share(row: LayerNumbers) -> float:
    """The deviation across examples beside the root mean square."""
    size = math.hypot(row.outputs.mean, row.outputs.stddev)
    return math.inf if row.across is None or not size else row.across / size


def _cosine(row: LayerNumbers) -> str:
    return "1" if row.alike is None else f"{row.alike:.6g}"


def _of_inputs(case: Case) -> str:
    alike = case.batch.alike
    return "" if alike is None else f", and that of the inputs {alike:.2g}"
