"""Blocks to sinks: each once, and again with the next ones if a sink failed."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_inits import backends
from keras_inits._names import one_line, printable, shown
from keras_inits.recording.book import Book
from keras_inits.recording.files.csv import Mark
from keras_inits.recording.sinks import Sink, Start
from keras_inits.recording.sinks.csv_file import CsvFile

_EXPECTED = "paths that end in .csv, and sinks: objects with the methods check, begin, append and close"
_METHODS = ("check", "begin", "append", "close")


class Delivery:
    """Brings the blocks of a book to one sink, in the first process of a job alone.

    Args:
        sink: Where to.
        name: What it is called in messages.
    """

    def __init__(self, sink: Sink, name: str) -> None:
        self._sink, self._name = sink, name
        self.sent = 0  # how many blocks it has
        self._told = False

    @property
    def knows_state(self) -> bool:
        """Whether the sink knows by a state which training goes on."""
        return isinstance(self._sink, CsvFile)

    def check(self) -> None:
        """Raises what the sink says before training."""
        self._sink.check()

    def begin(self, start: Start) -> int:
        """The number of the first step."""
        if not backends.current().is_first_process():
            return 0
        try:
            return int(self._sink.begin(start) or 0)
        except Exception as error:  # training does not depend on it
            self._tell(error)
            return 0

    def skip(self, book: Book) -> None:
        """Sends nothing of what a book has by now."""
        self.sent = book.next_block

    def deliver(self, book: Book) -> None:
        """Sends what was not sent."""
        if not backends.current().is_first_process():
            self.skip(book)
            return
        for number, block in book.blocks_from(self.sent):
            try:
                self._sink.append(block)
            except Exception as error:  # training does not depend on it; it is tried again with the next rows
                self._tell(error)
                return
            self.sent = number + 1

    def mark(self, last_step: int, mark: Mark) -> None:
        """Notes the state of the training after a step."""
        if isinstance(self._sink, CsvFile):
            self._sink.mark(last_step, mark)

    def close(self) -> None:
        """Ends the sink."""
        try:
            self._sink.close()
        except Exception as error:
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        if not self._told:
            self._told = True
            warnings.warn(
                f"GradientNormLogger could not write to {self._name}: {type(error).__name__}: {one_line(str(error))}. "
                "It expects to be able to. Training goes on, and the rows are kept and written with the next ones. "
                "Make room, or give leave to write there.",
                stacklevel=2,
            )


def deliveries(sinks: Any) -> list[Delivery]:
    """One for each sink or path.

    Raises:
        TypeError: If one is neither a path nor a sink.
        ValueError: If a path ends in something else, or is remote.
    """
    given = [sinks] if isinstance(sinks, (str, os.PathLike)) or _is_sink(sinks) else sinks
    if not isinstance(given, Sequence):
        raise _wrong(sinks)
    return [_delivery(one) for one in given]


def _delivery(sink: Any) -> Delivery:
    if isinstance(sink, (str, os.PathLike)):
        path = os.fspath(sink)
        if "://" in path:
            raise ValueError(
                f"GradientNormLogger(sinks=...) received {shown(path)}, which is not a path of this machine. It "
                f'expects {_EXPECTED}. Write to a local path, such as "norms.csv", and copy the file when '
                "training has ended."
            )
        if Path(path).suffix != ".csv":
            better = f"{printable(Path(path).stem) or 'gradients'}.csv"
            raise ValueError(
                f"GradientNormLogger(sinks=...) received {shown(path)}. It expects {_EXPECTED}. Pass "
                f'"{better}", or keras_inits.TensorBoardSink({shown(path)}) for a folder.'
            )
        file = CsvFile(path)
        return Delivery(file, repr(str(file.path)))
    if not _is_sink(sink):
        raise _wrong(sink)
    return Delivery(sink, shown(sink))


def _is_sink(sink: Any) -> bool:
    return not isinstance(sink, type) and all(callable(getattr(sink, name, None)) for name in _METHODS)


def _wrong(sink: Any) -> TypeError:
    return TypeError(
        f"GradientNormLogger(sinks=...) received {shown(sink)}, of type {type(sink).__name__}. It expects {_EXPECTED}. "
        'Pass a path, such as "norms.csv", a sink, or a list of them.'
    )
