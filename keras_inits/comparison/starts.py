"""The starting points, by the names that the command line takes."""

from typing import Any

import keras_inits

STARTS: dict[str, Any] = {
    "zeros": keras_inits.Zeros(),
    "normal-10": keras_inits.Normal(scale=10.0),
    "normal-0.01": keras_inits.Normal(scale=0.01),
    "uniform-0.05": keras_inits.Uniform(scale=0.05),
    "lecun": keras_inits.LecunNormal(),
    "glorot": keras_inits.GlorotUniform(),
    "he": keras_inits.HeNormal(),
    "orthogonal": keras_inits.Orthogonal(),
}
"""Each name with its initializer; the order is that of tables and legends."""
