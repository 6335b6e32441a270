"""The folder of finished runs: each under its key, so that runs of other settings lie beside it."""

import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from keras_inits.runs import files
from keras_inits.runs.key import Key
from keras_inits.runs.run import Run
from keras_inits.runs.task import Task


class Store:
    """Finished runs on disk.

    Args:
        directory: Where they lie; it is made, if need be.
        warn: Called with a sentence about a file that cannot be read, or written.

    Raises:
        OSError: If nothing can be written there.
    """

    def __init__(self, directory: Path, warn: Callable[[str], None] = warnings.warn) -> None:
        self._directory, self._warn = directory, warn
        self._waiting: list[tuple[Run, Key]] = []  # that could not be written yet
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=directory):
                pass
        except OSError as error:
            reason = f"{error.strerror}. Expected a directory that can be written. Choose another with output="
            raise OSError(error.errno, reason, os.fspath(directory)) from error

    def find(self, task: Task, key: Key) -> Run | None:
        """The run of this key, whoever kept it, if there is one and nothing of it is unseen; else None."""
        for file in self._files_of(key) if not key.unseen else ():
            try:
                run = files.read(file, key.settings)
            except (ValueError, OSError) as error:
                self._warn(f"{error} The run {task.name.title!r} is trained again, and its files are replaced.")
            else:
                if run is not None:
                    return replace(run, name=task.name, law=task.law, code=task.code)
        return None

    @property
    def is_complete(self) -> bool:
        """Whether all runs without a fault that were to be kept are written."""
        return not self._waiting

    def checksum(self, key: Key) -> str:
        """The SHA-256 of the `.json` files of a key, which in turn name those of the `.npz`."""
        return hashlib.sha256(b"".join(file.read_bytes() for file in self._files_of(key))).hexdigest()

    def names_of(self, key: Key) -> list[str]:
        """The names of the files of a key, without their endings."""
        return [file.stem for file in self._files_of(key)]

    def _files_of(self, key: Key) -> list[Path]:
        return sorted(self._directory.glob(f"*-{key.digest}.json"))

    def keep(self, run: Run, key: Key) -> None:
        """Writes a run; one with a fault is not kept. What cannot be written is told, and tried again with the next."""
        if not run.fault:
            self._waiting.append((run, key))
        try:
            self._write_all()
        except KeyboardInterrupt:  # a run that is finished is kept
            self._write_all()
            raise

    def _write_all(self) -> None:
        while self._waiting:
            run, key = self._waiting[0]
            try:
                files.write(run, key.settings, self._directory / f"{run.name.file_name}-{key.digest}.json")
            except (ValueError, OSError) as error:
                self._warn(
                    f"The run {run.name.title!r} cannot be kept: {error}. It is in the result, and is written with the "
                    "next run if that can be. Make room, or choose another directory."
                )
                return
            self._waiting.pop(0)
