"""The starting points, by the names that the command line takes."""

from typing import Any

from keras_inits.initializers import GlorotUniform, HeNormal, LecunNormal, Normal, Orthogonal, Uniform, Zeros

STARTS: dict[str, Any] = {
    "zeros": Zeros(),
    "normal-10": Normal(scale=10.0),
    "normal-0.01": Normal(scale=0.01),
    "uniform-0.05": Uniform(scale=0.05),
    "lecun": LecunNormal(),
    "glorot": GlorotUniform(),
    "he": HeNormal(),
    "orthogonal": Orthogonal(),
}
"""Each name with its initializer; the order is that of tables and legends."""
