"""Models of images: 4 of 32 x 32 pixels."""

from typing import Any

import keras_hub
import numpy as np

from helpers.hub_mixed import images

hub = keras_hub.models
SHAPE = {"image_shape": (32, 32, 3)}
HEADS = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16}


def classifier(name: str, head: Any = None, **config: Any) -> Any:
    backbone, task = getattr(hub, f"{name}Backbone"), getattr(hub, f"{name}ImageClassifier")
    return lambda: task(backbone(**config), num_classes=3, preprocessor=None, **(head or {}))


def pixels(size: int) -> np.ndarray:
    return images(size, 32)


MIT = {
    "num_layers": 2, "layerwise_depths": [1, 1], "layerwise_num_heads": [1, 2], "layerwise_sr_ratios": [2, 1],
    "layerwise_patch_sizes": [7, 3], "layerwise_strides": [4, 2], "hidden_dims": [8, 16], "max_drop_path_rate": 0.1,
}  # fmt: skip
DINO = {"patch_size": 8, "intermediate_dim": 24, "position_embedding_shape": (32, 32, 3)}
VGG = {"stackwise_num_repeats": [1, 1], "stackwise_num_filters": [8, 16]}
RESNET = {
    "input_conv_filters": [64], "input_conv_kernel_sizes": [3], "stackwise_num_filters": [64, 16],
    "stackwise_num_blocks": [1, 1], "stackwise_num_strides": [1, 2],
}  # fmt: skip
EFFICIENT = {
    "stackwise_width_coefficients": [1.0] * 2, "stackwise_depth_coefficients": [1.0] * 2,
    "stackwise_kernel_sizes": [3, 3], "stackwise_num_repeats": [1, 1], "stackwise_input_filters": [8, 8],
    "stackwise_output_filters": [8, 16], "stackwise_expansion_ratios": [1, 2],
    "stackwise_squeeze_and_excite_ratios": [0.0, 0.25], "stackwise_strides": [1, 2],
    "stackwise_block_types": ["fused", "unfused"], "num_features": 24, "input_shape": (32, 32, 3),
}  # fmt: skip
MOBILE = {
    "stackwise_expansion": [[8], [16]], "stackwise_num_blocks": [1, 1], "stackwise_num_filters": [[8], [16]],
    "stackwise_kernel_size": [[3], [3]], "stackwise_num_strides": [[2], [1]], "stackwise_se_ratio": [[None], [0.25]],
    "stackwise_activation": [["relu"], ["hard_swish"]], "stackwise_padding": [[1], [1]], "output_num_filters": 24,
    "depthwise_filters": 8, "depthwise_stride": 2, "depthwise_residual": False, "last_layer_filter": 16,
    "squeeze_and_excite": 0.5, "input_num_filters": 8,
}  # fmt: skip


def segmenter() -> Any:
    encoder = hub.MiTBackbone(**MIT, **SHAPE)
    return hub.SegFormerImageSegmenter(hub.SegFormerBackbone(encoder, projection_filters=8), num_classes=3)


def segment_anything() -> Any:
    """SAM with its decoder of masks, in four widths of 8."""
    pixels = 32
    encoder = hub.ViTDetBackbone(
        hidden_size=8, num_layers=2, intermediate_dim=16, num_heads=2, global_attention_layer_indices=[1], patch_size=8,
        num_output_channels=8, window_size=2, image_shape=(pixels, pixels, 3),
    )  # fmt: skip
    prompts = keras_hub.layers.SAMPromptEncoder(
        hidden_size=8, image_embedding_size=(4, 4), input_image_size=(pixels, pixels), mask_in_channels=16
    )
    decoder = keras_hub.layers.SAMMaskDecoder(
        num_layers=2, hidden_size=8, intermediate_dim=16, num_heads=2, embedding_dim=8, num_multimask_outputs=3,
        iou_head_depth=2, iou_head_hidden_dim=8,
    )  # fmt: skip
    return hub.SAMImageSegmenter(hub.SAMBackbone(encoder, prompts, decoder))


def prompts(size: int) -> dict[str, np.ndarray]:
    """A batch for SAM: an image, a point, a box and a coarse mask."""
    random = np.random.default_rng(5)
    return {
        "images": pixels(size),
        "points": random.uniform(0, 32, (size, 1, 2)).astype("float32"),
        "labels": np.ones((size, 1), "float32"),
        "boxes": random.uniform(0, 32, (size, 1, 2, 2)).astype("float32"),
        "masks": random.standard_normal((size, 1, 16, 16, 1)).astype("float32"),
    }


MODELS: dict[str, Any] = {
    "vit": (classifier("ViT", patch_size=8, mlp_dim=24, **HEADS, **SHAPE), pixels),
    "deit": (classifier("DeiT", patch_size=8, intermediate_dim=24, **HEADS, **SHAPE), pixels),
    "dinov2": (lambda: hub.DINOV2Backbone(**DINO, **HEADS, **SHAPE), lambda size: {"images": pixels(size)}),
    "swin": (
        classifier("SwinTransformer", embed_dim=8, depths=[1, 1], num_heads=[2, 2], window_size=2, **SHAPE),
        pixels,
    ),
    "resnet": (classifier("ResNet", block_type="basic_block", **RESNET, **SHAPE), pixels),
    "resnet_bottleneck": (
        classifier("ResNet", block_type="bottleneck_block", use_pre_activation=True, **RESNET, **SHAPE),
        pixels,
    ),
    "efficientnet": (classifier("EfficientNet", **EFFICIENT), pixels),
    "mobilenet": (classifier("MobileNet", **MOBILE, **SHAPE), pixels),
    "densenet": (classifier("DenseNet", stackwise_num_repeats=[2, 2], growth_rate=4, **SHAPE), pixels),
    "vgg": (classifier("VGG", {"pooling_hidden_dim": 12}, **VGG, **SHAPE), pixels),
    "xception": (
        classifier("Xception", stackwise_conv_filters=[[8, 8], [16, 16]], stackwise_pooling=[True, False], **SHAPE),
        pixels,
    ),
    "mit": (classifier("MiT", **MIT, **SHAPE), pixels),
    "segformer": (segmenter, pixels),
    "segment_anything": (segment_anything, prompts),
}  # fmt: skip
