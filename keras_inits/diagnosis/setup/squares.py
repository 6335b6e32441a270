"""The note `squared_probabilities`: a squared error where a cross-entropy says more."""

import numpy as np
from keras import activations

from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.remedy import Remedy
from keras_inits.diagnosis.setup.changes import change
from keras_inits.diagnosis.setup.outputs import Seen
from keras_inits.diagnosis.setup.setup import Setup

LOSSES = {
    activations.softmax: (
        "categorical_crossentropy",
        "mean_squared_error",
        "mean_absolute_error",
        "binary_crossentropy",
    ),
    activations.sigmoid: ("binary_crossentropy", "mean_squared_error", "mean_absolute_error"),
}
"""For the last activation the loss that is made for it, and those that train with it, more slowly."""


def squared_probabilities(setup: Setup) -> Finding | None:
    """Probabilities of classes that are compared by another loss than their cross-entropy."""
    for one in setup.seen:
        better, *others = LOSSES.get(one.activation, ("",))
        if one.loss not in others or not _are_classes(one):
            continue
        evidence = (
            f"{one.called}, the targets are classes, and the loss is {one.loss}: where an output is wrong and sure, "
            "its gradient is next to nothing"
        )
        remedy = Remedy(f"{better} has a gradient there", code=change(setup.model, one, None, better))
        return Finding("squared_probabilities", () if one.layer is None else (one.layer.name,), evidence, remedy)
    return None


def _are_classes(one: Seen) -> bool:
    if one.activation is activations.softmax:
        return one.sums_to_one
    return bool(np.isin(one.target, (0, 1)).all())
