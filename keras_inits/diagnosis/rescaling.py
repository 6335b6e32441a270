"""The remedy of kernels whose weights have a wrong size, and those of kernels whose weights have the right one."""

from collections.abc import Callable

from keras_inits.diagnosis.case import Case
from keras_inits.diagnosis.numbers import KernelNumbers
from keras_inits.diagnosis.remedy import Remedy

LSUV = Remedy("each kernel has the size that its fans ask for; this asks the batch", code="keras_inits.lsuv(model, x)")
OTHER_LAYERS = Remedy(
    "each kernel has the size that its fans ask for: add normalisation, shortcuts, or take another activation"
)
NONE = Remedy("")


def rescaled(case: Case, off: Callable[[KernelNumbers], bool], reason: str, otherwise: Remedy = LSUV) -> Remedy:
    """New weights for the kernels that are off, or another remedy if none is."""
    found = case.for_kernels([kernel for row in case.rows for kernel in row.kernels if off(kernel)], reason)
    return found if found.rules else otherwise
