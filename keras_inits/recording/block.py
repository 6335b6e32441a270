"""The rows that a recorder hands to a subscriber."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_inits.recording.trace import GradientTrace


class Block(GradientTrace):
    """Rows on their way from the recorder to a subscriber.

    Args:
        trace: The arguments of a trace.
        states: For each row a word for the state that its step began in; empty where it is not wanted.
        judged_layers: The names of the layers, whatever the rows are per.
        judged_norms: The norms of their gradients.
    """

    states: Sequence[str]
    judged_layers: tuple[str, ...]
    judged_norms: np.ma.MaskedArray

    def __init__(
        self, trace: Sequence[Any], states: Sequence[str], judged_layers: tuple[str, ...], judged_norms: Any
    ) -> None:
        super().__init__(*trace)
        values = {"states": states, "judged_layers": judged_layers, "judged_norms": judged_norms}
        for name, value in values.items():
            object.__setattr__(self, name, value)
