"""JAX's measures, compiled or not.

All are taken in float64, which holds the square of any float32 and rounds no long sum off. A device without it emulates
it. (A second sum of rescaled numbers, where squares were lost, is a branch that slows the compiled step, taken or not:
1.4 times the time of a step of 50 small layers, where float64 takes 1.3.)
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from keras_inits.backends.measures import ABSENT, NORMS, with_absent

Tensor = Any


def _of_present(measure: Callable[[Tensor], Tensor]) -> Callable[[list[Tensor]], Tensor]:
    """Measures what is there, and puts `ABSENT` in all other columns."""

    def measured(arranged: list[Tensor]) -> Tensor:
        with jax.enable_x64(True):
            numbers = [measure(one).astype(jnp.float64) for one in arranged if one is not None]
            return jnp.stack(with_absent(numbers, arranged, jnp.float64(ABSENT)))

    return measured


def _norm(tensor: Tensor) -> Tensor:
    return jnp.sqrt(jnp.sum(jnp.square(tensor.astype(jnp.float64))))


MEASURES: dict[str, Callable[[list[Tensor]], Tensor]] = {
    **dict.fromkeys(NORMS, _of_present(_norm)),
    **dict.fromkeys(("largest", "peak"), _of_present(lambda tensor: jnp.max(jnp.abs(tensor), initial=0.0))),
    "nonzeros": _of_present(jnp.count_nonzero),
    "nonfinite": _of_present(lambda tensor: jnp.count_nonzero(~jnp.isfinite(tensor))),
}
