"""The note `small_weights`: a signal that has faded, in weights that the optimizer moves by much of their size."""

import dataclasses
from collections.abc import Sequence

from keras_inits import thresholds
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.setup.setup import Setup

SIZE_KINDS = ("vanishing_signal", "vanishing_gradient")
"""Findings that a step makes up for where it changes a kernel by much of its size."""


def told_apart(setup: Setup) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The findings of the layers that stand, and notes in place of those about weights that training makes up for."""
    if not moves_all(setup):
        return tuple(setup.found), ()
    faded = [finding for finding in setup.found if finding.kind in SIZE_KINDS]
    notes = [
        dataclasses.replace(
            finding,
            kind="small_weights",
            evidence=f"the weights are smaller than usual ({finding.evidence}), and the first step of the optimizer "
            "changes each kernel by enough to make up for it",
        )
        for finding in faded
    ]
    return tuple(finding for finding in setup.found if finding.kind not in SIZE_KINDS), tuple(notes[:1])


def without_gradients(setup: Setup, grave: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings about layers, without a gradient that is a note: it explains nothing that stands beside it."""
    return tuple(one for one in setup.found if one.kind != "vanishing_gradient" or one in grave)


def moves_all(setup: Setup) -> bool:
    """Whether a step moves each kernel by what is healthy, as Adam does whatever the gradient's size.

    Those of queries and keys aside, to which next to nothing comes back where attention looks everywhere alike.

    Of tanh networks that start at 0.01, SGD at 0.2 moves two hidden layers by 0.002 and trains them, and three by
    0.0002 and does not in the same time; Adam moves three by 0.06, and trains them (`examples/depth.py`).
    """
    if setup.step is None:
        return False
    rows = [row for row in setup.case.rows if not row.scores]
    kernels = [kernel for row in rows for kernel in row.kernels if kernel.trainable]
    least = min((setup.step.updates.get(kernel.path, 0.0) for kernel in kernels), default=0.0)
    return least >= thresholds.HEALTHY_UPDATE
