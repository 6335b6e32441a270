"""Derivatives of a backend: what each folder's `differentiation` has."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from keras_inits.backends import of_backend

if TYPE_CHECKING:
    from keras_inits.backends.jax import differentiation as _jax
    from keras_inits.backends.tensorflow import differentiation as _tensorflow
    from keras_inits.backends.torch import differentiation as _torch

    _: "tuple[Differentiation, ...]" = (_jax, _tensorflow, _torch)

__all__ = ["Differentiation", "Mode", "Watch", "current"]

Tensor = Any
Mode = Callable[[], AbstractContextManager[Any]]
"""A block in which a pass is made."""

Watch = Callable[[Tensor, Callable[[Tensor], None], Callable[[Tensor], None]], Tensor]
"""A function of a tensor, a forward hook and a backward hook: it returns the tensor.

The hooks are called with the value and with its gradient as soon as they are there; the pass holds neither for them. In
code that the backend compiles as a whole there are no values, and no hook is called.
"""


class Differentiation(Protocol):
    """The functions of each backend's module `differentiation`."""

    stepwise: Mode | None
    """Has loops and branches run step by step within the block; None where they do in any case."""

    def gradients(self, loss: Callable[[Watch], Tensor], variables: Sequence[Any]) -> list[Tensor]:
        """The gradients of a loss, run once, forward and backward, with a look at each watched tensor."""

    def vector_jacobian(
        self, function: Callable[[Tensor], Tensor], points: Tensor, vectors: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The values of a function, and vectors times its Jacobian."""

    def jacobian_vector(self, function: Callable[[Tensor], Tensor], points: Tensor, vectors: Tensor) -> Tensor:
        """The Jacobian of a function times vectors."""

    def preserved(self, model: Any) -> AbstractContextManager[None]:
        """A block after which the model is what it was."""


def current() -> Differentiation:
    """Returns the derivatives of the backend that Keras runs on.

    Raises:
        ImportError: If Keras runs on a backend without a folder.
    """
    module: Differentiation = of_backend("differentiation")
    return module
