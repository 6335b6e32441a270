"""TensorFlow's side of the room."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_inits.backends import (
    ABSENT,
    ALIGNMENT,
    LEAST_SAFE_SQUARE,
    RESCALING,
    ROWS_WAITING,
    loss_scale,
    made_by_keras,
    no_layouts,
    norms_of,
    ring_steps,
    swapped,
)

Tensor = Any


def to_tensor(values: np.ndarray) -> Tensor:
    """Hands a host array to the current device, without a copy where that is the host and the array is aligned."""
    # TensorFlow ends the process if it meets memory that is not aligned; in a graph an array becomes a constant.
    shared = values.flags.c_contiguous and values.flags.writeable and values.dtype.isnative
    if values.ctypes.data % ALIGNMENT or not shared or not tf.executing_eagerly():
        return tf.convert_to_tensor(values)
    if values.dtype == "bfloat16":  # which NumPy does not hand out
        return tf.bitcast(tf.experimental.dlpack.from_dlpack(values.view(np.uint16).__dlpack__()), tf.bfloat16)
    return tf.identity(tf.experimental.dlpack.from_dlpack(values.__dlpack__()))  # which puts it on the device


def to_sharded(shape: tuple[int, ...], part_of: Callable[[Any], np.ndarray], layout: Any) -> Tensor:
    """Has no layouts."""
    raise no_layouts(layout)


def widest_float() -> str:
    """The most precise dtype that TensorFlow computes in."""
    return "float64"


def untraced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Has `function` run as it is where the code around it is turned into a graph."""
    return tf.autograph.experimental.do_not_convert(function)  # type: ignore[no-any-return]


def is_tracing() -> bool:
    """Whether the caller's code is being turned into a graph (`tf.function`)."""
    return not tf.executing_eagerly()


def on_meta_device() -> bool:
    """TensorFlow has no device without values."""
    return False


LONGEST_SUM = 2**18
"""XLA adds up long or many-dimensional sums nearly one after the other on a processor, in float32: 1e7 equal squares
come out wrong by 2e-4, a 3 x 3 x 512 x 512 kernel by 1e-4. Up to this size they are right to 3e-6, whatever their
shape; longer ones, flat and in pieces of it, to 1e-6."""


class RecordingStep:
    """A training function made by Keras, in whose trace each call of the optimizer also writes a row into a ring.

    Args:
        model: The compiled model.
        arrange: From gradients and variables to one gradient, or None, for each column of a row.
        every: Only the rows of the steps 0, every, 2 * every, ... are computed and kept.
    """

    def __init__(self, model: Any, arrange: Callable[..., list[Tensor]], every: int) -> None:
        self.failure: Exception | None = None
        self._model, self._optimizer, self._arrange, self._every = model, model.optimizer, arrange, every
        self._strategy = model.distribute_strategy
        self._replicated = self._strategy.num_replicas_in_sync > 1
        if self._replicated and _clips(_innermost(self._optimizer)):
            warnings.warn(
                "GradientNormLogger records gradients after clipping here: under a strategy of several replicas Keras "
                "clips each replica's gradient, and adds them up then. It expects an optimizer that does not clip to "
                "record what was there before. Leave out clipnorm, clipvalue and global_clipnorm to see it.",
                stacklevel=2,
            )
        # A step that overflows is then skipped before anything is added up, and leaves no row.
        self.may_skip_steps = self._replicated and hasattr(self._optimizer, "initial_scale")
        self._function = made_by_keras(model)
        self._capacity = max(ROWS_WAITING, model.steps_per_execution)
        self._count = self._variable(np.int64(0))
        self._ring: tf.Variable | None = None

    def __call__(self, *arguments: Any) -> Any:
        """Runs the step or steps that Keras's own training function would run."""
        if self._ring is None:
            self._prepare()
        if not self._replicated:
            with swapped(self._optimizer, "apply", self._before_apply(self._optimizer.apply)):
                return self._function(*arguments)
        optimizer, name = _innermost(self._optimizer), "_all_reduce_sum_gradients"
        with swapped(optimizer, name, self._after_reduction(getattr(optimizer, name))):
            return self._function(*arguments)

    @property
    def count(self) -> int:
        """How many steps were trained, recorded or not."""
        return int(self._count.numpy())

    def start(self, count: int) -> None:
        """Goes on counting from here."""
        self._count.assign(count)

    def fetch(self, since: int) -> tuple[np.ndarray, np.ndarray]:
        """The steps from `since` on whose rows are still held, and their rows of norms."""
        if self._ring is None:
            return np.empty(0, np.int64), np.empty((0, 0))
        steps = ring_steps(since, self.count, self._every, self._capacity)
        rows = self._ring.numpy()[steps // self._every % self._capacity]
        columns = rows.shape[1] // 2
        return steps, norms_of(rows[:, :columns], rows[:, columns:-1], rows[:, -1])

    def _prepare(self) -> None:
        # A variable that is made in a trace has TensorFlow trace again, so the ring is made here if its width is known.
        try:
            if all(layer.built for layer in self._model._flatten_layers()):
                self._make_ring(len(self._arrange((), ())))
        except Exception as error:
            self.failure = error

    def _make_ring(self, columns: int) -> None:
        self._ring = self._variable(np.zeros((self._capacity, 2 * columns + 1), np.float32))

    def _variable(self, value: Any) -> tf.Variable:
        # The first trace may be what creates the model's variables, and so the first to know how wide a row is.
        with tf.init_scope(), self._strategy.scope():
            first = tf.VariableAggregation.ONLY_FIRST_REPLICA
            return tf.Variable(value, trainable=False, aggregation=first, name="keras_inits_recording")

    def _before_apply(self, apply: Callable[..., Any]) -> Callable[..., Any]:
        def recording_apply(grads: Any, trainable_variables: Any = None) -> Any:
            variables = self._optimizer._trainable_variables if trainable_variables is None else trainable_variables
            self._record(grads, variables, loss_scale(self._optimizer))
            return apply(grads, trainable_variables)

        return recording_apply

    def _after_reduction(self, reduce: Callable[..., Any]) -> Callable[..., Any]:
        def recording_reduction(grads_and_vars: Any) -> Any:
            reduced = list(reduce(grads_and_vars))
            self._record([gradient for gradient, _ in reduced], [variable for _, variable in reduced], None)
            return reduced

        return recording_reduction

    def _record(self, gradients: Any, variables: Any, scale: Any) -> None:
        try:
            arranged = self._arrange(gradients, variables)
            if self._ring is None:
                self._make_ring(len(arranged))
            due = tf.equal(self._count % self._every, 0)
            if self._replicated:  # where neither a branch nor an indexed write may hold a variable
                slots = tf.range(self._capacity, dtype=tf.int64)
                here = due & tf.equal(slots, self._count // self._every % self._capacity)
                ring = tf.where(here[:, None], _row(arranged, scale)[None], self._ring)
                self._ring.assign(ring)  # type: ignore[union-attr]
            elif self._every == 1:
                self._write(arranged, scale)
            else:
                tf.cond(due, lambda: self._write(arranged, scale), lambda: due)
            # Nothing else holds the count back from going up for a step whose data were at their end.
            with tf.control_dependencies([getattr(g, "values", g) for g in arranged if g is not None]):
                self._count.assign_add(1)
        except Exception as error:  # whatever goes wrong with a record, training goes on
            self.failure = error

    def _write(self, arranged: list[Tensor], scale: Any) -> Tensor:
        slot = self._count // self._every % self._capacity
        self._ring.scatter_nd_update([[slot]], [_row(arranged, scale)])  # type: ignore[union-attr]
        return tf.constant(True)


def _innermost(optimizer: Any) -> Any:
    return getattr(optimizer, "inner_optimizer", optimizer)


def _clips(optimizer: Any) -> bool:
    return any(getattr(optimizer, name) is not None for name in ("clipnorm", "clipvalue", "global_clipnorm"))


def _row(arranged: list[Tensor], scale: Any) -> Tensor:
    """Sums of squares, the factors that the gradients had when they were squared, and the loss scale."""
    present = [_dense(gradient) for gradient in arranged if gradient is not None]
    plain = _sums_of_squares(present)
    squares, factors = _branch(tf.reduce_all(_is_safe(plain)), _as_they_are, _rescaled, [plain, *present])
    if len(present) < len(arranged):
        numbers = iter(range(len(present)))
        places = [len(present) if gradient is None else next(numbers) for gradient in arranged]
        squares, factors = (tf.gather(tf.concat([x, [y]], 0), places) for x, y in ((squares, ABSENT), (factors, 1.0)))
    scale = tf.cast(1.0 if scale is None else scale, tf.float32)
    return tf.concat([squares, factors, tf.reshape(scale, [1])], 0)


def _is_safe(squares: Tensor) -> Tensor:
    return (squares >= LEAST_SAFE_SQUARE) & (squares < np.inf)


def _as_they_are(plain: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
    return plain, tf.ones_like(plain)


def _rescaled(plain: Tensor, *gradients: Tensor) -> tuple[Tensor, Tensor]:
    factors = tf.where(_is_safe(plain), 1.0, tf.where(plain < LEAST_SAFE_SQUARE, RESCALING, 1.0 / RESCALING))
    pairs = zip(gradients, tf.unstack(factors), strict=True)
    return _sums_of_squares([gradient * factor for gradient, factor in pairs]), factors


def _branch(condition: Tensor, then: Callable[..., Any], otherwise: Callable[..., Any], operands: list[Tensor]) -> Any:
    """`tf.cond`, which would slow the whole step down: its graph would be run by the executor for graphs that loop."""
    if tf.executing_eagerly():
        return (then if condition else otherwise)(*operands)
    shapes = [tf.TensorSpec(x.shape, x.dtype, name=f"operand_{i}") for i, x in enumerate(operands)]
    functions = [tf.function(f, autograph=False).get_concrete_function(*shapes) for f in (then, otherwise)]
    types = [output.dtype for output in functions[0].outputs]
    return tf.raw_ops.StatelessIf(
        cond=condition, input=operands, Tout=types, then_branch=functions[0], else_branch=functions[1]
    )


def _sums_of_squares(gradients: Iterable[Tensor]) -> Tensor:
    return 2.0 * tf.stack([_half_sum_of_squares(gradient) for gradient in gradients])


def _half_sum_of_squares(gradient: Tensor) -> Tensor:
    pieces, rest = divmod(gradient.shape.num_elements() or 0, LONGEST_SUM)
    if not pieces:
        return tf.nn.l2_loss(gradient)
    split = tf.split(tf.reshape(gradient, [-1]), [LONGEST_SUM] * pieces + [rest])
    return tf.add_n([tf.nn.l2_loss(piece) for piece in split])


def _dense(gradient: Tensor) -> Tensor:
    """The gradient in float32, or of an embedding the rows that it touches, each added up over its repetitions."""
    if not isinstance(gradient, tf.IndexedSlices):
        return tf.cast(gradient, tf.float32)
    order = tf.argsort(gradient.indices)
    indices = tf.gather(gradient.indices, order)
    values = tf.gather(tf.cast(gradient.values, tf.float32), order)
    runs = tf.cumsum(tf.cast(indices[1:] != indices[:-1], tf.int32))
    return tf.math.unsorted_segment_sum(values, tf.concat([[0], runs], 0), tf.size(indices))
