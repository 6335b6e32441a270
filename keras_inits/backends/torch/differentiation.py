"""Torch's derivatives."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import torch

from keras_inits import backends
from keras_inits.backends.differentiation import Mode, Watch

Tensor = Any

stepwise: Mode | None = None
"""Loops and branches run one step after another as it is."""


def gradients(loss: Callable[[Watch], Tensor], variables: Sequence[Any]) -> list[Tensor]:
    """The gradients of what `loss` returns, run once, forward and backward, with nothing assigned."""
    sources = [variable.value for variable in variables]

    def watch(tensor: Tensor, forward: Callable[[Tensor], None], backward: Callable[[Tensor], None]) -> Tensor:
        if backends.current().is_tracing():
            return tensor
        forward(tensor.detach())
        if not torch.is_grad_enabled():  # in a checkpoint, which runs its block again on the way back
            return tensor
        if not tensor.requires_grad:  # for no variable comes before
            tensor = tensor.detach().requires_grad_()
            sources.append(tensor)
        watched = tensor.view_as(tensor)
        watched.register_hook(backward)
        return watched

    with torch.enable_grad(), keras.StatelessScope():
        result = loss(watch)
    found = torch.autograd.grad(result, sources, allow_unused=True) if result.requires_grad else [None] * len(sources)
    pairs = zip(sources[: len(variables)], found, strict=False)
    return [torch.zeros_like(source) if gradient is None else gradient for source, gradient in pairs]


def vector_jacobian(function: Callable[[Tensor], Tensor], points: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """The function's values, and the vectors times its Jacobian."""
    points = keras.ops.convert_to_tensor(points).detach().requires_grad_()
    with torch.enable_grad():
        values = function(points)
    if not values.requires_grad:  # a function whose values do not follow its points
        return values, torch.zeros_like(points).detach()
    vectors = keras.ops.convert_to_tensor(vectors, dtype=keras.backend.standardize_dtype(values.dtype))
    (product,) = torch.autograd.grad(values, points, vectors, allow_unused=True)
    return values.detach(), torch.zeros_like(points) if product is None else product


def jacobian_vector(function: Callable[[Tensor], Tensor], points: Tensor, vectors: Tensor) -> Tensor:
    """The function's Jacobian times the vectors, as the transpose of `vector_jacobian`: both follow the same rules."""
    points = keras.ops.convert_to_tensor(points).detach().requires_grad_()
    with torch.enable_grad():
        values = function(points)
        if not values.requires_grad:
            return torch.zeros_like(values)
        probe = torch.zeros_like(values, requires_grad=True)
        (product,) = torch.autograd.grad(values, points, probe, create_graph=True, allow_unused=True)
        if product is None or not product.requires_grad:
            return torch.zeros_like(values).detach()
        vectors = keras.ops.convert_to_tensor(vectors, dtype=keras.backend.standardize_dtype(points.dtype))
        (forward,) = torch.autograd.grad(product, probe, vectors, allow_unused=True)
    return torch.zeros_like(values).detach() if forward is None else forward.detach()


@contextlib.contextmanager
def preserved(model: Any) -> Iterator[None]:
    """Puts back what torch's own modules inside of the model keep: their flags and buffers; and torch's generators."""
    modules = list(model.modules())
    flags = [module.training for module in modules]
    buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    try:
        with torch.random.fork_rng():
            yield
    finally:
        for module, flag in zip(modules, flags, strict=True):
            module.training = flag
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)
