"""The state that is moved through a model: what is predicted of the entries of one tensor."""

from typing import NamedTuple

from keras_inits.models.signal.maps import Function


class Signal(NamedTuple):
    """What is predicted of a tensor's entries, over units, places and examples together."""

    mean: float = 0.0
    square: float = 1.0
    """The mean of the squares."""
    depth: int = 0
    """How many layers with an activation it went through since the input, a normalisation or a sum, on the shortest
    way."""
    makers: frozenset[str] = frozenset()
    """The kernels whose products it is, by their streams; none if something else was done to it."""
    function: Function | None = None
    """The activation of a normal variable that it is."""
    variance: float = 1.0
    """Of that normal variable."""
    weighs: bool = False
    """Whether its entries are the weights of an average, as softmax makes them."""

    @property
    def deviation_square(self) -> float:
        """The variance of the entries."""
        return max(0.0, self.square - self.mean**2)

    def changed(self, mean: float, square: float) -> "Signal":
        """The same way through the model, with other entries."""
        return Signal(mean, square, self.depth)


def total(signals: list[Signal]) -> Signal:
    """The sum of independent tensors; the way through it is the shortest, as what went past a layer did not see it."""
    mean = sum(one.mean for one in signals)
    square = sum(one.deviation_square for one in signals) + mean**2
    return Signal(mean, square, min(one.depth for one in signals))


def product(signals: list[Signal]) -> Signal:
    """The product of independent tensors."""
    mean, square = 1.0, 1.0
    for one in signals:
        mean, square = mean * one.mean, square * one.square
    return Signal(mean, square, min(one.depth for one in signals))


def mixture(signals: list[Signal], shares: list[float]) -> Signal:
    """Tensors side by side, each with a share of the entries."""
    mean = sum(share * one.mean for one, share in zip(signals, shares, strict=True))
    square = sum(share * one.square for one, share in zip(signals, shares, strict=True))
    return Signal(mean, square, min(one.depth for one in signals))


def averaged(signal: Signal, count: int) -> Signal:
    """The average over so many places: half of the variance is taken for what they have in common.

    Neighbours in a picture and words of a text are neither equal nor independent; how alike they are, only data tell.
    """
    square = signal.mean**2 + signal.deviation_square * (1 + 1 / count) / 2
    return Signal(signal.mean, square, signal.depth)
