"""Torch's measures: numbers of the host, or on a CUDA device a tensor, so that the host need not wait."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from keras_inits.backends.measures import (
    ABSENT,
    LARGEST,
    LEAST_SAFE_MEAN_SQUARE,
    NONFINITE,
    NONZEROS,
    NORM,
    RESCALING,
    with_absent,
)

Tensor = Any

LONGEST_SUM = 2**12
"""On a processor torch adds up a norm's squares in float32, in 8 strands: 2**12 equal entries have a norm that is wrong
by 4e-6 at the most, 2**13 by 8e-6. Longer sums are made of pieces of this size. (NumPy's sums are more exact. But it
adds up on one thread what two have written, and then read again, each from a cache of its own.)"""


def measured(arranged: list[Tensor], kinds: Sequence[str]) -> dict[str, Any]:
    """For each kind one number for each column."""
    present = [one for one in arranged if one is not None]
    norms = _norms(present) if NORM in kinds or NONFINITE in kinds else []
    take: dict[str, Callable[[], Any]] = {
        NORM: lambda: norms,
        LARGEST: lambda: _largest(present),
        NONZEROS: lambda: _of_host(torch.stack([torch.count_nonzero(one) for one in present])),
        NONFINITE: lambda: _nonfinite(present, norms),
    }
    return {kind: _in_columns(take[kind](), arranged) for kind in kinds}


def _in_columns(values: Any, arranged: list[Tensor]) -> Any:
    """The values of what is there, and `ABSENT` in all other columns."""
    if len(values) == len(arranged):
        return values
    if isinstance(values, list):
        return with_absent(values, arranged, ABSENT)
    places = with_absent(list(range(len(values))), arranged, len(values))
    return torch.cat([values, values.new_full((1,), ABSENT)])[places]


def _norms(tensors: list[Tensor]) -> Any:
    if tensors[0].is_cuda:
        # No branch on unsafe squares: reading its condition would have the host wait. Float64 is no slower there.
        return torch.stack(torch._foreach_norm(tensors, 2, dtype=torch.float64))
    wide = [tensor for tensor in tensors if tensor.dtype == torch.float64]
    if not wide:
        return _norms_in_float32(tensors)
    in_float64 = iter(torch.stack(torch._foreach_norm(wide, 2)).tolist())
    narrow = [tensor for tensor in tensors if tensor.dtype != torch.float64]
    in_float32 = iter(_norms_in_float32(narrow) if narrow else [])
    return [next(in_float64 if tensor.dtype == torch.float64 else in_float32) for tensor in tensors]


def _norms_in_float32(tensors: list[Tensor]) -> list[float]:
    norms = _plain_norms(tensors)
    # Squares may have been lost or have overflowed: those are taken again, of numbers of another size.
    unsafe = [
        place
        for place, (norm, tensor) in enumerate(zip(norms, tensors, strict=True))
        if not LEAST_SAFE_MEAN_SQUARE * tensor.numel() <= norm * norm < math.inf
    ]
    if unsafe:  # unless they are of zeros alone, as in a network of which half is dead
        sums = torch.stack(torch._foreach_norm([tensors[place] for place in unsafe], 1, dtype=torch.float32)).tolist()
        unsafe = [place for place, one in zip(unsafe, sums, strict=True) if one != 0.0]
    if unsafe:
        factors = [RESCALING if norms[place] < 1.0 else 1.0 / RESCALING for place in unsafe]
        scaled = torch._foreach_mul([tensors[place].float() for place in unsafe], factors)
        for place, norm, factor in zip(unsafe, _plain_norms(list(scaled)), factors, strict=True):
            norms[place] = norm / factor
    return norms


def _plain_norms(tensors: list[Tensor]) -> list[float]:
    if not tensors[0].is_cpu:
        return torch.stack(torch._foreach_norm(tensors, 2, dtype=torch.float32)).tolist()
    short = [tensor for tensor in tensors if tensor.numel() <= LONGEST_SUM]
    long = [_norms_of_pieces(tensor) for tensor in tensors if tensor.numel() > LONGEST_SUM]
    parts = [torch.stack(torch._foreach_norm(short, 2, dtype=torch.float32))] if short else []
    norms = iter(torch.cat(parts + long).tolist())
    shorts = list(itertools.islice(norms, len(short)))
    longs = [math.hypot(*itertools.islice(norms, len(part))) for part in long]
    found = {True: iter(shorts), False: iter(longs)}
    return [next(found[tensor.numel() <= LONGEST_SUM]) for tensor in tensors]


def _norms_of_pieces(tensor: Tensor) -> Tensor:
    whole = tensor.numel() - tensor.numel() % LONGEST_SUM
    if whole == tensor.numel():
        return _norms_of_rows(tensor)
    flat = tensor.reshape(-1)
    last = torch.linalg.vector_norm(flat[whole:], dtype=torch.float32)
    return torch.cat([_norms_of_rows(flat[:whole]), last.reshape(1)])


def _norms_of_rows(tensor: Tensor) -> Tensor:
    return torch.linalg.vector_norm(tensor.reshape(-1, LONGEST_SUM), dim=1, dtype=torch.float32)


def _of_host(values: Tensor) -> Any:
    return values.double() if values.is_cuda else values.tolist()


def _largest(tensors: list[Tensor]) -> Any:
    # Of both ends, without a tensor of absolute values. An empty one has none.
    wide = [one if one.numel() else one.new_zeros(1) for one in tensors]
    largest, least = (torch.stack([end(one) for one in wide]).double() for end in (torch.amax, torch.amin))
    return _of_host(torch.maximum(largest, -least))


def _nonfinite(tensors: list[Tensor], norms: Any) -> Any:
    if tensors[0].is_cuda:  # which would wait for the norms
        return torch.stack([_count_of_nonfinite(one) for one in tensors]).double()
    # What has a finite norm is finite.
    pairs = zip(norms, tensors, strict=True)
    return [0.0 if math.isfinite(one) else float(_count_of_nonfinite(tensor)) for one, tensor in pairs]


def _count_of_nonfinite(tensor: Tensor) -> Tensor:
    return torch.count_nonzero(~torch.isfinite(tensor))


def norm(tensor: Tensor) -> float:
    """The norm of one tensor of float32, on the host; infinite or not a number only if an entry is."""
    return float(_norms([tensor.detach()])[0])
