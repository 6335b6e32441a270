"""The kinds of Keras's layers, and of its operations in a graph, each named once."""

from typing import Any

from keras import layers

# With a kernel
CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
ONE_KERNEL = (layers.Dense, layers.EinsumDense, *CONVOLUTIONS, *TRANSPOSED, *DEPTHWISE)
"""Layers whose outputs are products with one kernel, a bias added, behind an activation."""
ATTENTION = (layers.MultiHeadAttention, layers.GroupQueryAttention)
GATES = {layers.SimpleRNNCell: 1, layers.GRUCell: 3, layers.LSTMCell: 4}

# Around another layer
WRAPPERS = (layers.TimeDistributed, layers.SpectralNormalization)
"""Wrappers that run the layer inside of them once, for all steps or with a kernel that they normalise."""

# Of one size, whatever the size of the inputs
TO_MEAN_SQUARE_ONE = (
    layers.BatchNormalization,
    layers.GroupNormalization,
    layers.LayerNormalization,
    layers.RMSNormalization,
)
NORMALISATIONS = (*TO_MEAN_SQUARE_ONE, layers.UnitNormalization)
PREPROCESSING = (layers.Normalization, layers.Rescaling)
"""Layers that turn raw numbers into numbers that a model can take."""

# The same numbers, in other places
RESHAPES = (layers.Flatten, layers.Identity, layers.Permute, layers.Reshape)
MOVES = (
    *(*RESHAPES, layers.RepeatVector),
    *(layers.Cropping1D, layers.Cropping2D, layers.Cropping3D),
    *(layers.UpSampling1D, layers.UpSampling2D, layers.UpSampling3D),
    *(layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ZeroPadding3D),
)
NOISE = (
    *(layers.ActivityRegularization, layers.AlphaDropout, layers.Dropout, layers.GaussianDropout, layers.GaussianNoise),
    *(layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D),
)
"""Layers that change nothing, or act in training alone and keep the size of a signal."""

# Several places in one
MAX_POOLS = (layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D)
AVERAGE_POOLS = (layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D)
GLOBAL_MAX_POOLS = (layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D, layers.GlobalMaxPooling3D)
GLOBAL_AVERAGE_POOLS = (
    layers.GlobalAveragePooling1D,
    layers.GlobalAveragePooling2D,
    layers.GlobalAveragePooling3D,
)

# Several tensors in one, entry by entry
ELEMENTWISE = (layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum)

RESHAPING_OPERATIONS = ("ExpandDims", "Reshape", "Squeeze", "Transpose")
MOVING_OPERATIONS = (
    *RESHAPING_OPERATIONS,
    *("Array", "BroadcastTo", "Cast", "Copy", "DynamicSlice", "Flip", "GetItem", "Identity", "Moveaxis", "Pad"),
    *("Ravel", "Repeat", "Resize", "Roll", "Slice", "Split", "StopGradient", "Swapaxes", "Take", "TakeAlongAxis"),
    *("Tile", "Unstack"),
)
"""Operations of `keras.ops` in a graph, by the names of their classes, that put out numbers that came in."""


def gates_of(cell: Any) -> int | None:
    """How many gates' kernels a recurrent cell keeps side by side in one weight; None for other layers."""
    # Keras exports the layers ConvLSTM1D to 3D, not the cell that owns their weights.
    if any(kind.__name__ == "ConvLSTMCell" and kind.__module__.startswith("keras.") for kind in type(cell).__mro__):
        return 4
    return next((gates for kind, gates in GATES.items() if isinstance(cell, kind)), None)
