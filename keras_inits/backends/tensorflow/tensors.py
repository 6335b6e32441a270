"""TensorFlow's tensors."""

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_inits.backends.tensors import ALIGNMENT, no_layouts

Tensor = Any


def to_tensor(values: np.ndarray) -> Tensor:
    """Hands a host array to the current device, without a copy where that is the host and the array is aligned."""
    # TensorFlow ends the process if it meets memory that is not aligned; in a graph an array becomes a constant.
    shared = values.flags.c_contiguous and values.flags.writeable and values.dtype.isnative
    if values.ctypes.data % ALIGNMENT or not shared or not tf.executing_eagerly():
        return tf.convert_to_tensor(values)
    if values.dtype == "bfloat16":  # which NumPy does not hand out
        return tf.bitcast(tf.experimental.dlpack.from_dlpack(values.view(np.uint16).__dlpack__()), tf.bfloat16)
    return tf.identity(tf.experimental.dlpack.from_dlpack(values.__dlpack__()))  # which puts it on the device


def to_sharded(shape: tuple[int, ...], part_of: Callable[[Any], np.ndarray], layout: Any) -> Tensor:
    """Has no layouts."""
    raise no_layouts(layout)


def widest_float() -> str:
    """The most precise dtype that TensorFlow computes in."""
    return "float64"


def in_float64() -> contextlib.AbstractContextManager[None]:
    """Does nothing: TensorFlow always can."""
    return contextlib.nullcontext()


def untraced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Has `function` run as it is where the code around it is turned into a graph."""
    return tf.autograph.experimental.do_not_convert(function)  # type: ignore[no-any-return]


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Leaves a function as it is: its operations run one by one."""
    return function


def is_tracing(*tensors: Any) -> bool:
    """Whether the caller's code is being turned into a graph (`tf.function`)."""
    return not tf.executing_eagerly()


def on_meta_device() -> bool:
    """TensorFlow has no device without values."""
    return False


def without_threads() -> contextlib.AbstractContextManager[None]:
    """Does nothing: TensorFlow computes small operations on the caller's thread, and shares large ones in any case."""
    return contextlib.nullcontext()


def compute() -> None:
    """Computes something small, and waits for it."""
    tf.reduce_sum(tf.ones(2)).numpy()


def is_first_process() -> bool:
    """Whether this process writes the files of a job: strategies that `fit` runs under have one process."""
    return True
