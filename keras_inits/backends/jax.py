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


def untraced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Has `function` run as it is where the code around it is traced, as JAX does with all of Python."""
    return function


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
        self.may_skip_steps = False
        self._optimizer, self._arrange, self._every = model.optimizer, arrange, every
        self._rows: list[tuple[int, Tensor]] = []
        self._function = self._made(model)

    def __call__(self, *arguments: Any) -> Any:
        """Runs the step or steps that Keras's own training function would run."""
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
            first, self.count = self.count, self.count + len(rows)
            self._rows += [(first + number, row) for number, row in enumerate(rows)]
            return logs, state

        return model._make_function(step)  # type: ignore[no-any-return]

    def _jitted(self, model: Any, train_step: Callable[..., Any]) -> Callable[..., Any]:
        """The step as Keras compiles it, before it is wrapped in the loop over `steps_per_execution`."""
        steps: list[Callable[..., Any]] = []
        with swapped(model, "train_step", train_step), swapped(model, "_make_function", steps.append):
            made_by_keras(model)
        if len(steps) != 1:
            raise NotImplementedError("The model's make_train_function does not call Keras's _make_function")
        return steps[0]

    def _recording(self, train_step: Callable[..., Any]) -> Callable[..., Any]:
        def recording_step(state: Any, data: Any) -> Any:
            apply, rows, here = self._optimizer.stateless_apply, [], get_opaque_trace_state()  # type: ignore[no-untyped-call]

            def recording_apply(optimizer_variables: Any, grads: Any, trainable_variables: Any) -> Any:
                try:
                    if get_opaque_trace_state() != here:  # type: ignore[no-untyped-call]
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
        if all(gradient is None for gradient in arranged):
            raise ValueError("no layer of the model has a gradient")
        scale = loss_scale(self._optimizer)
        if isinstance(scale, keras.Variable):
            scale = optimizer_variables[[variable is scale for variable in self._optimizer.variables].index(True)]
        return _row(arranged, 1.0 if scale is None else scale)


@jax.jit
def _row(arranged: list[Tensor], scale: Tensor) -> Tensor:
    """Sums of squares, the factors that the gradients had when they were squared, and the loss scale, in three rows."""
    # Fenced, or XLA fuses the sums into the backward pass and computes parts of that twice.
    present = [gradient for gradient in arranged if gradient is not None]
    present = jax.lax.optimization_barrier(present)  # type: ignore[no-untyped-call]
    present = [gradient.astype(jnp.float32) for gradient in present]
    plain = jnp.stack([_sum_of_squares(gradient) for gradient in present])
    safe = (plain >= LEAST_SAFE_SQUARE) & (plain < jnp.inf)
    factors = jnp.where(safe, 1.0, jnp.where(plain < LEAST_SAFE_SQUARE, RESCALING, 1.0 / RESCALING))

    def rescaled() -> Tensor:
        pairs = zip(present, factors, strict=True)
        return jnp.stack([_sum_of_squares(gradient * factor) for gradient, factor in pairs])

    squares = jax.lax.cond(safe.all(), lambda: plain, rescaled)
    if len(present) < len(arranged):
        numbers = iter(range(len(present)))
        places = np.array([len(present) if gradient is None else next(numbers) for gradient in arranged])
        squares, factors = jnp.append(squares, ABSENT)[places], jnp.append(factors, 1.0)[places]
    return jnp.stack([squares, factors, jnp.full_like(factors, scale)])


def _sum_of_squares(gradient: Tensor) -> Tensor:
    return jnp.vdot(gradient, gradient, precision="highest")
