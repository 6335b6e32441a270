"""JAX's derivatives."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras

from keras_inits.backends.differentiation import Mode, Watch

Tensor = Any

stepwise: Mode | None = jax.disable_jit
"""A block in which loops and branches run one step after another, so that there are values in them."""


def gradients(loss: Callable[[Watch], Tensor], variables: Sequence[Any]) -> list[Tensor]:
    """The gradients of what `loss` returns, run once, forward and backward, with nothing assigned."""

    def of_values(values: list[Tensor], anchor: Tensor) -> Tensor:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return loss(functools.partial(_watch, anchor))

    values = [variable.value for variable in variables]
    return jax.grad(of_values, (0, 1))(values, jnp.zeros(()))[0]  # type: ignore[no-any-return]


def _watch(
    anchor: Tensor, tensor: Tensor, forward: Callable[[Tensor], None], backward: Callable[[Tensor], None]
) -> Tensor:
    """The anchor, which changes nothing, has a gradient flow here also where no variable comes before."""

    @jax.custom_vjp
    def watched(value: Tensor, anchor: Tensor) -> Tensor:
        return value

    def run_forward(value: Tensor, anchor: Tensor) -> tuple[Tensor, None]:
        if not isinstance(value, jax.core.Tracer):
            forward(value)
        return value, None

    def run_backward(_: None, gradient: Tensor) -> tuple[Tensor, Tensor]:
        if not isinstance(gradient, jax.core.Tracer):
            backward(gradient)
        return gradient, jnp.zeros(())

    watched.defvjp(run_forward, run_backward)
    return watched(tensor, anchor)


def vector_jacobian(function: Callable[[Tensor], Tensor], points: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """The function's values, and the vectors times its Jacobian."""
    values, product = jax.vjp(function, jnp.asarray(points))
    return values, product(jnp.asarray(vectors, values.dtype))[0]


def jacobian_vector(function: Callable[[Tensor], Tensor], points: Tensor, vectors: Tensor) -> Tensor:
    """The function's Jacobian times the vectors, as the transpose of `vector_jacobian`: both follow the same rules."""
    points = jnp.asarray(points)
    values, product = jax.vjp(function, points)
    transposed = jax.linear_transpose(lambda left: product(left)[0], values)  # JAX prints all that `product` holds
    return transposed(jnp.asarray(vectors, points.dtype))[0]


@contextlib.contextmanager
def preserved(model: Any) -> Iterator[None]:
    """Has nothing to put back: all state of a model on JAX is in its variables."""
    yield
