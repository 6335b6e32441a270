"""The starting points, by the names that the command line takes."""

from collections.abc import Callable
from typing import Any

import keras_inits

Initializer = Any

STARTS: dict[str, Callable[[int | None], Initializer]] = {
    "zeros": lambda seed: keras_inits.Zeros(),
    "normal-10": lambda seed: keras_inits.Normal(scale=10.0, seed=seed),
    "normal-0.01": lambda seed: keras_inits.Normal(scale=0.01, seed=seed),
    "uniform-0.05": lambda seed: keras_inits.Uniform(scale=0.05, seed=seed),
    "lecun": lambda seed: keras_inits.LecunNormal(seed=seed),
    "glorot": lambda seed: keras_inits.GlorotUniform(seed=seed),
    "he": lambda seed: keras_inits.HeNormal(seed=seed),
    "orthogonal": lambda seed: keras_inits.Orthogonal(seed=seed),
}
"""Each name with a function from a seed to the initializer; the order is that of tables and legends."""


def law_of(start: str) -> str:
    """Returns the initializer of a starting point as it prints itself, without the seed."""
    initializer = STARTS[start](None)
    text = str(initializer)
    return f"{type(initializer).__name__}()" if text.startswith("<") else text  # Keras's own classes print an address
