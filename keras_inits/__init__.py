"""Start every layer right, and see every layer's gradient: initializers and a gradient recorder for Keras 3."""

from keras_inits.diagnosis import Diagnosis, Finding, JacobianSpectrum, Remedy, diagnose, jacobian_spectrum
from keras_inits.initializers import *  # noqa: F403 - the public list stands there, once
from keras_inits.initializers import __all__ as _initializers
from keras_inits.models import DrawnWeight, InitializationTable, initialize, lsuv, to_builtin
from keras_inits.recording import Alerts, GradientError, GradientNormLogger, GradientTrace

__version__ = "0.1.0"
__all__ = [
    "Alerts",
    "Diagnosis",
    "DrawnWeight",
    "Finding",
    "GradientError",
    "GradientNormLogger",
    "GradientTrace",
    "InitializationTable",
    "JacobianSpectrum",
    "Remedy",
    "diagnose",
    "initialize",
    "jacobian_spectrum",
    "lsuv",
    "to_builtin",
    *_initializers,
]
