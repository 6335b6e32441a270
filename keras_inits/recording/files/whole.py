"""Bytes that reach a file whole or not at all."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path


def replace(path: Path, data: bytes, before: Callable[[int], None] = lambda inode: None) -> None:
    """Puts a new file in the place of one that may be there.

    Args:
        path: Where.
        data: What is in it.
        before: Is told the new file's inode before it takes its place.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        draft.write_bytes(data)
        before(draft.stat().st_ino)
        os.replace(draft, path)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def append(path: Path, data: bytes, end: int, before: bytes = b"") -> None:
    """Writes behind so many bytes of a file, in one call, so that a kill cuts off at most the last line.

    What is there behind them is what an interrupted write left. A disk that fills up takes a part; that part is taken
    back.

    Args:
        path: Of the file.
        data: What is written.
        end: How many bytes stay.
        before: What takes the place of the last ones of these, after that.
    """
    with open(path, "r+b", buffering=0) as file:
        file.truncate(end)
        file.seek(end)
        try:
            while data:
                data = data[file.write(data) :]
        except OSError:
            file.truncate(end)
            raise
        file.seek(end - len(before))
        file.write(before)
