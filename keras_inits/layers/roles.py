"""The roles of weights in their layers."""

from typing import Any, Literal, NamedTuple

from keras_inits.initializers.fans import Fans

Part = Literal["kernel", "recurrent", "table", "tied", "start"]


class Role(NamedTuple):
    """The part of a weight in its layer.

    A kernel multiplies what comes in, and its products are added up; a recurrent one multiplies the state. A table is
    looked up, row by row; a tied one multiplies the last hidden state too. Whatever else there is, biases, scales,
    tokens, starts from what its layer starts it with.
    """

    part: Part
    fans: Fans | None = None
    """(fan_in, fan_out); None for what is neither a kernel nor a table."""
    start: Any = None
    """For the part "start", the initializer; None: the one that the layer declares."""
    feeds: bool = False
    """Whether its products are what the layer's activation takes."""
    scale: float = 1.0
    """A factor of the standard deviation: that of what its layer leaves to this weight to divide by."""


def table(shape: tuple[int, ...]) -> Role:
    """A table of words, positions or patches, whose rows have the last axis: a row feeds its own vector alone."""
    return Role("table", (1.0, float(shape[-1])))
