"""The values of options: checks that typer does not have, each with an error in three parts."""

import difflib
import importlib.util
import os
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import typer

BACKENDS = ("tensorflow", "jax", "torch")
ACTIVATIONS = ("tanh", "relu")
STARTS = ("zeros", "normal-10", "normal-0.01", "uniform-0.05", "lecun", "glorot", "he", "orthogonal")
FILES = ("report.html", "gradient_norms.png")
"""The names of the files that `compare` writes, and writes again."""
OURS = (b"keras_inits", b"keras-inits")
"""One of these is in each of those files."""


def one_of(names: Sequence[str]) -> Callable[[str], str]:
    """Returns a parser of one name out of several, which guesses the one that was meant."""

    def parse(text: str) -> str:
        if text in names:
            return text
        meant = guess(text, names)
        refuse(text, f"one of {', '.join(names)}", f"Did you mean {meant}?" if meant else "Choose one of these.")

    return parse


def installed_backend(text: str) -> str:
    """Parses the name of a backend, which must be installed."""
    backend = one_of(BACKENDS)(text)
    if importlib.util.find_spec(backend) is None:
        others = [name for name in BACKENDS if importlib.util.find_spec(name) is not None]
        offer = f"; or pass --backend {others[0]}, which is" if others else ""
        refuse(text, "a backend that is installed", f'Install it: pip install "keras_inits[{backend}]"{offer}.')
    return backend


def shape(text: Any) -> tuple[int, ...]:
    """Parses the sizes of one example, such as 32,32,3."""
    sizes = [part.strip() for part in str(text).strip("()").split(",") if part.strip()]
    if not sizes or not all(size.isdecimal() and int(size) > 0 for size in sizes):
        refuse(text, "whole numbers from 1 up, with commas between them", "Write for example 32,32,3.")
    return tuple(map(int, sizes))


def guess(text: str, names: Sequence[str]) -> str | None:
    """The name that a text may mean: one that it begins with, or one that is spelled nearly so."""
    plain = text.lower().replace("_", "-")
    begun = [name for name in names if plain.startswith(name) or plain.startswith(f"{name}-")]
    close = difflib.get_close_matches(plain, names, n=1, cutoff=0.6)
    return max(begun, key=len) if begun else close[0] if close else None


def refuse(received: object, expected: str, remedy: str) -> NoReturn:
    """Ends the command with status 2 and a message in three parts."""
    raise typer.BadParameter(f"received {str(received)!r}; expected {expected}. {remedy}")


def choose_backend(backend: str | None) -> None:
    """Sets the backend of Keras, which is not imported yet, or checks the one that the environment sets."""
    if backend is not None:
        os.environ["KERAS_BACKEND"] = backend
    elif name := os.environ.get("KERAS_BACKEND"):
        try:
            installed_backend(name)
        except typer.BadParameter as error:
            raise typer.BadParameter(f"the environment variable KERAS_BACKEND: {error.message}") from None


def find_modules_here() -> None:
    """Has Python find the modules of the present folder, as `python -m` does."""
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)


def output_directory(path: Path) -> Path:
    """Makes the directory, and finds out before anything is trained whether all can be written there.

    Raises:
        typer.BadParameter: If it cannot, or a file that the command did not write is in the place of one that it would.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        refuse(path, f"a directory that can be written ({error.strerror})", "Choose another with --output.")
    for name in FILES:
        there = path / name
        if there.is_dir() or (there.exists() and not any(mark in there.read_bytes() for mark in OURS)):
            refuse(there, "no file or folder of yours in the place of the command's", "Choose another --output.")
    return path


def file_that_ends_in(*suffixes: str) -> Callable[[Path | None], Path | None]:
    """Returns a check of a file that will be written."""

    def check(path: Path | None) -> Path | None:
        if path is not None and path.suffix.lower() not in suffixes:
            refuse(path, f"a path that ends in {' or '.join(suffixes)}", "Rename it.")
        if path is not None and not path.parent.is_dir():
            refuse(path, f"a file in a folder, and there is no folder {str(path.parent)!r}", "Make it, or use another.")
        return path

    return check


def keep_apart(read: Iterable[Path | None], written: Iterable[Path | None]) -> None:
    """Finds out before anything is written whether a file would take the place of another of the same command.

    Raises:
        typer.BadParameter: If one would.
    """
    taken = {path.resolve() for path in read if path is not None}
    for path in written:
        if path is not None and path.resolve() in taken:
            refuse(path, "a file of its own for each option", "Choose another name: it would be overwritten.")
        taken |= {path.resolve()} if path is not None else set()


def from_file(context: typer.Context, path: Path | None) -> Path | None:
    """Takes the values of a TOML file for the defaults of the options; those of the command line come before them."""
    if path is None:
        return None
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        refuse(path, f"a file of TOML ({error})", "Write a line for each option, such as epochs = 3.")
    names = {option.lstrip("-"): one.name for one in context.command.params for option in one.opts}
    for name in values:
        if name not in names or name == "config":
            meant = guess(name, list(names))
            refuse(name, f"an option of this command in {path}", f"Did you mean {meant}?" if meant else "Leave it out.")
    context.default_map = {str(names[name]): value for name, value in values.items()}
    return path
