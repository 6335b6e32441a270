"""Tensors of a backend: what each folder's `tensors` has."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import keras
import numpy as np

Tensor = Any

ALIGNMENT = 64
"""Bytes. TensorFlow and JAX take memory over without a copy only if it begins at a multiple of this."""


class Tensors(Protocol):
    """The functions of each backend's module `tensors`."""

    def to_tensor(self, values: np.ndarray) -> Tensor:
        """Hands a host array to the current device."""

    def to_sharded(self, shape: tuple[int, ...], part_of: Callable[[Any], np.ndarray], layout: Any) -> Tensor:
        """Hands each device of a layout its part of a host array.

        Raises:
            ValueError: If the backend has no layouts.
        """

    def widest_float(self) -> str:
        """The name of the most precise dtype that the backend computes in."""

    def in_float64(self) -> AbstractContextManager[None]:
        """Has the backend compute in float64 within the block, if it can."""

    def untraced(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Has a function run as it is where the backend would translate the code around it."""

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function as one program, where that is faster than one operation after the other."""

    def is_tracing(self, *tensors: Any) -> bool:
        """Whether the caller's code is being traced, or one of the tensors is."""

    def on_meta_device(self) -> bool:
        """Whether Keras's current device has shapes and no values."""

    def without_threads(self) -> AbstractContextManager[None]:
        """Has the backend compute on the caller's thread within the block, if it can."""

    def compute(self) -> None:
        """Computes something small, and waits for it."""

    def is_first_process(self) -> bool:
        """Whether this process writes the files of a job of one or several."""


def no_layouts(layout: object) -> ValueError:
    """The error of a backend that Keras distributes in another way."""
    return ValueError(
        f"Argument `layout` says how JAX lays a tensor out on its devices. Received: layout={layout!r} on "
        f"{keras.backend.backend()}. Expected None. Leave it out, or set KERAS_BACKEND=jax."
    )
