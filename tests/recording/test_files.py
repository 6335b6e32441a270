"""Formats, and what is done to files while and before rows are appended."""

import io
import json

import numpy as np
import pandas
import pytest
import traces
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from keras_inits.recording import GradientTrace, files
from keras_inits.recording.files import whole
from keras_inits.recording.quantities import OUTCOMES, QUANTITIES

pytestmark = pytest.mark.any_backend

SUFFIXES = [".csv", ".jsonl", ".parquet"]
GROWING = [".csv", ".jsonl"]
NAMES = st.one_of(
    st.text(max_size=8),
    st.text("[]gradientweight:,\"'\r\n\\ \u2028ü", max_size=20),
    st.sampled_from(
        ["step", "global_norm", "outcome", "[outcome]", "[clipped]", "[weight]", "[gradient]", "[update]a"]
    ),
)
NUMBERS = st.floats(-1e150, 1e150) | st.sampled_from([0.0, -0.0, 5e-324, float("nan"), float("inf"), float("-inf")])


@st.composite
def any_trace(draw):
    layers = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    shape = (draw(st.integers(0, 4)), len(layers))

    def table(shape=shape, kind=float, numbers=NUMBERS):
        return np.ma.MaskedArray(draw(arrays(kind, shape, elements=numbers)), mask=draw(arrays(bool, shape)))

    quantities = draw(st.sets(st.sampled_from(list(QUANTITIES)[1:]), max_size=3))
    return GradientTrace(
        draw(st.lists(st.integers(0, 2**62), min_size=shape[0], max_size=shape[0]).map(sorted)),
        layers,
        table(),
        {quantity: table() for quantity in quantities},
        draw(st.lists(st.sampled_from(OUTCOMES), min_size=shape[0], max_size=shape[0])),
        table(shape[:1], bool, st.booleans()),
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(deadline=None)
@given(trace=any_trace())
def test_every_format_reads_back_to_the_same_bits(tmp_path_factory, suffix, trace):
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    trace.save(path)
    traces.assert_equal(GradientTrace.load(path), trace)


@pytest.mark.parametrize("suffix", GROWING)
@settings(deadline=None)
@given(trace=any_trace(), rows=st.integers(0, 4))
def test_rows_that_are_appended_are_as_if_saved_at_once(tmp_path_factory, suffix, trace, rows):
    path = tmp_path_factory.getbasetemp() / f"grown{suffix}"
    path.unlink(missing_ok=True)
    files.append(path, part(trace, slice(0, rows)))
    files.append(path, part(trace, slice(rows, None)))
    traces.assert_equal(GradientTrace.load(path), trace)


def part(trace, rows):
    tracked = {name: table[rows] for name, table in trace.tracked.items()}
    return GradientTrace(
        trace.steps[rows], trace.layers, trace.norms[rows], tracked, trace.outcomes[rows], trace.clipped[rows]
    )


def test_pandas_reads_the_same_numbers(tmp_path):
    trace = traces.full_trace(layers=('a, "b"\n', "[x]", "step"))
    for suffix, read in [(".csv", pandas.read_csv), (".parquet", pandas.read_parquet)]:
        trace.save(tmp_path / f"t{suffix}")
        frame = read(tmp_path / f"t{suffix}")
        assert list(frame)[:4] == ["step", "global_norm", "[outcome]", "[clipped]"]
        assert list(frame)[4:7] == [trace.layers[0], "[gradient][x]", "[gradient]step"]
        exact = {"rtol": 1e-15 if suffix == ".csv" else 0}  # pandas before 3.1 misses the last digit
        np.testing.assert_allclose(frame[trace.layers[0]], trace.norms[:, 0].filled(np.nan), **exact)
        np.testing.assert_allclose(frame["[weight][x]"], trace.tracked["weight"][:, 1].filled(np.nan), **exact)
        np.testing.assert_array_equal(frame["[outcome]"], trace.outcomes)
        assert [None if pandas.isna(value) else value for value in frame["[clipped]"]] == trace.clipped.tolist()


def test_files_that_know_less_are_read(tmp_path):
    path = tmp_path / "by_hand.csv"
    path.write_text("step,global_norm,dense,other\n0,1,1,\n3,nan,nan,0\n")
    expected = GradientTrace([0, 3], ("dense", "other"), np.ma.MaskedArray([[1, 0], [np.nan, 0]], [[0, 1], [0, 0]]))
    traces.assert_equal(GradientTrace.load(path), expected)
    path = tmp_path / "by_hand.jsonl"
    path.write_text('{"step": 0, "norms": {"dense": 1}}\n{"step": 3, "norms": {"dense": "nan", "other": 0}}\n')
    traces.assert_equal(GradientTrace.load(path), expected)
    path.write_text('{"step": 0, "norms": {"a line\u2028of text": 1}}\n', encoding="utf-8")
    assert GradientTrace.load(path).layers == ("a line\u2028of text",)


def test_a_line_of_json_says_all_of_its_step(tmp_path):
    trace = GradientTrace([7], ("a",), [[2.0]], {"weight": [[float("inf")]]}, ["skip"], np.ma.MaskedArray([True]))
    trace.save(tmp_path / "t.jsonl")
    assert json.loads((tmp_path / "t.jsonl").read_text()) == {
        "step": 7,
        "global_norm": 2.0,
        "outcome": "skip",
        "clipped": True,
        "norms": {"a": 2.0},
        "tracked": {"weight": {"a": "inf"}},
    }


@pytest.mark.parametrize("suffix", GROWING)
def test_a_trace_without_rows_takes_rows(tmp_path, suffix):
    trace = traces.full_trace()
    files.save(tmp_path / f"t{suffix}", part(trace, slice(0, 0)))
    files.append(tmp_path / f"t{suffix}", trace)
    traces.assert_equal(GradientTrace.load(tmp_path / f"t{suffix}"), trace)


@pytest.mark.parametrize("suffix", GROWING)
def test_rows_of_another_model_widen_the_file(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    first, other = traces.full_trace(3), GradientTrace([3, 4], ("c", "a"), [[1.0, 2.0], [3.0, 4.0]])
    for block in (first, other, traces.full_trace(2, first=5)):
        files.append(path, block)
    trace = GradientTrace.load(path)
    assert trace.layers == ("a", "b", "c")
    assert trace.steps.tolist() == [0, 1, 2, 3, 4, 5, 6]
    traces.assert_equal(part(trace, slice(0, 3)), wider(first))
    traces.assert_equal(part(trace, slice(5, None)), wider(traces.full_trace(2, first=5)))
    assert trace.norms[3:5].tolist() == [[2.0, None, 1.0], [4.0, None, 3.0]]
    assert trace.tracked["weight"][3:5].mask.all()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def wider(trace):
    gap = np.ma.masked_all((len(trace), 1))
    tracked = {name: np.ma.hstack([table, gap]) for name, table in trace.tracked.items()}
    layers = (*trace.layers, "c")
    return GradientTrace(trace.steps, layers, np.ma.hstack([trace.norms, gap]), tracked, trace.outcomes, trace.clipped)


@pytest.mark.parametrize("suffix", GROWING)
def test_widen_leaves_what_is_there(tmp_path, suffix):
    path, trace = tmp_path / f"t{suffix}", traces.full_trace()
    files.save(path, trace)
    files.widen(path, ("b", "c"), ("zeros",))
    again = GradientTrace.load(path)
    assert again.tracked["zeros"].mask.all()
    assert again.tracked["zeros"].shape == (6, 3)
    kept = {name: table for name, table in again.tracked.items() if name != "zeros"}
    again = GradientTrace(again.steps, again.layers, again.norms, kept, again.outcomes, again.clipped)
    traces.assert_equal(again, wider(trace))


@pytest.mark.parametrize("suffix", GROWING)
@settings(deadline=None)
@given(cut=st.integers(0, 400), step=st.integers(0, 12))
def test_a_training_that_was_killed_goes_on(tmp_path_factory, suffix, cut, step):
    """Whatever the last write had done, and wherever the training starts again."""
    path, trace = tmp_path_factory.getbasetemp() / f"cut{suffix}", traces.full_trace(10)
    files.save(path, trace)
    data = path.read_bytes()[: -cut or None]
    path.write_bytes(data)
    left = data.count(b"\n") - (suffix == ".csv")
    traces.assert_equal(GradientTrace.load(path), part(trace, slice(0, left)))
    files.keep_before(path, step)
    kept = min(left, step)
    files.append(path, part(trace, slice(kept, None)))
    traces.assert_equal(GradientTrace.load(path), trace)


def test_nothing_is_kept_of_a_file_that_is_not_there(tmp_path):
    files.keep_before(tmp_path / "t.csv", 3)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_up_leaves_whole_lines(tmp_path):
    class Filling(io.FileIO):
        written = 0

        def write(self, data):
            if self.written:
                raise OSError("no space left on device")
            self.written = super().write(data[:10])
            return self.written

    (tmp_path / "t").write_bytes(b"whole\n")
    with Filling(tmp_path / "t", "ab") as file, pytest.raises(OSError, match="no space left"):
        whole.write(file, b"a line that does not fit\n")
    assert (tmp_path / "t").read_bytes() == b"whole\n"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a.csv", ".csv"),
        ("a/b.jsonl", ".jsonl"),
        ("runs", "tensorboard"),
        ("runs/v1.2/", "tensorboard"),
        ("x.csv/", "tensorboard"),
    ],
)
def test_the_path_says_the_kind(path, kind):
    assert files.kind_of(path, "caller") == kind


WHERE = "It expects a path that ends in .csv or .jsonl, or a folder for TensorBoard (no suffix, or a slash at the end)."


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("", ValueError, f"f received '', with the suffix ''. {WHERE} Rename it, for example to \"gradients.csv\"."),
        (
            "a/b.parquet",
            ValueError,
            f"f received 'a/b.parquet', and a .parquet file cannot grow as training goes. {WHERE} "
            'Pass "a/b.csv", and at the end: GradientTrace.load("a/b.csv").save("a/b.parquet").',
        ),
        (
            3,
            TypeError,
            f'f received 3, of type int. {WHERE} Pass a string or a pathlib.Path, such as "gradients.csv".',
        ),
    ],
)
def test_a_path_that_rows_cannot_go_to_is_named(path, error, message):
    with pytest.raises(error) as caught:
        files.kind_of(path, "f")
    assert str(caught.value) == message


BROKEN = {
    "twice.csv": ("step,global_norm,a,a\n0,1,1,1\n", "two of its columns have the same name"),
    "outcome.csv": ("step,global_norm,[outcome]\n0,1,lost\n", "it has the outcome 'lost', which is none of update"),
    "outcome.jsonl": ('{"step": 0, "norms": {}, "outcome": "lost"}\n', "it has the outcome 'lost'"),
    "clipped.csv": ("step,global_norm,[clipped]\n0,1,perhaps\n", "'perhaps'"),
    "text.parquet": ("step,global_norm\n", "Parquet"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_with_a_file_is_named(tmp_path, name):
    text, message = BROKEN[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=r"could not read .* It expects a file that GradientTrace.save") as caught:
        GradientTrace.load(tmp_path / name)
    assert message in str(caught.value)


def test_a_parquet_file_without_steps_is_named(tmp_path):
    pandas.DataFrame({"a": [1.0]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=r'could not read .*: it has no column "step". It expects'):
        GradientTrace.load(tmp_path / "t.parquet")
