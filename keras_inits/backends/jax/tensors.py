"""JAX's tensors."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Tensor = Any


def to_tensor(values: np.ndarray) -> Tensor:
    """Hands a host array to the current device; without x64, JAX warns of float64 and makes it float32."""
    return jnp.asarray(values, dtype=values.dtype)


def to_sharded(shape: tuple[int, ...], part_of: Callable[[Any], np.ndarray], layout: Any) -> Tensor:
    """Hands each device its part of a host array; devices with the same part share one draw."""
    layout = getattr(layout, "backend_layout", layout)
    # While Keras makes a variable, the layout has the mesh's names alone, and the mesh itself is that of the context.
    mesh = layout.mesh if isinstance(layout.mesh, jax.sharding.Mesh) else jax.sharding.get_mesh()
    sharding = jax.sharding.NamedSharding(mesh, layout.spec)
    sharing: dict[tuple[tuple[int, int, int], ...], list[Any]] = {}
    for device, part in sharding.addressable_devices_indices_map(shape).items():
        sharing.setdefault(tuple(one.indices(n) for one, n in zip(part or (), shape, strict=True)), []).append(device)
    arrays = []
    for bounds, devices in sharing.items():
        values = part_of(tuple(slice(*one) for one in bounds))
        arrays += [jax.device_put(values, device) for device in devices]
    return jax.make_array_from_single_device_arrays(shape, sharding, arrays)


def widest_float() -> str:
    """The most precise dtype that JAX computes in as it is set up."""
    return jnp.zeros((), float).dtype.name


@contextlib.contextmanager
def in_float64() -> Iterator[None]:
    """Has JAX compute in float64 within the block, however it is set up."""
    with jax.enable_x64(True):
        yield


def untraced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Has `function` run as it is where the code around it is traced, as JAX does with all of Python."""
    return function


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Has XLA make one program of the operations of a function, once for each shape."""
    return jax.jit(function)


def is_tracing(*tensors: Any) -> bool:
    """Whether the caller's code is being traced (`jax.jit`), or one of the tensors is (`jax.vmap`, `jax.grad`)."""
    return any(isinstance(one, jax.core.Tracer) for one in (jnp.ones(()), *tensors))


def on_meta_device() -> bool:
    """JAX has no device without values."""
    return False


def without_threads() -> contextlib.AbstractContextManager[None]:
    """Does nothing: JAX computes on threads of its own, and on nothing else."""
    return contextlib.nullcontext()


def compute() -> None:
    """Computes something small, and waits for it."""
    np.asarray(jax.jit(jnp.sum)(jnp.ones(2)))


def is_first_process() -> bool:
    """Whether this process writes the files of a job of one or several."""
    return bool(jax.process_index() == 0)
