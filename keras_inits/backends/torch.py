"""Torch's side of the room."""

from typing import Any

import keras
import numpy as np
import torch

Tensor = Any


def to_tensor(values: np.ndarray) -> Tensor:
    """Hands a host array to Keras's current device, without a copy where that is the host."""
    if values.dtype == "bfloat16":  # which torch.from_numpy does not know
        tensor = torch.from_numpy(values.view(np.int16)).view(torch.bfloat16)
    else:
        tensor = torch.from_numpy(values)
    return keras.ops.convert_to_tensor(tensor)


def is_tracing() -> bool:
    """Whether the caller's code is being traced (`torch.compile`, `torch.export`)."""
    return torch.compiler.is_compiling()


def on_meta_device() -> bool:
    """Whether Keras's current device is the one that has shapes and no values."""
    return bool(keras.ops.convert_to_tensor(torch.empty(0)).is_meta)
