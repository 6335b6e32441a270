"""The exact format and the text format: the same bits again, and damage that is noticed."""

import io
import itertools
import json
import random
import re
import warnings
import zipfile
import zlib

import numpy as np
import pandas
import pytest
from helpers import traces
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from keras_inits import whole
from keras_inits.recording import GradientTrace
from keras_inits.recording.files import csv, exact
from keras_inits.recording.quantities import OUTCOMES, RECORDED
from keras_inits.recording.sinks import Start
from keras_inits.recording.sinks.csv_file import CsvFile

pytestmark = pytest.mark.any_backend

NAMES = st.one_of(
    st.text(max_size=8),
    st.text("[]/gradientweight:,\"'\r\n\\ \u2028ü\x1b\ud800=", max_size=20),
    st.sampled_from(["step", "global_norm", "outcome", "state", "check", "weight/a", "\\u0041", "=1+1"]),
)
NUMBERS = st.floats(-1e150, 1e150) | st.sampled_from([0.0, -0.0, 5e-324, float("nan"), float("inf"), float("-inf")])
QUANTITIES = [*list(RECORDED)[1:], "cosine"]


@st.composite
def any_trace(draw):
    layers = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    shape = (draw(st.integers(0, 4)), len(layers))

    def table(shape=shape, kind=float, numbers=NUMBERS):
        return np.ma.MaskedArray(draw(arrays(kind, shape, elements=numbers)), mask=draw(arrays(bool, shape)))

    return GradientTrace(
        draw(st.lists(st.integers(0, 2**62), min_size=shape[0], max_size=shape[0]).map(sorted)),
        layers,
        table(),
        {quantity: table() for quantity in draw(st.sets(st.sampled_from(QUANTITIES), max_size=3))},
        draw(st.lists(st.sampled_from(OUTCOMES), min_size=shape[0], max_size=shape[0])),
        table(shape[:1], bool, st.booleans()),
    )


def as_text(trace):
    columns = csv.columns_for(trace.layers, list(trace.tables))
    return csv.header(columns) + csv.lines(trace, columns, [[csv.Mark(7, "abc")]] * len(trace))


@settings(deadline=None)
@given(trace=any_trace())
def test_both_formats_read_back_to_the_same_bits(tmp_path_factory, trace):
    path = tmp_path_factory.getbasetemp() / "any.npz"
    trace.save(path)
    traces.assert_equal(GradientTrace.load(path), trace)
    if not len(trace):
        return  # no file of this format is without rows
    path = path.with_suffix(".csv")
    path.write_bytes(as_text(trace))
    traces.assert_equal(GradientTrace.load(path), trace)
    assert csv.read(as_text(trace)).marks == [[csv.Mark(7, "abc")]] * len(trace)


@settings(deadline=None, max_examples=30)
@given(trace=any_trace(), cuts=st.lists(st.integers(0, 4), max_size=3).map(sorted))
def test_a_file_that_rows_come_to_block_by_block_reads_back_to_the_same_bits(tmp_path_factory, trace, cuts):
    path = tmp_path_factory.mktemp("blocks") / "any.csv"
    sink = CsvFile(path)
    sink.begin(Start(0, "", False, 1))
    for first, end in itertools.pairwise([0, *cuts, len(trace)]):
        if len(block := trace[first:end]):
            sink.append(block)
    sink.close()
    if len(trace):
        traces.assert_equal(GradientTrace.load(path), trace)


def test_pandas_reads_the_same_numbers(tmp_path):
    trace = traces.full_trace(layers=('a, "b"', "[x]", "step"))
    (tmp_path / "t.csv").write_bytes(as_text(trace))
    frame = pandas.read_csv(tmp_path / "t.csv")
    assert list(frame)[:7] == [
        "step",
        "global_norm",
        "outcome",
        "clipped",
        'gradient/a, "b"',
        "gradient/[x]",
        "gradient/step",
    ]
    np.testing.assert_allclose(frame['gradient/a, "b"'], trace.norms[:, 0].filled(np.nan), rtol=1e-15)
    np.testing.assert_allclose(frame["weight/[x]"], trace.tracked["weight"][:, 1].filled(np.nan), rtol=1e-15)
    np.testing.assert_array_equal(frame["outcome"], trace.outcomes)
    assert [None if pandas.isna(value) else value for value in frame["clipped"]] == trace.clipped.tolist()


def test_other_formats_go_through_pandas(tmp_path):
    trace = traces.full_trace()
    trace.to_dataframe("long").to_parquet(tmp_path / "t.parquet")
    frame = pandas.read_parquet(tmp_path / "t.parquet")
    np.testing.assert_array_equal(frame["gradient"].isna(), np.ma.getmaskarray(trace.norms).ravel())


def loaded(path):
    """The trace, or None if there is an error that names the file."""
    try:
        return GradientTrace.load(path)
    except ValueError as error:
        if path.name in str(error):
            return None
        raise


@pytest.mark.thorough
@pytest.mark.parametrize("form", [".npz", ".csv"])
def test_no_flipped_bit_is_read_as_another_number(tmp_path, form):
    """A flip is an error that names the file, or leaves the line out with a warning, or says nothing else."""
    trace, path, draw = traces.full_trace(12), tmp_path / f"t{form}", random.Random(0)
    trace.save(path) if form == ".npz" else path.write_bytes(as_text(trace))
    data = path.read_bytes()
    outcomes = {"error": 0, "warned": 0, "same": 0}
    for _ in range(1000):
        place, bit = draw.randrange(len(data)), draw.randrange(8)
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            read = loaded(path)
        if read is None:
            outcomes["error"] += 1
            continue
        kept = np.isin(trace.steps, read.steps)
        assert kept.all() or caught
        traces.assert_equal(read, trace[kept])
        outcomes["warned" if caught else "same"] += 1
    assert outcomes["error"] > 0
    assert outcomes["same"] < 200  # what no reader looks at: the times of a zip file's members


@pytest.mark.parametrize("form", [".npz", ".csv"])
def test_of_a_cut_file_nothing_else_is_read(tmp_path, form):
    trace, path, draw = traces.full_trace(12), tmp_path / f"t{form}", random.Random(0)
    trace.save(path) if form == ".npz" else path.write_bytes(as_text(trace))
    data = path.read_bytes()
    for _ in range(150):
        path.write_bytes(data[: draw.randrange(len(data))])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            read = loaded(path)
        if read is not None:
            assert form == ".csv"
            assert [path.name in str(one.message) for one in caught] == [True]
            traces.assert_equal(read, trace[: len(read)])


def test_lines_that_are_missing_as_a_whole_are_told(tmp_path):
    """Behind each row that was the last of a file once, and where any other line was."""
    path = tmp_path / "t.csv"
    sink = CsvFile(path)
    sink.begin(Start(0, "", False, 1))
    trace = traces.full_trace(12)
    for first, last in ((0, 5), (5, 6), (6, 12)):
        sink.append(trace[first:last])
    sink.close()
    traces.assert_equal(GradientTrace.load(path), trace)
    lines = path.read_bytes().splitlines(keepends=True)
    for kept in range(12):
        path.write_bytes(b"".join(lines[: kept + 1]))
        with pytest.warns(UserWarning, match=rf"found {kept} rows in .*t\.csv', and the last line is missing\. It exp"):
            traces.assert_equal(GradientTrace.load(path), trace[:kept])
    path.write_bytes(b"".join(lines[:4] + lines[5:]))
    with pytest.warns(UserWarning, match=r"found 11 rows in .*t\.csv', and the last line says that there are 12\."):
        assert len(GradientTrace.load(path)) == 11


def test_a_line_that_is_cut_off_is_left_out_with_a_warning(tmp_path):
    trace, path = traces.full_trace(10), tmp_path / "t.csv"
    path.write_bytes(as_text(trace)[:-20])
    with pytest.warns(UserWarning, match=r"left out 1 lines of .*t\.csv\x27 that are cut off or damaged \(line 11\)"):
        traces.assert_equal(GradientTrace.load(path), trace[:9])


def test_a_disk_that_fills_up_leaves_whole_lines(tmp_path, monkeypatch):
    class Filling(io.FileIO):
        written = 0

        def write(self, data):
            if self.written:
                raise OSError("no space left on device")
            self.written = super().write(data[:10])
            return self.written

    (tmp_path / "t").write_bytes(b"whole\n")
    monkeypatch.setattr("builtins.open", lambda path, mode, buffering: Filling(path, mode))
    with pytest.raises(OSError, match="no space left"):
        whole.append(tmp_path / "t", b"a line that does not fit\n", 6, b"other\n")
    monkeypatch.undo()
    assert (tmp_path / "t").read_bytes() == b"whole\n"


HEAD = "step,global_norm,outcome,clipped"


def checked(*lines):
    """A file whose checksums are right, whatever is in its lines."""
    head = f"{HEAD},gradient/a,state,check\n"
    return head + "".join(csv._checked(line.encode(), zlib.crc32(head.encode())).decode() for line in lines)


BROKEN = {
    "twice.csv": (f"{HEAD},gradient/a,gradient/a,state,check\n", "two of its columns have the same name"),
    "foreign.csv": ("epoch,loss\n0,1\n", 'its first line does not begin with "step,global_norm,outcome,clipped"'),
    "damaged.csv": (f"{HEAD},gradient/a,state,check\n0,1,update,,1,,00000000\n", "or all others are damaged"),
    "empty.csv": ("", "its first line does not begin"),
    "half.csv": (checked("0.5,1,update,,1,"), "invalid literal for int() with base 10: '0.5'"),
    "negative.csv": (checked("-3,1,update,,1,"), "It expects whole numbers from 0 up"),
    "falling.csv": (checked("4,1,update,,1,", "3,1,update,,1,"), "received the step 3 after the step 4"),
    "long.csv": (checked("3,1,update,,1,,,"), "its line 2 has 8 cells, and 6 are expected"),
    "text.npz": ("step,global_norm\n", "not a zip file"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_with_a_file_is_named(tmp_path, name):
    text, message = BROKEN[name]
    (tmp_path / name).write_text(text)
    pattern = f"could not read '.*{name}': .* It expects a file that GradientTrace.save or"
    with pytest.raises(ValueError, match=pattern) as caught:
        GradientTrace.load(tmp_path / name)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        (
            "a.parquet",
            ValueError,
            "GradientTrace.save received 'a.parquet'. It expects a path that ends in .npz. Rename",
        ),
        (
            3,
            TypeError,
            "GradientTrace.save received 3, of type int. It expects a path that ends in .npz. Pass a string",
        ),
        ("no/a.npz", FileNotFoundError, "GradientTrace.save received 'no/a.npz', and there is no folder 'no'. It"),
    ],
)
def test_a_path_that_a_trace_cannot_go_to_is_named(path, error, message):
    with pytest.raises(error, match=re.escape(message)):
        traces.full_trace().save(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": np.array([0.5, 1.5])}, "its part 'steps' is of float64"),
        ({"values_0": np.array([["1"], ["2"]])}, "its part 'values_0' is of <U1"),
        ({"steps": np.array([-1, 0])}, "It expects whole numbers from 0 up"),
        ({"layers": [1]}, "1 layers with 0 different names"),
        ({"rows": 3}, "it has 2 rows, and 3 are expected"),
    ],
)
def test_an_exact_file_of_something_else_is_an_error_although_its_checksums_are_right(tmp_path, changes, message):
    with zipfile.ZipFile(io.BytesIO(exact.encode(GradientTrace([0, 1], ("a",), [[1.0], [2.0]])))) as archive:
        contents = {name.removesuffix(".npy"): archive.read(name) for name in archive.namelist()}
    about = json.loads(contents.pop(exact.ABOUT))
    contents |= {name: exact._bytes_of(one) for name, one in changes.items() if name in contents}
    about |= {name: one for name, one in changes.items() if name not in contents}
    about["checks"] = {name: zlib.crc32(content) for name, content in contents.items()}
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr(exact.ABOUT, json.dumps(about))
        for name, content in contents.items():
            archive.writestr(f"{name}.npy", content)
    with pytest.raises(ValueError, match=r"could not read '.*t\.npz'") as caught:
        GradientTrace.load(tmp_path / "t.npz")
    assert message in str(caught.value)


def test_steps_that_do_not_rise_are_an_error():
    with pytest.raises(ValueError, match=r"received the step 3 after the step 4\. It expects steps in rising order"):
        GradientTrace([4, 3], ("a",), [[1.0], [2.0]])
