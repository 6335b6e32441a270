"""Values told apart: a digest of what they are, and the names of those that do not show it."""

import dis
import functools
import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import keras
import numpy as np

from keras_inits import backends

LIBRARIES = ("keras", "keras_hub", "keras_inits", "numpy", *backends.PACKAGES)
GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME")
CONFIGURED = (
    *(keras.Operation, keras.Loss, keras.Initializer, keras.Regularizer, keras.optimizers.Optimizer),
    keras.optimizers.schedules.LearningRateSchedule,
)
"""Objects of Keras that count by their config."""


def is_library(module: str | None) -> bool:
    """Whether a module is known by a version: Python's, Keras's, its backends', or this package's."""
    top = (module or "").partition(".")[0]
    return top in LIBRARIES or (top in sys.stdlib_module_names and top != "__main__")


class Digest:
    """A digest of named values.

    Numbers, texts and arrays count by their values, objects of Keras by their config, callbacks by their attributes,
    and functions and classes of the user's own by their code, with what it refers to. `unseen` names the rest: data
    sets, generators, and other objects.
    """

    def __init__(self) -> None:
        self.unseen: list[str] = []
        self._hash = hashlib.sha256()
        self._added: set[int] = set()  # functions, classes and callbacks, which may refer to themselves

    @property
    def text(self) -> str:
        """The digest."""
        return self._hash.hexdigest()

    def add(self, place: str, value: Any) -> None:
        """Adds a value, which `unseen` calls by its place if need be."""
        if value is None or isinstance(value, bool | int | float | complex | str | bytes):
            self._put(place, type(value).__qualname__, value)
        elif isinstance(value, Mapping):
            self._put(place, "mapping", len(value))
            for number, (key, item) in enumerate(value.items()):
                self.add(f"{place} key {number}", key)
                self.add(f"{place}[{key!r}]", item)
        elif isinstance(value, list | tuple):
            self._put(place, "sequence", len(value))
            for number, item in enumerate(value):
                self.add(f"{place}[{number}]", item)
        elif isinstance(value, type):
            self.add_class(place, value)
        elif isinstance(value, FunctionType | MethodType | functools.partial):
            self._add_function(place, value)
        elif isinstance(value, keras.callbacks.Callback):
            self._add_attributes(place, value)
        elif isinstance(value, CONFIGURED):
            self._add_config(place, value)
        elif isinstance(value, BuiltinFunctionType | np.ufunc):
            self._put(place, "function", value.__name__)
        elif hasattr(value, "dtype") or hasattr(value, "to_numpy"):
            self._add_array(place, value)
        else:
            self.unseen.append(f"{place} (a {type(value).__qualname__})")

    def add_class(self, place: str, kind: type) -> None:
        """Adds the code of a class and of its bases, as far as they are of no library."""
        self._put(place, "class", kind.__qualname__)
        for base in kind.__mro__:
            if is_library(base.__module__) or not self._is_new(base):
                continue
            for name, member in vars(base).items():
                for function in _functions_of(member):
                    self._add_function(f"{place}.{name}", function)
                if isinstance(member, bool | int | float | str) and name not in ("__module__", "__doc__"):
                    self._put(f"{place}.{name}", "member", member)

    def _put(self, *parts: object) -> None:
        # A process that multiprocessing started has the user's program under another name.
        parts = tuple("__main__" if part == "__mp_main__" else part for part in parts)
        self._hash.update("\0".join(map(repr, parts)).encode(errors="replace") + b"\n")

    def _is_new(self, value: object) -> bool:
        new = id(value) not in self._added
        self._added.add(id(value))
        return new

    def _add_array(self, place: str, value: Any) -> None:
        try:
            array = np.ascontiguousarray(keras.ops.convert_to_numpy(value))
        except Exception:  # an object that is called an array, and is none
            self.unseen.append(f"{place} (a {type(value).__qualname__})")
            return
        self._put(place, "array", str(array.dtype), array.shape)
        if array.dtype.hasobject:
            self.add(f"{place}, a list,", array.ravel().tolist())
        else:
            self._hash.update(array.tobytes())

    def _add_config(self, place: str, value: Any) -> None:
        self.add_class(place, type(value))
        try:
            config = value.get_config()
        except Exception:  # one of the user's own
            self.unseen.append(f"{place} (a {type(value).__qualname__})")
        else:
            if isinstance(value, keras.optimizers.Optimizer):
                config = {name: one for name, one in config.items() if name != "name"}  # which Keras numbers
            self.add(f"{place}'s config", config)
            if hides_arguments(value):
                self.add(f"{place}'s attributes", vars(value))

    def _add_attributes(self, place: str, callback: Any) -> None:
        self.add_class(place, type(callback))
        for name, value in vars(callback).items() if self._is_new(callback) else ():
            if name not in ("_model", "params"):
                self.add(f"{place}.{name}", value)

    def _add_function(self, place: str, value: Any) -> None:
        if isinstance(value, functools.partial):
            self.add(f"{place}'s arguments", [value.func, value.args, value.keywords])
            return
        if isinstance(value, MethodType):
            self.add(f"{place}'s instance", value.__self__)
            value = value.__func__
        self._put(place, "function", value.__module__, value.__qualname__)
        if is_library(value.__module__) or not self._is_new(value):
            return
        for code in _codes(value.__code__):
            constants = [_in_order(one) for one in code.co_consts if not isinstance(one, CodeType)]
            self._put(code.co_code, code.co_names, code.co_varnames, constants)
        self.add(f"{place}'s defaults", [value.__defaults__, value.__kwdefaults__])
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=False):
            try:
                self._add_reference(f"{name} in {place}", cell.cell_contents)
            except ValueError:  # which has no value yet
                self._put(name, "empty")
        for name in sorted(set(_globals_of(value.__code__)) & set(value.__globals__)):
            self._add_reference(f"{name} in {place}", value.__globals__[name])

    def _add_reference(self, place: str, value: Any) -> None:
        if not isinstance(value, ModuleType) and not is_library(getattr(value, "__module__", None)):
            self.add(place, value)


def hides_arguments(value: Any) -> bool:
    """Whether an initializer has arguments that its config leaves out, as one of the user's own may."""
    if not isinstance(value, keras.initializers.Initializer):
        return False
    return type(value).get_config is keras.initializers.Initializer.get_config and bool(vars(value))


def _in_order(constant: object) -> object:
    """A constant of a code, whose sets print in an order that Python's hash seed decides."""
    if isinstance(constant, frozenset):
        return "set", sorted(map(repr, constant))
    return tuple(map(_in_order, constant)) if isinstance(constant, tuple) else constant


def _functions_of(member: Any) -> Iterator[Callable[..., Any]]:
    """The functions in a member of a class."""
    for function in (
        getattr(member, "__func__", member),
        *(getattr(member, name, None) for name in ("fget", "fset", "func", "__wrapped__")),
    ):
        if isinstance(function, FunctionType):
            yield function


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A code and those within."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _globals_of(code: CodeType) -> Iterator[str]:
    for one in _codes(code):
        yield from (step.argval for step in dis.get_instructions(one) if step.opname in GLOBALS)
