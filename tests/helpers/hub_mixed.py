"""Models with an encoder and a decoder, of sound, or of images and text."""

from typing import Any

import keras_hub
import numpy as np

from helpers.hub_text import HEADS, LENGTH, WORDS, backbone, tokens

hub = keras_hub.models
MEL, LATENT = 10, (4, 4, 4)
TOWER = {"hidden_dim": 16, "num_layers": 2, "num_heads": 2, "intermediate_dim": 24}


def images(size: int, pixels: int = 16) -> np.ndarray:
    return np.random.default_rng(2).standard_normal((size, pixels, pixels, 3)).astype("float32")


def sound(size: int) -> dict[str, np.ndarray]:
    """A batch for Whisper: twice as many frames as the encoder has places."""
    features = np.random.default_rng(3).standard_normal((size, 2 * LENGTH, MEL)).astype("float32")
    return {"encoder_features": features, **tokens("decoder_token_ids", "decoder_padding_mask")(size)}


def pictures_and_words(*names: str) -> Any:
    return lambda size: {"images": images(size), **tokens(*names)(size)}


def latents(size: int) -> dict[str, np.ndarray]:
    """A batch for the transformer of Stable Diffusion 3."""
    shapes = {"latent": LATENT, "context": (5, 12), "pooled_projection": (6,), "timestep": (1,)}
    random = np.random.default_rng(4)
    return {name: random.standard_normal((size, *shape)).astype("float32") for name, shape in shapes.items()}


def clip() -> Any:
    vision = hub.CLIPVisionEncoder(patch_size=8, image_shape=(16, 16, 3), **TOWER)
    text = hub.CLIPTextEncoder(vocabulary_size=WORDS, embedding_dim=16, max_sequence_length=LENGTH, **TOWER)
    return hub.CLIPBackbone(vision, text, projection_dim=12)


def siglip() -> Any:
    vision = hub.SigLIPVisionEncoder(patch_size=8, image_shape=(16, 16, 3), **TOWER)
    text = hub.SigLIPTextEncoder(vocabulary_size=WORDS, embedding_dim=16, max_sequence_length=LENGTH, **TOWER)
    return hub.SigLIPBackbone(vision, text)


def diffusion_transformer() -> Any:
    from keras_hub.src.models.stable_diffusion_3.mmdit import MMDiT

    return MMDiT(2, 16, 2, 2, 8, latent_shape=LATENT, context_shape=(None, 12), pooled_projection_shape=(6,))


def autoencoder() -> Any:
    """The part of Stable Diffusion 3 between images and latents, without the noise in between."""
    from keras_hub.src.models.vae.vae_backbone import VAEBackbone

    return VAEBackbone([32, 32], [1, 1], [32, 32], [1, 1], sampler_method="mode", sample_channels=8)


ENCODED = tokens("encoder_token_ids", "encoder_padding_mask", "decoder_token_ids", "decoder_padding_mask")
MODELS: dict[str, Any] = {
    "t5": (backbone("T5", **HEADS), ENCODED),
    "bart": (lambda: hub.BartSeq2SeqLM(hub.BartBackbone(max_sequence_length=16, **HEADS), None), ENCODED),
    "whisper": (
        backbone(
            "Whisper", num_mels=MEL, max_encoder_sequence_length=2 * LENGTH, max_decoder_sequence_length=LENGTH, **HEADS
        ),
        sound,
    ),
    "clip": (clip, pictures_and_words("token_ids")),
    "siglip": (siglip, pictures_and_words("token_ids")),
    "diffusion_transformer": (diffusion_transformer, latents),
    "autoencoder": (autoencoder, images),
}
