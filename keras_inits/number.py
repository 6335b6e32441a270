"""Numbers as people read them: of at most four digits, in the terminal and on the page."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

LEAST, MOST = 0.01, 1000.0
"""Between which a norm is written without a power of ten."""


def number(norm: Any) -> str:
    """Writes a norm in at most three digits, keeping apart what is no gradient, zero, NaN and infinite.

    Example:
        >>> number(1.234e-22), number(0.1234), number(0.0), number(float("nan")), number(np.ma.masked)
        ('1.2e-22', '0.123', '0', 'nan', 'none')
    """
    if norm is np.ma.masked:
        return "none"
    if norm == 0:
        return "0"
    if not np.isfinite(norm):
        return str(float(norm))
    return f"{norm:.3g}" if LEAST <= abs(norm) < MOST else _powers(f"{norm:.1e}")


def value(name: str, of: float) -> str:
    """Writes the value of a loss or a metric: an accuracy in percent, all else in four digits at most.

    Example:
        >>> value("val_accuracy", 0.875), value("loss", 2.302585), value("loss", 3.2e12)
        ('87.5%', '2.303', '3.2e12')
    """
    return f"{of:.1%}" if name.endswith("accuracy") else _powers(f"{of:.4g}")


def _powers(text: str) -> str:
    """A number whose power of ten has no signs or zeros more than it needs."""
    digits, _, power = text.partition("e")
    return f"{digits}e{int(power)}" if power else text


def sortable(of: Any) -> str:
    """A number as JavaScript reads it, for tables to sort by; empty for what is none, which stands last.

    Example:
        >>> sortable(0.5), sortable(float("-inf")), sortable(float("nan")), sortable(np.ma.masked), sortable(None)
        ('0.5', '-Infinity', '', '', '')
    """
    if of is None or of is np.ma.masked or np.isnan(of):
        return ""
    return str(float(of)).replace("inf", "Infinity")


def spread(name: str, values: Sequence[float]) -> str:
    """Writes the median of a metric, and behind it the least and the largest value, if there are several.

    Example:
        >>> spread("val_accuracy", [0.875]), spread("loss", [1.0, 1.5, 3.0]), spread("val_accuracy", [0.5, 0.75])
        ('87.5%', '1.5 [1, 3]', '62.5% [50.0, 75.0]')
    """
    if len(values) < 2:
        return "".join(value(name, one) for one in values)
    least, largest = _ends(values)
    bounds = f"{value(name, least)}, {value(name, largest)}".replace("%", "")
    return f"{value(name, float(np.median(values)))} [{bounds}]"


def spread_in_words(name: str, values: Sequence[float]) -> str:
    """Writes the same for a sentence.

    Example:
        >>> spread_in_words("val_accuracy", [0.875]), spread_in_words("val_accuracy", [0.5, 0.75])
        ('87.5%', '62.5% (50.0 to 75.0%)')
    """
    if len(values) < 2:
        return spread(name, values)
    least, largest = _ends(values)
    return f"{value(name, float(np.median(values)))} ({value(name, least).rstrip('%')} to {value(name, largest)})"


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """The least and the largest; what is not a number stands last."""
    ordered = sorted(values, key=lambda one: (math.isnan(one), one))
    return ordered[0], ordered[-1]
