"""Torch's recording step: around each call of an optimizer a row is computed, on the device."""

import contextlib
import functools
from collections import deque
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import torch

from keras_inits.backends import swapped
from keras_inits.backends.measures.torch import MEASURES
from keras_inits.backends.recording import (
    NO_ROWS,
    ROWS_WAITING,
    FetchedRows,
    Plan,
    accumulators,
    innermost,
    loss_scale,
    made_by_keras,
    unscaled,
)

Tensor = Any


class RecordingStep:
    """A training function made by Keras whose optimizers also leave rows.

    Args:
        model: The compiled model.
        plan: What a row holds, and of which steps and optimizers.
    """

    def __init__(self, model: Any, plan: Plan) -> None:
        self.failure: Exception | None = None
        self.may_skip_steps = self.clips_before = False
        self.steps = 0
        self._plan = plan
        self._rows: deque[tuple[int, int, Any]] = deque(maxlen=ROWS_WAITING)  # step, optimizer, numbers
        self._count = 0
        self._is_first = True
        self._applies = [optimizer.apply for optimizer in plan.optimizers]
        # One function for good: `torch.compile` compiles anew for a new one. It is not to be compiled itself, for then
        # a step would be compiled for each value of the count.
        self._seams = [
            torch.compiler.disable(functools.partial(self._recording_apply, index))  # type: ignore[no-untyped-call]
            for index in range(len(plan.optimizers))
        ]
        self._function = made_by_keras(model, model.train_step)

    def __call__(self, *arguments: Any) -> Any:
        """Runs the step that Keras's own training function would run."""
        self._is_first = True
        self._applies = [optimizer.apply for optimizer in self._plan.optimizers]
        with contextlib.ExitStack() as stack:
            for optimizer, seam in zip(self._plan.optimizers, self._seams, strict=True):
                stack.enter_context(swapped(optimizer, "apply", seam))
            return self._function(*arguments)

    def start(self, step: int) -> None:
        """Goes on counting steps from here."""
        self.steps = step

    def fetch(self, since: int, wait: bool) -> tuple[int, FetchedRows]:
        """How many rows there were so far, and those from row `since` on that are still held; always waits."""
        held = list(self._rows)[max(since - self._count, -len(self._rows)) :] if since < self._count else []
        if not held:
            return self._count, NO_ROWS
        steps, optimizers, rows = zip(*held, strict=True)
        table = torch.stack(rows).cpu().numpy() if isinstance(rows[0], torch.Tensor) else np.array(rows)
        parts = np.split(table[:, :-2], len(self._plan.measures), axis=1)
        measures = dict(zip(self._plan.measures, parts, strict=True))
        scales, accumulated = table[:, -2:].T
        numbers = [np.array(one).astype(np.int64) for one in (steps, optimizers, accumulated)]
        return self._count, FetchedRows(numbers[0], numbers[1], numbers[2], unscaled(measures, scales))

    def _recording_apply(self, index: int, grads: Any, trainable_variables: Any = None) -> Any:
        grads = list(grads)
        if trainable_variables is not None:
            trainable_variables = list(trainable_variables)
        step = self.steps if self._is_first else self.steps - 1
        self.steps, self._is_first = step + 1, False
        due = step % self._plan.every == 0
        call = self._attempt(self._before, index, grads, trainable_variables) if due else None
        result = self._applies[index](grads, trainable_variables)
        if call is not None:
            self._attempt(self._after, step, *call)
        return result

    def _attempt(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:  # whatever goes wrong with a record, training goes on
            self.failure = error
            return None

    @torch.no_grad()
    def _before(self, index: int, gradients: list[Tensor], variables: Any) -> tuple[Any, ...]:
        """What is measured before the optimizer changes anything, and what is to be compared with it after."""
        optimizer, measures, arrange = self._plan.optimizers[index], self._plan.measures, self._plan.arrange
        variables = optimizer._trainable_variables if variables is None else variables
        arranged = arrange(gradients, variables)
        if all(gradient is None for gradient in arranged):
            raise ValueError("no layer of the model has a gradient")
        inner, scale = innermost(optimizer), loss_scale(optimizer)
        number = inner.gradient_accumulation_steps or 1
        extras = [1.0 if scale is None else scale, inner._iterations if number > 1 else 0]
        extras = [one.value.clone() if isinstance(one, keras.Variable) else one for one in extras]
        tensors = dict.fromkeys(("gradient", "largest", "nonzeros", "nonfinite"), arranged)
        if "accumulated" in measures or "peak" in measures:
            waiting = arrange(accumulators(optimizer, variables), variables) if number > 1 else [None] * len(arranged)
            pairs = zip(arranged, waiting, strict=True)
            used = [None if one is None else _mean(one, wait, extras[0], number) for one, wait in pairs]
            tensors |= dict.fromkeys(("accumulated", "peak"), used)
        weights: list[Tensor] = []
        if "weight" in measures or "change" in measures:
            pairs = zip(arrange([variable.value for variable in variables], variables), arranged, strict=True)
            weights = [None if gradient is None else weight.detach() for weight, gradient in pairs]
            tensors["weight"] = weights
        row = {name: MEASURES[name](tensors[name]) for name in measures if name != "change"}
        old = [None if weight is None else weight.clone() for weight in weights] if "change" in measures else []
        return index, row, [extras[0], extras[1] % number], weights, old

    @torch.no_grad()
    def _after(self, step: int, index: int, row: dict[str, Any], extras: list[Any], new: Any, old: Any) -> None:
        if "change" in self._plan.measures:
            pairs = zip(old, new, strict=True)
            row["change"] = MEASURES["change"]([None if a is None else b.float() - a.float() for a, b in pairs])
        parts = [row[name] for name in self._plan.measures]
        if isinstance(parts[0], torch.Tensor):  # on a device that the host does not wait for
            numbers: Any = torch.cat([*parts, torch.stack([parts[0].new_zeros(()) + extra for extra in extras])])
        else:
            numbers = [number for part in parts for number in part] + [float(extra) for extra in extras]
        self._rows.append((step, index, numbers))
        self._count += 1


def _mean(gradient: Tensor, waiting: Any, scale: Any, number: int) -> Tensor:
    """What accumulated, with this gradient: as Keras has it at an update."""
    total = gradient.float() / scale
    return (total if waiting is None else total + waiting.value.float()) / number
