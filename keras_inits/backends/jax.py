"""JAX's side of the room."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Tensor = Any


def to_tensor(values: np.ndarray) -> Tensor:
    """Hands a host array to the current device; float64 becomes float32 unless JAX has x64 enabled."""
    return jnp.asarray(values)


def is_tracing() -> bool:
    """Whether the caller's code is being traced (`jax.jit`, `jax.grad`)."""
    return isinstance(jnp.ones(()), jax.core.Tracer)


def on_meta_device() -> bool:
    """JAX has no device without values."""
    return False
