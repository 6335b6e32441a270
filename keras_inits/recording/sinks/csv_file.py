"""A text file that rows are appended to, of one training alone."""

import itertools
import os
import warnings
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from keras_inits import whole
from keras_inits.recording.block import Block
from keras_inits.recording.files import check_folder, csv
from keras_inits.recording.files.csv import Content, Mark
from keras_inits.recording.sinks import Start
from keras_inits.recording.sinks.lock import Lock
from keras_inits.recording.trace import GradientTrace

_written: set[Path] = set()
"""The files that this process has written, which another logger does not replace."""

_writers: "weakref.WeakValueDictionary[Path, CsvFile]" = weakref.WeakValueDictionary()
"""Who writes which file in this process."""


class Extent(NamedTuple):
    """How long a file is."""

    size: int
    rows: int
    last: bytes  # line

    def plus(self, lines: bytes, rows: int) -> "Extent":
        """With so many lines more."""
        return Extent(self.size + len(lines), self.rows + rows, lines[lines.rfind(b"\n", 0, -1) + 1 :])


class Done(NamedTuple):
    """The last write: its bytes, the file's length before and after, and the file's identity in the system."""

    block: GradientTrace | None
    inode: int
    before: Extent
    after: Extent
    columns: tuple[str, ...]


class CsvFile:
    """A file that ends in `.csv`, for one training: another one gets another name, with a warning.

    A training that goes on in a file is known by the state that it begins in: each row has a word for the state before
    its step, and the last row of an epoch one for the state after it.

    Args:
        path: Where it is to be.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        self._done: Done | None = None
        self._planned: Done | None = None  # what takes the place of the file now
        self._marks: dict[int, Mark] = {}  # for the row of a step, the state after it
        self._process = os.getpid()  # which writes it

    def check(self) -> None:
        """Raises an error if there is no folder for it."""
        check_folder(self.path, "GradientNormLogger(sinks=...)")

    def begin(self, start: Start) -> int:
        """Goes on in a file of the same training, or begins another."""
        if self._done is not None:
            return 0
        for candidate in self._candidates():
            self.path = candidate
            found = self._content() if candidate.exists() else None
            first = None if found is None else _resumed_at(found, start)
            if not self._take(resumes=first is not None):
                reason = "another logger or process is writing it"
            elif not candidate.exists():
                return 0
            elif found is not None and first is not None:
                self._keep_before(found, first, start)
                return first
            elif found is not None and not start.steps and not start.resume and candidate not in _written:
                return 0  # the first rows replace it
            else:
                self.close()
                reason = "it holds no gradient norms" if found is None else "it holds the rows of another training"
            self._warn_of(candidate, reason)
        raise AssertionError  # there is always another name

    def append(self, rows: GradientTrace) -> None:
        """Writes rows, whole ones only; those that are written already once."""
        self._recover()
        done = self._done
        if self._process != os.getpid():
            self._begin_anew(rows, "belongs to the process that this one was forked from")
            return
        if done is None:
            self._rewrite(rows, None)
            return
        if self._inode() != done.inode:
            gone = not self.path.exists()
            self._begin_anew(rows, f"was {'deleted' if gone else 'replaced by another file'} while it was writing it")
            return
        end = done.before if done.block is rows else done.after
        needed = csv.columns_for(rows.layers, tuple(rows.tables))
        if not set(needed) <= set(done.columns):
            self._rewrite(rows, csv.read(self.path.read_bytes()[: end.size]))
            return
        data = csv.lines(rows, done.columns, self._marks_of(rows), end.rows)
        whole.append(self.path, data, end.size, csv.continued(end.last, done.columns))
        self._done = Done(rows, done.inode, end, end.plus(data, len(rows)), done.columns)

    def close(self) -> None:
        """Lets others write the file."""
        if _writers.get(self.path) is self and self._process == os.getpid():
            del _writers[self.path]
            Lock(self.path).give_back()

    def mark(self, last_step: int, mark: Mark) -> None:
        """Notes the state after a step; it is written with the row of that step, or the last one before it."""
        self._marks = {last_step: mark}

    def _take(self, resumes: bool = False) -> bool:
        """Whether nobody else writes the file, in another process or this one, where the same training may go on."""
        other = _writers.get(self.path, self)
        if other is not self and not resumes and (other._done is None or self.path.exists()):
            return False
        if not Lock(self.path).take():
            return False
        _writers[self.path], self._process = self, os.getpid()
        return True

    def _marks_of(self, rows: GradientTrace) -> list[list[Mark]]:
        words: Sequence[str] = rows.states if isinstance(rows, Block) else [""] * len(rows)
        marks = [[Mark(step, word)] if word else [] for step, word in zip(rows.steps.tolist(), words, strict=True)]
        if len(rows) and self._marks:
            ((last, mark),) = self._marks.items()
            if rows.steps[-1] <= last:
                marks[-1].append(mark)
        return marks

    def _rewrite(self, rows: GradientTrace | None, old: Content | None) -> None:
        """Puts a file in the place of the one that is there, or is not: with its rows, and these behind them."""
        tables = [one for one in (old.trace if old else None, rows) if one is not None]
        layers = dict.fromkeys(name for trace in tables for name in trace.layers)
        quantities = dict.fromkeys(name for trace in tables for name in trace.tables)
        columns = csv.columns_for(list(layers), list(quantities))
        data = csv.header(columns)
        before = Extent(len(data), 0, b"")
        if old is not None:
            lines = csv.lines(old.trace, columns, old.marks)
            data, before = data + lines, before.plus(lines, len(old.trace))
        after = before
        if rows is not None:
            lines = csv.lines(rows, columns, self._marks_of(rows), before.rows)
            data = data[: before.size - len(before.last)] + csv.continued(before.last, columns) + lines
            after = before.plus(lines, len(rows))

        def plan(inode: int) -> None:
            self._planned = Done(rows, inode, before, after, tuple(columns))

        whole.replace(self.path, data, plan)
        self._recover()

    def _recover(self) -> None:
        """Takes note of a file that took its place, also if an interrupt came right after that."""
        if self._planned is not None and self._planned.inode == self._inode():
            self._done = self._planned
            _written.add(self.path)
        self._planned = None

    def _inode(self) -> int | None:
        try:
            return self.path.stat().st_ino
        except FileNotFoundError:
            return None

    def _begin_anew(self, rows: GradientTrace, what: str) -> None:
        named = str(self.path)
        if self._process != os.getpid() or self.path.exists():
            self.close()
            for self.path in self._candidates():  # noqa: B020
                if not self.path.exists() and self._take():
                    break
        self._rewrite(rows, None)  # if this fails, it comes again with the next rows, and is told then
        warnings.warn(
            f"GradientNormLogger found that {named!r} {what}. It expects to be alone in "
            f"its file. The rows from step {rows.steps[0]} on go to {str(self.path)!r}; the trace has all of them.",
            stacklevel=2,
        )

    def _candidates(self) -> Iterator[Path]:
        path = self.path
        yield path
        for number in itertools.count(2):
            yield path.with_name(f"{path.stem}-{number}{path.suffix}")

    def _content(self) -> Content | None:
        try:
            return csv.read(self.path.read_bytes())
        except (ValueError, LookupError):
            return None

    def _keep_before(self, found: Content, first: int, start: Start) -> None:
        kept = found.trace.steps < first
        last = int(found.trace.steps[kept][-1])
        missing = range(last + start.every, first, start.every)
        if len(missing):
            warnings.warn(
                f"GradientNormLogger goes on at step {first} in {str(self.path)!r}, which has no rows of the steps "
                f"{missing[0]} to {missing[-1]}: training was cut off before they were written. It expects rows up to "
                "where training goes on. Nothing can bring them back; the rows that come are right.",
                stacklevel=2,
            )
        marks = [
            [mark for mark in row if mark.step <= first] for row, keeps in zip(found.marks, kept, strict=True) if keeps
        ]
        self._rewrite(None, Content(found.trace[kept], found.columns, marks, [], None))

    def _warn_of(self, candidate: Path, reason: str) -> None:
        warnings.warn(
            f"GradientNormLogger does not write {str(candidate)!r}: {reason}. It expects a file of its own, or that of "
            "a training that goes on. The rows go to a file with a number behind its name. Pass another path, or "
            "resume=True if this training goes on in that file.",
            stacklevel=2,
        )


def _resumed_at(found: Content, start: Start) -> int | None:
    """The step at which a training goes on whose rows are in a file; None for another one."""
    states = {mark.word: mark.step for row in found.marks for mark in row}
    if start.state in states:
        first = states[start.state]
    elif start.resume:
        first = start.steps
    else:
        return None
    return first if len(found.trace) and (found.trace.steps < first).any() else None
