"""Torch's recording step: around each call of an optimizer a row is computed, on the device."""

import functools
import math
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import torch

from keras_inits import _keras
from keras_inits._swaps import Swap, call_with
from keras_inits.backends.measures import taken
from keras_inits.backends.recording import (
    ROWS_WAITING,
    FetchedRows,
    HandedOver,
    Plan,
    handed_over,
    loss_scale,
    own_values,
    parted,
    some_entries,
    unscaled,
)
from keras_inits.backends.torch.measures import measured

Tensor = Any


class Row(NamedTuple):
    """One call of an optimizer."""

    number: int
    step: int
    optimizer: int
    widths: tuple[int, ...]  # of its parts
    numbers: Any  # a tensor, or on the host a list


class Rows:
    """Where rows wait; the oldest go when there are too many.

    The rows are replaced in one assignment, and the last one is never let go: the number of the next step and of the
    next row follow from it, whatever was interrupted.

    Args:
        plan: What is in a row.
    """

    def __init__(self, plan: Plan) -> None:
        self.failure: Exception | None = None
        self.lost: dict[str, Exception] = {}
        self.interrupt: BaseException | None = None
        self.shift = 0
        self._measures, self._own, self._lock = plan.measures, plan.own, threading.RLock()
        self._least = 0  # the number of the next step, unless a row tells a higher one
        self._rows: list[Row] = []
        self._looked_at = 0  # the first row that was not looked at for numbers that are not finite

    @property
    def steps(self) -> int:
        """How many steps were trained, recorded or not."""
        return max(self._least, self._rows[-1].step + 1 if self._rows else 0)

    @property
    def count(self) -> int:
        """How many rows there were."""
        return self._rows[-1].number + 1 if self._rows else 0

    def start(self, step: int, shift: int) -> None:
        """Counts steps on from here."""
        self._least, self.shift = step, shift

    def end_step(self, step: int) -> None:
        """Counts a step that has ended."""
        self._least = step + 1

    def add(self, step: int, optimizer: int, widths: tuple[int, ...], numbers: Any) -> None:
        """Keeps a row."""
        with self._lock:
            row = Row(self.count, step, optimizer, widths, numbers)
            self._rows.append(row)
            if len(self._rows) > 2 * ROWS_WAITING:
                self._rows = self._rows[-ROWS_WAITING:]

    def fetch(self, since: int, wait: bool) -> tuple[int, FetchedRows | None]:
        """How many rows there were so far, and those from row `since` on that are still held; always waits."""
        with self._lock:
            rows = [row for row in self._rows if row.number >= since]
            self._rows = rows[:] or self._rows[-1:]
        if not rows:
            return since, None
        numbers = [row.numbers for row in rows]
        table = torch.stack(numbers).cpu().numpy() if isinstance(numbers[0], torch.Tensor) else np.array(numbers)
        *values, state, scales, calls = parted(table, rows[0].widths)
        measures = dict(zip(self._measures, values, strict=False))
        own = dict(zip(self._own, values[len(self._measures) :], strict=True))
        steps, optimizers = (
            np.array(one, np.int64) for one in ([row.step for row in rows], [row.optimizer for row in rows])
        )
        measures = unscaled(measures, scales[:, 0])
        return rows[-1].number + 1, FetchedRows(steps, optimizers, calls[:, 0].astype(np.int64), state, measures, own)

    def nonfinite(self) -> bool:
        """Whether a gradient that was not finite is known of since this was asked last."""
        rows = [row for row in self._rows[-ROWS_WAITING:] if row.number >= self._looked_at]
        if not rows or isinstance(rows[0].numbers, torch.Tensor):
            return False
        self._looked_at = rows[-1].number + 1
        return any(not math.isfinite(sum(row.numbers[: row.widths[0]])) for row in rows)


class RecordingStep:
    """A training function made by Keras whose optimizers also leave rows.

    Args:
        model: The compiled model.
        plan: What a row holds, and of which steps and optimizers.
    """

    may_skip_steps = clips_before = False

    def __init__(self, model: Any, plan: Plan) -> None:
        self.rows = Rows(plan)
        self._plan = plan
        self._step = 0
        self._applies = [optimizer.apply for optimizer in plan.optimizers]
        # One function for good: `torch.compile` compiles anew for a new one. It is not to be compiled itself, for then
        # a step would be compiled for each value of the count.
        self._seams = [
            Swap(optimizer, "apply", torch.compiler.disable(functools.partial(self._recording_apply, index)))  # type: ignore[no-untyped-call]
            for index, optimizer in enumerate(plan.optimizers)
        ]
        self._function = _keras.train_function_of(model, model.train_step)

    def __call__(self, *arguments: Any) -> Any:
        """Runs the step that Keras's own training function would run."""
        self._step = self.rows.steps
        self._applies = [optimizer.apply for optimizer in self._plan.optimizers]
        logs = call_with(self._seams, self._function, *arguments)
        self.rows.end_step(self._step)
        return logs

    def start(self, step: int, shift: int) -> None:
        """Counts steps on from here."""
        self.rows.start(step, shift)

    def _recording_apply(self, index: int, *arguments: Any, **keywords: Any) -> Any:
        if (self._step + self.rows.shift) % self._plan.every:
            return self._applies[index](*arguments, **keywords)
        given = handed_over(arguments, keywords)
        before = self._attempt(self._before, index, given)
        result = self._applies[index](*given.arguments, **given.keywords)
        if before is not None:
            self._attempt(self._after, index, *before)
        return result

    def _attempt(self, function: Any, *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:  # whatever goes wrong with a record, training goes on
            self.rows.failure = error
            return None

    @torch.no_grad()
    def _before(self, index: int, given: HandedOver) -> tuple[Any, ...]:
        """The measures before the optimizer changes anything, and the values to compare with afterwards."""
        plan, optimizer = self._plan, self._plan.optimizers[index]
        arrange = plan.columns.arrange
        variables = _keras.optimized(optimizer) if given.variables is None else given.variables
        arranged = arrange(given.gradients, variables)
        if all(gradient is None for gradient in arranged):
            raise ValueError("no layer of the model has a gradient")
        inner, scale = _keras.innermost(optimizer), loss_scale(optimizer)
        number = inner.gradient_accumulation_steps or 1
        extras = [1.0 if scale is None else scale, _keras.calls_counter(optimizer)]
        extras = [one.value.clone() if isinstance(one, keras.Variable) else one for one in extras]
        tensors = {"gradient": arranged}
        if "accumulated" in plan.measures or "peak" in plan.measures:
            empty = [None] * len(arranged)
            waiting = arrange(_keras.accumulators(optimizer, variables), variables) if number > 1 else empty
            pairs = zip(arranged, waiting, strict=True)
            tensors["used"] = [None if one is None else _mean(one, wait, extras[0], number) for one, wait in pairs]
        values = [variable.value.detach() for variable in variables] if plan.needs_weights or plan.state else []
        new: list[Tensor] = []
        if plan.needs_weights:
            pairs = zip(arrange(values, variables), arranged, strict=True)
            tensors["weight"] = new = [None if gradient is None else weight for weight, gradient in pairs]
        row = taken(measured, tensors, [name for name in plan.measures if name != "change"])
        keeps = "change" in plan.measures or plan.own
        old = [None if weight is None else weight.clone() for weight in new] if keeps else []
        state = [one.clone() for one in some_entries(values)] if plan.state else []
        return row, [*state, *extras], arranged, new, old

    @torch.no_grad()
    def _after(self, index: int, row: dict[str, Any], extras: list[Any], gradients: Any, new: Any, old: Any) -> None:
        plan = self._plan
        changes = _changes(old, new, keeps=bool(plan.own)) if old else []
        if "change" in plan.measures:
            row |= taken(measured, {"change": changes}, ["change"])
        own = self._own(gradients, old, changes, extras[-2]) if plan.own else []
        parts = [row[name] for name in plan.measures]
        widths = (*map(len, parts), *map(len, own), len(extras) - 2, 1, 1)
        single = [number for part in own for number in part] + extras
        if isinstance(parts[0], torch.Tensor):  # on a device that the host does not wait for
            rest = torch.stack([parts[0].new_zeros(()) + number for number in single])
            numbers: Any = torch.cat([*parts, rest])
        else:
            numbers = [number for part in parts for number in part] + [float(number) for number in single]
        self.rows.add(self._step, index, widths, numbers)

    def _own(self, gradients: Any, old: Any, changes: Any, scale: Any) -> Sequence[Sequence[Tensor]]:
        tensors = {
            "gradient": [None if one is None else _wide(one) / scale for one in gradients],
            "weight": [None if one is None else _wide(one) for one in old],
            "change": changes,
        }
        return own_values(self._plan, tensors, self.rows.lost)


def _changes(old: list[Any], new: list[Any], keeps: bool) -> list[Any]:
    """The change of each tensor; in the place of the old ones, unless they are kept: a new tensor costs more."""
    if keeps or any(one.dtype not in (torch.float32, torch.float64) for one in old if one is not None):
        return [None if one is None else _wide(other) - _wide(one) for one, other in zip(old, new, strict=True)]
    return [None if one is None else one.neg_().add_(other) for one, other in zip(old, new, strict=True)]


def _wide(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def _mean(gradient: Tensor, waiting: Any, scale: Any, number: int) -> Tensor:
    """The mean of the accumulated gradients and this one: as Keras has it at an update."""
    total = gradient.float() / scale
    return (total if waiting is None else total + waiting.value.float()) / number
