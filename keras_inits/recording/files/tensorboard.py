"""Scalars for TensorBoard, written with its own package, which needs no TensorFlow."""

import io
import os
import socket
import time
from pathlib import Path
from typing import Any, cast

import numpy as np

from keras_inits.recording.files import whole
from keras_inits.recording.trace import GradientTrace


class TensorBoardFolder:
    """A folder that TensorBoard shows: `global_norm`, `gradient/<layer>`, and `<quantity>/<layer>` of what is tracked.

    Each `append` is one unbuffered write of whole records: TensorBoard sees it at once, and a kill loses nothing of it.
    From the first appended step on, TensorBoard hides what an earlier training left in the folder; so one that goes on
    shows no step twice. Where there is no gradient there is no point. A point takes about ten microseconds, most of
    them for tensorboard's checksum, which is in Python.

    Args:
        path: The folder, which is made if it is not there.

    Raises:
        ImportError: If tensorboard is not installed.
        FileExistsError: If a file is there, or in the place of a folder above.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._event, self._writer = check_tensorboard(path)
        self._began = False
        Path(path).mkdir(parents=True, exist_ok=True)
        # TensorBoard reads the files of a folder in the order of their names.
        name = f"events.out.tfevents.{time.time_ns():019d}.{socket.gethostname()}.{os.getpid()}"
        self._file = open(Path(path, name), "xb", buffering=0)  # noqa: SIM115  # `close` closes it
        self._write([self._event(wall_time=time.time(), file_version="brain.Event:2")])

    def append(self, trace: GradientTrace) -> None:
        """Adds the trace's rows."""
        now = time.time()
        scalars = _scalars(trace)
        events = [
            self._event(wall_time=now, step=step, summary={"value": _row(scalars, row)})
            for row, step in enumerate(trace.steps.tolist())
        ]
        if events and not self._began:
            self._began = True
            events.insert(0, self._event(wall_time=now, step=events[0].step, session_log={"status": "START"}))
        self._write(events)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _write(self, events: list[Any]) -> None:
        records = io.BytesIO()
        writer = self._writer(records)
        for event in events:
            writer.write(event.SerializeToString())
        whole.write(self._file, records.getvalue())


def _scalars(trace: GradientTrace) -> dict[str, list[float | None]]:
    scalars = {"global_norm": _in_range(np.ma.MaskedArray(trace.global_norm))}
    for quantity, table in {"gradient": trace.norms, **trace.tracked}.items():
        scalars.update({f"{quantity}/{name}": _in_range(table[:, index]) for index, name in enumerate(trace.layers)})
    return scalars


def _in_range(values: np.ma.MaskedArray) -> list[float | None]:
    """TensorBoard's scalars are float32, in which a large number must not become infinite, nor a small one 0."""
    limits, data = np.finfo(np.float32), values.data
    near = np.copysign(np.clip(np.abs(data), limits.smallest_subnormal, limits.max), data)
    numbers = np.where(np.isfinite(data) & (data != 0), near, data)
    return cast(list[float | None], np.ma.MaskedArray(numbers, values.mask).tolist())


def _row(scalars: dict[str, list[float | None]], row: int) -> list[dict[str, Any]]:
    values = ((tag, column[row]) for tag, column in scalars.items())
    return [{"tag": tag, "simple_value": value} for tag, value in values if value is not None]


def check_tensorboard(path: str | os.PathLike[str]) -> tuple[Any, Any]:
    """Raises an error if no folder can be there; returns TensorBoard's event, and what frames events as records.

    Its EventFileWriter would import TensorFlow where that is installed, and write when its thread sees fit.
    """
    taken = next((one for one in (Path(path), *Path(path).parents) if one.is_file()), None)
    if taken is not None:
        raise FileExistsError(
            f"GradientNormLogger(filename={os.fspath(path)!r}) found the file {str(taken)!r}. It expects a folder for "
            "TensorBoard, or nothing, there. Pass another path, or one that ends in .csv or .jsonl for a file."
        )
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError as error:
        raise ImportError(
            f"GradientNormLogger(filename={os.fspath(path)!r}) found no tensorboard. It expects it to be installed "
            'for a folder. Install it with: pip install "keras_inits[tensorboard]"'
        ) from error
    return Event, RecordWriter
