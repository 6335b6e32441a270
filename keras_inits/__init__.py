"""Start every layer right, and see every layer's gradient: initializers and a gradient recorder for Keras 3.

The rooms, from the top down; a room imports from those below it:

    tuning        builder, data, space -> trials -> the best start and settings
    comparison    builder, data, initializers -> a grid of runs -> table, page
    runs          a run: built, diagnosed, trained with the recorder on, found again
    diagnosis     model, one batch -> numbers of each layer -> findings with remedies
    models        model, rules -> new weights
    recording     `fit` -> a norm for each layer and step -> trace, sinks, alerts
    layers        the catalogue of Keras's and KerasHub's layers
    initializers  config -> initializer -> tensor
    page          charts, template -> a page of HTML
    figures       the style of all pictures
    backends      all that imports TensorFlow, JAX or torch

Small files that rooms share: `thresholds` and `states` (what counts as vanishing, and its words), `arguments` (checks),
`faults` (errors of our own), `extras` (packages that one method needs), `text`, `number` and `notebook` (how objects
show themselves), `_names` (how names of others are shown), `_keras` (Keras's private names), `_swaps` (methods that
stand in for a while), `whole` (files that are written whole or not at all), `_version`.
"""

from keras_inits._version import __version__ as __version__
from keras_inits.comparison import Comparison, compare
from keras_inits.diagnosis import Diagnosis, Finding, JacobianSpectrum, Remedy, diagnose, jacobian_spectrum
from keras_inits.faults import InternalError
from keras_inits.initializers import *  # noqa: F403 - the public list stands there, once
from keras_inits.initializers import __all__ as _initializers
from keras_inits.layers import fans_of
from keras_inits.models import DrawnWeight, InitializationTable, LeftWeight, initialize, lsuv, to_builtin
from keras_inits.recording import (
    Alerts,
    GradientError,
    GradientNormLogger,
    GradientTrace,
    MLflowSink,
    Quantity,
    TensorBoardSink,
    WandbSink,
)
from keras_inits.tuning import Found, search

__all__ = [
    "Alerts",
    "Comparison",
    "Diagnosis",
    "DrawnWeight",
    "Finding",
    "Found",
    "GradientError",
    "GradientNormLogger",
    "GradientTrace",
    "InitializationTable",
    "InternalError",
    "JacobianSpectrum",
    "LeftWeight",
    "MLflowSink",
    "Quantity",
    "Remedy",
    "TensorBoardSink",
    "WandbSink",
    "compare",
    "diagnose",
    "fans_of",
    "initialize",
    "jacobian_spectrum",
    "lsuv",
    "search",
    "to_builtin",
    *_initializers,
]


def __dir__() -> list[str]:
    """The public list, without the rooms that it comes from."""
    return sorted(__all__)
