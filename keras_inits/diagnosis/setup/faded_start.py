"""The finding `vanishing_signal` where weights, and not the rate, are why a step changes next to nothing."""

import dataclasses

from keras_inits import thresholds
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.setup.learning_rate import is_too_low
from keras_inits.diagnosis.setup.setup import Setup
from keras_inits.diagnosis.signal_sizes import faded_signal


def faded_start(setup: Setup) -> Finding | None:
    """A signal that has faded, though not to nothing, in weights without which the same rate moves kernels.

    Ten gelu layers that Keras draws pass on 0.0013 of their inputs' deviation, and SGD at 0.01 then moves no kernel by
    1e-5 of its size. With the weights of the remedy it moves one by 0.002: that is tried on a copy.
    """
    if not is_too_low(setup) or setup.step is None:
        return None
    finding = faded_signal(setup.case, thresholds.FADED_SIGNAL)
    if finding is None or not finding.remedy.rules:
        return None
    cured = setup.step.redrawn(finding.remedy.rules)
    if cured < thresholds.CURED_UPDATE:
        return None
    largest = max(setup.step.updates.values())
    evidence = (
        f"{finding.evidence}; one step of {setup.step.optimizer} at {setup.step.rate:.3g} changes no kernel by more "
        f"than {largest:.1g} of its size, and one by {cured:.1g} with the weights of the remedy"
    )
    return dataclasses.replace(finding, evidence=evidence)
