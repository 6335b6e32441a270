"""The two files of a run: a `.npz` of gradient norms, and a `.json` of all else, which is written last.

The last entry of the `.json` is the SHA-256 of what stands before it, where in turn that of the `.npz` stands. So both
belong together by their content, and neither is read with a byte of it changed.
"""

import functools
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from keras_inits import whole
from keras_inits.diagnosis.histograms import Histogram
from keras_inits.diagnosis.numbers import LayerNumbers, Moments
from keras_inits.diagnosis.unseen import Unseen
from keras_inits.recording import GradientTrace
from keras_inits.runs.name import Name
from keras_inits.runs.run import FindingText, Run

EXPECTED = "Expected the two files of a run, as it was written."


def write(run: Run, settings: Mapping[str, str], rest: Path) -> None:
    """Writes the files of a run; an interruption leaves both, or no `.json` of this run.

    Args:
        run: What is written.
        settings: All that it depends on.
        rest: The name of the `.json`; that of the `.npz` differs in the ending.

    Raises:
        OSError: If one of them cannot be written.
    """
    file = table = rest.with_name(f"{rest.stem}.npz")
    try:
        run.trace.save(table)
        values = {
            "settings": settings,
            "name": run.name,
            "norms": _checksum(table.read_bytes()),
            "law": run.law,
            "history": run.history,
            "layers": [_named(row) for row in run.layers],
            "findings": run.findings,
            "unseen": run.unseen,
            "first_loss": run.first_loss,
            "guess": run.guess,
            "histograms": run.histograms,
        }
        file = rest
        whole.replace(rest, _sealed(json.dumps(values).encode()))
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), os.fspath(file)) from error


def read(rest: Path, settings: Mapping[str, str]) -> Run | None:
    """Returns a run that was written; None if it is one of other settings.

    Args:
        rest: The name of the `.json`.
        settings: As `write` was given them.

    Raises:
        ValueError: If a file is not what was written.
        OSError: If a file cannot be read.
    """
    table, data = rest.with_name(f"{rest.stem}.npz"), rest.read_bytes()
    try:
        values = json.loads(_opened(data))
        if values["settings"] != settings:
            return None
        run = _run(values)
        norms = values["norms"]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        reason = error if isinstance(error, _DamageError) else f"it is no run ({type(error).__name__}: {error})"
        raise ValueError(f"{str(rest)!r} is damaged or foreign: {reason}. {EXPECTED}") from error
    if _checksum(table.read_bytes()) != norms:
        raise ValueError(f"{str(table)!r} is damaged or foreign: it is not the one of {rest.name!r}. {EXPECTED}")
    return run(GradientTrace.load(table))


class _DamageError(ValueError):
    """A fault in the bytes of a file."""


_BEFORE, _BEHIND = b', "checksum": "', b'"}\n'
_LENGTH = len(_BEFORE) + 64 + len(_BEHIND)


def _sealed(run: bytes) -> bytes:
    """A JSON object with one more entry, the checksum of what it is without it."""
    return run[:-1] + _BEFORE + _checksum(run).encode() + _BEHIND


def _opened(data: bytes) -> bytes:
    """The argument of `_sealed`.

    Raises:
        _DamageError: If a byte is another.
    """
    run = data[:-_LENGTH] + b"}"
    if data == _sealed(run):
        return run
    raise _DamageError("its checksum is that of other bytes" if _BEFORE in data else "it has no checksum, or no end")


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _run(values: Any) -> Callable[[GradientTrace], Run]:
    """A function from the trace to the run."""
    history = {name: tuple(numbers) for name, numbers in values["history"].items()}
    layers = tuple(_layer(row) for row in values["layers"])
    findings = tuple(FindingText(*texts) for texts in values["findings"])
    unseen = tuple(Unseen(*texts) for texts in values["unseen"])
    more = {name: values[name] for name in ("first_loss", "guess")}
    kept = values.get("histograms", ())  # an older file has none
    histograms = tuple(
        Histogram(layer, what, when, low, high, tuple(shares)) for layer, what, when, low, high, shares in kept
    )
    return functools.partial(
        Run, Name(*values["name"]), values["law"], history, layers, findings, unseen, histograms=histograms, **more
    )


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
