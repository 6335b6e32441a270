"""The right law for each weight, from what its layer does: the rules "auto"."""

from typing import Any

from keras_inits.initializers.convolution import DeltaOrthogonal
from keras_inits.initializers.gates import PerGate
from keras_inits.initializers.orthogonal import Orthogonal
from keras_inits.initializers.plain import Normal
from keras_inits.initializers.scaling import VarianceScaling
from keras_inits.layers.kinds import gates_of
from keras_inits.models.graph import Graph
from keras_inits.models.weights import Weight


def auto_law(weight: Weight, graph: Graph) -> Any:
    """Returns an initializer, or None for a weight of which nothing is known and whose layer declares nothing.

    A kernel gets N(0, gain^2 / fan_in), gain being that of the activation its layer's outputs run into; a recurrent one
    is orthogonal in each gate; the rows of a table have the variance 1, after the constant by which the model
    multiplies them; biases are zero, those of forget gates one. Scales, shifts, and the weights of layers that are not
    known get what their layer starts them with.
    """
    layer, role = weight.layer, weight.role
    if role is None or role.part == "start":
        return weight.start
    if role.part == "recurrent":
        block = Orthogonal() if len(weight.variable.shape) == 2 else DeltaOrthogonal()
        return PerGate(block, gates_of(layer) or 1)
    if role.part in ("table", "tied"):
        return Normal(round(1 / graph.factor_behind(layer), 12))
    gain = (graph.gain_after(layer) if role.feeds else 1.0) * role.scale
    return VarianceScaling(round(gain**2, 12), "fan_in", "untruncated_normal")


def head_variance(weight: Weight, stddev: float | None) -> float | None:
    """What a tied table with this standard deviation makes of hidden states of the variance 1, as a head."""
    if weight.role is None or weight.role.part != "tied" or weight.fans is None or stddev is None:
        return None
    return weight.fans[1] * stddev**2
