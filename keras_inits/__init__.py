"""Start every layer right, and see every layer's gradient: initializers and a gradient recorder for Keras 3."""

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

__all__ = [
    "Alerts",
    "Comparison",
    "Diagnosis",
    "DrawnWeight",
    "Finding",
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
    "to_builtin",
    *_initializers,
]


def __dir__() -> list[str]:
    """The public list, without the rooms that it comes from."""
    return sorted(__all__)
