"""JAX's measures, compiled or not."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from keras_inits.backends.measures import ABSENT, LEAST_SAFE_SQUARE, NORMS, RESCALING, with_absent

Tensor = Any


def _norms(arranged: list[Tensor]) -> Tensor:
    """A row of sums of squares, and one of the factors that the numbers had when they were squared."""
    present = [one for one in arranged if one is not None]
    plain = jnp.stack([_sum_of_squares(one) for one in present])
    safe = (plain >= LEAST_SAFE_SQUARE) & (plain < jnp.inf)
    factors = jnp.where(safe, 1.0, jnp.where(plain < LEAST_SAFE_SQUARE, RESCALING, 1.0 / RESCALING))

    def rescaled() -> Tensor:
        return jnp.stack([_sum_of_squares(one * factor) for one, factor in zip(present, factors, strict=True)])

    squares = jax.lax.cond(safe.all(), lambda: plain, rescaled)
    if len(present) < len(arranged):
        places = np.array(with_absent(list(range(len(present))), arranged, len(present)))
        squares, factors = jnp.append(squares, ABSENT)[places], jnp.append(factors, 1.0)[places]
    return jnp.stack([squares, factors])


def _numbers(number: Callable[[Tensor], Tensor]) -> Callable[[list[Tensor]], Tensor]:
    def numbers(arranged: list[Tensor]) -> Tensor:
        numbers = [number(one).astype(jnp.float32) for one in arranged if one is not None]
        return jnp.stack(with_absent(numbers, arranged, jnp.float32(ABSENT)))

    return numbers


MEASURES: dict[str, Callable[[list[Tensor]], Tensor]] = {
    **dict.fromkeys(NORMS, _norms),
    **dict.fromkeys(("largest", "peak"), _numbers(lambda tensor: jnp.max(jnp.abs(tensor), initial=0.0))),
    "nonzeros": _numbers(jnp.count_nonzero),
    "nonfinite": _numbers(lambda tensor: jnp.count_nonzero(~jnp.isfinite(tensor))),
}


def _sum_of_squares(gradient: Tensor) -> Tensor:
    return jnp.vdot(gradient, gradient, precision="highest")
