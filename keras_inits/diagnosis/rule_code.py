"""From weights and their laws to rules for `initialize`, and to the Python that carries them out."""

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any

import keras

from keras_inits import initializers
from keras_inits.initializers.rules import HeNormal, LecunNormal
from keras_inits.initializers.scaling import VarianceScaling
from keras_inits.models.rules import AUTO

Rule = tuple[str, Any]

LONGEST = 48  # of a pattern's names: more of them stand in a rule of their own
LINE = 88  # columns
PLAIN = (bool, int, float, str, tuple, type(None))


def rules_of(drawn: Sequence[tuple[str, Any]], paths: Iterable[str]) -> tuple[Rule, ...]:
    """Pairs of a pattern and a law: a weight that is to be drawn takes the first that matches, and no other takes any.

    Args:
        drawn: The paths of weights, and their laws.
        paths: Those of all weights of the model.
    """
    groups: dict[str, tuple[Any, list[str]]] = {}
    for path, law in drawn:
        law = _told(law)
        groups.setdefault(_expression(law), (law, []))[1].append(path)
    rules, left = list[Rule](), set(paths)
    for law, group in sorted(groups.values(), key=lambda one: len(one[1])):
        left -= set(group)
        rules += [(pattern, law) for pattern in _patterns(group, left)]
    return tuple(rules)


def code_of(rules: Sequence[Rule]) -> str:
    """The call of `initialize` with these rules; nothing without any."""
    pairs = [f"({_string(pattern)}, {_expression(law)})" for pattern, law in rules]
    line = f"keras_inits.initialize(model, [{', '.join(pairs)}])"
    if not pairs or len(line) <= LINE:
        return line if pairs else ""
    return "\n".join(["keras_inits.initialize(model, [", *(f"    {pair}," for pair in pairs), "])"])


def expression_of(law: Any) -> str:
    """The Python expression of an initializer of ours or of Keras's; nothing for another one.

    Example:
        >>> from keras_inits import Normal
        >>> expression_of(Normal(0.01))
        'keras_inits.Normal(scale=0.01)'
    """
    return _expression(law) if _module(law) is not None and _is_plain(law) else ""


def _patterns(paths: Sequence[str], others: Iterable[str]) -> list[str]:
    """Patterns that match these paths, and no others; numbers in names are left open where that holds."""
    others = list(others)
    names: dict[str, dict[str, None]] = {}  # by the last part of the path, in their order
    for path in paths:
        exact = re.escape(path)
        numbered = re.sub(r"\d+", r"\\d+", exact)
        found = exact if any(re.search(f"^{numbered}$", other) for other in others) else numbered
        head, _, tail = found.rpartition("/")
        names.setdefault(tail, {})[head] = None
    return [_joined(part, tail) for tail, heads in names.items() for part in _parts(list(heads))]


def _parts(names: list[str]) -> list[list[str]]:
    parts: list[list[str]] = []
    for name in names:
        if not parts or len("|".join([*parts[-1], name])) > LONGEST:
            parts.append([])
        parts[-1].append(name)
    return parts


def _joined(heads: list[str], tail: str) -> str:
    if heads == [""]:
        return f"^{tail}$"
    return f"^{heads[0]}/{tail}$" if len(heads) == 1 else f"^({'|'.join(heads)})/{tail}$"


def _string(pattern: str) -> str:
    """A literal of it; a raw one where that reads better, and can be."""
    raw = "\\" in pattern and '"' not in pattern and pattern.isprintable()
    return f'r"{pattern}"' if raw else repr(pattern)


def _told(law: Any) -> Any:
    """The same law under the name by which it is known, if it has one; one that no expression makes is "auto"."""
    if isinstance(law, VarianceScaling) and (law.mode, law.distribution) == ("fan_in", "untruncated_normal"):
        law = {2.0: HeNormal(), 1.0: LecunNormal()}.get(law.scale, law)
    return law if _is_plain(law) else AUTO


def _expression(law: Any) -> str:
    """The Python expression of a law, or of an argument of one."""
    module = _module(law)
    if module is None:
        return repr(law)
    arguments = [f"{name}={_expression(value)}" for name, value in _arguments(law).items()]
    return f"{module}.{type(law).__name__}({', '.join(arguments)})"


def _arguments(law: Any) -> dict[str, Any]:
    """A law's arguments that differ from their defaults; also a seed that came from the layer."""
    defaults = {name: one.default for name, one in inspect.signature(type(law)).parameters.items()}
    config = law.get_config() if hasattr(law, "get_config") else {}
    values = {name: getattr(law, name, value) for name, value in config.items() if name in defaults}
    return {name: value for name, value in values.items() if not _equal(value, defaults[name])}


def _equal(one: Any, other: Any) -> bool:
    return type(one) is type(other) and isinstance(one, PLAIN) and one == other


def _is_plain(value: Any) -> bool:
    """Whether an expression makes it."""
    if _module(value) is not None:
        return all(map(_is_plain, _arguments(value).values()))
    return isinstance(value, PLAIN) and (not isinstance(value, tuple) or all(map(_is_plain, value)))


def _module(value: Any) -> str | None:
    """Where the class of an initializer is found."""
    places = {"keras_inits": initializers, "keras.initializers": keras.initializers}
    name = type(value).__name__
    return next((module for module, place in places.items() if getattr(place, name, None) is type(value)), None)
