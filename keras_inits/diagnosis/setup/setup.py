"""All that the checks of the set-up look at."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from keras_inits.diagnosis.case import Case
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.setup.outputs import Seen
from keras_inits.diagnosis.setup.step import Step


class Setup(NamedTuple):
    """The model, its data, and what one batch showed."""

    model: Any
    x: Any
    y: Any
    case: Case
    seen: tuple[Seen, ...]
    """Each output with a loss; none without targets."""
    loss: float | None
    """The loss of the batch; None if it is not known."""
    step: Step | None
    """The effects of one step of the optimizer; None if there is no optimizer, or no loss."""
    best: float | None
    """The loss of equal shares for classes, the squared error of the best constant for numbers; None for others."""
    found: Sequence[Finding] = ()
    """The findings about layers."""

    def has(self, *kinds: str) -> bool:
        """Whether the layers have a finding of one of these kinds."""
        return any(finding.kind in kinds for finding in self.found)
