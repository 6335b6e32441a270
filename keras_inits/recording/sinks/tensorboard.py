"""Scalars for TensorBoard, written with its own package, which needs no TensorFlow."""

import io
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_inits import whole
from keras_inits.extras import missing
from keras_inits.recording.sinks import Start
from keras_inits.recording.sinks.scalars import scalars_of
from keras_inits.recording.trace import GradientTrace


class TensorBoardSink:
    """A folder that TensorBoard shows: `global_norm`, `gradient/<layer>`, and `<quantity>/<layer>` of what is tracked.

    Rows are whole records, and TensorBoard sees them at once. From the first step on, TensorBoard hides what an earlier
    training left in the folder; so one that goes on shows no step twice. Where there is no gradient there is no point.
    A point takes about ten microseconds, most of them for tensorboard's checksum, which is in Python.

    Args:
        path: The folder, which is made if it is not there.

    Raises:
        TypeError: If it is no path.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, str | os.PathLike):
            raise TypeError(
                f"TensorBoardSink received path={path!r}, of type {type(path).__name__}. It expects a folder. Pass a "
                'string or a pathlib.Path, such as "logs/gradients".'
            )
        self.path = Path(path).absolute()
        self._file: Path | None = None
        self._process = 0  # which made it
        self._size = self._before = 0  # of the file, after and before the last rows
        self._last: GradientTrace | None = None

    def __repr__(self) -> str:
        """The call that makes it."""
        return f"TensorBoardSink({str(self.path)!r})"

    def check(self) -> None:
        """Raises an error if no folder can be there, or tensorboard is not installed.

        Raises:
            ImportError: If tensorboard is not installed.
            FileExistsError: If a file is there, or in the place of a folder above.
        """
        taken = next((one for one in (self.path, *self.path.parents) if one.is_file()), None)
        if taken is not None:
            raise FileExistsError(
                f"TensorBoardSink({str(self.path)!r}) found the file {str(taken)!r}. It expects a folder for "
                'TensorBoard, or nothing, there. Pass another path, or sinks="norms.csv" for a file.'
            )
        _packages()

    def begin(self, start: Start) -> int:
        """Begins at step 0, unless the user says that a training goes on."""
        return start.steps if start.resume else 0

    def append(self, rows: GradientTrace) -> None:
        """Adds rows, each a record of its own, in one write."""
        if self._file is None or not self._file.exists() or self._process != os.getpid():
            self._file, self._size, self._before = self._new_file(), 0, 0
            self._process = os.getpid()
        if rows is not self._last:
            self._before, self._last = self._size, rows
        now, first = time.time(), self._before == 0
        event, _ = _packages()
        events = [
            event(wall_time=now, step=step, summary={"value": _values(scalars)})
            for step, scalars in scalars_of(rows, _in_range)
        ]
        if events and first:
            started = event(wall_time=now, step=events[0].step, session_log={"status": "START"})
            events = [event(wall_time=now, file_version="brain.Event:2"), started, *events]
        data = _records(events)
        whole.append(self._file, data, self._before)
        self._size = self._before + len(data)

    def close(self) -> None:
        """Has nothing to close: the file is open only while it is written."""

    def _new_file(self) -> Path:
        self.path.mkdir(parents=True, exist_ok=True)
        # TensorBoard reads the files of a folder in the order of their names.
        file = self.path / f"events.out.tfevents.{time.time_ns():019d}.{socket.gethostname()}.{os.getpid()}"
        file.touch()
        return file


def _records(events: list[Any]) -> bytes:
    file = io.BytesIO()
    writer = _packages()[1](file)
    for event in events:
        writer.write(event.SerializeToString())
    return file.getvalue()


def _values(scalars: Mapping[str, float]) -> list[dict[str, Any]]:
    return [{"tag": tag, "simple_value": value} for tag, value in scalars.items()]


def _in_range(values: np.ma.MaskedArray) -> np.ma.MaskedArray:
    """TensorBoard's scalars are float32, in which a large number must not become infinite, nor a small one 0."""
    limits, data = np.finfo(np.float32), values.data
    near = np.copysign(np.clip(np.abs(data), limits.smallest_subnormal, limits.max), data)
    numbers = np.where(np.isfinite(data) & (data != 0), near, data)
    return np.ma.MaskedArray(numbers, values.mask)


def _packages() -> tuple[Any, Any]:
    """TensorBoard's event, and what frames events as records.

    Its EventFileWriter would import TensorFlow where that is installed, and write when its thread sees fit.
    """
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError as error:
        raise missing("TensorBoardSink", "tensorboard", '"keras_inits[tensorboard]"') from error
    return Event, RecordWriter
