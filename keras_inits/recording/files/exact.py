"""The exact format: a zip file of NumPy arrays, each with its checksum, and what they are in a text of JSON."""

import io
import json
import zipfile
import zlib

import numpy as np

from keras_inits.recording.steps import Steps

FORMAT = "keras_inits trace 1"
ABOUT = "about.json"
KINDS = {"steps": "i", "outcomes": "S", "clipped": "b", "values": "f", "gaps": "b"}
"""The kinds of the arrays' dtypes, by the first words of their names."""


def encode(trace: Steps) -> bytes:
    """The whole file."""
    arrays = {"steps": trace.steps, "outcomes": trace.outcomes.astype("S")}
    arrays |= {"clipped": trace.clipped.data, "clipped_unknown": np.ma.getmaskarray(trace.clipped)}
    for number, table in enumerate(trace.tables.values()):
        arrays |= {f"values_{number}": table.data, f"gaps_{number}": np.ma.getmaskarray(table)}
    contents = {name: _bytes_of(array) for name, array in arrays.items()}
    about = {
        "format": FORMAT,
        "rows": len(trace),
        "layers": list(trace.layers),
        "quantities": list(trace.tables),
        "checks": {name: zlib.crc32(content) for name, content in contents.items()},
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(ABOUT, json.dumps(about))
        for name, content in contents.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def decode(data: bytes) -> Steps:
    """The trace.

    Raises:
        ValueError: If it is no such file, or damaged.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        about = json.loads(archive.read(ABOUT))  # which compares its checksum
        if about["format"] != FORMAT:
            raise ValueError(f"it has the format {about['format']!r}, and {FORMAT!r} is expected")
        contents = {name: archive.read(f"{name}.npy") for name in about["checks"]}
    for name, content in contents.items():
        if zlib.crc32(content) != about["checks"][name]:
            raise ValueError(f"its part {name!r} is damaged")
    arrays = {name: np.load(io.BytesIO(content), allow_pickle=False) for name, content in contents.items()}
    for name, array in arrays.items():
        if array.dtype.kind != KINDS[name.partition("_")[0]]:
            raise ValueError(f"its part {name!r} is of {array.dtype}")
    tables = {
        name: np.ma.MaskedArray(arrays[f"values_{number}"], mask=arrays[f"gaps_{number}"])
        for number, name in enumerate(about["quantities"])
    }
    if len(arrays["steps"]) != about["rows"]:
        raise ValueError(f"it has {len(arrays['steps'])} rows, and {about['rows']} are expected")
    clipped = np.ma.MaskedArray(arrays["clipped"], mask=arrays["clipped_unknown"])
    norms = tables.pop("gradient")
    return Steps(arrays["steps"], about["layers"], norms, tables, arrays["outcomes"].astype(str), clipped)


def _bytes_of(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()
