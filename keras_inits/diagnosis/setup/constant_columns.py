"""The note `constant_columns`: columns of a table that are the same number in all examples."""

import numpy as np

from keras_inits import thresholds
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.remedy import Remedy
from keras_inits.diagnosis.setup.setup import Setup
from keras_inits.diagnosis.setup.unscaled_inputs import NORMALIZE, Array, entering, inputs_of, is_number, sample_of

BY_DESIGN = (0, 1)
"""Flags that are rare, or nearly always set, and a column that takes the place of a bias."""


def constant_columns(setup: Setup) -> Finding | None:
    """The first layer that reads such columns, of a batch in which others would differ."""
    given = inputs_of(setup)
    if not any(len(leaf.shape) == 2 for leaf in given):
        return None
    leaves = [sample_of(leaf) for leaf in given]
    if not any(is_number(setup.model, place) and _has_constants(leaf) for place, leaf in enumerate(leaves)):
        return None
    for one in entering(setup, leaves):
        constants = one.means[(one.divisors == 0) & ~np.isin(one.means, BY_DESIGN)]
        if constants.size:
            evidence = (
                f"{constants.size} of the {one.means.size} columns that {one.layer.name} reads are the same number in "
                f"all {len(leaves[0])} examples, the first of them {constants[0]:.4g}: they tell no examples apart"
            )
            single = len(leaves) == 1 and not isinstance(setup.x, (dict, list, tuple))
            remedy = Remedy("leave these columns out; standardised, they are zero", code=NORMALIZE if single else "")
            return Finding("constant_columns", (one.layer.name,), evidence, remedy)
    return None


def _has_constants(leaf: Array) -> bool:
    """Whether a column is one number that the others do not have, as they have the background of images."""
    if leaf.ndim != 2 or leaf.dtype.kind not in "fiu" or len(leaf) < thresholds.ONE_OF_SEVERAL:
        return False
    constant = (leaf == leaf[:1]).all(axis=0)
    levels = np.setdiff1d(leaf[0, constant], BY_DESIGN)
    return any(not (leaf[:, ~constant] == level).any() for level in levels)
