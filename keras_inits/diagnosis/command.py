"""The command `keras-inits diagnose`: a saved model and a batch from a file, or a random one -> findings."""

from pathlib import Path
from typing import Any

import numpy as np

from keras_inits._names import one_line, shown
from keras_inits.diagnosis.diagnose import diagnose
from keras_inits.diagnosis.files import FileError, load_arrays, load_model
from keras_inits.faults import InternalError

__all__ = ["FileError", "InternalError", "one_line", "run"]

EXAMPLES = 128  # of a random batch
NOT_ALL_SEEN = 4


def run(model_file: Path, data: Path | None, shape: tuple[int, ...] | None) -> int:
    """Prints the diagnosis, and returns the exit status.

    It is 1 if something was found, else `NOT_ALL_SEEN` if a layer with weights was not looked at, else 0.

    Raises:
        FileError: If a file is not what it should be.
        ValueError: If the model does not take the batch.
    """
    model = load_model(model_file)
    if data is not None:
        x, y = _batch(data, model)
    else:
        x, y = np.random.default_rng(0).standard_normal((EXAMPLES, *(shape or ()))).astype("float32"), None
    diagnosis = diagnose(model, x, y)
    print(diagnosis)
    return 1 if diagnosis.findings else NOT_ALL_SEEN if diagnosis.unseen else 0


def _batch(path: Path, model: Any) -> tuple[Any, Any]:
    """The arrays `x` and `y`, or one for each input and output, under its name."""
    arrays = load_arrays(path)
    inputs = [tensor.name for tensor in getattr(model, "inputs", None) or []]
    outputs = list(getattr(model, "output_names", None) or [])
    x = arrays["x"] if "x" in arrays else {name: arrays[name] for name in inputs if name in arrays}
    y = arrays["y"] if "y" in arrays else {name: arrays[name] for name in outputs if name in arrays}
    if "x" not in arrays and len(x) < max(1, len(inputs)):
        raise FileError(
            f"received {shown(str(path))} with the arrays {shown(sorted(arrays))}. Expected x, or one for each input "
            f"of the model: {shown(inputs)}. Write it with numpy.savez(path, x=x)."
        )
    return x, None if isinstance(y, dict) and not y else y
