"""JAX's recording step: the compiled step also returns a row for each call of an optimizer."""

import contextlib
import functools
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from jax.extend.core import get_opaque_trace_state

from keras_inits.backends import swapped
from keras_inits.backends.measures.jax import MEASURES
from keras_inits.backends.recording import (
    NO_ROWS,
    FetchedRows,
    Plan,
    accumulators,
    innermost,
    loss_scale,
    made_by_keras,
    unscaled,
)

Tensor = Any

ROWS_IN_BLOCK = 32
"""So many rows are put together on the device: what it takes the host to fetch an array hardly depends on its size."""


class RecordingStep:
    """A training function made by Keras whose optimizers also leave rows.

    Args:
        model: The compiled model.
        plan: What a row holds, and of which steps and optimizers.
    """

    def __init__(self, model: Any, plan: Plan) -> None:
        if keras.config.is_nnx_enabled():
            raise NotImplementedError("Keras calls the class's train_step in NNX mode, which leaves no room for a row")
        self.failure: Exception | None = None
        self.may_skip_steps = self.clips_before = False
        self.steps = 0
        self._plan = plan
        self._loose: list[tuple[int, Tensor]] = []  # rows with their steps
        self._blocks: deque[tuple[list[int], Tensor]] = deque()
        self._released = 0  # how many rows were let go, having been fetched
        self._function = self._made(model)

    def __call__(self, *arguments: Any) -> Any:
        """Runs the step or steps that Keras's own training function would run."""
        return self._function(*arguments)

    def start(self, step: int) -> None:
        """Goes on counting steps from here."""
        self.steps = step

    def fetch(self, since: int, wait: bool) -> tuple[int, FetchedRows]:
        """The number of the row after these: from row `since` on, all or those that are there; lets those before go."""
        while self._blocks and self._released + len(self._blocks[0][0]) <= since:
            self._released += len(self._blocks.popleft()[0])
        wait = wait or jax.process_count() > 1  # or processes would see, and stop at, different rows
        if wait or (self._loose and self._loose[-1][1].is_ready()):
            self._blocks.extend(([step], row) for step, row in self._loose)
            self._loose = []
        blocks = self._blocks if wait else list(itertools.takewhile(lambda block: block[1].is_ready(), self._blocks))
        if not blocks:
            return since, NO_ROWS
        steps = np.array([step for steps, _ in blocks for step in steps], np.int64)
        rows = np.vstack(jax.device_get([rows for _, rows in blocks]))
        scales, (optimizers, accumulated) = rows[:, -3], rows[:, -2:].T.astype(np.int64)
        parts = np.split(rows[:, :-3], len(self._plan.measures), axis=1)
        measures = unscaled(dict(zip(self._plan.measures, parts, strict=True)), scales)
        return since + len(steps), FetchedRows(steps, optimizers, accumulated, measures)

    def _made(self, model: Any) -> Callable[..., Any]:
        recording, plain = self._jitted(model, self._recording(model.train_step)), None
        if self._plan.every > 1:  # two compiled steps: a branch inside of one would cost as much as the rows do
            plain = self._jitted(model, model.train_step)

        def step(state: Any, data: Any) -> Any:
            if plain is not None and self.steps % self._plan.every:
                logs, state = plain(state, data)
                self.steps += 1
                return logs, state
            (logs, rows), state = recording(state, data)
            number = self.steps
            self.steps += 1 if rows else 0
            self._keep(number, rows)
            return logs, state

        return model._make_function(step)  # type: ignore[no-any-return]

    def _keep(self, step: int, rows: tuple[Tensor, ...]) -> None:
        self._loose += [(step, row) for row in rows]
        if len(self._loose) < ROWS_IN_BLOCK:
            return
        (steps, rows), self._loose = zip(*self._loose, strict=True), []
        try:
            self._blocks.append((list(steps), _stacked(rows)))
        except Exception as error:  # whatever goes wrong with a record, training goes on
            self.failure = error

    def _jitted(self, model: Any, train_step: Callable[..., Any]) -> Callable[..., Any]:
        """The step as Keras compiles it, before it is wrapped in the loop over `steps_per_execution`."""
        steps: list[Callable[..., Any]] = []
        with swapped(model, "_make_function", steps.append):
            made_by_keras(model, train_step)
        if len(steps) != 1:
            raise NotImplementedError("The model's make_train_function does not call Keras's _make_function")
        return steps[0]

    def _recording(self, train_step: Callable[..., Any]) -> Callable[..., Any]:
        def recording_step(state: Any, data: Any) -> Any:
            rows: list[Tensor] = []
            with contextlib.ExitStack() as stack:
                for index, optimizer in enumerate(self._plan.optimizers):
                    seam = self._recording_apply(index, optimizer, rows)
                    stack.enter_context(swapped(optimizer, "stateless_apply", seam))
                logs, state = train_step(state, data)
            return (logs, tuple(rows)), state

        return recording_step

    def _recording_apply(self, index: int, optimizer: Any, rows: list[Tensor]) -> Callable[..., Any]:
        apply, here = optimizer.stateless_apply, get_opaque_trace_state()  # type: ignore[no-untyped-call]

        def recording_apply(optimizer_variables: Any, grads: Any, trainable_variables: Any) -> Any:
            result = apply(optimizer_variables, grads, trainable_variables)
            try:
                if get_opaque_trace_state() != here:  # type: ignore[no-untyped-call]
                    raise NotImplementedError("The optimizer is called inside of a loop or branch of JAX")
                operands = self._operands(optimizer, optimizer_variables, grads, trainable_variables, result[0])
                rows.append(_on_all_devices(_row(self._plan.measures, index, operands)))
            except Exception as error:  # whatever goes wrong with a record, training goes on
                self.failure = error
            return result

        return recording_apply

    def _operands(
        self, optimizer: Any, optimizer_variables: Any, gradients: Any, before: Any, after: Any
    ) -> dict[str, Any]:
        """What is measured, and what else a row says; a value of the optimizer is among its variables."""
        variables = optimizer._trainable_variables
        inner, arrange = innermost(optimizer), self._plan.arrange
        values = {id(variable): value for variable, value in zip(optimizer.variables, optimizer_variables, strict=True)}
        arranged = arrange(gradients, variables)
        if all(gradient is None for gradient in arranged):
            raise ValueError("no layer of the model has a gradient")
        number = inner.gradient_accumulation_steps or 1
        waiting: Sequence[Any] = accumulators(optimizer, variables) if number > 1 else ()
        scale = loss_scale(optimizer)
        operands = {
            "gradient": arranged,
            "waiting": arrange([values[id(one)] for one in waiting], variables) if waiting else None,
            "number": number,
            "scale": 1.0 if scale is None else values[id(scale)] if isinstance(scale, keras.Variable) else scale,
            "accumulated calls": values[id(inner._iterations)] % number,
        }
        if "weight" in self._plan.measures or "change" in self._plan.measures:
            operands |= {"before": arrange(before, variables), "after": arrange(after, variables)}
        return operands


@jax.jit
def _stacked(rows: tuple[Tensor, ...]) -> Tensor:
    with jax.enable_x64(True):
        return jnp.stack(rows)


def _on_all_devices(row: Tensor) -> Tensor:
    """Has each process of a distributed job hold the whole row."""
    distribution = keras.distribution.distribution()
    if distribution is None:
        return row
    whole = jax.sharding.PartitionSpec()  # type: ignore[no-untyped-call]
    sharding = jax.sharding.NamedSharding(distribution.device_mesh.backend_mesh, whole)
    return jax.lax.with_sharding_constraint(row, sharding)  # type: ignore[no-untyped-call]


@functools.partial(jax.jit, static_argnums=(0, 1))
def _row(measures: tuple[str, ...], optimizer: int, operands: dict[str, Any]) -> Tensor:
    # Fenced, or XLA fuses the sums into the backward pass and computes parts of that twice; each on its own, so that a
    # gradient can be summed up while it is still in the processor's cache.
    operands = jax.tree.map(jax.lax.optimization_barrier, operands)
    gradients, scale = _float32(operands["gradient"]), jnp.asarray(operands["scale"], jnp.float32)
    waiting = operands["waiting"] or [0.0] * len(gradients)
    used = [
        None if gradient is None else (gradient / scale + wait) / operands["number"]
        for gradient, wait in zip(gradients, waiting, strict=True)
    ]
    tensors = dict.fromkeys(("gradient", "largest", "nonzeros", "nonfinite"), gradients)
    tensors |= dict.fromkeys(("accumulated", "peak"), used)
    if "before" in operands:
        before, after = (_where(gradients, _float32(operands[name])) for name in ("before", "after"))
        changes = [None if old is None else new - old for old, new in zip(before, after, strict=True)]
        tensors |= {"weight": before, "change": changes}
    parts = [MEASURES[name](tensors[name]) for name in measures]
    with jax.enable_x64(True):
        numbers = [jnp.asarray(one, jnp.float64) for one in (scale, optimizer, operands["accumulated calls"])]
        return jnp.concatenate([*parts, jnp.stack(numbers)])


def _float32(tensors: list[Tensor]) -> list[Tensor]:
    return [None if one is None else one.astype(jnp.float32) for one in tensors]


def _where(gradients: list[Tensor], tensors: list[Tensor]) -> list[Tensor]:
    return [None if gradient is None else one for gradient, one in zip(gradients, tensors, strict=True)]
