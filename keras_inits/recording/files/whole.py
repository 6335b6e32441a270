"""Bytes that reach a file whole or not at all."""

import os
from pathlib import Path
from typing import BinaryIO


def replace(path: Path, data: bytes) -> None:
    """Puts a new file in the place of one that may be there."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        draft.write_bytes(data)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def append(path: Path, data: bytes) -> None:
    """Adds whole lines to a file."""
    with open(path, "ab", buffering=0) as file:
        write(file, data)


def write(file: BinaryIO, data: bytes) -> None:
    """Writes at the end of an unbuffered file in one call, so that a kill cuts off at most the last line.

    A disk that fills up takes a part; that part is taken back.
    """
    end = file.seek(0, os.SEEK_END)
    try:
        while data:
            data = data[file.write(data) :]
    except OSError:
        file.truncate(end)
        raise
