"""Checks of the logger's arguments that are more than a number or a choice."""

from collections.abc import Sequence
from typing import Any

from keras_inits.recording.alerts import Alerts
from keras_inits.recording.quantities import TRACKED, Quantity


def tracked(value: Any) -> tuple[tuple[str, ...], tuple[Quantity, ...]]:
    """The names of quantities that the recorder knows, the gradient's first, and those of the user's own."""
    given = [value] if isinstance(value, (str, Quantity)) else value
    expected = f"any of {', '.join(map(repr, TRACKED))}, or a Quantity"
    remedy = 'Pass one, such as track="update", or a tuple of them.'
    if not isinstance(given, Sequence) or not all(isinstance(one, (str, Quantity)) for one in given):
        raise TypeError(
            f"GradientNormLogger received track={value!r}, of type {type(value).__name__}. It expects {expected}. "
            f"{remedy}"
        )
    own = tuple(one for one in given if isinstance(one, Quantity))
    names = [one for one in given if isinstance(one, str)]
    wrong = [name for name in names if name not in TRACKED]
    if wrong or not given:
        raise ValueError(
            f"GradientNormLogger received track={value!r}{f', with {wrong[0]!r} in it' if wrong else ''}. It "
            f"expects {expected}. {remedy}"
        )
    if len({one.name for one in own}) < len(own):
        raise ValueError(
            f"GradientNormLogger received track={value!r}, with two quantities of one name. It expects a name for "
            "each. Rename one of them."
        )
    return tuple(dict.fromkeys(("gradient", *names))), own


def attributes(value: Any) -> tuple[str, ...] | None:
    """Names of attributes of the model that hold optimizers; None for all."""
    if value is None:
        return None
    names = (value,) if isinstance(value, str) else value
    remedy = 'Pass one, such as optimizer="generator_optimizer", or a tuple of them.'
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise TypeError(
            f"GradientNormLogger received optimizer={value!r}, of type {type(value).__name__}. It expects names of "
            f"attributes of the model. {remedy}"
        )
    if not names:
        raise ValueError(
            f"GradientNormLogger received optimizer={value!r}. It expects names of attributes of the model. {remedy}"
        )
    return tuple(names)


def checked_alerts(alerts: Any) -> Alerts | None:
    """The alerts, or None."""
    if alerts is not None and not isinstance(alerts, Alerts):
        raise TypeError(
            f"GradientNormLogger received alerts={alerts!r}, of type {type(alerts).__name__}. It expects an Alerts. "
            'Pass keras_inits.Alerts(nonfinite="raise"), or leave it out.'
        )
    return alerts
