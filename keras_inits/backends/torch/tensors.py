"""Torch's tensors."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import torch

from keras_inits._keras import device_of_tensors
from keras_inits.backends.tensors import no_layouts

Tensor = Any


def to_tensor(values: np.ndarray) -> Tensor:
    """Hands a host array to Keras's current device, without a copy where that is the host."""
    if values.dtype == "bfloat16":  # which torch.from_numpy does not know
        tensor = torch.from_numpy(values.view(np.int16)).view(torch.bfloat16)
    else:
        tensor = torch.from_numpy(values)
    return keras.ops.convert_to_tensor(tensor)


def to_sharded(shape: tuple[int, ...], part_of: Callable[[Any], np.ndarray], layout: Any) -> Tensor:
    """Has no layouts."""
    raise no_layouts(layout)


def widest_float() -> str:
    """The most precise dtype that Keras's current device computes in; that of Apple has no float64."""
    return "float32" if torch.device(device_of_tensors()).type == "mps" else "float64"


def in_float64() -> contextlib.AbstractContextManager[None]:
    """Does nothing: torch always can, but on Apple's device."""
    return contextlib.nullcontext()


def untraced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Has `function` run as it is where the code around it is compiled: Dynamo would translate NumPy, and wrongly."""
    return torch.compiler.disable(function)  # type: ignore[no-any-return, no-untyped-call]


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Leaves a function as it is: its operations run one by one."""
    return function


def is_tracing(*tensors: Any) -> bool:
    """Whether the caller's code is being traced or batched (`torch.compile`, `torch.export`, `torch.vmap`)."""
    return torch.compiler.is_compiling() or torch._C._functorch.peek_interpreter_stack() is not None


def on_meta_device() -> bool:
    """Whether Keras's current device is the one that has shapes and no values."""
    return bool(torch.device(device_of_tensors()).type == "meta")


@contextlib.contextmanager
def without_threads() -> Iterator[None]:
    """Has torch compute on the caller's thread alone within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def compute() -> None:
    """Computes something small, and waits for it."""
    torch.ones(2).sum().item()


def is_first_process() -> bool:
    """Whether this process writes the files of a job of one or several."""
    distributed = torch.distributed
    return not (distributed.is_available() and distributed.is_initialized()) or distributed.get_rank() == 0
