"""From a name or a config to an initializer."""

import difflib
import inspect
import re
from typing import Any

import keras
import numpy as np
from keras.initializers import Ones, Zeros

from keras_inits._names import shown
from keras_inits.initializers._constant import Constant
from keras_inits.initializers._orthogonal import Identity, Orthogonal
from keras_inits.initializers._sparse import Sparse
from keras_inits.initializers.base import HostInitializer
from keras_inits.initializers.configs import check_config
from keras_inits.initializers.convolution import DeltaOrthogonal, Dirac
from keras_inits.initializers.gates import PerGate
from keras_inits.initializers.plain import Normal, TruncatedNormal, Uniform
from keras_inits.initializers.rules import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
)
from keras_inits.initializers.scaling import VarianceScaling

# The public list: what stands here is found by `get`, exported under both of its names, and tested.
CLASSES: tuple[Any, ...] = (
    Uniform,
    Normal,
    TruncatedNormal,
    LecunUniform,
    LecunNormal,
    GlorotUniform,
    GlorotNormal,
    HeUniform,
    HeNormal,
    VarianceScaling,
    Orthogonal,
    DeltaOrthogonal,
    Identity,
    Dirac,
    Sparse,
    PerGate,
    Zeros,
    Ones,
    Constant,
)
ALIASES: dict[str, Any] = {
    "XavierUniform": GlorotUniform,
    "XavierNormal": GlorotNormal,
    "KaimingUniform": HeUniform,
    "KaimingNormal": HeNormal,
}


def snake_case(name: str) -> str:
    """Returns `he_normal` for `HeNormal`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


_CAMEL = {**{cls.__name__: cls for cls in CLASSES}, **ALIASES}
NAMES: dict[str, Any] = {**_CAMEL, **{snake_case(name): cls for name, cls in _CAMEL.items()}}

# For `kernel_initializer="keras_inits>he_normal"`: Keras finds each name, and goes on writing the one of the class.
keras.saving.get_custom_objects().update({f"keras_inits>{name}": cls for name, cls in NAMES.items()})


def get(identifier: Any) -> Any:
    """Returns the initializer that `identifier` stands for.

    Args:
        identifier: A name (`"HeNormal"`, `"he_normal"`, `"kaiming_normal"`, `"keras_inits>HeNormal"`), a config as
            `keras.initializers.serialize` returns it, an initializer or its class, a callable or an array, as Keras
            takes them, or `None`, which stays `None`.

    Raises:
        ValueError: If nothing goes by that name, what does needs arguments (Sparse, PerGate), or the identifier is none
            of the above.

    Example:
        >>> import keras_inits
        >>> keras_inits.get("he_normal")
        HeNormal(truncated=False)
    """
    if isinstance(identifier, str):
        return _made(_find(identifier))
    if isinstance(identifier, dict) and not identifier.get("module"):  # a short one; Keras writes and reads the long
        return _configured(identifier)
    if inspect.isclass(identifier) and issubclass(identifier, keras.initializers.Initializer):
        return _made(identifier)
    known = identifier is None or isinstance(identifier, (dict, np.ndarray, np.generic)) or callable(identifier)
    if not known and not keras.ops.is_tensor(identifier):
        raise _no_initializer(identifier, "it is none of these")
    try:
        found = keras.initializers.get(identifier)
        if found is not None and not callable(found):
            raise TypeError("what is made of it cannot be called")
        return found
    except Exception as error:  # of whatever in a config is not as Keras expects it
        raise _no_initializer(identifier, f"{type(error).__name__}: {error}") from error


def _configured(identifier: dict[Any, Any]) -> Any:
    """From a short config, whose names must agree if it has two."""
    cls, config = _find(identifier.get("class_name")), identifier.get("config", {})
    registered = identifier.get("registered_name")
    if registered is not None and _find(registered) is not cls:
        raise _no_initializer(identifier, "its `class_name` and `registered_name` are two laws")
    if issubclass(cls, HostInitializer):
        return cls.from_config(config)
    arguments = check_config(cls, config)
    try:
        return cls.from_config(arguments) if arguments else cls()
    except Exception as error:  # of Keras's own classes
        raise _no_initializer(identifier, f"{type(error).__name__}: {error}") from error


def _no_initializer(identifier: Any, reason: str) -> ValueError:
    return ValueError(
        f"Argument `identifier` stands for no initializer. Received: identifier={shown(identifier)}: {shown(reason)}. "
        "Expected a name, a config, an initializer or its class, a callable, an array or None. Pass one of these."
    )


def _made(cls: Any) -> Any:
    parameters = inspect.signature(cls).parameters.values()
    needed = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
    if needed:
        raise ValueError(
            f"{cls.__name__} cannot be made from its name alone. Expected its argument "
            f"{' and '.join(f'`{name}`' for name in needed)} too. Pass an object, keras_inits.{cls.__name__}(...)."
        )
    return cls()


def _find(name: Any) -> Any:
    bare = str.__str__(name).removeprefix("keras_inits>") if isinstance(name, str) else None
    if bare not in NAMES:
        close = bare and difflib.get_close_matches(bare, NAMES, n=1)
        guess = f"Did you mean {close[0]!r}? " if close else ""
        raise ValueError(
            f"No initializer goes by this name. Received: {shown(name)}. {guess}Expected one of {', '.join(_CAMEL)}, "
            "or the same in snake_case. What only Keras has is found by `keras.initializers.get`."
        )
    return NAMES[bare]
