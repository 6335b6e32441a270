"""The finding `no_loss_gradient`: a loss that does not depend on what the model puts out."""

import math

from keras_inits import thresholds
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.no_gradient import HINT
from keras_inits.diagnosis.remedy import Remedy
from keras_inits.diagnosis.setup.setup import Setup


def no_loss_gradient(setup: Setup) -> Finding | None:
    """The first output to which the loss sends exactly nothing, of all examples or of most."""
    if (
        setup.loss is None or not math.isfinite(setup.loss) or setup.model.losses
    ):  # what layers add with add_loss does not count here
        return None
    for one in setup.seen:
        if one.heard is None or one.heard >= thresholds.HEARD_EXAMPLES or (one.heard and one.family is None):
            continue
        whose = "any example" if one.heard == 0 else f"{1 - one.heard:.0%} of the examples"
        evidence = (
            f"the loss {one.loss or one.given} sends no gradient, exactly zero, to the output {one.name!r} of {whose}: "
            "the loss does not depend on what the model puts out"
        )
        remedy = Remedy(
            f"no weight is at fault: look at the last activation, the loss and the targets. {HINT}. So has what the "
            "loss cuts off, as numbers that are no probabilities"
        )
        return Finding("no_loss_gradient", () if one.layer is None else (one.layer.name,), evidence, remedy)
    return None
