"""TensorFlow's recording step: in the trace of the step, each call of an optimizer also writes a row into a ring."""

import contextlib
import functools
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from keras_inits.backends import swapped
from keras_inits.backends.measures.tensorflow import MEASURES, dense, parted, width_of
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
from keras_inits.backends.recording.tensorflow_ring import Ring

Tensor = Any


@dataclass
class Call:
    """What is known of one call of an optimizer before it runs."""

    optimizer: int
    variables: Sequence[Any]
    gradients: Sequence[Tensor]
    scale: Tensor
    accumulated: Any  # a tensor, or 0
    waiting: list[Tensor]  # what accumulated in calls before
    weights: list[Tensor]


class Trace(threading.local):
    """What is known of a step while it is traced (or, eagerly, run); replicas are traced in threads of their own."""

    is_first = True  # whether no optimizer was called yet
    records = True
    graph: Any = None
    reduced: list[tuple[Tensor, Any]] | None = None


class RecordingStep:
    """A training function made by Keras whose optimizers also leave rows.

    Args:
        model: The compiled model.
        plan: What a row holds, and of which steps and optimizers.
    """

    def __init__(self, model: Any, plan: Plan) -> None:
        self.failure: Exception | None = None
        self._model, self._plan, self._strategy = model, plan, model.distribute_strategy
        self._replicated = self._strategy.num_replicas_in_sync > 1
        self.clips_before = self._replicated and any(_clips(innermost(one)) for one in plan.optimizers)
        if self.clips_before:
            warnings.warn(
                "GradientNormLogger records gradients after clipping here: under a strategy of several replicas Keras "
                "clips each replica's gradient, and adds them up then. It expects an optimizer that does not clip to "
                "record what was there before. Leave out clipnorm, clipvalue and global_clipnorm to see it.",
                stacklevel=2,
            )
        # A step that overflows is then skipped before anything is added up, and leaves no row.
        self.may_skip_steps = self._replicated and any(hasattr(one, "initial_scale") for one in plan.optimizers)
        self._ring = Ring(self._strategy, max(ROWS_WAITING, model.steps_per_execution))
        self._trace = Trace()
        # One function leaves rows where a step is due, and one only counts: a branch would slow each step down.
        self._alternates = plan.every > 1 and not self.may_skip_steps
        self._functions = {
            records: self._made(model, records) for records in (True, False) if records or self._alternates
        }
        self._begun = False
        self._next = 0  # the step that the next call begins with

    def __call__(self, *arguments: Any) -> Any:
        """Runs the step or steps that Keras's own training function would run."""
        if not self._ring.is_made:
            self._prepare()
        ahead = self._model.steps_per_execution
        # The first trace says whether the second function may be used, so that is of the first function.
        records = not (self._alternates and self._begun) or -self._next % self._plan.every < ahead
        with contextlib.ExitStack() as stack:
            for index, outermost in enumerate(self._plan.optimizers):
                optimizer = innermost(outermost) if self._replicated else outermost
                stack.enter_context(swapped(optimizer, "apply", self._recording_apply(index, optimizer)))
                if self._replicated:
                    name = "_all_reduce_sum_gradients"
                    stack.enter_context(swapped(optimizer, name, self._after_reduction(getattr(optimizer, name))))
            logs = self._functions[records](*arguments)
        self._begun = True
        self._next += ahead
        return logs

    @property
    def steps(self) -> int:
        """How many steps were trained, recorded or not."""
        return self._ring.counts()[0]

    def start(self, step: int) -> None:
        """Goes on counting steps from here."""
        self._ring.start(step)
        self._next = step

    def fetch(self, since: int, wait: bool) -> tuple[int, FetchedRows]:
        """How many rows were written so far, and those from row `since` on that are still held; always waits."""
        steps, count = self._ring.counts()
        # A group of steps may have found its data at their end. Otherwise a call is not what Keras's function does.
        self._alternates &= self._next - self._model.steps_per_execution < steps <= self._next
        self._next = steps
        rows = self._ring.rows(since, count)
        if not len(rows):
            return count, NO_ROWS
        scales, (steps_of_rows, optimizers, accumulated) = rows[:, -4], rows[:, -3:].T.astype(np.int64)
        measures = unscaled(parted(rows[:, :-4], self._plan.measures), scales)
        return count, FetchedRows(steps_of_rows, optimizers, accumulated, measures)

    def _made(self, model: Any, records: bool) -> Callable[..., Any]:
        train_step = model.train_step

        @functools.wraps(train_step)
        def step(*arguments: Any) -> Any:
            self._trace.is_first, self._trace.records, self._trace.graph = True, records, _graph()
            return train_step(*arguments)

        return made_by_keras(model, step)  # type: ignore[no-any-return]

    def _prepare(self) -> None:
        # A variable that is made in a trace has TensorFlow trace again, so the ring is made here if its width is known.
        try:
            if all(layer.built for layer in self._model._flatten_layers()):
                self._make_ring(len(self._plan.arrange((), ())))
        except Exception as error:
            self.failure = error

    def _make_ring(self, columns: int) -> None:
        self._ring.make(width_of(self._plan.measures) * columns + 4)

    def _recording_apply(self, index: int, optimizer: Any) -> Callable[..., Any]:
        apply = optimizer.apply

        def recording_apply(grads: Any, trainable_variables: Any = None) -> Any:
            grads = list(grads)
            if trainable_variables is not None:
                trainable_variables = list(trainable_variables)
            call = self._attempt(self._before, index, optimizer, grads, trainable_variables)
            result = apply(grads, trainable_variables)
            if call is not None:
                self._attempt(self._after, call)
            return result

        return recording_apply

    def _after_reduction(self, reduce: Callable[..., Any]) -> Callable[..., Any]:
        def recording_reduction(grads_and_vars: Any) -> Any:
            self._trace.reduced = list(reduce(grads_and_vars))
            return self._trace.reduced

        return recording_reduction

    def _attempt(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:  # whatever goes wrong with a record, training goes on
            self.failure = error
            return None

    def _before(self, index: int, optimizer: Any, gradients: list[Tensor], variables: Any) -> Call:
        variables = optimizer._trainable_variables if variables is None else variables
        inner, measures = innermost(optimizer), self._plan.measures
        number = inner.gradient_accumulation_steps or 1
        scale = loss_scale(optimizer)
        self._trace.reduced = None
        waiting = accumulators(optimizer, variables) if number > 1 else []
        needs_weights = "weight" in measures or "change" in measures
        return Call(
            index,
            variables,
            gradients,
            tf.identity(tf.cast(1.0 if scale is None else scale, tf.float32)),
            tf.identity(inner._iterations % number) if number > 1 else 0,
            [None if one is None else tf.convert_to_tensor(one) for one in waiting],
            _values(variables) if needs_weights else [],
        )

    def _after(self, call: Call) -> None:
        gradients, variables = call.gradients, call.variables
        if self._replicated:
            if self._trace.reduced is None:  # the optimizer found nothing to apply
                return
            gradients, variables = zip(*self._trace.reduced, strict=True)
        arranged = self._plan.arrange(gradients, variables)
        if not self._ring.is_made:
            self._make_ring(len(arranged))
        self._alternates = self._alternates and self._may_alternate()
        first, self._trace.is_first = self._trace.is_first, False
        step = self._ring.step - int(not first)
        due = tf.constant(False)
        if self._trace.records:
            due = tf.equal(step % self._plan.every, 0) if self._plan.every > 1 else tf.constant(True)
            self._ring.write(functools.partial(self._row, call, arranged, step), due)
        # Nothing else holds the count back from going up for a step whose data were at their end.
        with tf.control_dependencies([getattr(g, "values", g) for g in arranged if g is not None]):
            self._ring.count(steps=int(first), rows=due)

    def _may_alternate(self) -> bool:
        """Whether the step that is traced does the same in two functions in turn as in one."""
        if tf.executing_eagerly():
            return False
        graph = _graph()
        return graph is self._trace.graph and not _has_random_state(graph)  # not in a function of the user's own

    def _row(self, call: Call, arranged: list[Tensor], step: Tensor) -> Tensor:
        """The measures, then the loss scale, the step, which optimizer, and how many calls had accumulated."""
        measures = self._plan.measures
        gradients = [None if gradient is None else dense(gradient) for gradient in arranged]
        tensors = dict.fromkeys(("gradient", "largest", "nonzeros", "nonfinite"), gradients)
        if "accumulated" in measures or "peak" in measures:
            tensors |= dict.fromkeys(("accumulated", "peak"), self._used(call, arranged, gradients))
        if call.weights:
            before, after = (
                [
                    None if gradient is None else tf.cast(weight, tf.float32)
                    for weight, gradient in zip(self._plan.arrange(weights, call.variables), arranged, strict=True)
                ]
                for weights in (call.weights, _values(call.variables))
            )
            changes = [None if old is None else new - old for old, new in zip(before, after, strict=True)]
            tensors |= {"weight": before, "change": changes}
        parts = [MEASURES[name](tensors[name]) for name in measures]
        extras = [call.scale, step, call.optimizer, call.accumulated]
        return tf.concat([*(tf.cast(one, tf.float64) for one in (*parts, *([extra] for extra in extras)))], 0)

    def _used(self, call: Call, arranged: list[Tensor], gradients: list[Tensor]) -> list[Tensor]:
        """What an update at this call would use, before it is clipped."""
        if not call.waiting:
            return [None if gradient is None else gradient / call.scale for gradient in gradients]
        number = innermost(self._plan.optimizers[call.optimizer]).gradient_accumulation_steps
        waiting = self._plan.arrange(call.waiting, call.variables)
        return [
            None if gradient is None else _mean(gradient, wait, call.scale, number)
            for gradient, wait in zip(arranged, waiting, strict=True)
        ]


def _graph() -> Any:
    return tf.compat.v1.get_default_graph()


def _has_random_state(graph: Any) -> bool:
    """Whether it draws numbers as `tf.random.normal` does, whose state is its function's; Keras's is a variable's."""
    definition = graph.as_graph_def()
    bodies = [definition.node, *(function.node_def for function in definition.library.function)]
    return any("seed2" in node.attr for body in bodies for node in body)


def _values(variables: Sequence[Any]) -> list[Tensor]:
    return [tf.convert_to_tensor(getattr(variable, "value", variable)) for variable in variables]


def _clips(optimizer: Any) -> bool:
    return any(getattr(optimizer, name) is not None for name in ("clipnorm", "clipvalue", "global_clipnorm"))


def _mean(gradient: Tensor, waiting: Tensor, scale: Tensor, number: int) -> Tensor:
    """What accumulated, with this gradient: as Keras has it at an update."""
    total = tf.cast(tf.convert_to_tensor(gradient), tf.float32) / scale
    return (total if waiting is None else total + tf.cast(waiting, tf.float32)) / number
