"""The finding `examples_alike`: outputs that are the same whatever goes in, though they differ from unit to unit."""

from keras_inits import thresholds
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.numbers import LayerNumbers, mixes
from keras_inits.diagnosis.remedies import Case, too_small
from keras_inits.diagnosis.scales import OTHER_LAYERS, begins_with_zeros, rescaled
from keras_inits.diagnosis.setup.setup import Setup

EXPLAINED = (
    *("vanishing_signal", "vanishing_gradient", "dead_layer", "nonfinite"),
    *("symmetric_units", "same_examples"),
)
LEAST = 2
"""So many layers with kernels: the last one alone may have small weights by design, and the first steps enlarge it."""


def examples_alike(setup: Setup) -> Finding | None:
    """The layers from which on no unit's outputs differ from example to example, up to the model's last ones.

    What puts out the same for all examples by design, as encodings of places do, has others behind it that do not.
    """
    case = setup.case
    if setup.has(*EXPLAINED):
        return None
    told = [row for row in case.told if row.across is not None and not mixes(row) and not begins_with_zeros(case, row)]
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
    remedy = rescaled(case, too_small, "weights that keep apart what differs between examples", OTHER_LAYERS)
    return Finding("examples_alike", tuple(row.name for row in lost), evidence, remedy, start=first.name)


def _cosine(row: LayerNumbers) -> str:
    return "1" if row.alike is None else f"{row.alike:.6g}"


def _of_inputs(case: Case) -> str:
    alike = case.batch.alike
    return "" if alike is None else f", and that of the inputs {alike:.2g}"
