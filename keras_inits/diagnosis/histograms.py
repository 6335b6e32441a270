"""Histograms of a model's weights, and of what its layers put out for some examples."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_inits.backends import differentiation, swapped
from keras_inits.diagnosis.probes import is_float
from keras_inits.diagnosis.watched import Watched, watched_layers
from keras_inits.models.weights import weights_of

BINS = 24
EXAMPLES = 64
ENTRIES = 100_000
"""Values of one layer that are counted, evenly spaced: a share is right to 0.002."""
TAIL = 0.001
"""The share of values that is left out at each end, so that a few far ones do not make a single bin of all others."""


class Histogram(NamedTuple):
    """Shares of values in bins of equal width, of those that are finite."""

    layer: str
    what: str
    """`weights` or `outputs`."""
    when: str
    """`before` or `after` training, or `now`."""
    low: float
    high: float
    shares: tuple[float, ...]


def histograms_of(model: Any, x: Any, when: str) -> tuple[Histogram, ...]:
    """Counts the weights of each layer that has any, and what it puts out for the first examples.

    Layers that run only inside of compiled code show no outputs.

    Args:
        model: Built.
        x: A batch; None counts weights alone.
        when: `before` or `after` training, or `now`.
    """
    watched = [one for one in watched_layers(model, weights_of(model)) if one.weights]
    found = []
    for one in watched:
        kernels = [
            weight.variable
            for weight in one.weights
            if len(weight.variable.shape) > 1 and is_float(weight.variable.value)
        ]
        parts = [_sampled(keras.ops.convert_to_numpy(kernel)) for kernel in kernels]
        found.append(_counted(one.name, "weights", when, np.concatenate(parts) if parts else np.empty(0)))
    if x is None:
        return tuple(one for one in found if one is not None)
    some = keras.tree.map_structure(lambda leaf: leaf if leaf is None else leaf[:EXAMPLES], x)
    with contextlib.ExitStack() as stack:
        stack.enter_context(differentiation.current().preserved(model))
        stack.enter_context(keras.StatelessScope())
        outputs = stack.enter_context(_captured(watched))
        stack.enter_context(contextlib.suppress(Exception))  # of the model, which takes the batch or not
        model(some, training=False)
    found += [_counted(name, "outputs", when, _sampled(values)) for name, values in outputs.items()]
    return tuple(one for one in found if one is not None)


@contextlib.contextmanager
def _captured(watched: list[Watched]) -> Iterator[dict[str, Any]]:
    """The first output of each layer in the block, by its name."""
    outputs: dict[str, Any] = {}

    def keeping(one: Watched) -> Any:
        call = one.layer.call

        def kept(*arguments: Any, **options: Any) -> Any:
            found = call(*arguments, **options)
            leaf = next((leaf for leaf in keras.tree.flatten(found) if is_float(leaf)), None)
            if leaf is not None and one.name not in outputs:
                with contextlib.suppress(Exception):  # a symbol, in code that is compiled as a whole
                    outputs[one.name] = keras.ops.convert_to_numpy(leaf)
            return found

        return kept

    with contextlib.ExitStack() as stack:
        for one in watched:
            stack.enter_context(swapped(one.layer, "call", keeping(one)))
        yield outputs


def _sampled(values: Any) -> Any:
    flat = np.asarray(values).reshape(-1)
    return flat[:: max(1, flat.size // ENTRIES)].astype("float64")


def _counted(layer: str, what: str, when: str, values: Any) -> Histogram | None:
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    low, high = (float(one) for one in np.quantile(values, (TAIL, 1 - TAIL)))
    if low == high:
        return Histogram(layer, what, when, low, high, (1.0,))
    counts, _ = np.histogram(values, BINS, (low, high))
    return Histogram(layer, what, when, low, high, tuple(round(float(one), 4) for one in counts / values.size))
