"""The files that the command reads, a model and a batch: declared sizes are compared with the file's first."""

import contextlib
import importlib
import math
import warnings
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
from numpy.lib import format as npy

from keras_inits._keras import variables_without_values
from keras_inits._names import one_line, shown
from keras_inits.faults import OptionError

DEFLATED = 1032
"""How many bytes the compression of `.npz` files can make of one."""
COUNT_FROM_END = 12
"""Where, before the comment, an archive says how many members it has."""
SMALL = 64 * 2**20
"""Bytes that a model may have, whatever its file has: one that is not trained yet may be saved without all of them."""
LONGEST_HEADER = 10_000
KINDS = "biufUS"
"""The kinds of dtypes that a model takes: booleans, real numbers, text; objects would be unpickled."""
_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class FileError(ValueError):
    """A file is not what it should be; the message is one line that names it."""


def load_model(path: Path) -> Any:
    """Reads a saved model.

    Raises:
        FileError: If it is none, or holds less than what it declares.
    """
    try:
        _check_weights(path)
        with warnings.catch_warnings():
            # Of each model that was compiled and never trained; an optimizer's state plays no part here.
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer", UserWarning)
            return keras.models.load_model(path)
    except Exception as error:  # Keras has many kinds for a file that is not one
        raise FileError(
            f"received {shown(str(path))}, which keras.models.load_model cannot open: {_line(error)}. Expected a file "
            "that model.save wrote, of built-in layers or registered ones. Name the module of your own layers with "
            "--import, write a Lambda as a registered layer, or save the model again."
        ) from error


def load_module(option: str, name: str) -> ModuleType:
    """Imports a module of the user's own.

    Raises:
        OptionError: If Python does not find it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        remedy = f"Leave out .py: {name[:-3]}." if name.endswith(".py") else "Correct it, or go to its folder."
        raise OptionError(
            f"{option} received {shown(name)}, which names a module {shown(error.name)} that is neither in this folder "
            f"nor installed. It expects a module that Python can import. {remedy}"
        ) from error


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays of a `.npz` file.

    Raises:
        FileError: If it is none, or holds less than what it declares.
    """
    try:
        with zipfile.ZipFile(path) as file:
            _check_members(file, path)
            return {name.removesuffix(".npy"): _array(file, name) for name in file.namelist()}
    except Exception as error:  # each reader of a damaged archive has its own
        raise FileError(
            f"received {shown(str(path))}, which is no .npz file of numbers: {_line(error)}. Expected one with the "
            "array x and, if the model is compiled, y. Write it with numpy.savez(path, x=x, y=y)."
        ) from error


def _line(error: Exception) -> str:
    """An error's message, in one line, without the full stop that follows."""
    return shown(one_line(str(error)).rstrip(".") or type(error).__name__)[1:-1]


def _check_members(file: zipfile.ZipFile, path: Path) -> None:
    """Raises an error if a member is missing, or they are larger than they can be in a file of this size."""
    size = path.stat().st_size
    with path.open("rb") as raw:
        raw.seek(size - COUNT_FROM_END - len(file.comment))
        count = int.from_bytes(raw.read(2), "little")
    if count not in (len(file.infolist()), 0xFFFF):  # the latter if there are more than it can say
        raise ValueError(f"it declares {count} members, and {len(file.infolist())} are there")
    for one in file.infolist():
        most = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: DEFLATED}.get(one.compress_type, 0) * one.compress_size
        if one.file_size > most:
            raise ValueError(f"{one.filename!r} declares {one.file_size} bytes, and at most {most} are there")
    there = sum(one.compress_size for one in file.infolist())
    if there > size:
        raise ValueError(f"its members declare {there} bytes, and {size} are there")


def _array(file: zipfile.ZipFile, name: str) -> np.ndarray:
    with file.open(name) as member:
        version = npy.read_magic(member)
        if version not in _READERS:
            raise ValueError(f"{name!r} has the version {version}")
        shape, _, dtype = _READERS[version](member, max_header_size=LONGEST_HEADER)
        declared = member.tell() + math.prod(shape) * dtype.itemsize
    there = file.getinfo(name).file_size
    if dtype.kind not in KINDS:
        raise ValueError(f"{name!r} has the dtype {dtype}, neither real numbers nor text")
    if declared != there:
        raise ValueError(f"{name!r} of the shape {shape} declares {declared} bytes, and {there} are there")
    with file.open(name) as member:
        array: np.ndarray = npy.read_array(member, allow_pickle=False, max_header_size=LONGEST_HEADER)
        return array


def _check_weights(path: Path) -> None:
    """Raises an error if the layers of a `.keras` file ask for more memory than it has weights for."""
    if path.suffix != ".keras":
        return
    with zipfile.ZipFile(path) as file:
        _check_members(file, path)
        config, there = file.read("config.json").decode(), sum(one.file_size for one in file.infolist())
    declared = 0
    # What cannot be made in this way is left to Keras, which says why if it cannot make it either.
    with contextlib.suppress(Exception), variables_without_values():
        model = keras.models.model_from_json(config)
        declared = sum(math.prod(one.shape) * np.dtype(one.dtype).itemsize for one in model.variables)
    if declared > there + SMALL:
        raise ValueError(f"its layers declare weights of {declared} bytes, and {there} are there")
