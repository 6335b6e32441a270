"""From rules to one initializer for each weight that is to be drawn."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import keras

from keras_inits.initializers.base import HostInitializer
from keras_inits.initializers.lookup import get
from keras_inits.models.auto import Distribution, auto_law
from keras_inits.models.declared import ours
from keras_inits.models.graph import Graph
from keras_inits.models.weights import Weight

AUTO = "auto"


Origin = Literal["known", "declared", "rule"]


class Planned(NamedTuple):
    """A weight that is to be drawn, and how: `factor` times what the initializer gives."""

    weight: Weight
    initializer: Any
    factor: float = 1.0
    origin: Origin = "known"


def plan(
    weights: Sequence[Weight], graph: Graph, rules: Any, distribution: Distribution = "orthogonal"
) -> list[Planned]:
    """Returns what is to be drawn; weights that no rule names, frozen ones and integers are not among it.

    Args:
        weights: Those of the model.
        graph: Of the model.
        rules: As `initialize` takes them.
        distribution: Of the kernels that "auto" draws.

    Raises:
        TypeError: If `rules` is none of the three forms.
        ValueError: If a pattern matches no weight, or an initializer does not suit a weight that it is to draw.
    """
    free = [weight for weight in weights if why_fixed(weight) is None]
    planned = []
    for weight, rule in _ruled(free, rules):
        initializer = auto_law(weight, graph, distribution) if rule is AUTO else rule
        if initializer is not None:
            origin = weight.origin if rule is AUTO and weight.origin != "left" else "rule"
            planned.append(Planned(weight, initializer, origin=origin))
    for one in planned:
        if isinstance(one.initializer, HostInitializer):
            _check_suits(one.weight, one.initializer)
    return planned


def why_fixed(weight: Weight) -> str | None:
    """Why a weight may not change, whatever the rules; None if it may."""
    if not weight.variable.trainable:
        return "frozen"
    if "float" not in weight.variable.dtype:
        return f"of the dtype {weight.variable.dtype}"
    return "quantized" if getattr(weight.layer, "quantization_mode", None) is not None else None


def _ruled(weights: list[Weight], rules: Any) -> list[tuple[Weight, Any]]:
    if isinstance(rules, Mapping) and "class_name" not in rules:  # else, what Keras makes of an initializer
        rules = list(rules.items())
    if not isinstance(rules, (list, tuple)):
        rule = _checked(rules)
        return [(weight, rule) for weight in weights if rule is AUTO or weight.fans is not None]
    pairs = [_pair(rule) for rule in rules]
    ruled: list[tuple[Weight, Any]] = []
    used: set[int] = set()
    for weight in weights:
        matches = (number for number, (pattern, _) in enumerate(pairs) if pattern.search(weight.path))
        first = next(matches, None)
        if first is not None:
            ruled.append((weight, pairs[first][1]))
            used.update((first, *matches))
    for number, (pattern, _) in enumerate(pairs):
        if number not in used:
            raise ValueError(
                f"Each pattern of `rules` must be found in the path of a trainable weight. Received: "
                f"{pattern.pattern!r}, found in none of {[weight.path for weight in weights]}. Patterns are regular "
                "expressions, which `re.search` looks for. Correct it, or leave it out."
            )
    return ruled


def _pair(rule: Any) -> tuple[re.Pattern[str], Any]:
    try:
        pattern, initializer = rule
        return re.compile(pattern), _checked(initializer)
    except (TypeError, ValueError, re.error) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"Argument `rules` as a list holds pairs of a pattern and an initializer. Received: {rule!r}: {error}. "
            "Pass pairs such as ('dense/kernel', 'he_normal')."
        ) from None


def _checked(rule: Any) -> Any:
    if isinstance(rule, str) and rule == AUTO:
        return AUTO
    if not isinstance(rule, (str, dict)) and not callable(rule):
        raise TypeError(
            'Argument `rules` must be "auto", an initializer, or a list or mapping of patterns and one of these. '
            f"Received: {rule!r} (of type {type(rule).__name__}). Pass one such as keras_inits.HeNormal()."
        )
    return _with_given_fans(get(rule))


def _with_given_fans(initializer: Any) -> Any:
    """For a law of Keras's that follows from the fans, which it reads from the shape, the same law of ours."""
    return ours(initializer) if isinstance(initializer, keras.initializers.VarianceScaling) else initializer


def _check_suits(weight: Weight, initializer: HostInitializer) -> None:
    try:
        initializer._check_rank(tuple(weight.variable.shape))
    except ValueError as error:
        raise ValueError(
            f"An initializer of `rules` does not suit the weight {weight.path!r}, and nothing was drawn. {error}"
        ) from None
