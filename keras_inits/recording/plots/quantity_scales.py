"""The label and the scale of a recorded quantity."""

import numpy as np

from keras_inits.figures.scales import LINEAR, LOG, Scale
from keras_inits.recording.quantities import RECORDED


def label_of(quantity: str) -> str:
    """The label of a quantity's axis."""
    return RECORDED[quantity].label if quantity in RECORDED else quantity


def scale_for(quantity: str, values: np.ma.MaskedArray) -> Scale:
    """The scale of a quantity: the recorder's own, or for a user's quantity a linear one if a value is negative."""
    if quantity in RECORDED:
        return LINEAR if RECORDED[quantity].linear else LOG
    return LINEAR if (values.compressed() < 0).any() else LOG
