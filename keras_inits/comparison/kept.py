"""Finished runs on disk: a `.npz` of gradient norms, and a `.json` of all else, which is written last."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_inits.comparison.plan import Cell
from keras_inits.comparison.run import FindingText, Run
from keras_inits.diagnosis.numbers import LayerNumbers, Moments
from keras_inits.diagnosis.unseen import Unseen
from keras_inits.recording import GradientTrace
from keras_inits.recording.files import whole


def keep(run: Run, settings: Mapping[str, str], directory: Path) -> None:
    """Writes the files of a run; an interruption leaves both, or no `.json`."""
    rest = {
        "settings": settings,
        "law": run.law,
        "history": run.history,
        "layers": [_named(row) for row in run.layers],
        "findings": run.findings,
        "unseen": run.unseen,
    }
    run.trace.save(_file(directory, run.cell, "npz"))
    whole.replace(_file(directory, run.cell, "json"), json.dumps(rest).encode())


def load(cell: Cell, settings: Mapping[str, str], directory: Path) -> Run | None:
    """Returns a run that was kept, if it had the same settings."""
    try:
        rest = json.loads(_file(directory, cell, "json").read_bytes())
        if rest["settings"] != settings:
            return None
        return Run(
            cell,
            rest["law"],
            {name: tuple(values) for name, values in rest["history"].items()},
            tuple(_layer(values) for values in rest["layers"]),
            tuple(FindingText(*texts) for texts in rest["findings"]),
            tuple(Unseen(*texts) for texts in rest["unseen"]),
            GradientTrace.load(_file(directory, cell, "npz")),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # not there, or not what was written
        return None


def _named(row: LayerNumbers) -> dict[str, object]:
    """The numbers of a layer by their names; those of its kernels are not kept."""
    moments = {name: None if one is None else one._asdict() for name, one in _moments(row).items()}
    return {**row._asdict(), **moments, "kernels": (), "weights": ()}


def _layer(values: dict[str, Any]) -> LayerNumbers:
    lists = {name: tuple(values[name]) for name in ("shape", "examples", "gradient_examples", "kernels", "weights")}
    bad = tuple((str(path), int(count)) for path, count in values["bad_weights"])
    inputs = None if values["inputs"] is None else Moments(**values["inputs"])
    outputs = Moments(**values["outputs"])
    return LayerNumbers(**{**values, **lists, "bad_weights": bad, "inputs": inputs, "outputs": outputs})


def _moments(row: LayerNumbers) -> dict[str, Moments | None]:
    return {"inputs": row.inputs, "outputs": row.outputs}


def _file(directory: Path, cell: Cell, suffix: str) -> Path:
    return directory / f"{cell.file_name}.{suffix}"
