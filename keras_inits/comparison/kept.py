"""Finished runs on disk: a `.csv` of gradient norms, and a `.json` of all else, which is written last."""

import json
from collections.abc import Mapping
from pathlib import Path

from keras_inits.comparison.plan import Cell
from keras_inits.comparison.run import FindingText, Run
from keras_inits.diagnosis.numbers import LayerNumbers, Moments
from keras_inits.recording import GradientTrace
from keras_inits.recording.files import whole


def keep(run: Run, settings: Mapping[str, str], directory: Path) -> None:
    """Writes the files of a run; an interruption leaves both, or no `.json`."""
    rest = {
        "settings": settings,
        "law": run.law,
        "history": run.history,
        "layers": run.layers,
        "findings": run.findings,
    }
    run.trace.save(_file(directory, run.cell, "csv"))
    whole.replace(_file(directory, run.cell, "json"), json.dumps(rest).encode())


def load(cell: Cell, settings: Mapping[str, str], directory: Path) -> Run | None:
    """Returns a run that was kept, if it had the same settings."""
    try:
        rest = json.loads(_file(directory, cell, "json").read_bytes())
        if rest["settings"] != settings:
            return None
        trace = GradientTrace.load(_file(directory, cell, "csv"))
    except (OSError, ValueError, LookupError, TypeError):  # not there, or not what was written
        return None
    return Run(
        cell,
        rest["law"],
        {name: tuple(values) for name, values in rest["history"].items()},
        tuple(_layer(values) for values in rest["layers"]),
        tuple(FindingText(*texts) for texts in rest["findings"]),
        trace,
    )


def _layer(values: list[object]) -> LayerNumbers:
    row = LayerNumbers(*values)  # type: ignore[arg-type]  # as they were written
    inputs = None if row.inputs is None else Moments(*row.inputs)
    return row._replace(shape=tuple(row.shape), inputs=inputs, outputs=Moments(*row.outputs), kernels=(), weights=())


def _file(directory: Path, cell: Cell, suffix: str) -> Path:
    return directory / f"{cell.file_name}.{suffix}"
