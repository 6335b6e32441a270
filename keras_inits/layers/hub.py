"""The roles of the weights of KerasHub's layers, by the names of their classes: KerasHub itself is never imported.

Most of its weights belong to layers of Keras's inside of its own, and stand in `builtin`.
"""

from collections.abc import Callable
from typing import Any

import keras

from keras_inits._keras import unnumbered
from keras_inits.initializers.fans import Fans
from keras_inits.initializers.plain import Normal, TruncatedNormal
from keras_inits.layers.roles import Role, table

START = Role("start")  # from what the layer declares: tokens, layer scales, temperatures
ZEROS, ONES = Role("start", start=keras.initializers.Zeros()), Role("start", start=keras.initializers.Ones())

UNNAMED = "variable"
Entry = Role | Callable[[tuple[int, ...]], Role]  # of a shape, where it depends on that


def _matrix(shape: tuple[int, ...]) -> Role:
    return Role("kernel", _last_two(shape))


def _gate(shape: tuple[int, ...]) -> Role:
    """The kernel whose products the activation takes; those of the other kernels of its layer go past it."""
    return Role("kernel", _last_two(shape), feeds=True)


def _biases(shape: tuple[int, ...]) -> Role:
    """A table of relative positions, whose entries are added to the scores of attention: as small as its layer says."""
    return Role("start", (1.0, float(shape[-1])))


def _swin_biases(shape: tuple[int, ...]) -> Role:
    return _biases(shape)._replace(start=TruncatedNormal(stddev=0.02))


def _last_two(shape: tuple[int, ...]) -> Fans:
    """The axis before them counts experts: each has a kernel of its own, and no sum goes over it."""
    return float(shape[-2]), float(shape[-1])


EXPERTS: dict[str, Entry] = {"expert_feedforward_gate_dense": _matrix, "expert_feedforward_output_dense": _matrix}

ROLES: dict[str, dict[str, Entry]] = {
    # tables
    "PositionEmbedding": {"embeddings": table},
    "RelativeEmbedding": {"rel_embedding": table},
    "PARSeqDecoder": {"pos_query_embeddings": table},
    "AddPositionalEmbedding": {"pos_embed": table},
    "Gemma4VisionPatchEmbedder": {"position_embedding_table": table},
    "SAM3Embedding": {"tiled_position_embeddings": table},
    "WindowAttention": {"relative_position_bias_table": _swin_biases},  # whose config lacks arguments
    "AddRelativePositionalEmbedding": {"rel_pos_h": _biases, "rel_pos_w": _biases},
    # tables beside tokens
    "DeiTEmbeddings": {
        "position_embedding": table,
        **dict.fromkeys(("class_token", "distillation_token", "mask_token"), START),
    },
    "DINOV2Embedding": {
        "interpolated_position_embeddings": table,
        **dict.fromkeys(("cls_token", "mask_token", "register_tokens"), START),
    },
    # tokens
    "DINOV3Embedding": dict.fromkeys(("cls_token", "mask_token", "register_tokens"), START),
    "ViTPatchingAndEmbedding": {"class_token": START},
    "CLIPVisionEmbedding": {"class_embedding": START},
    "MetaCLIP2VisionEmbedding": {"class_embedding": START},
    "VideoPrismClassToken": {"cls_token": START},
    "VideoPrismAttenTokenPoolingLayer": {"pooling_attention_query": START},
    "BLIP2QueryTokens": {"query_tokens": START},
    "SigLIPMultiHeadAttentionPooling": {UNNAMED: START},  # the probe, a token
    "MultiHeadAttentionPooling": {UNNAMED: START},  # PaliGemma's
    "XLNetAttentionMaskLayer": {"mask_emb": START},
    # scales
    "RMSNormalization": {"scale": ONES},
    "LlamaLayerNorm": {"scale": ONES},
    "MistralLayerNormalization": {"scale": ONES},
    "MixtralLayerNormalization": {"scale": ONES},
    "Phi3LayerNorm": {"scale": ONES},
    "QwenLayerNorm": {"scale": ONES},
    "Qwen3LayerNorm": {"scale": ONES},
    "QwenMoeLayerNorm": {"scale": ONES},
    "Qwen3MoeLayerNorm": {"scale": ONES},
    "Qwen3_5RMSNormGated": {"scale": ONES},
    "Qwen3_5LayerNorm": {"scale": ZEROS},  # 1 + scale
    "GptOssLayerNormalization": {"scale": ONES},
    "RoformerNorm": {"scale": ONES},
    "EdRecRMSNormalization": {"scale": ONES},
    "Gemma3nRMSNorm": {"scale": ONES},
    "Gemma3nAudioCumulativeGroupNorm": {"scale": ONES},
    "RmsNorm2d": {"gamma": START},
    "T5LayerNorm": {"weight": ONES},
    "LayerScale2d": {"gamma": START},
    "DINOV2LayerScale": {"lambda1": START},
    "DINOV3LayerScale": {"lambda1": START},
    "HGNetV2LearnableAffineBlock": {"scale": START, "bias": START},
    "VideoPrismPerDimScale": {"per_dim_scale": START},
    "Gemma3nAudioAttention": {"per_dim_scale": START},
    "Gemma3nTextAltUp": {"correct_output_scale": START},
    "Gemma4AudioAttention": {"per_dim_scale": START},
    "Gemma4Router": {"per_dim_scale": START},
    "CLIPHead": {"logit_scale": START},
    "MetaCLIP2Head": {"logit_scale": START},
    "SigLIPHead": {"logit_scale": START, "logit_bias": START},
    "GptOssAttention": {"sinks": START},
    "XLNetEncoder": {
        "segment_encoding": START,
        **dict.fromkeys(("content_attention_bias", "positional_attention_bias", "segment_attention_bias"), ZEROS),
    },
    # pairs of small kernels, one behind the other, beside scales of channels
    "RWKV7TimeMix": {
        **dict.fromkeys(("w1", "w2", "a1", "a2", "v1", "v2", "g1", "g2"), _matrix),
        **dict.fromkeys(("x_r", "x_w", "x_k", "x_v", "x_a", "x_g", "w0", "a0", "v0", "k_k", "k_a", "r_k"), START),
    },
    "RWKV7ChannelMix": {"time_mix_k": START},
    # kernels
    "MaskedLMHead": {"output_kernel": _matrix, "output_bias": ZEROS},
    "Gemma4AudioRelativePositionEmbedding": {"pos_proj": _matrix},
    "MixtralMoeExperts": {
        **EXPERTS,
        "expert_feedforward_gate_dense": _gate,
        "expert_feedforward_intermediate_dense": _matrix,
    },
    "QwenMoeExperts": EXPERTS,  # whose gate and intermediate kernels lie side by side
    "Qwen3MoeExperts": EXPERTS,
    "Qwen3_5MoeExperts": EXPERTS,
    "GptOssExperts": {
        "gate_up_proj": _matrix,
        "down_proj": _matrix,
        "gate_up_proj_bias": ZEROS,
        "down_proj_bias": ZEROS,
    },
    "Gemma4MoEBlock": {"gate_proj": _matrix, "up_proj": _matrix, "down_proj": _matrix, "per_expert_scale": ONES},
}

OFFSET = ("keras_hub.src.models.gemma.", "keras_hub.src.models.gemma3.")
"""Where `RMSNormalization` multiplies by 1 + scale."""


def role(layer: Any, variable: Any) -> Role | None:
    """The role of a weight of a layer of KerasHub's, or of one that derives from it; None for others."""
    for kind in type(layer).__mro__:
        if kind.__module__.startswith("keras_hub."):
            if kind.__name__ == "T5MultiHeadAttention":  # which does not keep all arguments of its constructor
                return _biases(tuple(variable.shape))._replace(start=Normal(layer.inner_dim**-0.5))
            if kind.__name__ == "RMSNormalization" and kind.__module__.startswith(OFFSET):
                return ZEROS
            entry = ROLES.get(kind.__name__, {}).get(unnumbered(variable.name))
            if entry is not None:
                return entry(tuple(variable.shape)) if callable(entry) else entry
    return None


def scales_inside(layer: Any) -> dict[int, float]:
    """By the id of a layer inside of this one, the factor of its kernels' standard deviation.

    T5 does not divide the scores of attention by the root of a head's size: the queries' kernel does so from the start.
    """
    if any(kind.__name__ == "T5MultiHeadAttention" for kind in type(layer).__mro__):
        return {id(layer.query_projector): layer.key_value_dim**-0.5}
    return {}
