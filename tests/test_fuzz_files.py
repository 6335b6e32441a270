"""Any change of a file, and any name: an error that names the file, or what was written; text that a terminal shows."""

import io
import re
import tempfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers.faults import is_part
from helpers.traces import full_trace, run_of
from hypothesis import assume, given
from hypothesis import strategies as st

from keras_inits._names import LONGEST, no_formula, one_line, printable, shown, stand_in
from keras_inits.diagnosis.files import FileError, load_arrays
from keras_inits.recording import GradientTrace
from keras_inits.recording.files import csv, exact
from keras_inits.runs import files

pytestmark = [pytest.mark.fuzz, pytest.mark.thorough, pytest.mark.any_backend]

ARRAYS = {"x": np.linspace(0, 1, 40, dtype="float32").reshape(10, 4), "y": np.arange(10)}
EDITS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4)
TEXTS = st.text(st.characters(exclude_categories=()))


def changed(data, edits, end, inserted):
    """Bytes with some of them replaced, cut at a place, and others behind."""
    data = bytearray(data)
    for place, byte in edits:
        data[int(place * len(data))] = byte
    return bytes(data[: int(end * len(data))]) + inserted


CHANGES = st.tuples(EDITS, st.sampled_from([1.0, 1.0, 0.99, 0.5, 0.1, 0.0]), st.binary(max_size=8))


def read(data):
    """What the command reads of such a file, or None and one line that names it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "batch.npz"
        path.write_bytes(data)
        try:
            return load_arrays(path)
        except FileError as error:
            text = str(error)
    assert "batch.npz" in text
    assert text.isprintable()
    return None


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@given(CHANGES)
def test_a_changed_batch_is_refused_or_is_what_it_was(save, changes):
    buffer = io.BytesIO()
    save(buffer, **ARRAYS)
    found = read(changed(buffer.getvalue(), *changes))
    if found is not None:
        assert set(found) == set(ARRAYS)
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(found[name], array)


@given(st.one_of(TEXTS, st.integers().map(str)), st.lists(st.integers(-1, 2**62), max_size=4), st.binary(max_size=64))
def test_a_batch_with_any_header(descr, shape, rest):
    header = repr({"descr": descr, "fortran_order": False, "shape": tuple(shape)}).encode(errors="replace") + b"\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + rest)
    found = read(buffer.getvalue())
    assert found is None or found["x"].nbytes == len(rest)


@pytest.mark.parametrize("suffix", ["npz", "json"])
@given(CHANGES)
def test_a_changed_run_is_trained_again_or_is_what_it_was(suffix, changes):
    run, settings = run_of("healthy"), {"seed": "0"}
    with tempfile.TemporaryDirectory() as folder:
        rest = Path(folder) / "run.json"
        files.write(run, settings, rest)
        path = rest.with_suffix(f".{suffix}")
        before = path.read_bytes()
        path.write_bytes(changed(before, *changes))
        assume(path.read_bytes() != before)
        with pytest.raises((ValueError, OSError), match=re.escape(path.name)):
            files.read(rest, settings)


@pytest.mark.parametrize("suffix", ["npz", "csv"])
@given(CHANGES)
def test_of_a_changed_trace_nothing_else_is_read(suffix, changes):
    trace = full_trace(12)
    columns = csv.columns_for(trace.layers, list(trace.tables))
    text = csv.header(columns) + csv.lines(trace, columns, [[]] * len(trace))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of lines that are left out
        path = Path(folder) / f"trace.{suffix}"
        path.write_bytes(changed(exact.encode(trace) if suffix == "npz" else text, *changes))
        try:
            found, said = GradientTrace.load(path), path.name
        except ValueError as error:
            found, said = None, str(error)
    assert path.name in said
    assert said.isprintable()
    assert found is None or is_part(found, trace)


@given(TEXTS)
def test_a_name_of_any_characters(name):
    for text in (printable(name), stand_in(name), one_line(name), shown(name), no_formula(stand_in(name))):
        assert text.isprintable()
        assert text.encode() or not name.strip()
    assert printable(printable(name)) == printable(name)
    assert 0 < len(stand_in(name)) <= LONGEST
    assert stand_in(name) == name or not name.isprintable() or not 0 < len(name) <= LONGEST


@given(st.integers(0, 500), st.integers(1, 30))
def test_a_long_name_keeps_both_ends(length, longest):
    name = "".join(chr(0x4E00 + number) for number in range(length))
    text = stand_in(name, longest + 4)
    assert len(text) <= max(longest + 4, len("(no name)"))
    assert not name or (text[0], text[-1]) == (name[0], name[-1])
