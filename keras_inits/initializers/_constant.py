"""One value everywhere: Keras's own law, whose configs are checked as those of the other classes are."""

from collections.abc import Mapping
from typing import Any, Self

import keras
import numpy as np

from keras_inits._names import shown
from keras_inits.initializers.configs import check_config, restored

KEPT = (bool, int, float, np.generic, np.ndarray, list, tuple)
"""The types that NumPy turns into numbers and that a config can hold."""


@keras.saving.register_keras_serializable(package="keras_inits")
class Constant(keras.initializers.Constant):
    """One value everywhere, as `keras.initializers.Constant` has it, which a file opens as without this package.

    Args:
        value: A number, or an array or tensor of the weight's shape.

    Raises:
        TypeError: If it is none of these.

    Example:
        >>> import keras
        >>> from keras_inits import Constant
        >>> keras.ops.convert_to_numpy(Constant(0.5)((2,))).tolist()
        [0.5, 0.5]
    """

    def __init__(self, value: Any = 0.0) -> None:
        if not _is_numeric(value):
            raise TypeError(
                f"Argument `value` must be a number, an array or a tensor. Received: value={shown(value)} (of type "
                f"{type(value).__name__}). Pass a Python or NumPy number, such as value=1.0."
            )
        super().__init__(value)

    def __repr__(self) -> str:
        """The call that makes this initializer."""
        return f"Constant(value={self.value!r})"

    @classmethod
    def from_config(cls, config: Any) -> Self:
        """Makes the initializer of a config.

        Raises:
            TypeError: If it is no config of this class.
            ValueError: If it is one of another package, or Keras makes nothing of its value.
        """
        arguments = check_config(cls, config)
        value = arguments.get("value", 0.0)
        return cls(restored("value", value) if isinstance(value, Mapping) else value)


def _is_numeric(value: Any) -> bool:
    if keras.ops.is_tensor(value):
        return True
    if not isinstance(value, KEPT):
        return False
    try:
        return np.asarray(value).dtype.kind in "biuf"
    except Exception:  # a list of other things, an object whose own code fails
        return False
