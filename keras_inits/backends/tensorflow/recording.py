"""TensorFlow's recording step: in the trace of the step, each call of an optimizer also writes a row into a ring."""

import functools
import inspect
import threading
import types
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from keras_inits import _keras
from keras_inits._swaps import Swap, call_with
from keras_inits.backends.measures import taken
from keras_inits.backends.recording import (
    ROWS_WAITING,
    HandedOver,
    Plan,
    handed_over,
    loss_scale,
    own_values,
    some_entries,
)
from keras_inits.backends.tensorflow.measures import dense, measured
from keras_inits.backends.tensorflow.ring import Ring

Tensor = Any


@dataclass
class Call:
    """One call of an optimizer, before it runs."""

    optimizer: int
    variables: Sequence[Any]
    gradients: Sequence[Tensor]
    scale: Tensor
    calls: Tensor  # how often the optimizer was called before
    waiting: list[Tensor]  # what accumulated in calls before
    weights: list[Tensor]
    state: list[Tensor]


class Trace(threading.local):
    """The state of a step while it is traced (or, eagerly, run); replicas are traced in threads of their own."""

    records = True
    eager = False
    called = False  # whether an optimizer was called
    reduced: list[tuple[Tensor, Any]] | None = None


class RecordingStep:
    """A training function made by Keras whose optimizers also leave rows.

    Args:
        model: The compiled model.
        plan: What a row holds, and of which steps and optimizers.
    """

    def __init__(self, model: Any, plan: Plan) -> None:
        self._model, self._plan, self._strategy = model, plan, model.distribute_strategy
        self._replicated = self._strategy.num_replicas_in_sync > 1
        self.clips_before = self._replicated and any(_clips(_keras.innermost(one)) for one in plan.optimizers)
        if self.clips_before:
            warnings.warn(
                "GradientNormLogger records gradients after clipping here: under a strategy of several replicas Keras "
                "clips each replica's gradient, and adds them up then. It expects an optimizer that does not clip to "
                "record what was there before. Leave out clipnorm, clipvalue and global_clipnorm to see it.",
                stacklevel=2,
            )
        # A step that overflows is then skipped before anything is added up, and leaves no row.
        self.may_skip_steps = self._replicated and any(hasattr(one, "initial_scale") for one in plan.optimizers)
        self.rows = Ring(self._strategy, max(ROWS_WAITING, model.steps_per_execution), plan)
        self._trace, self._traces = Trace(), 0
        # One function leaves rows where a step is due, and one only counts: a branch would slow each step down.
        self._alternates = plan.every > 1 and not self.may_skip_steps and not model.run_eagerly
        self._functions = {
            records: self._made(model, records) for records in (True, False) if records or self._alternates
        }
        self._next: int | None = None  # the step that the next call begins with

    def __call__(self, *arguments: Any) -> Any:
        """Runs the step or steps that Keras's own training function would run."""
        if not self.rows.columns:
            self._prepare()
        ahead = self._model.steps_per_execution
        records = not self._alternates or self._is_due(ahead)
        traces = self._traces
        logs = self._called(records, *arguments)
        if self._traces > traces and self._alternates:
            self._trace_other(not records, *arguments)
        self._next = None if self._next is None else self._next + ahead
        return logs

    def start(self, step: int, shift: int) -> None:
        """Counts steps on from here."""
        self.rows.start(step, shift)
        self._next = step + shift

    def _is_due(self, ahead: int) -> bool:
        # The first trace says whether the second function may be used, so that is of the first function. How many
        # steps were taken is asked for again where a group of them may have found its data at their end.
        if self._traces == 0:
            return True
        if self._next is None or ahead > 1:
            self._next = self.rows.due()
        return -self._next % self._plan.every < ahead

    def _called(self, records: bool, *arguments: Any) -> Any:
        seams = []
        for index, outermost in enumerate(self._plan.optimizers):
            optimizer = _keras.innermost(outermost) if self._replicated else outermost
            seams.append(Swap(optimizer, "apply", self._recording_apply(index, optimizer)))
            if self._replicated:
                name = _keras.SUM_OVER_REPLICAS
                seams.append(Swap(optimizer, name, self._after_reduction(getattr(optimizer, name))))
        return call_with(seams, self._functions[records], *arguments)

    def _trace_other(self, records: bool, *arguments: Any) -> None:
        """Traces the other function as well, so that both have seen the same Python attributes."""
        function = _keras.graph_function_of(self._functions[records])
        if function is None:
            self._alternates = False
        else:
            self._functions[records], made = function.get_concrete_function, self._functions[records]
            try:
                self._called(records, *arguments)
            finally:
                self._functions[records] = made

    def _made(self, model: Any, records: bool) -> Callable[..., Any]:
        train_step = _retraced(model)

        @functools.wraps(train_step)
        def step(*arguments: Any) -> Any:
            self._traces += 1
            trace, eager = self._trace, tf.executing_eagerly()
            trace.records, trace.eager, trace.called = records, eager, False
            try:
                logs = train_step(*arguments)
                trace.called = True
                return logs
            finally:
                if trace.called:  # or the step was interrupted, eagerly, before it did anything
                    with tf.control_dependencies([] if eager else _tensors(arguments)):
                        self.rows.count_step()
                if self._alternates and not eager and _has_random_state(_graph()):
                    self._alternates = False

        return _keras.train_function_of(model, step)  # type: ignore[no-any-return]

    def _prepare(self) -> None:
        # A variable that is made in a trace has TensorFlow trace again, so the ring is made here if its width is known.
        try:
            if all(layer.built for layer in _keras.all_layers(self._model)):
                self._make_ring(len(self._plan.columns.arrange((), ())), self._model.trainable_variables)
        except Exception as error:
            self.rows.failure = error

    def _make_ring(self, columns: int, variables: Sequence[Any]) -> None:
        groups = [len(self._plan.columns.groups(one.per)) for one in self._plan.own]
        self.rows.make(columns, groups, len(some_entries(variables)) if self._plan.state else 0)

    def _recording_apply(self, index: int, optimizer: Any) -> Callable[..., Any]:
        apply = optimizer.apply

        def recording_apply(*arguments: Any, **keywords: Any) -> Any:
            given = handed_over(arguments, keywords)
            call = self._attempt(self._before, index, optimizer, given)
            result = apply(*given.arguments, **given.keywords)
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
            self.rows.failure = error
            return None

    def _before(self, index: int, optimizer: Any, given: HandedOver) -> Call | None:
        self._trace.called = True
        if not self._trace.records:
            return None
        if self._trace.eager and not tf.executing_eagerly():
            raise NotImplementedError("A step that runs eagerly calls the optimizer in a tf.function of its own")
        variables = _keras.optimized(optimizer) if given.variables is None else given.variables
        number = _keras.innermost(optimizer).gradient_accumulation_steps or 1
        scale = loss_scale(optimizer)
        self._trace.reduced = None
        waiting = _keras.accumulators(optimizer, variables) if number > 1 else []
        values = _values(variables) if self._plan.needs_weights or self._plan.state else []
        return Call(
            index,
            variables,
            given.gradients,
            tf.identity(tf.cast(1.0 if scale is None else scale, tf.float32)),
            tf.identity(tf.convert_to_tensor(_keras.calls_counter(optimizer))),
            [None if one is None else tf.convert_to_tensor(one) for one in waiting],
            values if self._plan.needs_weights else [],
            [tf.identity(one) for one in some_entries(values)] if self._plan.state else [],
        )

    def _after(self, call: Call) -> None:
        gradients, variables = call.gradients, call.variables
        if self._replicated:
            if self._trace.reduced is None:  # the optimizer found nothing to apply
                return
            gradients, variables = zip(*self._trace.reduced, strict=True)
        arranged = self._plan.columns.arrange(gradients, variables)
        if self.rows.columns != len(arranged):  # none yet, or too few for a variable that belongs to no layer
            self._make_ring(len(arranged), variables)
        step, every = self.rows.step, self._plan.every
        due = tf.equal((step + self.rows.shift) % every, 0) if every > 1 else tf.constant(True)
        self.rows.write(functools.partial(self._row, call, arranged, step), due)

    def _row(self, call: Call, arranged: list[Tensor], step: Tensor) -> tuple[Tensor, Tensor]:
        """The measures, quantities of the user's own, some weights, then the scale, step, optimizer and its calls."""
        measures = self._plan.measures
        gradients = [None if gradient is None else dense(gradient) for gradient in arranged]
        tensors = {"gradient": gradients}
        if "accumulated" in measures or "peak" in measures:
            tensors["used"] = self._used(call, arranged, gradients)
        if call.weights:
            before, after = (self._of_present(arranged, weights, call) for weights in (call.weights, None))
            changes = [None if old is None else new - old for old, new in zip(before, after, strict=True)]
            tensors |= {"weight": before, "change": changes}
        found = taken(measured, tensors, measures)
        parts, finite = [found[name] for name in measures], tf.reduce_all(tf.math.is_finite(found["gradient"]))
        for values in self._own(call, arranged, tensors):
            parts.append(tf.stack(values))
        extras = [*call.state, call.scale, step, call.optimizer, call.calls]
        return tf.concat([*(tf.cast(one, tf.float64) for one in (*parts, *([extra] for extra in extras)))], 0), finite

    def _own(self, call: Call, arranged: list[Tensor], tensors: dict[str, list[Tensor]]) -> list[list[Tensor]]:
        if not self._plan.own:
            return []
        gradients = [None if one is None else _float32(tf.convert_to_tensor(one)) / call.scale for one in arranged]
        return own_values(self._plan, {**tensors, "gradient": gradients}, self.rows.lost)

    def _of_present(self, arranged: list[Tensor], weights: list[Tensor] | None, call: Call) -> list[Tensor]:
        """The weights, or those that there are now, where there is a gradient."""
        values = self._plan.columns.arrange(_values(call.variables) if weights is None else weights, call.variables)
        pairs = zip(values, arranged, strict=True)
        return [None if gradient is None else _float32(weight) for weight, gradient in pairs]

    def _used(self, call: Call, arranged: list[Tensor], gradients: list[Tensor]) -> list[Tensor]:
        """The gradients that an update at this call would use, before they are clipped."""
        if not call.waiting:
            return [None if gradient is None else gradient / call.scale for gradient in gradients]
        number = _keras.innermost(self._plan.optimizers[call.optimizer]).gradient_accumulation_steps
        waiting = self._plan.columns.arrange(call.waiting, call.variables)
        return [
            None if gradient is None else _mean(gradient, wait, call.scale, number)
            for gradient, wait in zip(arranged, waiting, strict=True)
        ]


def _retraced(model: Any) -> Callable[..., Any]:
    """A model's `train_step`; one that the user made a `tf.function` as another one.

    The first knows of no rows if it was traced without them, and leaves some where it should not if with them.
    """
    if not hasattr(model.train_step, "python_function"):
        return model.train_step  # type: ignore[no-any-return]
    given = inspect.getattr_static(model, "train_step")
    of_instance = "train_step" in vars(model)
    function = given.python_function if of_instance else types.MethodType(given.python_function, model)
    return tf.function(function, jit_compile=getattr(given, "_jit_compile", None))  # type: ignore[no-any-return]


def _graph() -> Any:
    return tf.compat.v1.get_default_graph()


def _tensors(arguments: Any) -> list[Tensor]:
    return [one for one in tf.nest.flatten(arguments) if isinstance(one, tf.Tensor)]


def _has_random_state(graph: Any) -> bool:
    """Whether it draws numbers as `tf.random.normal` does, whose state is its function's; Keras's is a variable's."""
    definition = graph.as_graph_def()
    bodies = [definition.node, *(function.node_def for function in definition.library.function)]
    return any("seed2" in node.attr for body in bodies for node in body)


def _values(variables: Sequence[Any]) -> list[Tensor]:
    return [tf.convert_to_tensor(getattr(variable, "value", variable)) for variable in variables]


def _clips(optimizer: Any) -> bool:
    return any(getattr(optimizer, name) is not None for name in ("clipnorm", "clipvalue", "global_clipnorm"))


def _float32(tensor: Tensor) -> Tensor:
    return tf.cast(tensor, tf.float32)


def _mean(gradient: Tensor, waiting: Tensor, scale: Tensor, number: int) -> Tensor:
    """The mean of the accumulated gradients and this one: as Keras has it at an update."""
    total = tf.cast(tf.convert_to_tensor(gradient), tf.float32) / scale
    return (total if waiting is None else total + tf.cast(waiting, tf.float32)) / number
