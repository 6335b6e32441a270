"""TensorFlow's side of the room."""

from typing import Any

import numpy as np
import tensorflow as tf

Tensor = Any


def to_tensor(values: np.ndarray) -> Tensor:
    """Copies a host array to the current device."""
    return tf.convert_to_tensor(values)


def is_tracing() -> bool:
    """Whether the caller's code is being turned into a graph (`tf.function`)."""
    return not tf.executing_eagerly()


def on_meta_device() -> bool:
    """TensorFlow has no device without values."""
    return False
