"""Where rows go as training goes: a file, or a folder for TensorBoard."""

import os
import weakref
from pathlib import Path
from typing import Any

from keras_inits import backends
from keras_inits.recording import files
from keras_inits.recording.trace import GradientTrace

_CALLER = "GradientNormLogger(filename=...)"


class Sink:
    """A place that rows are appended to, by the first process of a job alone.

    Args:
        filename: Ends in `.csv` or `.jsonl`, or is a folder.

    Raises:
        TypeError: If it is no path.
        ValueError: If its suffix is another.
    """

    def __init__(self, filename: str | os.PathLike[str]) -> None:
        self._kind = files.kind_of(filename, _CALLER)
        self._path = Path(filename)
        self._began = False
        self._folder: Any = None

    def check(self) -> None:
        """Raises an error if nothing can be written there."""
        if self._kind == "tensorboard":
            files.check_tensorboard(self._path)
        else:
            files.check_folder(self._path, _CALLER)

    def begin(self, done: int) -> int:
        """Makes room for the first rows, and returns the number of their first step.

        A model that has trained before goes on where the file ends; a new one begins a new file.

        Args:
            done: How many steps the optimizer has made.
        """
        if self._began or not done or not self._path.exists():
            return 0
        if self._kind != "tensorboard" and backends.current().is_first_process():
            files.keep_before(self._path, done)
            self._began = True
        return done

    def append(self, block: GradientTrace) -> None:
        """Writes rows, whole ones only."""
        if not backends.current().is_first_process():
            return
        if self._kind == "tensorboard":
            if self._folder is None:
                self._folder = files.TensorBoardFolder(self._path)
                weakref.finalize(self, self._folder.close)  # also after an interrupt
            self._folder.append(block)
        elif self._began:
            files.append(self._path, block)
        else:
            files.save(self._path, block)
        self._began = True
