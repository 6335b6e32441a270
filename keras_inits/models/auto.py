"""The right law for each weight, from what its layer does: the rules "auto"."""

import math
from typing import Any, Literal, get_args

from keras import layers

from keras_inits.initializers._orthogonal import Orthogonal, matrix_shape
from keras_inits.initializers.convolution import DeltaOrthogonal
from keras_inits.initializers.gate_biases import LongMemory
from keras_inits.initializers.gates import PerGate
from keras_inits.initializers.plain import Normal
from keras_inits.initializers.scaling import VarianceScaling
from keras_inits.layers.kinds import CONVOLUTIONS, SEPARABLE, TRANSPOSED, gates_of
from keras_inits.models.graph import Graph
from keras_inits.models.signal.embeddings import is_table
from keras_inits.models.weights import Weight

Distribution = Literal["orthogonal", "untruncated_normal", "truncated_normal", "uniform"]
DISTRIBUTIONS = get_args(Distribution)
"""The distributions of kernels; those that are no matrices are normal where others are orthogonal."""


def auto_law(weight: Weight, graph: Graph, distribution: Distribution = "orthogonal") -> Any:
    """Returns an initializer, or None for a weight of which nothing is known and whose layer declares nothing.

    A kernel gets the variance t / (m fan_in), for the mean square m that is predicted to come in and the mean square t
    that its products are to have, from this distribution; where no call of its layer is seen, t / m is
    the square of the gain of the activation that its outputs run into. A recurrent kernel is orthogonal in each gate;
    the entries of tables have the variance that `row_squares` says; biases are zero, but for those of gates. Scales,
    shifts, and the weights of layers that are not known get what their layer starts them with.
    """
    layer, role = weight.layer, weight.role
    if role is None or role.part == "start":
        return _long_memory(weight, graph) or weight.start
    if role.part == "recurrent":
        block = Orthogonal() if len(weight.variable.shape) == 2 else DeltaOrthogonal()
        return PerGate(block, gates_of(layer) or 1)
    if is_table(weight):
        stddev = math.sqrt(graph.prediction.rows[weight.stream])
        return Normal(round(stddev, 12))  # whose fan_in of 1 would only puzzle in print
    scale = _scale(weight, graph)
    if distribution != "orthogonal" or not _is_matrix(weight):
        return scaled_law(scale, distribution)
    assert weight.fans is not None
    entries = max(matrix_shape(tuple(weight.variable.shape), weight.fans))
    return Orthogonal(round(math.sqrt(scale * entries / max(1.0, weight.fans[0])), 12))


def _long_memory(weight: Weight, graph: Graph) -> LongMemory | None:
    """The law of the bias of a recurrent layer whose sequences have a known length."""
    steps = graph.memory_of(weight.layer)
    if steps is None or weight.variable.name != "bias":
        return None
    return LongMemory(gates_of(weight.layer) or 1, steps)


def scaled_law(scale: float, distribution: Distribution) -> VarianceScaling:
    """Independent entries of the variance scale / fan_in."""
    return VarianceScaling(scale, "fan_in", "untruncated_normal" if distribution == "orthogonal" else distribution)


def _scale(weight: Weight, graph: Graph) -> float:
    """The variance of a kernel times its fan_in."""
    assert weight.role is not None
    entered = graph.prediction.entered.get(weight.stream)
    if entered is not None and entered.square > 0:
        return round(entered.products / entered.square, 12)
    return round(((graph.gain_after(weight.layer) if weight.role.feeds else 1.0) * weight.role.scale) ** 2, 12)


def _is_matrix(weight: Weight) -> bool:
    """Whether each output of a kernel is a sum over all of its inputs, at each place."""
    layer, name = weight.layer, str(weight.variable.name)
    if isinstance(layer, SEPARABLE):
        return name == "pointwise_kernel"
    if isinstance(layer, CONVOLUTIONS):
        return bool(layer.groups == 1)
    return isinstance(layer, (layers.Dense, layers.EinsumDense, *TRANSPOSED)) and name == "kernel"


def head_variance(weight: Weight, stddev: float | None) -> float | None:
    """The variance of a head's outputs for hidden states of variance 1; the head is a table of this deviation."""
    if weight.role is None or weight.role.part != "tied" or weight.fans is None or stddev is None:
        return None
    return weight.fans[1] * stddev**2
