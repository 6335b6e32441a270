"""The results of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from keras_inits._names import stand_in
from keras_inits.diagnosis.histograms import Histogram
from keras_inits.diagnosis.numbers import LayerNumbers
from keras_inits.diagnosis.unseen import Unseen
from keras_inits.recording import GradientTrace
from keras_inits.runs.name import Name
from keras_inits.runs.verdict import verdict

LONGEST_LAW = 1000


class FindingText(NamedTuple):
    """A finding of a start's diagnosis, in words."""

    kind: str
    evidence: str
    remedy: str
    of_data: bool = False
    """Whether the data are at fault, and no weight."""


@dataclass(frozen=True)
class Run:
    """A model that was diagnosed, and trained with its gradients recorded."""

    name: Name
    law: str
    """The initializer as it prints itself."""
    history: Mapping[str, tuple[float | None, ...]]
    """The loss and each metric after each epoch; None after one that was not validated."""
    layers: tuple[LayerNumbers, ...]
    """The numbers of each layer for one batch, before training."""
    findings: tuple[FindingText, ...]
    """The findings for the same batch."""
    unseen: tuple[Unseen, ...]
    """The layers with weights that were not looked at: no finding is about them."""
    trace: GradientTrace
    """The gradient norms of training."""
    fault: str = ""
    """With what keras_inits failed as it looked at the start, if it did: nothing is known of that then."""
    code: str = ""
    """The Python expression of the initializer; empty for one of the user's own."""
    first_loss: float | None = None
    """The loss before training, of the batch that was diagnosed; None where it is not known."""
    guess: float | None = None
    """The loss of the best outputs that are the same for all examples; None where it is not known."""
    histograms: tuple[Histogram, ...] = ()
    """Of the weights and the outputs of each layer, before training and after."""

    @cached_property
    def last(self) -> dict[str, float]:
        """The last loss and metrics."""
        known = {name: [value for value in values if value is not None] for name, values in self.history.items()}
        return {name: values[-1] for name, values in known.items() if values}

    @cached_property
    def gradients(self) -> str:
        """One word for the recorded gradient norms; it says nothing of whether the model learned."""
        return verdict(self.trace) if len(self.trace) else "not recorded"


def law_of(initializer: object) -> str:
    """Returns an initializer as it prints itself."""
    try:
        text = str(initializer)
    except Exception:  # one of the user's own
        text = "<"
    if not text.startswith("<"):
        return stand_in(text, LONGEST_LAW)
    return f"{getattr(initializer, '__name__', type(initializer).__name__)}()"  # Keras's own print an address
