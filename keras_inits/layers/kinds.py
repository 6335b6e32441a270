"""The layers of Keras's that do the same kind of thing with their weights."""

from typing import Any

from keras import layers

CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
GATES = {layers.SimpleRNNCell: 1, layers.GRUCell: 3, layers.LSTMCell: 4}


def gates_of(cell: Any) -> int | None:
    """How many gates' kernels a recurrent cell keeps side by side in one weight; None for other layers."""
    # Keras exports the layers ConvLSTM1D to 3D, not the cell that owns their weights.
    if any(kind.__name__ == "ConvLSTMCell" and kind.__module__.startswith("keras.") for kind in type(cell).__mro__):
        return 4
    return next((gates for kind, gates in GATES.items() if isinstance(cell, kind)), None)
