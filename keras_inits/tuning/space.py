"""A space: the dimensions by their names."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from keras_inits._names import shown
from keras_inits.diagnosis.rule_code import expression_of
from keras_inits.runs.copies import copied
from keras_inits.tuning.dimensions import Choice, Dimension, Floats, Integers

DIGEST = "sha256:"
"""The mark before a digest in a setting."""
Params = Mapping[str, Any]
"""A point of a space as Optuna has it: numbers, and the names of options."""


@dataclass(frozen=True)
class Space:
    """Dimensions by their names."""

    dimensions: Mapping[str, Dimension]

    def values(self, params: Params) -> dict[str, Any]:
        """A point as `build` gets it, of copies: initializers have given no values yet, optimizers made no step."""
        return {name: copied(value) for name, value in self._options(params).items()}

    def title(self, params: Params) -> str:
        """A point in words."""
        texts = {name: f"{value:.3g}" if isinstance(value, float) else value for name, value in params.items()}
        return ", ".join(f"{name}={text}" for name, text in texts.items())

    def code(self, params: Params) -> str:
        """The argument of a layer for each initializer of a point, a line for each; empty without any."""
        codes = {name: expression_of(value) for name, value in self._options(params).items()}
        lines = {name: f"kernel_initializer={code}" for name, code in codes.items() if code}
        return "\n".join(lines.values() if len(lines) < 2 else (f"{line}  # {name}" for name, line in lines.items()))

    def _options(self, params: Params) -> dict[str, Any]:
        return {name: one.value(params[name]) for name, one in self.dimensions.items()}

    def cells(self, most: int) -> list[Params]:
        """All points of a space that has an end of them.

        Raises:
            ValueError: If a dimension has no end of them, or there are more than `most`.
        """
        points = {name: one.points() for name, one in self.dimensions.items()}
        endless = [name for name, one in points.items() if one is None]
        if endless:
            raise ValueError(
                f"sampler='grid' takes dimensions whose values can be counted. Received: "
                f"{', '.join(f'{name}={self.dimensions[name]}' for name in endless)}. Pass a choice, such as "
                f"{endless[0]}=choice([0.001, 0.01, 0.1]), or another sampler."
            )
        count = math.prod(len(one) for one in points.values() if one is not None)
        if count > most:
            raise ValueError(
                f"sampler='grid' tries each point of the space, and this one has {count}. Received: trials={most}. "
                f"Pass trials={count}, or fewer values."
            )
        rows = itertools.product(*(one for one in points.values() if one is not None))
        return [dict(zip(points, row, strict=True)) for row in rows]

    def settings(self) -> Iterator[tuple[str, str]]:
        """Each dimension in words, and by its values."""
        for name, one in self.dimensions.items():
            yield f"space[{name!r}]", f"{one} {DIGEST}{one.digest}"


def space_of(given: Any) -> Space:
    """The space that a user wrote.

    Args:
        given: From names to dimensions.

    Raises:
        TypeError: If it is no mapping, a name is no text, or a dimension is none.
        ValueError: If it has no dimension.
    """
    if not isinstance(given, Mapping):
        raise TypeError(
            f"Argument `space` must be a mapping from names to dimensions. Received: space={shown(given)} (of type "
            f'{type(given).__name__}). Pass for example {{"learning_rate": log(1e-4, 1.0)}}.'
        )
    if not given:
        raise ValueError(
            "Argument `space` must have at least one dimension. Received: space={}. Pass for example "
            '{"start": choice(he=HeNormal(), small=Normal(0.01))}.'
        )
    for name, dimension in given.items():
        if not isinstance(name, str) or not isinstance(dimension, Choice | Floats | Integers):
            raise TypeError(
                "Argument `space` must be a mapping from texts to what choice(), log(), uniform() or integers() "
                f"return. Received: {shown(name)}: {shown(dimension)} (of type {type(dimension).__name__}). Pass "
                f"{shown(str(name))}: choice([...]) for plain values, choice(name=...) for objects."
            )
    return Space(dict(given))
