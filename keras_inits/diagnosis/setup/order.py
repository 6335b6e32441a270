"""Which finding comes first, and which follow from it."""

from collections.abc import Sequence

from keras_inits.diagnosis.finding import Finding

GROWN = ("saturated", "dead_layer", "dead_units", "exploding_signal", "exploding_gradient", "nonfinite", "dtype_range")
SILENT = ("no_gradient", "dead_layer", "vanishing_gradient")

CONSEQUENCES: dict[str, tuple[str, ...]] = {
    "last_activation": ("no_loss_gradient", "learning_rate", "first_loss", *SILENT),
    "targets": ("no_loss_gradient", "learning_rate", "first_loss", "exploding_gradient", "nonfinite"),
    "unscaled_inputs": ("learning_rate", "first_loss", "examples_alike", "no_loss_gradient", *GROWN),
    "no_loss_gradient": SILENT,
    "nonfinite": ("learning_rate", "first_loss", "no_loss_gradient"),
    "exploding_signal": ("learning_rate", "first_loss", "no_loss_gradient"),
    "exploding_gradient": ("learning_rate",),
    "vanishing_signal": ("learning_rate",),
}
"""For each cause what follows from it, where both are found; earlier causes count first."""


def ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Causes first, in the order in which they were found, and then what follows from them, which names its cause."""
    kinds = [finding.kind for finding in findings]
    causes: list[Finding] = []
    following: list[Finding] = []
    for finding in findings:
        cause = next((one for one, kinds_of in CONSEQUENCES.items() if one in kinds and finding.kind in kinds_of), None)
        if cause is None:
            causes.append(finding)
        else:
            following.append(finding.following(cause))
    return (*causes, *following)
