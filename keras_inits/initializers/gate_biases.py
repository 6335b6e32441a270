"""Biases of the gates of recurrent layers."""

import math

import numpy as np

from keras_inits.initializers.base import HostInitializer

KEEPING, TAKING = {3: 0, 4: 1}, {4: 0}
"""By how many gates a layer has, the one that multiplies the old state, and the one that multiplies the new, if it is
another. Keras's LSTM has input, forget, cell and output gates, its GRU update and reset gates and the new state."""


class ForgetGateOnes(HostInitializer):
    """The bias of an LSTM: ones for the forget gate, zeros for the others.

    Reference:
        Jozefowicz, Zaremba & Sutskever (2015), An empirical exploration of recurrent network architectures.
    """

    def _draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        values = np.zeros(shape, dtype)
        _gate(values, 4, KEEPING[4])[...] = 1
        return values

    def _law(self) -> str:
        return "ones for the forget gate, zeros for the others"


class LongMemory(HostInitializer):
    r"""The bias of an LSTM or a GRU whose units forget in 2 to `steps` steps.

    With the bias :math:`b = \log u` a gate that multiplies the old state is :math:`u / (1 + u)`, and the state lasts
    :math:`1 + u` steps. Over the units u takes evenly spaced values of U(1, steps - 1). The input gate of an LSTM has
    :math:`-b`; other gates have zeros. A GRU with two biases has it in the first.

    Args:
        gates: 4 for LSTM, 3 for GRU.
        steps: At least 3.

    Reference:
        Tallec & Ollivier (2018), Can recurrent neural networks warp time?
    """

    def __init__(self, gates: int, steps: int) -> None:
        self.gates, self.steps = gates, steps

    def _draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        values = np.zeros(shape, dtype)
        first = values[0] if len(shape) > 1 else values
        biases = memory_biases(self.steps, first.shape[-1] // self.gates)
        _gate(first, self.gates, KEEPING[self.gates])[...] = biases
        if self.gates in TAKING:
            _gate(first, self.gates, TAKING[self.gates])[...] = [-bias for bias in biases]
        return values

    def _law(self) -> str:
        taking = ", its negative for the input gate" if self.gates in TAKING else ""
        gate = "forget" if self.gates in TAKING else "update"
        return f"log U(1, {self.steps - 1}) for the {gate} gate{taking}, zeros for others"


def memory_biases(steps: int, units: int) -> list[float]:
    """Log u for evenly spaced u of U(1, steps - 1)."""
    return [math.log1p((steps - 2) * (unit + 0.5) / units) for unit in range(units)]


def _gate(bias: np.ndarray, gates: int, number: int) -> np.ndarray:
    units = bias.shape[-1] // gates
    return bias[..., number * units : (number + 1) * units]
