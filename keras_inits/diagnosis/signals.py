"""The size of a signal over depth: which layers can be judged by it, and which have too little of it."""

import itertools
from collections.abc import Sequence

from keras_inits import thresholds
from keras_inits.diagnosis.case import Case
from keras_inits.diagnosis.numbers import LayerNumbers, mixes

FADED_NORM = thresholds.FLOAT32_SMALLEST / thresholds.FLOAT32_ROUNDOFF
"""Inputs of a layer below this, 2e-31, may come out as zero: then the layers before are at fault."""

Profile = Sequence[tuple[int, float]]  # the rows' numbers, and a size of each


def signals(case: Case) -> Profile:
    """The signal of each row that can be judged by it, and that passes through it.

    What attention looks at goes past its scores: all but equal ones are those of a small start, and average its values.
    """
    told = [(number, row) for number, row in enumerate(case.told) if not row.scores]
    return [(number, signal_of(row)) for number, row in told if has_signal(case, row)]


def faded(case: Case, share: float) -> list[int]:
    """The numbers of the rows whose signal is below this share of the inputs' size, or of 1 if that is larger."""
    return [number for number, size in signals(case) if size < least_signal(case, share)]


def least_signal(case: Case, share: float) -> float:
    """The limit of a signal: this share of the inputs' size, or of 1 if that is larger."""
    return share * min(1.0, case.size_of_inputs)


def has_signal(case: Case, row: LayerNumbers) -> bool:
    """Zeros are what dead layers are about, and where numbers are not finite, too few may be left to differ.

    A kernel of zeros, as some heads begin with, passes nothing by design, or else its units are symmetric. One number,
    as a single unit has of a single example, has no deviation.
    """
    if begins_with_zeros(case, row) or row.entries < thresholds.SIGNAL_ENTRIES:
        return False
    same = bool(case.kernels_of(row)) and row.outputs.largest > 0 and not row.outputs.nonfinite
    return same or signal_of(row) > 0


def begins_with_zeros(case: Case, row: LayerNumbers) -> bool:
    """Whether the row's layer has kernels, and all of them are zero."""
    kernels = case.kernels_of(row)
    return bool(kernels) and all(kernel.moments.largest == 0 for kernel in kernels)


def signal_of(row: LayerNumbers) -> float:
    """The outputs' standard deviation; before an activation that mixes units, whose outputs say how many there are."""
    return row.inputs.stddev if mixes(row) and row.inputs is not None else row.outputs.stddev


def underflows(rows: Sequence[LayerNumbers]) -> bool:
    """Whether the signal becomes so small that it becomes zero."""
    pairs = itertools.pairwise(rows)
    return any(0 < before.outputs.largest < FADED_NORM and row.outputs.largest == 0 for before, row in pairs)
