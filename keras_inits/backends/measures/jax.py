"""JAX's measures, compiled or not.

All are taken in float64, which holds the square of any float32 and rounds no long sum off. A device without it emulates
it. (A second sum of rescaled numbers, where squares were lost, is a branch that slows the compiled step, taken or not.)
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from keras_inits.backends.measures import ABSENT, NORMS, STACKED

Tensor = Any
Measure = Callable[[Tensor, tuple[int, ...]], Tensor]  # of a tensor, over these axes


def _of_present(measure: Measure) -> Callable[[list[Tensor]], Tensor]:
    """Measures what is there, and puts `ABSENT` in all other columns."""

    def measured(arranged: list[Tensor]) -> Tensor:
        groups: dict[Any, list[int]] = {}
        for column, one in enumerate(arranged):
            alike = None if one is None else one.shape if one.size <= STACKED else column
            groups.setdefault(alike, []).append(column)
        with jax.enable_x64(True):
            parts = [_measured_alike(measure, [arranged[column] for column in columns]) for columns in groups.values()]
            return jnp.concatenate(parts)[np.argsort([column for columns in groups.values() for column in columns])]

    return measured


def _measured_alike(measure: Measure, tensors: list[Tensor]) -> Tensor:
    """One number for each of some tensors of one shape, or for each None."""
    if tensors[0] is None:
        return jnp.full(len(tensors), ABSENT, jnp.float64)
    if len(tensors) == 1:
        return measure(tensors[0], tuple(range(tensors[0].ndim))).astype(jnp.float64)[None]
    # Fenced, or XLA looks up for each entry whose it is while it adds them up.
    stack = jax.lax.optimization_barrier(jnp.stack(tensors))  # type: ignore[no-untyped-call]
    return measure(stack, tuple(range(1, stack.ndim))).astype(jnp.float64)


def _norm(tensor: Tensor, axes: tuple[int, ...]) -> Tensor:
    return jnp.sqrt(jnp.sum(jnp.square(tensor.astype(jnp.float64)), axes))


def _largest(tensor: Tensor, axes: tuple[int, ...]) -> Tensor:
    return jnp.max(jnp.abs(tensor), axes, initial=0.0)


def _nonfinite(tensor: Tensor, axes: tuple[int, ...]) -> Tensor:
    return jnp.count_nonzero(~jnp.isfinite(tensor), axes)


@jax.jit
def _whole_norm(tensor: Tensor) -> Tensor:
    return _norm(tensor, tuple(range(tensor.ndim)))


def norm(tensor: Tensor) -> float:
    """The norm of one tensor of float32, on the host; infinite or not a number only if an entry is."""
    with jax.enable_x64(True):
        return float(_whole_norm(tensor))


MEASURES: dict[str, Callable[[list[Tensor]], Tensor]] = {
    **dict.fromkeys(NORMS, _of_present(_norm)),
    **dict.fromkeys(("largest", "peak"), _of_present(_largest)),
    "nonzeros": _of_present(jnp.count_nonzero),
    "nonfinite": _of_present(_nonfinite),
}
