"""Findings: the fault, the layer, the evidence, and the remedy."""

import dataclasses
from dataclasses import dataclass

from keras_inits.diagnosis.remedy import Remedy


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a start, or in a note, one that could be better."""

    kind: str
    """The name of its check: of `KINDS` in `findings` and in `setup`; of a note, of `NOTE_KINDS`."""
    layers: tuple[str, ...]
    """The names of the layers that show it, in depth order."""
    evidence: str
    """The numbers that show it, beside their threshold."""
    remedy: Remedy
    factor: float | None = None
    """The factor by which a size changes from one layer with a kernel to the next: towards the outputs for signals,
    towards the inputs for gradients."""
    start: str | None = None
    """The layer where that begins."""
    follows_from: str | None = None
    """The kind of the finding that is its cause; None for one that is a cause itself."""
    of_data: bool = False
    """Whether the data are at fault, and no weight: inputs or targets that are not finite, examples that are all the
    same, labels that no class has."""

    @property
    def title(self) -> str:
        """The kind, and whose fault it is if it is the data's."""
        return f"{self.kind} (of the data)" if self.of_data else self.kind

    def __str__(self) -> str:
        """The kind, the evidence and the remedy."""
        return f"{self.title}: {self.evidence}\n{self.remedy}"

    def following(self, cause: str) -> "Finding":
        """The same as what follows from another finding, with no remedy of its own."""
        remedy = Remedy(f"it follows from {cause}: repair that first, and diagnose again")
        return dataclasses.replace(self, follows_from=cause, remedy=remedy)
