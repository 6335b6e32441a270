"""Where TensorFlow's recording step leaves its rows."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

Tensor = Any


class Ring:
    """The last rows, held by the device until they are fetched, and how many steps and rows there were.

    Args:
        strategy: Of whose replicas the first one's rows are held.
        capacity: How many rows it holds.
    """

    def __init__(self, strategy: tf.distribute.Strategy, capacity: int) -> None:
        self._strategy, self._capacity = strategy, capacity
        self._counts = self._variable(np.zeros(2, np.int64))  # of steps, and of rows
        self._rows: tf.Variable | None = None

    @property
    def is_made(self) -> bool:
        """Whether there is room for rows; the first trace may be the first to know how wide one is."""
        return self._rows is not None

    def make(self, width: int) -> None:
        """Makes room for rows of so many numbers, in float64, which holds the number of any step."""
        self._rows = self._variable(np.zeros((self._capacity, width), np.float64))

    @property
    def step(self) -> Tensor:
        """The number of the step, in its trace."""
        return self._counts[0]

    def write(self, row: Callable[[], Tensor], due: Tensor) -> None:
        """Puts a row into its place, if one is due; in the trace of a step."""
        rows: Any = self._rows
        slot = self._counts[1] % self._capacity

        def write() -> Tensor:
            rows.scatter_nd_update([[slot]], [row()])
            return due

        if self._strategy.num_replicas_in_sync > 1:  # where neither a branch nor an indexed write may hold a variable
            here = due & tf.equal(tf.range(self._capacity, dtype=tf.int64), slot)
            rows.assign(tf.where(here[:, None], row()[None], rows))
        elif tf.get_static_value(due):
            write()
        else:
            tf.cond(due, write, lambda: due)

    def count(self, steps: int, rows: Tensor) -> None:
        """Counts so many steps and rows more; in the trace of a step."""
        self._counts.assign_add(tf.stack([tf.constant(steps, tf.int64), tf.cast(rows, tf.int64)]))

    def start(self, step: int) -> None:
        """Goes on counting steps from here."""
        self._counts.assign(np.array([step, self._counts.numpy()[1]]))

    def counts(self) -> tuple[int, int]:
        """How many steps and rows there were."""
        steps, rows = self._counts.numpy().tolist()
        return steps, rows

    def rows(self, first: int, end: int) -> np.ndarray:
        """Those of these rows that are still held."""
        held = np.arange(max(first, end - self._capacity), end)
        return np.zeros((0, 0)) if self._rows is None else self._rows.numpy()[held % self._capacity]

    def _variable(self, value: Any) -> tf.Variable:
        # The first trace may be what creates the model's variables, and so the first to know how wide a row is.
        with tf.init_scope(), self._strategy.scope():
            first = tf.VariableAggregation.ONLY_FIRST_REPLICA
            return tf.Variable(value, trainable=False, aggregation=first, name="keras_inits_recording")
