"""Models of text: 4 x 8 tokens of a vocabulary of 29, the last two of each row padding."""

from typing import Any

import keras_hub
import numpy as np

hub = keras_hub.models
WORDS, LENGTH = 29, 8
SIZES = {"vocabulary_size": WORDS, "num_layers": 2, "hidden_dim": 16, "intermediate_dim": 24}
HEADS = {"num_heads": 2, **SIZES}
GROUPED = {"num_query_heads": 4, "num_key_value_heads": 2, **SIZES}
LONG = {"max_sequence_length": 16}


def tokens(*names: str) -> Any:
    """What makes a batch of these inputs: token numbers, masks of padding, segments."""

    def batch(size: int) -> dict[str, np.ndarray]:
        random = np.random.default_rng(0)
        values = {}
        for name in names:
            if "mask" in name:
                values[name] = np.repeat(np.arange(LENGTH)[None] < LENGTH - 2, size, 0).astype("int32")
            elif "segment" in name:
                values[name] = random.integers(0, 2, (size, LENGTH)).astype("int32")
            else:
                values[name] = random.integers(1, WORDS, (size, LENGTH)).astype("int32")
        return values

    return batch


def renamed(config: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """The config for a model that has another word for one argument."""
    return {new if name == old else name: value for name, value in config.items()}


def causal(name: str, **config: Any) -> Any:
    """A language model: the head is the embedding of the tokens, turned around, or a layer of its own."""
    return lambda: getattr(hub, f"{name}CausalLM")(getattr(hub, f"{name}Backbone")(**config), None)


def classifier(name: str, **config: Any) -> Any:
    backbone = getattr(hub, f"{name}Backbone")
    return lambda: getattr(hub, f"{name}TextClassifier")(backbone(**config), num_classes=3, preprocessor=None)


def masked(name: str, **config: Any) -> Any:
    return lambda: getattr(hub, f"{name}MaskedLM")(getattr(hub, f"{name}Backbone")(**config), None)


def backbone(name: str, **config: Any) -> Any:
    return lambda: getattr(hub, f"{name}Backbone")(**config)


def positions(size: int) -> dict[str, np.ndarray]:
    """A batch for a masked model: also which two places are masked."""
    values = tokens("token_ids", "padding_mask")(size)
    return {**values, "mask_positions": np.repeat([[1, 4]], size, 0).astype("int32")}


PAIR = tokens("token_ids", "padding_mask")
SEGMENTS = tokens("token_ids", "padding_mask", "segment_ids")
MODELS: dict[str, Any] = {
    "bert": (classifier("Bert", **HEADS, **LONG), SEGMENTS),
    "distilbert": (classifier("DistilBert", **HEADS, **LONG), PAIR),
    "roberta": (masked("Roberta", **HEADS, **LONG), positions),
    "albert": (classifier("Albert", embedding_dim=8, **HEADS, **LONG), SEGMENTS),
    "deberta": (classifier("DebertaV3", bucket_size=4, **HEADS, **LONG), PAIR),
    "electra": (
        backbone("Electra", embedding_dim=8, **renamed(HEADS, "vocabulary_size", "vocab_size")),
        SEGMENTS,
    ),
    "fnet": (classifier("FNet", **SIZES, **LONG), tokens("token_ids", "segment_ids")),
    "xlnet": (backbone("XLNet", **HEADS), SEGMENTS),
    "roformer": (classifier("RoformerV2", head_size=8, **HEADS), tokens("token_ids", "segment_ids")),
    "esm": (backbone("ESM", **HEADS), tokens("token_ids")),
    "gpt2": (causal("GPT2", **HEADS, **LONG), PAIR),
    "gpt_neox": (causal("GPTNeoX", **HEADS, **LONG), PAIR),
    "opt": (causal("OPT", **HEADS, **LONG), PAIR),
    "bloom": (causal("Bloom", **HEADS), PAIR),
    "falcon": (
        causal("Falcon", **renamed(HEADS, "num_heads", "num_attention_heads")),
        PAIR,
    ),
    "llama": (causal("Llama", **GROUPED), PAIR),
    "llama3": (causal("Llama3", tie_word_embeddings=True, **GROUPED), PAIR),
    "gemma": (causal("Gemma", head_dim=8, **GROUPED), PAIR),
    "mistral": (causal("Mistral", **GROUPED), PAIR),
    "mixtral": (causal("Mixtral", num_experts=3, **GROUPED), PAIR),
    "phi3": (causal("Phi3", **GROUPED), PAIR),
    "qwen": (causal("Qwen", **GROUPED), PAIR),
    "qwen3": (causal("Qwen3", head_dim=8, **GROUPED), PAIR),
    "rwkv7": (
        backbone(
            "RWKV7", hidden_size=16, head_size=8, num_layers=2, vocabulary_size=WORDS, intermediate_dim=24,
            gate_lora=4, mv_lora=4, aaa_lora=4, decay_lora=4,
        ),
        PAIR,
    ),
}  # fmt: skip
