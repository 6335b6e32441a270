"""Start every layer right, and see every layer's gradient: initializers and a gradient recorder for Keras 3."""

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from keras_inits.comparison import Comparison, compare  # type: ignore[no-redef]
    from keras_inits.diagnosis import (  # type: ignore[no-redef]
        Diagnosis,
        Finding,
        JacobianSpectrum,
        Remedy,
        diagnose,
        jacobian_spectrum,
    )

__version__ = "0.1.0"
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


def __getattr__(name: str) -> Any:
    """Imports the diagnosis and the comparison when they are first used: training does not need them."""
    if name in ("Comparison", "compare"):
        from keras_inits import comparison

        return getattr(comparison, name)
    if name in __all__:
        from keras_inits import diagnosis

        return getattr(diagnosis, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
