"""JAX's side of the room."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from jax.extend.core import get_opaque_trace_state

from keras_inits.backends import (
    ABSENT,
    LEAST_SAFE_SQUARE,
    RESCALING,
    loss_scale,
    made_by_keras,
    norms_of,
    swapped,
)

Tensor = Any


def to_tensor(values: np.ndarray) -> Tensor:
    """Hands a host array to the current device; without x64, JAX warns of float64 and makes it float32."""
    return jnp.asarray(values, dtype=values.dtype)


def is_tracing() -> bool:
    """Whether the caller's code is being traced (`jax.jit`, `jax.grad`)."""
    return isinstance(jnp.ones(()), jax.core.Tracer)


def on_meta_device() -> bool:
    """JAX has no device without values."""
    return False


class RecordingStep:
    """A training function made by Keras, whose compiled step also returns a row for each call of the optimizer.

    Args:
        model: The compiled model.
        arrange: From gradients and variables to one gradient, or None, for each column of a row.
        every: Only the rows of the steps 0, every, 2 * every, ... are computed and kept.
    """

    def __init__(self, model: Any, arrange: Callable[..., list[Tensor]], every: int) -> None:
        if keras.config.is_nnx_enabled():
            raise NotImplementedError("Keras calls the class's train_step in NNX mode, which leaves no room for a row")
        self.failure: Exception | None = None
        self.count = 0
        self._optimizer, self._arrange, self._every = model.optimizer, arrange, every
        self._rows: list[tuple[int, Tensor]] = []
        self._function = self._made(model)

    def __call__(self, own: Callable[..., Any], *arguments: Any) -> Any:
        """Runs the step or steps that `own`, Keras's training function, would run."""
        del own
        return self._function(*arguments)

    def start(self, count: int) -> None:
        """Goes on counting from here."""
        self.count = count

    def fetch(self, since: int) -> tuple[np.ndarray, np.ndarray]:
        """The steps from `since` on, and their rows of norms; what came before `since` is let go."""
        self._rows = [(step, row) for step, row in self._rows if step >= since]
        if not self._rows:
            return np.empty(0, np.int64), np.empty((0, 0))
        steps, rows = zip(*self._rows, strict=True)
        squares, factors, scales = np.moveaxis(np.stack(jax.device_get(rows)), 1, 0)
        return np.array(steps, np.int64), norms_of(squares, factors, scales[:, 0])

    def _made(self, model: Any) -> Callable[..., Any]:
        recording, plain = self._jitted(model, self._recording(model.train_step)), None
        if self._every > 1:  # two compiled steps: a branch inside of one would cost as much as the rows do
            plain = self._jitted(model, model.train_step)

        def step(state: Any, data: Any) -> Any:
            if plain is not None and self.count % self._every:
                logs, state = plain(state, data)
                self.count += 1
                return logs, state
            (logs, rows), state = recording(state, data)
            self._rows += [(self.count + number, row) for number, row in enumerate(rows)]
            self.count += len(rows)
            return logs, state

        return model._make_function(step)  # type: ignore[no-any-return]

    def _jitted(self, model: Any, train_step: Callable[..., Any]) -> Callable[..., Any]:
        """The step as Keras compiles it, before it is wrapped in the loop over `steps_per_execution`."""
        with swapped(model, "train_step", train_step), swapped(model, "_make_function", lambda step: step):
            return made_by_keras(model)  # type: ignore[no-any-return]

    def _recording(self, train_step: Callable[..., Any]) -> Callable[..., Any]:
        def recording_step(state: Any, data: Any) -> Any:
            apply, rows, here = self._optimizer.stateless_apply, [], get_opaque_trace_state()

            def recording_apply(optimizer_variables: Any, grads: Any, trainable_variables: Any) -> Any:
                try:
                    if get_opaque_trace_state() != here:
                        raise NotImplementedError("The optimizer is called inside of a loop or branch of JAX")
                    rows.append(self._row(optimizer_variables, grads))
                except Exception as error:  # whatever goes wrong with a record, training goes on
                    self.failure = error
                return apply(optimizer_variables, grads, trainable_variables)

            with swapped(self._optimizer, "stateless_apply", recording_apply):
                logs, state = train_step(state, data)
            return (logs, tuple(rows)), state

        return recording_step

    def _row(self, optimizer_variables: Any, gradients: Any) -> Tensor:
        arranged = self._arrange(gradients, self._optimizer._trainable_variables)
        scale = loss_scale(self._optimizer)
        if isinstance(scale, keras.Variable):
            scale = optimizer_variables[[variable is scale for variable in self._optimizer.variables].index(True)]
        return _row(arranged, 1.0 if scale is None else scale)


@jax.jit
def _row(arranged: list[Tensor], scale: Tensor) -> Tensor:
    """Sums of squares, the factors that the gradients had when they were squared, and the loss scale, in three rows."""
    # Fenced, or XLA fuses the sums into the backward pass and computes parts of that twice.
    present = jax.lax.optimization_barrier([gradient for gradient in arranged if gradient is not None])
    present = [gradient.astype(jnp.float32) for gradient in present]
    plain = jnp.stack([_sum_of_squares(gradient) for gradient in present])
    safe = (plain >= LEAST_SAFE_SQUARE) & (plain < jnp.inf)

    def rescaled() -> tuple[Tensor, Tensor]:
        factors = jnp.where(safe, 1.0, jnp.where(plain < LEAST_SAFE_SQUARE, RESCALING, 1.0 / RESCALING))
        pairs = zip(present, factors, strict=True)
        return jnp.stack([_sum_of_squares(gradient * factor) for gradient, factor in pairs]), factors

    squares, factors = jax.lax.cond(safe.all(), lambda: (plain, jnp.ones_like(plain)), rescaled)
    places = np.array([place for place, gradient in enumerate(arranged) if gradient is not None])
    row = jnp.full((3, len(arranged)), jnp.array([[ABSENT], [1.0], [1.0]]), jnp.float32)
    return row.at[0, places].set(squares).at[1, places].set(factors).at[2].set(scale)


def _sum_of_squares(gradient: Tensor) -> Tensor:
    return jnp.vdot(gradient, gradient, precision="highest")
