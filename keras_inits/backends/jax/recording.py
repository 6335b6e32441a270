"""JAX's recording step: the compiled step also returns a row for each call of an optimizer."""

import functools
import itertools
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import keras
import numpy as np
from jax.extend.core import get_opaque_trace_state

from keras_inits import _keras
from keras_inits._swaps import Swap, call_with
from keras_inits.backends.jax.measures import measured
from keras_inits.backends.measures import taken
from keras_inits.backends.recording import (
    FetchedRows,
    Plan,
    loss_scale,
    own_values,
    parted,
    some_entries,
    unscaled,
)

Tensor = Any

ROWS_IN_BLOCK = 32
"""So many rows are put together on the device: what it takes the host to fetch an array hardly depends on its size."""


class Block(NamedTuple):
    """Rows that are one array on the device, and the numbers of their steps."""

    first: int  # the number of its first row
    steps: tuple[int, ...]
    rows: Tensor

    @property
    def end(self) -> int:
        """The number of the row after it."""
        return self.first + len(self.steps)


class Rows:
    """Where rows wait: outputs of the steps, which may still be computed.

    The blocks are replaced in one assignment, and the last one is never let go: the number of the next step and of the
    next row follow from it, whatever was interrupted.

    Args:
        names: What the numbers of a row are.
    """

    def __init__(self, names: "Names") -> None:
        self.failure: Exception | None = None
        self.lost: dict[str, Exception] = {}
        self.interrupt: BaseException | None = None
        self.shift = 0
        self._names, self._lock = names, threading.RLock()
        self._least = 0  # the number of the next step, unless a row tells a higher one
        self._blocks: tuple[Block, ...] = ()
        self._looked_at = 0  # the first row that was not looked at for numbers that are not finite

    @property
    def steps(self) -> int:
        """How many steps were trained, recorded or not."""
        return max(self._least, self._blocks[-1].steps[-1] + 1 if self._blocks else 0)

    @property
    def count(self) -> int:
        """How many rows there were."""
        return self._blocks[-1].end if self._blocks else 0

    def start(self, step: int, shift: int) -> None:
        """Counts steps on from here."""
        self._least, self.shift = step, shift

    def add(self, rows: Sequence[Tensor]) -> None:
        """Keeps the rows of one step."""
        with self._lock:
            step, first = self.steps, self.count
            self._blocks += tuple(Block(first + place, (step,), row) for place, row in enumerate(rows))
            self._least = step + 1
            loose = self._blocks[-ROWS_IN_BLOCK:]
            if len(loose) == ROWS_IN_BLOCK and all(len(one.steps) == 1 for one in loose):
                self._blocks = (*self._blocks[:-ROWS_IN_BLOCK], self._joined(loose))

    def fetch(self, since: int, wait: bool) -> tuple[int, FetchedRows | None]:
        """The number of the row after these: from row `since` on, all or those that are there; lets those before go."""
        with self._lock:
            blocks = tuple(one for one in self._blocks if one.end > since)
            self._blocks = blocks or self._blocks[-1:]
        if not (wait or jax.process_count() > 1):  # or processes would see, and stop at, different rows
            blocks = tuple(itertools.takewhile(lambda one: one.rows.is_ready(), blocks))
        if not blocks:
            return since, None
        steps = np.array([step for one in blocks for step in one.steps], np.int64)
        table = np.vstack(jax.device_get([one.rows for one in blocks]))
        fetched = since - blocks[0].first
        return blocks[-1].end, self._names.read(steps[fetched:], table[fetched:])

    def nonfinite(self) -> bool:
        """Whether a gradient that was not finite is known of since this was asked last."""
        found = False
        for block in self._blocks:
            if block.end > self._looked_at:
                if not block.rows.is_ready():
                    break
                found = found or self._names.nonfinite(np.atleast_2d(np.asarray(block.rows)))
                self._looked_at = block.end
        return found

    def _joined(self, loose: tuple[Block, ...]) -> Block:
        rows = _stacked([one.rows for one in loose])
        return Block(loose[0].first, tuple(one.steps[0] for one in loose), rows)


class Names:
    """The meaning of a row's numbers.

    Args:
        plan: Which there are.
    """

    def __init__(self, plan: Plan) -> None:
        self._measures, self._own = plan.measures, plan.own
        self._widths: tuple[int, ...] = ()

    def know(self, columns: int, own: Sequence[int], state: int) -> None:
        """Learns how many there are of each."""
        self._widths = (*[columns] * len(self._measures), *own, state, 1, 1, 1)

    def read(self, steps: np.ndarray, table: np.ndarray) -> FetchedRows:
        """The rows that an array of numbers stands for."""
        parts = parted(table, self._widths)
        *values, state, scales, optimizers, calls = parts
        measures = dict(zip(self._measures, values, strict=False))
        own = dict(zip(self._own, values[len(self._measures) :], strict=True))
        indices, counts = (part[:, 0].astype(np.int64) for part in (optimizers, calls))
        return FetchedRows(steps, indices, counts, state, unscaled(measures, scales[:, 0]), own)

    def nonfinite(self, table: np.ndarray) -> bool:
        """Whether one of the gradients is not finite."""
        return not np.isfinite(table[:, : self._widths[0]]).all()


class RecordingStep:
    """A training function made by Keras whose optimizers also leave rows.

    Args:
        model: The compiled model.
        plan: What a row holds, and of which steps and optimizers.
    """

    may_skip_steps = clips_before = False

    def __init__(self, model: Any, plan: Plan) -> None:
        if keras.config.is_nnx_enabled():
            raise NotImplementedError("Keras calls the class's train_step in NNX mode, which leaves no room for a row")
        self._plan, self._names = plan, Names(plan)
        self.rows = Rows(self._names)
        self._traces = 0
        train_step = _uncompiled(model.train_step)
        self._recording = _keras.compiled_step_of(model, self._recording_step(train_step))
        # Two compiled steps: a branch inside of one would cost as much as the rows do.
        self._plain = _keras.compiled_step_of(model, self._counting(train_step)) if plan.every > 1 else None
        self._function = _keras.looping(model, self._step)

    def __call__(self, *arguments: Any) -> Any:
        """Runs the step or steps that Keras's own training function would run."""
        return self._function(*arguments)

    def start(self, step: int, shift: int) -> None:
        """Counts steps on from here."""
        self.rows.start(step, shift)

    def _step(self, state: Any, data: Any) -> Any:
        outcome = None
        try:
            records = self._plain is None or (self.rows.steps + self.rows.shift) % self._plan.every == 0
            traces = self._traces
            outcome = (self._recording if records else self._with_no_rows)(state, data)
            if self._traces > traces and self._plain is not None:
                self._trace_other(records, state, data)
            self.rows.add(outcome[0][1])
            return outcome[0][0], outcome[1]
        except BaseException as error:
            if outcome is None:
                raise
            # The old state is gone: without the new one, the model would have none. It is passed on at the next step.
            self._note(error)
            return outcome[0][0], outcome[1]

    def _note(self, error: BaseException) -> None:
        if isinstance(error, Exception):  # whatever goes wrong with a record, training goes on
            self.rows.failure = error
        else:
            self.rows.interrupt = error

    def _with_no_rows(self, state: Any, data: Any) -> Any:
        logs, state = self._plain(state, data)  # type: ignore[misc]
        return (logs, ()), state

    def _trace_other(self, recorded: bool, state: Any, data: Any) -> None:
        """Traces the other step as well, so that both have seen the same Python attributes."""
        jax.eval_shape(self._plain if recorded else self._recording, state, data)  # type: ignore[arg-type]

    def _counting(self, train_step: Callable[..., Any]) -> Callable[..., Any]:
        def counting_step(state: Any, data: Any) -> Any:
            self._traces += 1
            return train_step(state, data)

        return counting_step

    def _recording_step(self, train_step: Callable[..., Any]) -> Callable[..., Any]:
        def recording_step(state: Any, data: Any) -> Any:
            self._traces += 1
            rows: list[Tensor] = []
            seams = [
                Swap(optimizer, "stateless_apply", self._recording_apply(index, optimizer, rows))
                for index, optimizer in enumerate(self._plan.optimizers)
            ]
            logs, state = call_with(seams, train_step, state, data)
            return (logs, tuple(rows)), state

        return recording_step

    def _recording_apply(self, index: int, optimizer: Any, rows: list[Tensor]) -> Callable[..., Any]:
        apply, here = optimizer.stateless_apply, get_opaque_trace_state()  # type: ignore[no-untyped-call]

        def recording_apply(*arguments: Any, **keywords: Any) -> Any:
            result = apply(*arguments, **keywords)
            try:
                if get_opaque_trace_state() != here:  # type: ignore[no-untyped-call]
                    raise NotImplementedError("The optimizer is called inside of a loop or branch of JAX")
                names = ("optimizer_variables", "grads", "trainable_variables")
                values, gradients, before = (
                    keywords[name] if name in keywords else arguments[place] for place, name in enumerate(names)
                )
                rows.append(_on_all_devices(self._row(index, values, gradients, before, result[0])))
            except Exception as error:  # whatever goes wrong with a record, training goes on
                self.rows.failure = error
            return result

        return recording_apply

    def _row(self, index: int, optimizer_values: Any, gradients: Any, before: Any, after: Any) -> Tensor:
        plan, optimizer = self._plan, self._plan.optimizers[index]
        variables = _keras.optimized(optimizer)
        inner, arrange = _keras.innermost(optimizer), plan.columns.arrange
        values = {id(variable): value for variable, value in zip(optimizer.variables, optimizer_values, strict=True)}
        arranged = arrange(gradients, variables)
        if all(gradient is None for gradient in arranged):
            raise ValueError("no layer of the model has a gradient")
        number = inner.gradient_accumulation_steps or 1
        waiting: Sequence[Any] = _keras.accumulators(optimizer, variables) if number > 1 else ()
        scale = loss_scale(optimizer)
        scale = 1.0 if scale is None else values[id(scale)] if isinstance(scale, keras.Variable) else scale
        operands = {
            "gradient": arranged,
            "waiting": arrange([values[id(one)] for one in waiting], variables) if waiting else None,
            "number": number,
            "scale": scale,
            "calls": values[id(_keras.calls_counter(optimizer))],
            "state": some_entries(before) if plan.state else [],
        }
        if plan.needs_weights:
            operands |= {"before": arrange(before, variables), "after": arrange(after, variables)}
        own = self._own(operands) if plan.own else []
        self._names.know(len(arranged), [len(one) for one in own], len(operands["state"]))
        operands["own"] = [value for one in own for value in one]
        return _row(plan.measures, index, operands)

    def _own(self, operands: dict[str, Any]) -> list[list[Tensor]]:
        """The sums for tensors behind a barrier, as in `_row`."""
        names = ("gradient", "before", "after")
        gradients, before, after = jax.tree.map(jax.lax.optimization_barrier, [operands[name] for name in names])
        scale = operands["scale"]
        changes = [None if new is None else new - old for old, new in zip(before, after, strict=True)]
        tensors = {"gradient": [None if g is None else g / scale for g in gradients]}
        return own_values(self._plan, {**tensors, "weight": before, "change": changes}, self.rows.lost)


def _uncompiled(train_step: Callable[..., Any]) -> Callable[..., Any]:
    """A `train_step` that the user compiled, as it was before: what it was traced with would know of no rows."""
    function = getattr(train_step, "__func__", train_step)
    if not (hasattr(function, "lower") and hasattr(function, "__wrapped__")):
        return train_step
    bound = getattr(train_step, "__self__", None)
    return function.__wrapped__ if bound is None else functools.partial(function.__wrapped__, bound)


@jax.jit
def _stacked(rows: list[Tensor]) -> Tensor:
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
    gradients, scale = _wide(operands["gradient"]), jnp.asarray(operands["scale"], jnp.float32)
    waiting = operands["waiting"] or [0.0] * len(gradients)
    used = [
        None if gradient is None else (gradient / scale + wait) / operands["number"]
        for gradient, wait in zip(gradients, waiting, strict=True)
    ]
    tensors = {"gradient": gradients, "used": used}
    if "before" in operands:
        before, after = (_where(gradients, _wide(operands[name])) for name in ("before", "after"))
        changes = [None if old is None else new - old for old, new in zip(before, after, strict=True)]
        tensors |= {"weight": before, "change": changes}
    found = taken(measured, tensors, measures)
    parts = [found[name] for name in measures]
    with jax.enable_x64(True):
        numbers = [*operands["own"], *operands["state"], scale, optimizer, operands["calls"]]
        return jnp.concatenate([*parts, jnp.stack([jnp.asarray(one, jnp.float64) for one in numbers])])


def _wide(tensors: list[Tensor]) -> list[Tensor]:
    """In float32, or in float64 what is of that."""
    return [None if one is None else one if one.dtype == jnp.float64 else one.astype(jnp.float32) for one in tensors]


def _where(gradients: list[Tensor], tensors: list[Tensor]) -> list[Tensor]:
    return [None if gradient is None else one for gradient, one in zip(gradients, tensors, strict=True)]
