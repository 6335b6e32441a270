"""Rows from the device to the subscribers, each row to each of them once."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np

from keras_inits.backends.recording import FetchedRows, Rows
from keras_inits.recording.block import Block
from keras_inits.recording.book import Wants
from keras_inits.recording.reading import Reader


class Subscriber(Protocol):
    """Who gets rows."""

    wants: Wants
    ahead: int
    """By how much its count of steps is ahead of the recorder's."""
    steps: int
    """How many steps it counts."""

    @property
    def seen(self) -> int:
        """The number of the first row that it has not got."""

    def join(self, seen: int, ahead: int) -> None:
        """Begins with this row of a recorder."""

    def receive(self, block: Block | None, seen: int) -> None:
        """Keeps a block, and `seen`, in one assignment: an interrupt must leave both or neither."""


class Member(NamedTuple):
    """A subscriber, and for each optimizer that is recorded whether its rows are wanted."""

    subscriber: Subscriber
    optimizers: tuple[bool, ...]


class Chunk(NamedTuple):
    """Rows as they were fetched."""

    end: int  # the number of the row after them
    rows: FetchedRows
    reader: Reader


class Collected(NamedTuple):
    """The rows fetched so far. It is replaced in one assignment, so that an interrupt leaves the old or the new."""

    source: Rows | None = None
    from_row: int = 0  # of the source: the first that was not fetched
    next_row: int = 0  # the number of the next row, over all sources
    chunks: tuple[Chunk, ...] = ()  # that not all subscribers have


class Fetched(NamedTuple):
    """The result of one fetch."""

    steps: np.ndarray  # of its rows
    lost: int = 0  # how many rows had found no room


NOTHING = Fetched(np.zeros(0, np.int64))


class Handout:
    """Fetches rows, and hands them to subscribers."""

    def __init__(self) -> None:
        self._collected = Collected()

    @property
    def next_row(self) -> int:
        """The number of the row that comes next."""
        return self._collected.next_row

    @property
    def source(self) -> Rows | None:
        """Where rows come from now."""
        return self._collected.source

    def change_source(self, rows: Rows) -> None:
        """Takes rows from here, and only those that are not there already."""
        self._collected = self._collected._replace(source=rows, from_row=rows.count)

    def fetch(self, reader: Reader, wait: bool) -> Fetched:
        """Fetches all rows, or those that are computed already."""
        old = self._collected
        if old.source is None:
            return NOTHING
        end, rows = old.source.fetch(old.from_row, wait)
        if rows is None:
            return NOTHING
        next_row = old.next_row + len(rows)
        chunk = Chunk(next_row, rows, reader)
        self._collected = old._replace(from_row=end, next_row=next_row, chunks=(*old.chunks, chunk))
        return Fetched(rows.steps, end - old.from_row - len(rows))

    def hand_out(self, members: Sequence[Member], lost: Collection[str]) -> None:
        """Gives each subscriber what it has not got, without quantities whose function failed."""
        for chunk in self._collected.chunks:
            for member in members:
                if member.subscriber.seen < chunk.end:
                    member.subscriber.receive(_block(chunk, member, lost), chunk.end)
        self._collected = self._collected._replace(chunks=())


def _block(chunk: Chunk, member: Member, lost: Collection[str]) -> Block | None:
    subscriber, rows = member.subscriber, chunk.rows
    wants, steps = subscriber.wants, rows.steps + subscriber.ahead
    wanted = np.array(member.optimizers, bool)[rows.optimizers] & (steps % wants.every == 0)
    if not wanted.any():
        return None
    chosen = replace(rows, steps=steps).where(wanted)
    return chunk.reader.read(chosen, wants.per, wants.quantities, wants.own, lost)
