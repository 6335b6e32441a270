"""From first weights to the loss at each rate: one compiled run a kind, for both optimizers and all rates."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from study.datasets import Data
from study.kinds import LOSSES, Kind

LOOKS = 5  # how often the validation loss is taken
Run = Callable[[list[Any], list[Any], float, str, Any], tuple[float, list[float]]]


def order(kind: Kind, steps: int, count: int, seed: int) -> Any:
    """Which examples each step takes: by the seed alone, so that all starts see the same. (looks, steps, batch)."""
    random = np.random.default_rng(100 + seed)
    each = max(1, steps // LOOKS)
    needed = LOOKS * each * kind.batch
    epochs = [random.permutation(count) for _ in range(needed // count + 1)]
    return jnp.asarray(np.concatenate(epochs)[:needed].reshape(LOOKS, each, kind.batch))


def trainer(kind: Kind, model: Any, data: Data) -> Run:
    """Returns what trains from given weights: to the first batch's loss, and the validation loss at each look."""
    x, y, x_validation, y_validation = (jnp.asarray(array) for array in data)
    loss = LOSSES[kind.loss]()

    def loss_of(weights: Any, state: Any, chosen: Any) -> Any:
        outputs, state = model.stateless_call(weights, state, x[chosen], training=True)
        return loss(y[chosen], outputs), state

    differentiate = jax.value_and_grad(loss_of, has_aux=True)

    @jax.jit
    def run(weights: Any, state: Any, rate: Any, adam: Any, order: Any) -> Any:
        def step(carry: Any, chosen: Any) -> Any:
            weights, state, first, second, number = carry
            (value, state), gradients = differentiate(weights, state, chosen)
            weights, first, second = update(weights, gradients, first, second, number + 1, rate, adam)
            return (weights, state, first, second, number + 1), value

        def look(carry: Any, chosen: Any) -> Any:
            carry, values = jax.lax.scan(step, carry, chosen)
            outputs, _ = model.stateless_call(carry[0], carry[1], x_validation, training=False)
            return carry, (values[0], loss(y_validation, outputs))

        zeros = jax.tree.map(jnp.zeros_like, weights)
        return jax.lax.scan(look, (weights, state, zeros, zeros, jnp.float32(0)), order)[1]

    def trained(weights: Any, state: Any, rate: float, optimizer: str, order: Any) -> tuple[float, list[float]]:
        firsts, losses = run(weights, state, jnp.float32(rate), jnp.asarray(optimizer == "adam"), order)
        return float(firsts[0]), [float(value) for value in losses]

    return trained


def update(
    weights: Any, gradients: Any, first: Any, second: Any, number: Any, rate: Any, adam: Any
) -> tuple[Any, Any, Any]:
    """One step of Adam, or of gradient descent with momentum 0.9, as Keras's optimizers take it."""
    fresh = jnp.where(adam, 0.1, 1.0)
    first = jax.tree.map(lambda old, gradient: 0.9 * old + fresh * gradient, first, gradients)
    second = jax.tree.map(lambda old, gradient: 0.999 * old + 0.001 * gradient * gradient, second, gradients)
    corrected = rate * jnp.sqrt(1 - 0.999**number) / (1 - 0.9**number)

    def moved(weight: Any, mean: Any, square: Any) -> Any:
        return weight - jnp.where(adam, corrected * mean / (jnp.sqrt(square) + 1e-7), rate * mean)

    return jax.tree.map(moved, weights, first, second), first, second
