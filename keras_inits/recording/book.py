"""A subscriber's records: the trace, the means of the running epoch, and blocks for sinks."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from keras_inits.backends.recording import Own
from keras_inits.recording.block import Block
from keras_inits.recording.quantities import SKIP
from keras_inits.recording.steps import Steps, global_norms
from keras_inits.recording.table import EMPTY, Table, thinned, with_room
from keras_inits.recording.trace import GradientTrace

MAX_NUMBERS = 2**23
"""How many numbers are kept in memory, at 9 bytes each 75 MB; beyond, every second step is let go."""


class Wants(NamedTuple):
    """A subscriber's request to the recorder."""

    per: str
    every: int
    quantities: tuple[str, ...]
    own: tuple[Own, ...]  # quantities of the user's own
    optimizers: tuple[str, ...] | None  # attributes of the model; None for all that it holds
    state: bool  # whether rows are to tell the state that their step began in
    prompt: bool  # whether a gradient that is not finite is to be told at once


@dataclass(frozen=True)
class Mean:
    """A sum and of how many."""

    total: float = 0.0
    count: int = 0

    def plus(self, total: float, count: int) -> "Mean":
        """With more in it."""
        return Mean(self.total + total, self.count + count)

    @property
    def value(self) -> float:
        """NaN where there is nothing."""
        return self.total / self.count if self.count else float("nan")


@dataclass(frozen=True)
class Epoch:
    """Sums over the running epoch's rows, without steps that were skipped."""

    norm: Mean = Mean()
    layers: dict[str, Mean] = field(default_factory=dict)
    rows: int = 0
    skipped: int = 0

    def plus(self, block: GradientTrace) -> "Epoch":
        """With a block more."""
        counted = block.outcomes != SKIP
        norms = block.norms[counted]
        with np.errstate(invalid="ignore"):  # an infinity less another is no number, and is to be seen
            total, sums = np.sum(global_norms(norms)), norms.filled(0.0).sum(axis=0)
        counts = len(norms) - np.ma.getmaskarray(norms).sum(axis=0)
        layers = dict(self.layers)
        for name, one, count in zip(block.layers, sums.tolist(), counts.tolist(), strict=True):
            layers[name] = layers.get(name, Mean()).plus(one, count)
        skipped = self.skipped + len(block) - len(norms)
        return Epoch(self.norm.plus(float(total), len(norms)), layers, self.rows + len(block), skipped)


@dataclass(frozen=True)
class Content:
    """All of a book. It is replaced in one assignment, so that an interrupt leaves the old or the new."""

    seen: int = 0
    table: Table = EMPTY
    rows: int = 0
    epoch: Epoch = Epoch()
    waiting: tuple[Block, ...] = ()  # that not all sinks have
    first_waiting: int = 0  # the number of the first of them
    layers: tuple[str, ...] = ()  # of the last block


class Book:
    """The rows of one subscriber, over all of its fits.

    Args:
        wants: What is recorded for it.
        keeps_blocks: Whether blocks wait until `forget` lets them go.
    """

    def __init__(self, wants: Wants, keeps_blocks: bool = False) -> None:
        self.wants = wants
        self.ahead = 0  # by how much its count of steps is ahead of the recorder's
        self.steps = 0  # how many were trained while it was subscribed
        self._keeps_blocks = keeps_blocks
        self._content = Content()
        # One thread replaces the content at a time; any may read it. A thread may come again while it holds the lock:
        # by a handler of signals that reads the trace, or a logger that is let go in the middle of something.
        self._lock = threading.RLock()

    @property
    def seen(self) -> int:
        """The number of the recorder's first row that it has not got."""
        return self._content.seen

    def join(self, seen: int, ahead: int) -> None:
        """Begins with this row of a recorder."""
        with self._lock:
            self.ahead, self._content = ahead, replace(self._content, seen=seen)

    def receive(self, block: Block | None, seen: int) -> None:
        """Keeps a block, and that all rows before this one were got."""
        with self._lock:
            while (old := self._content).seen < seen:
                new = self._with(old, block, seen)
                if self._content is old:  # or this thread came again, and all of it is to be done anew
                    self._content = new

    def _with(self, old: Content, block: Block | None, seen: int) -> Content:
        if block is None or not len(block):
            return replace(old, seen=seen)
        table, rows = old.table, old.rows
        if not table.takes(block, rows):
            table = with_room(table, rows, block)
        table.put(block, rows)
        rows += len(block)
        if rows * table.numbers > MAX_NUMBERS:
            table, rows = thinned(table, rows)
        waiting = (*old.waiting, block) if self._keeps_blocks else ()
        return Content(seen, table, rows, old.epoch.plus(block), waiting, old.first_waiting, block.layers)

    def begin_epoch(self) -> None:
        """Begins the means anew."""
        with self._lock:
            self._content = replace(self._content, epoch=Epoch())

    @property
    def epoch(self) -> Epoch:
        """The running epoch."""
        return self._content.epoch

    @property
    def last_layers(self) -> Sequence[str]:
        """The names of the layers in the last rows."""
        return self._content.layers

    def restore(self, trace: Steps) -> None:
        """Has the rows that another book had."""
        if len(trace):
            table = with_room(EMPTY, 0, trace)
            table.put(trace, 0)
            self._content = replace(self._content, table=table, rows=len(trace), layers=trace.layers)

    def blocks_from(self, number: int) -> list[tuple[int, Block]]:
        """The blocks from this number on, with their numbers."""
        content = self._content
        pairs = enumerate(content.waiting, content.first_waiting)
        return [(place, block) for place, block in pairs if place >= number]

    @property
    def next_block(self) -> int:
        """The number of the block that comes next."""
        return self._content.first_waiting + len(self._content.waiting)

    def forget(self, number: int) -> None:
        """Lets the blocks before this number go."""
        with self._lock:
            content = self._content
            first = max(min(number, self.next_block), content.first_waiting)
            left = content.waiting[first - content.first_waiting :]
            self._content = replace(content, waiting=left, first_waiting=first)

    def trace(self) -> GradientTrace:
        """All that is kept."""
        content = self._content
        return content.table.trace(content.rows)
