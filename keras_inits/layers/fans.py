"""Fans of a layer's weights, from what the layer does with them: their shape alone does not tell."""

from typing import Any

import keras

from keras_inits._keras import all_layers, own_variables
from keras_inits.initializers.fans import Fans
from keras_inits.layers.catalogue import role_of, why_unknown


def fans_of(layer: keras.Layer, variable: keras.Variable) -> Fans | None:
    """Returns the fans of a weight: how many inputs feed a unit through it, and how many units an input feeds.

    ======================  ===============================  ========================================
    layer                   fan_in                           fan_out
    ======================  ===============================  ========================================
    dense                   inputs                           units
    convolution             window x channels in / groups    window x channels out / groups / strides
    transposed convolution  window x channels in / strides   window x channels out
    depthwise convolution   window                           window x depth multiplier / strides
    separable convolution   as the two it is made of         as the two it is made of
    einsum, attention       the sizes that are added up      the sizes that are new
    table of embeddings     1, for a word feeds its own row  the vector's size
    kernels of experts      inputs                           units of one expert
    recurrent               inputs, or units                 the units of one gate
    ======================  ===============================  ========================================

    Fans that strides divide are means over all positions.

    Args:
        layer: A built layer of Keras's or KerasHub's, one that derives from it, or one that contains it.
        variable: One of its weights.

    Returns:
        The pair, or None for what is no kernel: biases, scales, statistics.

    Raises:
        ValueError: If the layer does not own the variable, or nothing is known of its part: it belongs to another
            layer, or to what a derived class adds.

    Example:
        >>> import keras
        >>> layer = keras.layers.DepthwiseConv2D(3)
        >>> layer.build((None, 8, 8, 64))
        >>> fans_of(layer, layer.kernel)
        (9.0, 9.0)
    """
    owner = _owner(layer, variable)
    role = role_of(owner, variable)
    if role is None:
        raise ValueError(
            f"The fans of a weight follow from what its layer does with it. Received: variable={variable.path!r} of "
            f"the layer {owner.name!r}, of which that is not known: {why_unknown(owner)}. Expected a weight of a layer "
            "of Keras's or KerasHub's, or of one that derives from it. Say the axes that are added up: "
            "keras_inits.VarianceScaling(input_axes=..., output_axes=...)."
        )
    return role.fans


def _owner(layer: Any, variable: Any) -> Any:
    for candidate in all_layers(layer):
        if any(variable is mine for mine in own_variables(candidate)):
            return candidate
    raise ValueError(
        f"A layer knows the fans of its own weights. Received: layer={layer.name!r}, which does not own variable="
        f"{getattr(variable, 'path', variable)!r}. Expected one of {[v.path for v in layer.weights]}. "
        "Build the layer first, and pass one of `layer.weights`."
    )
