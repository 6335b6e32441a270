"""JAX's measures, compiled or not.

All are taken in float64, which holds the square of any float32 and rounds no long sum off. A device without it emulates
it. (A second sum of rescaled numbers, where squares were lost, is a branch that slows the compiled step, taken or not.)
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from keras_inits.backends.measures import ABSENT, LARGEST, NONFINITE, NONZEROS, NORM, STACKED

Tensor = Any

IN_ONE_SUM = 2.0**26
"""Below this number of entries both counts of a tensor are one sum, since float64 holds both exactly."""


def measured(arranged: list[Tensor], kinds: Sequence[str]) -> dict[str, Tensor]:
    """For each kind one number for each column."""
    groups: dict[Any, list[int]] = {}
    for column, one in enumerate(arranged):
        alike = None if one is None else one.shape if one.size <= STACKED else column
        groups.setdefault(alike, []).append(column)
    order = np.argsort([column for columns in groups.values() for column in columns])
    with jax.enable_x64(True):
        parts = [_measured_alike([arranged[column] for column in columns], kinds) for columns in groups.values()]
        return {kind: jnp.concatenate([part[kind] for part in parts])[order] for kind in kinds}


def _measured_alike(tensors: list[Tensor], kinds: Sequence[str]) -> dict[str, Tensor]:
    """For each kind one number for each of some tensors of one shape, or for each None."""
    if tensors[0] is None:
        return {kind: jnp.full(len(tensors), ABSENT, jnp.float64) for kind in kinds}
    # Fenced, or XLA looks up for each entry whose it is while it adds them up.
    stack = jax.lax.optimization_barrier(jnp.stack(tensors)) if len(tensors) > 1 else tensors[0][None]  # type: ignore[no-untyped-call]
    axes = tuple(range(1, stack.ndim))
    found = _counts(stack, axes) if {NONZEROS, NONFINITE} & set(kinds) else {}
    found[NORM] = _norm(stack, axes)
    if LARGEST in kinds:
        largest = jnp.max(jnp.abs(stack), axes, initial=0.0).astype(jnp.float64)
        found[LARGEST] = jnp.where(jnp.isnan(found[NORM]), np.nan, largest)  # XLA's maximum may lose a NaN
    return found


def _norm(tensor: Tensor, axes: tuple[int, ...]) -> Tensor:
    return jnp.sqrt(jnp.sum(jnp.square(tensor.astype(jnp.float64)), axes))


def _counts(tensor: Tensor, axes: tuple[int, ...]) -> dict[str, Tensor]:
    """Both counts. XLA adds up float64 in a fraction of the time that it takes for integers."""
    zero, one, many = np.float64(0.0), np.float64(1.0), np.float64(IN_ONE_SUM)
    nonzero, finite = jnp.where(tensor != 0, one, zero), jnp.isfinite(tensor)
    if tensor[0].size >= IN_ONE_SUM:
        return {NONZEROS: jnp.sum(nonzero, axes), NONFINITE: jnp.sum(jnp.where(finite, zero, one), axes)}
    both = jnp.sum(jnp.where(finite, nonzero, one + many), axes)
    nonfinite = jnp.floor(both / many)
    return {NONZEROS: both - nonfinite * many, NONFINITE: nonfinite}


@jax.jit
def _whole_norm(tensor: Tensor) -> Tensor:
    return _norm(tensor, tuple(range(tensor.ndim)))


def norm(tensor: Tensor) -> float:
    """The norm of one tensor of float32, on the host; infinite or not a number only if an entry is."""
    with jax.enable_x64(True):
        return float(_whole_norm(tensor))
