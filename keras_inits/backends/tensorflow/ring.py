"""Where the rows of TensorFlow's recording step wait."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_inits.backends.recording import FetchedRows, Plan, parted, unscaled
from keras_inits.backends.tensorflow.measures import parted_measures, width_of

Tensor = Any

STEPS, ROWS, SHIFT, NONFINITE = range(4)


class Room(NamedTuple):
    """Room for rows. It is replaced in one assignment, so that an interrupt leaves the old one or the new one whole."""

    columns: int = 0  # the first trace may be the first to know how many there are
    widths: tuple[int, ...] = ()  # of the parts of a row
    rows: tf.Variable | None = None


class Ring:
    """The last rows, held by the device until they are fetched, and how many steps and rows there were.

    Args:
        strategy: Of whose replicas the first one's rows are held.
        capacity: How many rows it holds.
        plan: What is in a row.
    """

    def __init__(self, strategy: tf.distribute.Strategy, capacity: int, plan: Plan) -> None:
        self.failure: Exception | None = None
        self.lost: dict[str, Exception] = {}
        self.interrupt: BaseException | None = None
        self._strategy, self._capacity = strategy, capacity
        self._measures, self._own = plan.measures, plan.own
        self._counts = self._variable(np.zeros(4, np.int64))
        self._room = Room()
        self._seen_nonfinite = 0
        self._on_host = "CPU" in self._counts.device

    def make(self, columns: int, own: Sequence[int], state: int) -> None:
        """Makes room for rows of so many numbers, in float64, which holds the number of any step."""
        widths = (width_of(self._measures) * columns, *own, state, 1, 1, 1, 1)
        self._room = Room(columns, widths, self._variable(np.zeros((self._capacity, sum(widths)), np.float64)))

    @property
    def columns(self) -> int:
        """For how many columns of each measure there is room."""
        return self._room.columns

    @property
    def step(self) -> Tensor:
        """The number of the step, in its trace."""
        return self._counts[STEPS]

    @property
    def shift(self) -> Tensor:
        """The offset that is added to a step's number to tell whether it is due."""
        return self._counts[SHIFT]

    def write(self, row: Callable[[], tuple[Tensor, Tensor]], due: Tensor) -> None:
        """Puts a row into its place, if one is due, and counts it; in the trace of a step.

        Args:
            row: Its numbers, and whether its gradients are finite.
            due: Whether it is.
        """
        rows: Any = self._room.rows
        slot = self._counts[ROWS] % self._capacity

        def write() -> Tensor:
            numbers, finite = row()
            with tf.control_dependencies([rows.scatter_nd_update([[slot]], [numbers])]):
                return self._counted(finite)

        if self._strategy.num_replicas_in_sync > 1:  # where neither a branch nor an indexed write may hold a variable
            numbers, finite = row()
            here = due & tf.equal(tf.range(self._capacity, dtype=tf.int64), slot)
            rows.assign(tf.where(here[:, None], numbers[None], rows))
            self._counts.assign_add(tf.where(due, self._counted(finite), tf.zeros(4, tf.int64)))
        elif tf.get_static_value(due):
            self._counts.assign_add(write())
        else:
            self._counts.assign_add(tf.cond(due, write, lambda: tf.zeros(4, tf.int64)))

    def count_step(self) -> None:
        """Counts a step; in its trace."""
        self._counts.assign_add(tf.constant([1, 0, 0, 0], tf.int64))

    def start(self, step: int, shift: int) -> None:
        """Counts steps on from here."""
        counts = _numbers(self._counts)
        self._counts.assign(np.array([step, counts[ROWS], shift, counts[NONFINITE]]))

    @property
    def steps(self) -> int:
        """How many steps were trained, recorded or not."""
        return int(_numbers(self._counts)[STEPS])

    @property
    def count(self) -> int:
        """How many rows there were."""
        return int(_numbers(self._counts)[ROWS])

    def due(self) -> int:
        """The number of the next step, as it counts for whether it is due."""
        counts = _numbers(self._counts)
        return int(counts[STEPS] + counts[SHIFT])

    def fetch(self, since: int, wait: bool) -> tuple[int, FetchedRows | None]:
        """The number of the row after these: from row `since` on those that are still held; always waits.

        A row whose step was not counted is left: its step still runs, or it is of a fit that was not recorded, with a
        function of the user's own that keeps what it was traced with.
        """
        steps, count = _numbers(self._counts)[[STEPS, ROWS]].tolist()
        held = np.arange(max(since, count - self._capacity), count)
        room = self._room
        if room.rows is None or not len(held):
            return count, None
        rows = self._read(_numbers(room.rows)[held % self._capacity], room.widths)
        counted = rows.steps < steps
        return int(held[0] + counted.sum()), rows.where(counted) if counted.any() else None

    def nonfinite(self) -> bool:
        """Whether a gradient that was not finite is known of since this was asked last; on another device, never."""
        if not self._on_host:
            return False
        count = int(_numbers(self._counts)[NONFINITE])
        found, self._seen_nonfinite = count > self._seen_nonfinite, count
        return found

    def _read(self, table: np.ndarray, widths: tuple[int, ...]) -> FetchedRows:
        measured, *values = parted(table, widths)
        *own, state, scales, steps, optimizers, calls = values
        heads = tuple(part[:, 0].astype(np.int64) for part in (steps, optimizers, calls))
        measures = unscaled(parted_measures(measured, self._measures), scales[:, 0])
        return FetchedRows(heads[0], heads[1], heads[2], state, measures, dict(zip(self._own, own, strict=True)))

    def _counted(self, finite: Tensor) -> Tensor:
        return tf.stack([tf.constant(0, tf.int64), 1, 0, tf.cast(~finite, tf.int64)])

    def _variable(self, value: Any) -> tf.Variable:
        # The first trace may be what creates the model's variables, and so the first to know how wide a row is.
        with tf.init_scope(), self._strategy.scope():
            first = tf.VariableAggregation.ONLY_FIRST_REPLICA
            return tf.Variable(value, trainable=False, aggregation=first, name="keras_inits_recording")


def _numbers(variable: tf.Variable) -> np.ndarray:
    """The value of a variable, also while something is traced: a logger that is let go then still gives its rows."""
    with tf.init_scope():
        return variable.numpy()  # type: ignore[no-any-return]
