"""The layers inside of attention that make its scores, which say where it looks."""

from collections.abc import Iterator
from typing import Any

from keras_inits._keras import QUERY_AND_KEY, SCORES_SOFTMAX

PAIRS = (
    *(QUERY_AND_KEY, ("query_dense", "key_dense"), ("query_proj", "key_proj")),
    *(("query_projector", "key_projector"), ("query_conv2d", "key_conv2d"), ("q_dense", "k_dense")),
    *(("query", "key"), ("q", "k")),
)
"""The attributes of queries and keys, as Keras's and KerasHub's attention layers call them."""
BESIDE = (SCORES_SOFTMAX, "softmax", "_query_dense_layer_norm", "_key_dense_layer_norm", "_encoding_dense")
POSITIONS = ("RelativeEmbedding",)
"""Classes of KerasHub whose outputs are made into further queries and keys."""


def scoring(layer: Any) -> Iterator[Any]:
    """The layers directly in this one that make scores; the layer itself, if it does nothing else."""
    if any(kind.__name__ in POSITIONS for kind in type(layer).__mro__):
        yield layer
    pairs = [pair for pair in PAIRS if all(hasattr(getattr(layer, name, None), "call") for name in pair)]
    if pairs:
        yield from (one for name in (*pairs[0], *BESIDE) if (one := getattr(layer, name, None)) is not None)
