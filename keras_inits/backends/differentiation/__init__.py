"""Derivatives of a model's outputs: one file for each backend, with the same few functions.

    loss, variables  -> gradients        -> its gradients, and a look at each watched tensor and at its gradient
    function, points -> vector_jacobian  -> its values, and vectors times its Jacobian
                     -> jacobian_vector  -> the Jacobian times vectors
                     -> stepwise         -> a block in which loops and branches run step by step, if they do not anyway
    model            -> preserved        -> a block after which the model is what it was

`current()` is the module of the backend that Keras runs on.
"""

import functools
import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from keras_inits import backends

__all__ = ["Watch", "current"]

Tensor = Any

Watch = Callable[[Tensor, Callable[[Tensor], None], Callable[[Tensor], None]], Tensor]
"""From a tensor, what looks at it, and what looks at its gradient in the backward pass, to the same tensor.

Each look takes place when the value is there, and the pass goes on: nothing is held for it. In code that the backend
compiles as a whole there are no values, and nothing is looked at.
"""


@functools.cache
def current() -> ModuleType:
    """Returns the file of this room for the backend that Keras runs on.

    Raises:
        ImportError: If Keras runs on a backend without such a file.
    """
    name = backends.current().__name__.rpartition(".")[2]
    return importlib.import_module(f"{__name__}.{name}")
