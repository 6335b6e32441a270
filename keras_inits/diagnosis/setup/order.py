"""The order of findings: which comes first, and which follow from it."""

from collections.abc import Sequence

from keras_inits.diagnosis.finding import Finding

GROWN = ("saturated", "dead_layer", "dead_units", "exploding_signal", "exploding_gradient", "nonfinite", "dtype_range")
SILENT = ("no_gradient", "dead_layer", "vanishing_gradient")
FADED_KINDS = ("vanishing_signal", "vanishing_gradient", "examples_alike")

CONSEQUENCES: dict[str, tuple[str, ...]] = {
    "last_activation": ("no_loss_gradient", "learning_rate", "first_loss", "nonfinite", *SILENT),
    "targets": ("no_loss_gradient", "learning_rate", "first_loss", "exploding_gradient", "nonfinite"),
    "unscaled_inputs": ("learning_rate", "first_loss", "examples_alike", "no_loss_gradient", *GROWN),
    "no_loss_gradient": SILENT,
    "symmetric_units": FADED_KINDS,
    "saturated": FADED_KINDS,
    "nonfinite": ("learning_rate", "first_loss", "no_loss_gradient"),
    "exploding_signal": ("learning_rate", "first_loss", "no_loss_gradient"),
    "exploding_gradient": ("learning_rate",),
    "vanishing_signal": ("learning_rate",),
    "first_loss": ("learning_rate",),  # a rate is judged where outputs are of the targets' size
}
"""For each cause what follows from it, where both are found; earlier causes count first."""


def ordered(causes: Sequence[Finding], others: Sequence[Finding]) -> tuple[Finding, ...]:
    """Causes first, in the order in which they were found, and then what follows from them, which names its cause.

    Args:
        causes: What follows from nothing else.
        others: What may follow from these, or from one another.
    """
    kinds = [finding.kind for finding in (*causes, *others)]
    own, following = list(causes), list[Finding]()
    for finding in others:
        cause = next((one for one, found in CONSEQUENCES.items() if one in kinds and finding.kind in found), None)
        if cause is None:
            own.append(finding)
        else:
            following.append(finding.following(cause))
    return (*own, *following)
