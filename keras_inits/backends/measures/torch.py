"""Torch's measures: numbers of the host, or on a CUDA device a tensor, so that the host need not wait."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from keras_inits.backends.measures import ABSENT, LEAST_SAFE_SQUARE, NORMS, RESCALING, with_absent

Tensor = Any

SHORT_SUM = 2**12
"""Torch adds up a norm's squares on a processor in float32, in 8 strands: 2**12 equal entries have a norm that is wrong
by 4e-6 at the most, 2**13 by 8e-6."""

LONG_SUM = 2**13
"""NumPy adds up a product in more strands: 2**13 equal entries have a norm that is wrong by 1e-6 at the most. Longer
sums are made of pieces of this size."""


def _of_present(measure: Callable[[list[Tensor]], Any]) -> Callable[[list[Tensor]], Any]:
    """Measures what is there, and puts `ABSENT` in all other columns."""

    @torch.no_grad()
    def measured(arranged: list[Tensor]) -> Any:
        present = [one for one in arranged if one is not None]
        values = measure(present) if present else []
        if len(present) == len(arranged):
            return values
        if isinstance(values, list):
            return with_absent(values, arranged, ABSENT)
        places = with_absent(list(range(len(present))), arranged, len(present))
        return torch.cat([values, values.new_full((1,), ABSENT)])[places]

    return measured


@_of_present
def _norms(tensors: list[Tensor]) -> Any:
    if tensors[0].is_cuda:
        # No branch on unsafe squares: reading its condition would have the host wait. Float64 is no slower there.
        return torch.stack(torch._foreach_norm(tensors, 2, dtype=torch.float64))
    norms = _plain_norms(tensors)
    # Squares may have been lost or have overflowed: those are taken again, of numbers of another size.
    unsafe = [place for place, norm in enumerate(norms) if not LEAST_SAFE_SQUARE <= norm * norm < math.inf]
    if unsafe:
        factors = [RESCALING if norms[place] < 1.0 else 1.0 / RESCALING for place in unsafe]
        scaled = torch._foreach_mul([tensors[place].float() for place in unsafe], factors)
        for place, norm, factor in zip(unsafe, _plain_norms(list(scaled)), factors, strict=True):
            norms[place] = norm / factor
    return norms


def _plain_norms(tensors: list[Tensor]) -> list[float]:
    """Short sums by one call of torch for all; long ones by NumPy, whose sums are more exact and calls cheaper."""
    longest = SHORT_SUM if tensors[0].is_cpu else math.inf  # other devices add up in many strands
    is_short = [tensor.numel() <= longest for tensor in tensors]
    short = [tensor for tensor, one in zip(tensors, is_short, strict=True) if one]
    norms = iter(torch.stack(torch._foreach_norm(short, 2, dtype=torch.float32)).tolist() if short else ())
    with np.errstate(over="ignore", invalid="ignore"):
        return [next(norms) if one else _long_norm(g) for g, one in zip(tensors, is_short, strict=True)]


def _long_norm(tensor: Tensor) -> float:
    flat = tensor.detach().float().numpy().reshape(-1)
    whole = flat.size - flat.size % LONG_SUM
    pieces, rest = flat[:whole].reshape(-1, 1, LONG_SUM), flat[whole:]
    return math.sqrt(sum((pieces @ pieces.swapaxes(1, 2)).ravel().tolist(), float(rest @ rest)))


def _numbers(number: Callable[[Tensor], Tensor]) -> Callable[[list[Tensor]], Any]:
    @_of_present
    def numbers(tensors: list[Tensor]) -> Any:
        values = torch.stack([number(tensor.float()) for tensor in tensors])
        return values.double() if values.is_cuda else values.tolist()

    return numbers


def _largest(tensor: Tensor) -> Tensor:
    return tensor.abs().amax() if tensor.numel() else tensor.new_zeros(())


MEASURES: dict[str, Callable[[list[Tensor]], Any]] = {
    **dict.fromkeys(NORMS, _norms),
    **dict.fromkeys(("largest", "peak"), _numbers(_largest)),
    "nonzeros": _numbers(torch.count_nonzero),
    "nonfinite": _numbers(lambda tensor: torch.count_nonzero(~torch.isfinite(tensor))),
}
