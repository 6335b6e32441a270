"""From numbers to findings, each with its evidence and its remedy."""

from collections.abc import Callable

from keras_inits.diagnosis.case import Case
from keras_inits.diagnosis.fans import wrong_fans
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.gradient_sizes import exploding_gradient, vanishing_gradient
from keras_inits.diagnosis.no_gradient import no_gradient
from keras_inits.diagnosis.nonfinite import nonfinite, of_data
from keras_inits.diagnosis.same_examples import same_examples
from keras_inits.diagnosis.signal_sizes import dtype_range, exploding_signal, vanishing_signal
from keras_inits.diagnosis.units import dead_layer, dead_units, saturated, symmetric_units

CHECKS: tuple[Callable[[Case], Finding | None], ...] = (
    *(nonfinite, same_examples, no_gradient, symmetric_units, dead_layer, dead_units, saturated),
    *(vanishing_signal, exploding_signal, vanishing_gradient, exploding_gradient),
    *(wrong_fans, dtype_range),
)
KINDS = tuple(check.__name__ for check in CHECKS)


def findings_of(case: Case) -> tuple[Finding, ...]:
    """Returns what is wrong, causes before what follows from them.

    Where the data has values that are not finite, all numbers of the pass follow from them: only the weights' own scale
    is judged beside. Where all examples are the same, so are weights that are not finite, or the same in all units.
    """
    checks = CHECKS
    if of_data(case) is not None:
        checks = (nonfinite, wrong_fans)
    elif same_examples(case) is not None:
        checks = (same_examples, nonfinite, symmetric_units, wrong_fans)
    return tuple(finding for check in checks if (finding := check(case)) is not None)
