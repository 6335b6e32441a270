"""Other attributes for instances, for as long as a function runs."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

_NOTHING = object()


class Swap(NamedTuple):
    """Another value for an attribute of an instance."""

    owner: object
    name: str
    value: object


def call_with(swaps: Sequence[Swap], function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """Calls a function while instances have other attributes.

    They have their own again afterwards, however it ends: also by an interrupt between any two lines of this file.
    """
    before = [vars(swap.owner).get(swap.name, _NOTHING) for swap in swaps]
    try:
        try:
            for swap in swaps:
                object.__setattr__(swap.owner, swap.name, swap.value)  # plain assignment would be tracked by Keras
            return function(*arguments, **keywords)
        finally:
            _put_back(swaps, before)
    finally:  # once more, since an interrupt may have come before the first one ended
        _put_back(swaps, before)


def _put_back(swaps: Sequence[Swap], before: Sequence[object]) -> None:
    for swap, value in zip(swaps, before, strict=True):
        if value is _NOTHING:
            vars(swap.owner).pop(swap.name, None)
        else:
            object.__setattr__(swap.owner, swap.name, value)
