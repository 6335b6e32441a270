"""Checks of configs: what is no config of a class, or of keras_inits, is refused, and named."""

import inspect
from collections.abc import Mapping
from typing import Any

import keras

from keras_inits._names import shown

PACKAGE = "keras_inits"


def check_config(cls: Any, config: Any) -> dict[str, Any]:
    """Returns the arguments of a class that a config holds.

    Raises:
        TypeError: If it is no mapping from their names, one that has no default is not in it, or one is unknown.
        ValueError: If it says that it belongs to another package.
    """
    if not isinstance(config, Mapping):
        raise TypeError(
            f"Argument `config` of {cls.__name__} must be a dictionary of arguments. Received: config={shown(config)} "
            f"(of type {type(config).__name__}). Pass what `get_config` returns."
        )
    package = config.get("package", PACKAGE)
    if not isinstance(package, str) or package != PACKAGE:
        raise ValueError(
            f"Argument `config` of {cls.__name__} must be one of keras_inits. Received: "
            f"package={shown(package)}. Expected {PACKAGE!r}, or no `package`. Pass what `get_config` returns."
        )
    arguments = {name: value for name, value in config.items() if name != "package"}
    try:
        inspect.signature(cls).bind(**arguments)
    except TypeError as error:  # which says what is missing, unknown, or no name
        raise TypeError(
            f"Argument `config` of {cls.__name__} must hold each required positional argument, and no "
            f"unknown one. Received: {shown(list(config))}; {shown(str(error))}. Pass what `get_config` returns."
        ) from None
    return arguments


def restored(name: str, config: Mapping[str, Any]) -> Any:
    """Returns the object whose config an argument is.

    Raises:
        ValueError: If Keras makes none of it.
    """
    try:
        return keras.saving.deserialize_keras_object(config)
    except Exception as error:  # of whatever is not as Keras expects it
        raise ValueError(
            f"Argument `{name}` must be an object or its config. Received: {name}={shown(config)}, of which Keras "
            f"makes no object ({type(error).__name__}: {shown(str(error))}). Pass the object itself."
        ) from error
