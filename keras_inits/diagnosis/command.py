"""What the command `keras-inits diagnose` does: a saved model and a batch from a file, or a random one -> findings."""

import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_inits.diagnosis.diagnose import diagnose

EXAMPLES = 128  # of a random batch
NOT_ALL_SEEN = 4


def run(model_file: Path, data: Path | None, shape: tuple[int, ...] | None) -> int:
    """Prints the diagnosis, and returns the exit status.

    It is 1 if something was found, else `NOT_ALL_SEEN` if a layer with weights was not looked at, else 0.

    Raises:
        ValueError: If a file is not what it should be, or the model does not take the batch.
    """
    model = _loaded(model_file)
    if data is not None:
        x, y = _batch(data, model)
    else:
        x, y = np.random.default_rng(0).standard_normal((EXAMPLES, *(shape or ()))).astype("float32"), None
    diagnosis = diagnose(model, x, y)
    print(diagnosis)
    return 1 if diagnosis.findings else NOT_ALL_SEEN if diagnosis.unseen else 0


def _loaded(path: Path) -> Any:
    try:
        return keras.models.load_model(path)
    except Exception as error:  # Keras has many kinds for a file that is not one
        raise ValueError(
            f"received {str(path)!r}, which keras.models.load_model cannot open: {error}. Expected a file that "
            "model.save wrote, of built-in layers or registered ones. Save the model again."
        ) from error


def _batch(path: Path, model: Any) -> tuple[Any, Any]:
    """The arrays `x` and `y`, or one for each input and output, under its name."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"received {str(path)!r}, which is no .npz file of numbers: {error}. Expected one with the array x and, "
            "if the model is compiled, y. Write it with numpy.savez(path, x=x, y=y)."
        ) from error
    inputs = [tensor.name for tensor in getattr(model, "inputs", None) or []]
    outputs = list(getattr(model, "output_names", None) or [])
    x = arrays["x"] if "x" in arrays else {name: arrays[name] for name in inputs if name in arrays}
    y = arrays["y"] if "y" in arrays else {name: arrays[name] for name in outputs if name in arrays}
    if "x" not in arrays and len(x) < max(1, len(inputs)):
        raise ValueError(
            f"received {str(path)!r} with the arrays {sorted(arrays)}. Expected x, or one for each input of the model: "
            f"{inputs}. Write it with numpy.savez(path, x=x)."
        )
    return x, y if len(y) else None
