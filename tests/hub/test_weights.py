"""Each weight of twelve backbones: the part that it has, its fans, and the signal that comes of it.

What is expected is reasoned from the code of KerasHub's layers: which axis of a kernel is summed over, and which are
the units. The sizes differ from each other, so that no fan stands for another by chance.
"""

import re

import keras
import keras_hub
import numpy as np
import pytest

from keras_inits import initialize
from keras_inits.models.weights import weights_of

hub = keras_hub.models
WORDS, PLACES, DIM, HEADS, GROUPS, HEAD, INNER, EXPERTS = 30, 14, 12, 3, 1, 4, 20, 5
TABLE = (1, DIM)  # a row is looked up, and feeds its own vector

TEXT = {"vocabulary_size": WORDS, "num_layers": 2, "hidden_dim": DIM, "intermediate_dim": INNER}
PLACED = {**TEXT, "num_heads": HEADS, "max_sequence_length": PLACES}
GROUPED = {**TEXT, "num_query_heads": HEADS, "num_key_value_heads": GROUPS}
PIXELS = {"image_shape": (16, 16, 3), "patch_size": 4}
PATCH = (4 * 4 * 3, DIM)  # the window, which is as large as its stride, and the channels


def dense(name, inputs, units, *, bias=True):
    return {f"{name}/kernel": (inputs, units), **({f"{name}/bias": None} if bias else {})}


def norm(name):
    return {f"{name}/gamma": None, f"{name}/beta": None}


def attention(name, *, groups=HEADS, head=HEAD, bias=True, key_bias=None, last=None):
    """Queries of all heads, keys and values of so many groups; the last kernel sums over heads and their sizes."""
    return {
        **dense(f"{name}/query", DIM, HEADS * head, bias=bias),
        **dense(f"{name}/key", DIM, groups * head, bias=bias if key_bias is None else key_bias),
        **dense(f"{name}/value", DIM, groups * head, bias=bias),
        **dense(f"{name}/attention_output", HEADS * head, DIM, bias=bias if last is None else last),
    }


def feedforward(block, *names, bias=True):
    *first, last = (f"{block}/{name}" for name in names)
    found = {}
    for name in first:
        found |= dense(name, DIM, INNER, bias=bias)
    return found | dense(last, INNER, DIM, bias=bias)


def encoder(block, name="self_attention_layer", **options):
    return {
        **attention(f"{block}/{name}", **options),
        **norm(f"{block}/self_attention_layer_norm"),
        **norm(f"{block}/feedforward_layer_norm"),
        **feedforward(block, "feedforward_intermediate_dense", "feedforward_output_dense"),
    }


def twice(block, name="transformer_layer_{}"):
    return block(name.format(0)) | block(name.format(1))


def grouped(block):
    """What Llama, Mixtral and Qwen's mixtures have in common: no biases, and scales alone."""
    scales = {f"{block}/self_attention_layernorm/scale": None, f"{block}/feedforward_layernorm/scale": None}
    return attention(f"{block}/self_attention", groups=GROUPS, bias=False) | scales


UNTIED = {"token_embedding/embeddings": TABLE, "token_embedding/reverse_embeddings": (DIM, WORDS)}
TIED = {"token_embedding/embeddings": TABLE}
LAST_SCALE = {"sequence_output_layernorm/scale": None}


def bert():
    tables = {f"{name}_embedding/embeddings": TABLE for name in ("token", "position", "segment")}
    return tables | norm("embeddings_layer_norm") | twice(encoder) | dense("pooled_dense", DIM, DIM)


def gpt2():
    tables = {f"{name}_embedding/embeddings": TABLE for name in ("token", "position")}
    return tables | twice(lambda block: encoder(block, "self_attention")) | norm("layer_norm")


def llama():
    names = "feedforward_intermediate_dense", "feedforward_gate_dense", "feedforward_output_dense"
    blocks = twice(lambda block: grouped(block) | feedforward(block, *names, bias=False))
    return UNTIED | blocks | LAST_SCALE


def gemma():
    def block(name):
        """The two halves of the gated layer, of INNER / 2 units each; heads of a size of their own."""
        gated = {f"{name}/ffw_gating/kernel": (DIM, INNER // 2), f"{name}/ffw_gating_2/kernel": (DIM, INNER // 2)}
        scales = {f"{name}/pre_attention_norm/scale": None, f"{name}/pre_ffw_norm/scale": None}
        last = {f"{name}/ffw_linear/kernel": (INNER // 2, DIM)}
        return attention(f"{name}/attention", groups=GROUPS, head=6, bias=False) | gated | scales | last

    return TIED | twice(block, "decoder_block_{}") | {"final_normalization/scale": None}


def mixtral():
    def block(name):
        inside = f"{name}/mixtral_sparse_moe_block"
        experts = f"{inside}/experts/expert_feedforward_"
        return {
            **grouped(name),
            **dense(f"{inside}/sparse_feedforward_gate_dense", DIM, EXPERTS, bias=False),
            f"{experts}gate_dense": (DIM, INNER),
            f"{experts}intermediate_dense": (DIM, INNER),
            f"{experts}output_dense": (INNER, DIM),
        }

    return UNTIED | twice(block) | LAST_SCALE


def qwen_moe():
    def block(name):
        """The kernels of gate and units lie side by side: twice as many units as an expert puts out."""
        inside = f"{name}/qwen_sparse_moe_block"
        names = "feedforward_intermediate_dense", "feedforward_gate_dense"
        shared = {}
        for one in names:
            shared |= dense(f"{inside}/shared_expert_dense/{one}", DIM, 18, bias=False)
        return {
            **grouped(name),
            **{f"{name}/self_attention/{part}/bias": None for part in ("query", "key", "value")},
            **dense(f"{inside}/sparse_feedforward_gate_dense", DIM, EXPERTS, bias=False),
            f"{inside}/experts/expert_feedforward_gate_dense": (DIM, 2 * 7),
            f"{inside}/experts/expert_feedforward_output_dense": (7, DIM),
            **shared,
            **dense(f"{inside}/shared_expert_dense/feedforward_output_dense", 18, DIM, bias=False),
            **dense(f"{inside}/shared_expert_gate_dense", DIM, 1, bias=False),
        }

    return UNTIED | twice(block) | LAST_SCALE


def gpt_oss():
    def block(name):
        inside = f"{name}/sparse_moe_block"
        return {
            **attention(f"{name}/self_attention", groups=GROUPS),
            f"{name}/self_attention/sinks": None,
            f"{name}/input_layernorm/scale": None,
            f"{name}/post_attention_layernorm/scale": None,
            **dense(f"{inside}/router/router_dense", DIM, EXPERTS),
            f"{inside}/experts/gate_up_proj": (DIM, 2 * INNER),
            f"{inside}/experts/gate_up_proj_bias": None,
            f"{inside}/experts/down_proj": (INNER, DIM),
            f"{inside}/experts/down_proj_bias": None,
        }

    return UNTIED | twice(block) | LAST_SCALE


def t5():
    def attention_of(name):
        projectors = dense(f"{name}/output_projector", HEADS * HEAD, DIM, bias=False)
        for part in ("query", "key", "value"):
            projectors |= dense(f"{name}/{part}_projector", DIM, HEADS * HEAD, bias=False)
        return projectors

    found, norms = dict(TIED), 0
    for stack, parts in (("encoder", ("self",)), ("decoder", ("self", "cross"))):
        for number in range(2):
            block = f"transformer_{stack}_layer_{number}"
            for part in parts:
                found |= attention_of(f"{block}/{part}_attention")
            for _ in range(len(parts) + 1):  # which Keras numbers over the whole model
                found[f"{block}/t5_layer_norm{f'_{norms}' if norms else ''}/weight"] = None
                norms += 1
            found |= feedforward(block, "input_projector", "gate_projector", "output_projector", bias=False)
        found[f"transformer_{stack}_layer_0/self_attention/embeddings"] = (1, HEADS)  # a bias for each head
        found[f"{stack}_output_layer_norm/weight"] = None
    return found


def whisper():
    def decoder(block):
        cross = attention(f"{block}/cross_attention", key_bias=False) | norm(f"{block}/cross_attention_layer_norm")
        return encoder(block, "self_attention", key_bias=False) | cross

    tables = {
        f"decoder_token_and_position_embedding/{name}_embedding/embeddings": TABLE for name in ("token", "position")
    }
    return {
        # windows of 3; the second is moved on by 2, and feeds half as many
        **dense("encoder_token_embedding_conv_layer_1", 3 * 10, 3 * DIM),
        **dense("encoder_token_embedding_conv_layer_2", 3 * DIM, 3 * DIM / 2),
        "encoder_position_embedding/embeddings": TABLE,
        **twice(lambda block: encoder(block, key_bias=False), "transformer_encoder_layer_{}"),
        **norm("encoder_layer_norm"),
        **tables,
        **twice(decoder, "transformer_decoder_layer_{}"),
        **norm("decoder_layer_norm"),
    }


def vit():
    def block(name):
        inside = norm(f"{name}/ln_1") | norm(f"{name}/ln_2") | attention(f"{name}/mha")
        return inside | feedforward(f"{name}/mlp", "dense_1", "dense_2")

    start = "vit_patching_and_embedding"
    tables = {f"{start}/class_token": None, f"{start}/position_embedding/embeddings": TABLE}
    blocks = block("vit_encoder/transformer_block_1") | block("vit_encoder/transformer_block_2")
    return {**dense(f"{start}/patch_embedding", *PATCH), **tables, **blocks, **norm("vit_encoder/ln")}


def dinov2():
    def block(name):
        scales = {f"{name}/layer_scale1/lambda1": None, f"{name}/layer_scale2/lambda1": None}
        inside = norm(f"{name}/norm1") | norm(f"{name}/norm2") | attention(f"{name}/attention/attention")
        return scales | inside | feedforward(f"{name}/mlp", "fc1", "fc2")

    tables = {"cls_token": None, "mask_token": None, "interpolated_position_embeddings": TABLE}
    return {
        **{f"embeddings/{name}": fans for name, fans in tables.items()},
        **dense("embeddings/patch_embeddings/projection", *PATCH),
        **twice(block, "encoder/layers_{}"),
        **norm("layernorm"),
    }


def resnet():
    def convolution(name, window, inputs, filters, strides=1):
        fans = (window**2 * inputs, window**2 * filters / strides**2)
        number = name.removesuffix("conv")
        return {f"{name}/kernel": fans, **norm(f"{number}bn")}

    return {
        **convolution("conv1_conv", 7, 3, 64, 2),
        **convolution("stack0_block0_1_conv", 3, 64, 64),
        **convolution("stack0_block0_2_conv", 3, 64, 64),
        **convolution("stack1_block0_0_conv", 1, 64, 24, 2),
        **convolution("stack1_block0_1_conv", 3, 64, 24, 2),
        **convolution("stack1_block0_2_conv", 3, 24, 24),
    }


MOE = {**GROUPED, "num_experts": EXPERTS, "top_k": 2}
T5_SIZES = {**TEXT, "num_heads": HEADS, "key_value_dim": HEAD}
SOUND = {"num_mels": 10, "max_encoder_sequence_length": 24, "max_decoder_sequence_length": PLACES}
RESNET = {
    "input_conv_filters": [64], "input_conv_kernel_sizes": [7], "stackwise_num_filters": [64, 24],
    "stackwise_num_blocks": [1, 1], "stackwise_num_strides": [1, 2], "block_type": "basic_block",
    "image_shape": (32, 32, 3),
}  # fmt: skip
BACKBONES = {
    "Bert": (bert, PLACED),
    "GPT2": (gpt2, PLACED),
    "Llama": (llama, GROUPED),
    "Gemma": (gemma, {**GROUPED, "head_dim": 6}),
    "Mixtral": (mixtral, MOE),
    "QwenMoe": (qwen_moe, {**MOE, "moe_intermediate_dim": 7, "shared_expert_intermediate_dim": 18}),
    "GptOss": (gpt_oss, MOE),
    "T5": (t5, T5_SIZES),
    "Whisper": (whisper, {**TEXT, "num_heads": HEADS, **SOUND}),
    "ViT": (vit, {**PIXELS, "num_layers": 2, "num_heads": HEADS, "hidden_dim": DIM, "mlp_dim": INNER}),
    "DINOV2": (dinov2, {**PIXELS, "num_layers": 2, "num_heads": HEADS, "hidden_dim": DIM, "intermediate_dim": INNER}),
    "ResNet": (resnet, RESNET),
}
pytestmark = pytest.mark.filterwarnings(
    "ignore:Layer '.*' .of type T5MultiHeadAttention. was passed an input with a mask"
)


def backbone(name):
    return getattr(hub, f"{name}Backbone")(**BACKBONES[name][1])


@pytest.mark.thorough
@pytest.mark.parametrize("name", BACKBONES)
def test_each_weight_has_its_part_and_its_fans(name):
    expected = BACKBONES[name][0]()
    found = weights_of(backbone(name))
    assert sorted((without_numbers(one.path), one.fans or ()) for one in found) == sorted(
        (without_numbers(path), fans or ()) for path, fans in expected.items()
    )
    assert {one.origin for one in found} == {"known"}


def without_numbers(path):
    """Without those that Keras gives to layers of no name, over all that the process made."""
    return re.sub(r"(t5_layer_norm|transformer_block|sparse_moe_block)(_\d+)?/", r"\1/", path)


@pytest.mark.thorough
def test_the_laws_that_are_of_no_kernel():
    def laws(name, *endings):
        rows = {row.path: row for row in initialize(backbone(name), seed=1)}
        return [next(row for path, row in rows.items() if path.endswith(ending)) for ending in endings]

    table, scale = laws("Gemma", "token_embedding/embeddings", "pre_ffw_norm/scale")
    assert (table.stddev, table.head_variance) == (
        pytest.approx(DIM**-0.5),
        pytest.approx(1),
    )  # it is multiplied by sqrt(DIM)
    assert scale.law == "Zeros"  # 1 + scale
    assert [row.law for row in laws("Llama", "layernorm/scale")] == ["Ones"]
    table, places = laws("GPT2", "token_embedding/embeddings", "position_embedding/embeddings")
    assert (table.head_variance, places.stddev) == (pytest.approx(1), table.stddev)
    queries, bias = laws("T5", "query_projector/kernel", "self_attention/embeddings")
    assert queries.stddev == pytest.approx((DIM * HEAD) ** -0.5)  # whose scores nothing divides
    assert bias.stddev == pytest.approx((HEADS * HEAD) ** -0.5)
    assert laws("DINOV2", "layer_scale1/lambda1")[0].law == "Constant"
    assert laws("ViT", "class_token")[0].stddev == 0.05


WIDE = {"num_layers": 4, "hidden_dim": 48, "intermediate_dim": 96}


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["Bert", "GPT2", "Llama", "Gemma", "Mixtral", "T5"])
def test_the_signal_stays_in_size_through_the_blocks(name):
    config = {**BACKBONES[name][1], **WIDE}
    model = getattr(hub, f"{name}Backbone")(**config)
    initialize(model, seed=0)
    blocks = [layer for layer in model.layers if re.search(r"(transformer_.*layer|decoder_block)_\d$", layer.name)]
    assert len(blocks) == (8 if name == "T5" else 4)
    probe = keras.Model(model.inputs, [keras.tree.flatten(layer.output)[0] for layer in blocks])
    random, x = np.random.default_rng(0), []
    for one in model.inputs:
        below = 2 if "segment" in one.name else WORDS
        x.append(np.ones((8, 10), "int32") if "mask" in one.name else random.integers(0, below, (8, 10)))
    sizes = [float(np.std(keras.ops.convert_to_numpy(output))) for output in probe(x)]
    assert all(0.3 < size < 5 for size in sizes), sizes  # tied tables put in little
