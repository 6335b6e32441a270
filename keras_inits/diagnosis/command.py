"""The command `keras-inits diagnose`: a saved model and a batch from a file, or a random one -> findings."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_inits import whole
from keras_inits._names import shown
from keras_inits.diagnosis._diagnose import diagnose
from keras_inits.diagnosis.diagnosis import Diagnosis
from keras_inits.diagnosis.files import FileError, load_arrays, load_model, load_module
from keras_inits.diagnosis.finding import Finding

EXAMPLES = 128  # of a random batch


class Outputs(NamedTuple):
    """The files that are written beside the text; None for those that are not."""

    report: Path | None = None
    json: Path | None = None
    plot: Path | None = None
    repair: Path | None = None


def run(
    model_file: Path, data: Path | None, shape: tuple[int, ...] | None, imports: Sequence[str], outputs: Outputs
) -> Diagnosis:
    """Prints the diagnosis, and writes files.

    Raises:
        FileError: If a file is not what it should be.
        OptionError: If a module with custom objects is not there.
        OSError: If a file cannot be written.
        ValueError: If the model does not take the batch.
    """
    for name in imports:
        load_module("--import", name)
    model = load_model(model_file)
    if data is not None:
        x, y = _batch(data, model)
    else:
        x, y = np.random.default_rng(0).standard_normal((EXAMPLES, *(shape or ()))).astype("float32"), None
    diagnosis = diagnose(model, x, y)
    print(diagnosis)
    if outputs.report is not None:
        diagnosis.report(outputs.report, model, x)
    if outputs.json is not None:
        whole.replace(outputs.json, json.dumps(as_json(diagnosis), indent=2, allow_nan=False).encode())
    if outputs.plot is not None:
        diagnosis.plot(outputs.plot)
    if outputs.repair is not None:
        repaired = diagnosis.repair(model, seed=0)
        print(repaired if repaired.rows else "No weights to repair: the model is written as it was.")
        with whole.draft_of(outputs.repair) as draft:
            model.save(draft)
    if any(outputs):
        print("Written:", ", ".join(shown(str(path))[1:-1] for path in outputs if path is not None))
    return diagnosis


def as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis as JSON has it; numbers that are not finite are the texts "nan", "inf" and "-inf"."""
    return {
        "loss": diagnosis.loss,
        "first_loss": _plain(diagnosis.first_loss),
        "findings": [_finding(one) for one in diagnosis.findings],
        "notes": [_finding(one) for one in diagnosis.notes],
        "unseen": [_plain(one) for one in diagnosis.unseen],
        "layers": [_plain(row) for row in diagnosis.layers],
    }


def _finding(one: Finding) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "layers": list(one.layers),
        "evidence": one.evidence,
        "remedy": {"code": one.remedy.code, "reason": one.remedy.why},
        "factor": _plain(one.factor),
        "start": one.start,
        "follows_from": one.follows_from,
    }


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        return {name: _plain(part) for name, part in value._asdict().items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


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
