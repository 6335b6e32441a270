"""Bytes that reach a file whole or not at all."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path


def replace(path: Path, data: bytes, before: Callable[[int], None] = lambda inode: None) -> None:
    """Puts a new file in the place of one that may be there.

    Args:
        path: Where.
        data: What is in it.
        before: Is told the new file's inode before it takes its place.
    """
    with draft_of(path) as draft:
        draft.write_bytes(data)
        before(draft.stat().st_ino)


@contextlib.contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """A file to write, which takes the place of this one when the block ends, and is removed if it fails."""
    draft = path.with_name(f".{os.getpid()}.draft.{path.name}")  # with its suffix, which may say the format
    try:
        yield draft
        os.replace(draft, path)
    except OSError as error:  # which may name the draft, or no file
        raise OSError(error.errno, error.strerror or str(error), os.fspath(path)) from error
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
