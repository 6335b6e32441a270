"""The right law for each weight, from what its layer does: the rules "auto"."""

from typing import Any

import keras
import numpy as np
from keras import layers

from keras_inits.initializers.base import HostInitializer
from keras_inits.initializers.convolution import DeltaOrthogonal
from keras_inits.initializers.gates import PerGate
from keras_inits.initializers.layer_fans import SEPARABLE, gates_of
from keras_inits.initializers.orthogonal import Orthogonal
from keras_inits.initializers.scaling import VarianceScaling
from keras_inits.models.graph import Graph
from keras_inits.models.weights import Weight


def auto_law(weight: Weight, graph: Graph) -> Any:
    """Returns an initializer, or None for a weight of whose part in its layer nothing is known.

    A kernel gets N(0, gain^2 / fan_in), gain being that of the activation its layer's outputs run into; a recurrent one
    is orthogonal in each gate; an embedding has the variance 1 (1 / size, if it is used in reverse too); biases are
    zero, those of forget gates one. Scales and shifts get what their layer starts them with.
    """
    layer, name = weight.layer, weight.variable.name
    if name in ("lora_kernel_b", "lora_embeddings_b"):  # what is added to the kernel starts from nothing
        return keras.initializers.Zeros()
    if weight.fans is None:
        return _start(layer, name)
    if name == "recurrent_kernel":
        block = Orthogonal() if len(weight.variable.shape) == 2 else DeltaOrthogonal()
        return PerGate(block, gates_of(layer) or 1)
    if isinstance(layer, layers.ReversibleEmbedding) and layer.tie_weights:
        return VarianceScaling(mode="fan_out", distribution="untruncated_normal")
    gain = graph.gain_after(layer) if _feeds_the_activation(layer, name) else 1.0
    return VarianceScaling(round(gain**2, 12), "fan_in", "untruncated_normal")


def _feeds_the_activation(layer: Any, name: str) -> bool:
    if gates_of(layer) is not None or isinstance(layer, layers.Embedding):
        return False
    return not (isinstance(layer, SEPARABLE) and name == "depthwise_kernel")


def _start(layer: Any, name: str) -> Any:
    if name.endswith("bias"):
        return ForgetGateOnes() if getattr(layer, "unit_forget_bias", False) else keras.initializers.Zeros()
    if isinstance(layer, layers.RMSNormalization):  # which has no `scale_initializer`
        return keras.initializers.Ones()
    return getattr(layer, f"{name}_initializer", None)


class ForgetGateOnes(HostInitializer):
    """The bias of an LSTM: ones for the forget gate, the second of four, zeros for the others.

    Reference:
        Jozefowicz, Zaremba & Sutskever (2015), An empirical exploration of recurrent network architectures.
    """

    def _draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        units = shape[-1] // 4
        values = np.zeros(shape, dtype)
        values[..., units : 2 * units] = 1
        return values

    def _law(self) -> str:
        return "ones for the forget gate, zeros for the others"
