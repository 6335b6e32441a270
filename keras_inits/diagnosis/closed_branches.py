"""Branches that begin nearly closed beside a shortcut, and open by themselves: LayerScale, a small last kernel."""

from keras_inits import thresholds
from keras_inits.diagnosis.case import Case
from keras_inits.diagnosis.signals import faded

KEPT = 0.5
"""The share of a gradient that comes back past a branch, from which the shortcut carries it."""


def in_closed_branches(case: Case) -> frozenset[int]:
    """The numbers of the rows in branches through which next to nothing passes by design.

    Next to no signal leaves such a branch, and a layer before it keeps its gradient where the branch puts out zeros:
    the shortcut carries both. The last weights in it are heard all the same, and the first steps open it.

    Returns:
        No row, unless that holds for each row with a faded signal.
    """
    gates = frozenset(faded(case, thresholds.VANISHING_SIGNAL))
    if not gates:
        return gates
    without, rows = case.gradients_without(gates), case.rows
    kept = [
        number
        for number, row in enumerate(rows)
        if number not in gates and row.output_gradient and without[number] >= KEPT * row.output_gradient
    ]
    closed = frozenset(range(len(rows))) - frozenset(kept)
    least = thresholds.VANISHING_RATIO * max((rows[number].factors_gradient for number in kept), default=0.0)
    opens = all(_is_passed_by(case, gate, kept) and _opens(case, gate, closed, least) for gate in gates)
    return closed if opens else frozenset()


def _is_passed_by(case: Case, gate: int, kept: list[int]) -> bool:
    """Whether the row depends on one of those that keep their gradient."""
    cleared = set[int]()
    for number in kept:
        if number < gate and number not in cleared:
            reached = case.reached(number)
            if gate in reached:
                return True
            cleared |= reached
    return False


def _opens(case: Case, gate: int, closed: frozenset[int], least: float) -> bool:
    """Whether weights of the branch before the row, or its own, that multiply have at least this gradient."""
    first = gate
    while first - 1 in closed:
        first -= 1
    return any(row.factors_gradient >= least > 0 for row in case.rows[first : gate + 1])
