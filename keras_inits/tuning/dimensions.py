"""The dimensions of a space: what one name in it may be."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keras_inits._names import shown
from keras_inits.arguments import check_flag, check_number, check_whole
from keras_inits.diagnosis.rule_code import expression_of
from keras_inits.runs.by_value import Digest
from keras_inits.runs.run import law_of

Plain = None | bool | int | float | str


@dataclass(frozen=True)
class Choice:
    """One of several options: Optuna knows their names, and `build` gets what they stand for."""

    options: Mapping[Plain, Any]

    def value(self, name: Plain) -> Any:
        """The option of a name."""
        return self.options[name]

    def points(self) -> list[Any]:
        """All names."""
        return list(self.options)

    def __str__(self) -> str:
        """The call that makes it, with initializers as they print themselves."""
        if all(name is option for name, option in self.options.items()):
            return f"choice({list(self.options)})"
        options = {name: expression_of(option) or law_of(option) for name, option in self.options.items()}
        return f"choice({', '.join(f'{name}={text}' for name, text in options.items())})"

    @property
    def digest(self) -> str:
        """A digest of the options by their values."""
        return _digest(self.options)


@dataclass(frozen=True)
class Interval:
    """A number between two bounds."""

    low: Any
    high: Any
    log: bool

    def value(self, number: Any) -> Any:
        """The number itself."""
        return number

    @property
    def digest(self) -> str:
        """A digest of the bounds in all their digits."""
        return _digest((self.low, self.high, self.log))


class Floats(Interval):
    """A number between two bounds."""

    def points(self) -> None:
        """Nothing: there is no end of them."""
        return None

    def __str__(self) -> str:
        """The call that makes it."""
        return f"{'log' if self.log else 'uniform'}({self.low:g}, {self.high:g})"


class Integers(Interval):
    """A whole number between two bounds, both of them included."""

    def points(self) -> Sequence[Any]:
        """All numbers."""
        return range(self.low, self.high + 1)

    def __str__(self) -> str:
        """The call that makes it."""
        return f"integers({self.low}, {self.high}{', log=True' if self.log else ''})"


Dimension = Choice | Floats | Integers


def choice(values: Sequence[Plain] = (), /, **named: Any) -> Choice:
    """One of several options.

    Args:
        values: Plain values: texts, numbers, booleans or None.
        **named: Objects of any kind, such as initializers, each by a name that tables and storages show.

    Raises:
        TypeError: If a value is not plain.
        ValueError: If there are fewer than two options, or two are equal.

    Example:
        >>> from keras_inits import HeNormal, Normal
        >>> print(choice(he=HeNormal(), small=Normal(0.01)))
        choice(he=keras_inits.HeNormal(), small=keras_inits.Normal(scale=0.01))
        >>> print(choice([32, 64, 128]))
        choice([32, 64, 128])
    """
    plain = list(values) if isinstance(values, Sequence) and not isinstance(values, str) else [values]
    for value in plain:
        if not isinstance(value, Plain) or (isinstance(value, float) and math.isnan(value)):
            raise TypeError(
                f"choice() takes unnamed options that are plain: texts, numbers, booleans or None. Received: "
                f"{shown(value)} (of type {type(value).__name__}). Give each option a name: choice(first=..., "
                "second=...)."
            )
    if (plain and named) or len(plain) + len(named) < 2:
        raise ValueError(
            f"choice() takes at least two options, all named or all in one list. Received: {shown(plain)} and "
            f"{shown(named)}. Pass for example choice(he=HeNormal(), small=Normal(0.01)) or choice([32, 64]); what is "
            "always the same belongs in build."
        )
    pairs: Iterable[tuple[Plain, Any]] = named.items() if named else zip(plain, plain, strict=True)
    options = dict(pairs)
    if len(options) < len(plain):
        raise ValueError(
            f"choice() takes options that differ. Received: {shown(plain)}, of which two are equal. Leave one out."
        )
    return Choice(options)


def log(low: float, high: float) -> Floats:
    """A number whose logarithm is uniform between those of two bounds, as for learning rates.

    Args:
        low: Greater than 0.
        high: Greater than `low`.

    Raises:
        TypeError: If a bound is no number.
        ValueError: If the bounds are not finite, not positive or in the wrong order.

    Example:
        >>> print(log(1e-4, 1.0))
        log(0.0001, 1)
    """
    return Floats(*_ordered("log", check_number("low", low, above=0), check_number("high", high, above=0)), log=True)


def uniform(low: float, high: float) -> Floats:
    """A number that is uniform between two bounds.

    Args:
        low: The smaller one.
        high: The larger one.

    Raises:
        TypeError: If a bound is no number.
        ValueError: If the bounds are not finite or in the wrong order.

    Example:
        >>> print(uniform(0, 0.5))
        uniform(0, 0.5)
    """
    return Floats(*_ordered("uniform", check_number("low", low), check_number("high", high)), log=False)


def integers(low: int, high: int, *, log: bool = False) -> Integers:
    """A whole number from one bound to another, both of them included.

    Args:
        low: The smaller one, of at least 0, with `log` of at least 1.
        high: The larger one.
        log: Whether its logarithm is uniform, as for numbers of units.

    Raises:
        TypeError: If a bound is no whole number.
        ValueError: If a bound is too small, or they are in the wrong order.

    Example:
        >>> print(integers(32, 256, log=True))
        integers(32, 256, log=True)
    """
    least = 1 if check_flag("log", log) else 0
    whole = check_whole("low", low, least), check_whole("high", high, least)
    return Integers(*_ordered("integers", *whole), log)


def _digest(value: Any) -> str:
    digest = Digest()
    digest.add("dimension", value)
    return digest.text


def _ordered(name: str, low: Any, high: Any) -> tuple[Any, Any]:
    if low >= high:
        raise ValueError(
            f"{name}(low, high) takes the smaller bound first. Received: {name}({low!r}, {high!r}). "
            + (f"Pass {name}({high!r}, {low!r})." if low > high else "What is always the same belongs in build.")
        )
    return low, high
