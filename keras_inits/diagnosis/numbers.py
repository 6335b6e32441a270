"""The measured numbers: a row for each layer, and one for each of its kernels."""

import math
from typing import NamedTuple

from keras_inits import thresholds
from keras_inits.initializers.fans import Fans


def shortened(name: str, length: int) -> str:
    """The end of a long name, which tells layers apart, behind three dots."""
    return name if len(name) <= length else f"...{name[3 - length :]}"


class Moments(NamedTuple):
    """Moments of many values: those that are not finite are counted, and left out of the rest."""

    mean: float
    stddev: float
    largest: float
    """The largest absolute value."""
    nonfinite: int


class KernelNumbers(NamedTuple):
    """A kernel as it is, beside what rules would give it with the true fans of its layer."""

    path: str
    shape: tuple[int, ...]
    fans: Fans
    moments: Moments
    auto: float | None
    """The standard deviation that `initialize` gives it; None where it leaves it as it is."""
    identical: float
    """The share of units with weights equal to another's."""
    symmetric: float
    """The share of units with weights and a gradient equal to another's: these stay equal."""
    trainable: bool

    @property
    def rules(self) -> dict[str, float]:
        """The standard deviations of the rules of LeCun, Glorot and He."""
        fan_in, fan_out = self.fans
        variances = {"lecun": 1 / fan_in, "glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in}
        return {name: variance**0.5 for name, variance in variances.items()}


class LayerNumbers(NamedTuple):
    """The numbers of one call of a layer, from one batch forward and backward."""

    name: str
    """The layer's path in the model, and behind it which call this is, from the second on: `words (call 2)`."""
    layer: str
    """The layer's path in the model."""
    call: int
    """The number of the layer's call, from 1. The weights and their gradient stand with the first."""
    kind: str
    """The layer's class."""
    shape: tuple[int, ...]
    """The shape of the outputs, without the batch."""
    entries: int
    """How many outputs there are, of all examples and units."""
    normalised: int | None
    """Over how many values batch normalisation normalises each unit; None for other layers, and where it is frozen."""
    dtype: str
    """The dtype that the layer computes in."""
    activation: str | None
    inputs: Moments | None
    """Moments of the activation's input; None for a layer without one."""
    outputs: Moments
    ratio: float | None
    """The outputs' standard deviation over that of the layer before."""
    saturated: float | None
    """The share of the activation's inputs where its derivative is below a hundredth of its largest."""
    saturated_limit: float | None
    """The share above which that is a finding; None for an activation that is not flat at both ends, as tanh is."""
    dead: float
    """The share of units that are zero on the whole batch."""
    units: int
    identical: float
    """The share of units with weights, or outputs that are not all zero, equal to another's."""
    gradient: float | None
    """The norm of the gradient of the layer's weights; None if it has none that are trained. A layer that computes in
    float16 has it at the largest loss scale at which it is finite."""
    output_gradient: float | None
    """The norm of the gradient of the outputs, or before an activation that mixes units, or before a sigmoid or an
    exponential that the model ends with, which its loss undoes; None if none came."""
    gradient_nonfinite: int
    entered_nonfinite: bool
    """Whether values that went in were infinite or not a number already, of a call whose outputs are so."""
    examples: tuple[int, ...]
    """The first examples of the batch whose outputs are not finite."""
    gradient_examples: tuple[int, ...]
    """The examples whose gradient of the outputs is not finite."""
    bad_weights: tuple[tuple[str, int], ...]
    """The paths of weights and statistics that hold infinite values or none, with how many."""
    kernels: tuple[KernelNumbers, ...]
    weights: tuple[str, ...]
    """The paths of all weights that were made to be trained."""
    factors_gradient: float = 0.0
    """The norm of the gradient of the weights that multiply, so without biases and offsets."""
    minus_infinite: int = 0
    """How many outputs are minus infinity, of those that are not finite."""
    across: float | None = None
    """The outputs' deviation across examples, each unit's own, as a root mean square; None for a single example."""
    scores: bool = False
    """Whether its outputs only say where attention looks, as those of queries and keys do."""

    @property
    def alike(self) -> float | None:
        """The mean cosine between two examples' outputs, weighted by their size: 1 if all are the same."""
        return mean_cosine(self.outputs, self.across, self.entries // max(1, math.prod(self.shape)))


def mean_cosine(moments: Moments, across: float | None, examples: int) -> float | None:
    """Between two of so many examples, weighted by their size, from all entries' moments and the deviation across."""
    square = moments.mean**2 + moments.stddev**2
    if across is None or not square or examples < 2:
        return None
    return (examples * (1 - across**2 / square) - 1) / (examples - 1)


def few_normalised(row: LayerNumbers) -> bool:
    """Whether batch normalisation has too few values here for the gradients before it to be judged."""
    return row.normalised is not None and row.normalised < thresholds.LEAST_NORMALISED


def mixes(row: LayerNumbers) -> bool:
    """Whether the activation mixes units, as softmax does: how many there are says its outputs, not the weights."""
    return row.inputs is not None and row.saturated is None


def is_silent(row: LayerNumbers) -> bool:
    """Whether the layer has weights that are trained, and exactly no gradient comes to it."""
    return row.gradient == 0 and not row.output_gradient and not row.gradient_nonfinite
