"""Checks of arguments, in one dialect: each error says what was received, what is expected, and how to mend it."""

import math
import numbers
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from keras_inits._names import shown

Choice = TypeVar("Choice")

LARGEST_SIZE = 2**63 - 1


def check_number(
    name: str, value: Any, lowest: float = -math.inf, above: float = -math.inf, highest: float = math.inf
) -> float:
    """Returns `value` as a float, if it is finite, from `lowest` to `highest`, and greater than `above`."""
    # An error for a number that must be positive begins with Keras's own words.
    expected = "positive float, finite and greater than 0" if above == 0 else "a finite number"
    if lowest > -math.inf:
        expected += f" of at least {lowest:g}"
    if above not in (-math.inf, 0):
        expected += f" greater than {above:g}"
    if highest < math.inf:
        expected += f" and at most {highest:g}"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(
            f"Argument `{name}` must be {expected}. Received: {name}={shown(value)} (of type {type(value).__name__}). "
            f"Pass a Python or NumPy number, such as {name}=1.0."
        )
    try:
        number = float(value)
    except Exception:  # too large for one, or a number of somebody's own
        number = math.nan
    if not (math.isfinite(number) and lowest <= number <= highest and number > above):
        raise ValueError(
            f"Argument `{name}` must be {expected}. Received: {name}={shown(value)}. "
            f"Look at how the value was computed, or choose one within these bounds."
        )
    return number


def check_whole(name: str, value: Any, lowest: int) -> int:
    """Returns `value` as a Python integer, if it is one of at least `lowest` that a size can have."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(
            f"Argument `{name}` must be a whole number of at least {lowest}. Received: {name}={shown(value)} (of type "
            f"{type(value).__name__}). Pass one such as {name}={lowest + 1}."
        )
    if not lowest <= int(value) <= LARGEST_SIZE:
        raise ValueError(
            f"Argument `{name}` must be a whole number of at least {lowest}, no larger than a size. "
            f"Received: {name}={shown(value)}. Pass one such as {name}={lowest + 1}."
        )
    return int(value)


def check_choice(name: str, value: Any, choices: tuple[Choice, ...], hint: str = "") -> Choice:
    """Returns the one of the choices that `value` is; the hint is how to mend it, the first of them by default."""
    for choice in choices:
        # A member of an Enum of strings is its string, and 1 is not True.
        if value is choice or (isinstance(value, str) and isinstance(choice, str) and str.__str__(value) == choice):
            return choice
    raise ValueError(
        f"Invalid `{name}` argument: expected one of {', '.join(map(repr, choices))}. "
        f"Received: {name}={shown(value)}. {hint or f'Pass {name}={choices[0]!r}.'}"
    )


def check_flag(name: str, value: Any, hint: str = "") -> bool:
    """Returns `value`, if it is True or False."""
    if not isinstance(value, bool):
        raise TypeError(
            f"Argument `{name}` must be True or False. Received: {name}={shown(value)} (of type "
            f"{type(value).__name__}). {hint or f'Pass {name}=True.'}"
        )
    return value


def check_seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """Returns the seeds: so many from 0 up, or those that were given."""
    if isinstance(seeds, Iterable) and not isinstance(seeds, str):
        given = tuple(check_whole("seeds", seed, 0) for seed in seeds)
    else:
        given = tuple(range(check_whole("seeds", seeds, 1)))
    if not given or len(set(given)) < len(given):
        raise ValueError(
            f"Argument `seeds` must be a number of seeds, or seeds of which each is there once. Received: "
            f"seeds={shown(seeds)}. Pass for example seeds=3."
        )
    return given
