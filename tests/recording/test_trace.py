"""The table and its files."""

import builtins

import numpy as np
import pytest
import traces

from keras_inits.recording import GradientTrace

pytestmark = pytest.mark.any_backend

NAN, INF = float("nan"), float("inf")


def example(steps=6, layers=3):
    norms = np.ma.MaskedArray(np.random.default_rng(0).lognormal(size=(steps, layers)) * 1e-30)
    norms[0, 0], norms[1, 0], norms[2, 0], norms[3, 1] = 0.0, NAN, INF, 1e40 / 3.0
    norms[4, 1] = np.ma.masked
    norms[:, 2] = np.ma.masked
    return GradientTrace(np.arange(steps) * 3, ("a", 'b, "quoted" ü', *(f"layer_{i}" for i in range(2, layers))), norms)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_file_reads_back_to_the_same_bits(tmp_path, suffix):
    path = tmp_path / f"trace{suffix}"
    example().save(path)
    traces.assert_equal(GradientTrace.load(path), example())
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("layers", [(), ("a", "b")])
def test_a_trace_without_rows_reads_back(tmp_path, suffix, layers):
    trace = GradientTrace(np.zeros(0), layers, np.zeros((0, len(layers))))
    trace.save(tmp_path / f"trace{suffix}")
    traces.assert_equal(GradientTrace.load(tmp_path / f"trace{suffix}"), trace)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_line_that_was_cut_off_is_left_out(tmp_path, suffix):
    path = tmp_path / f"trace{suffix}"
    example().save(path)
    path.write_bytes(path.read_bytes()[:-5])
    np.testing.assert_array_equal(GradientTrace.load(path).steps, [0, 3, 6, 9, 12])


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "trace.csv"
    example().save(path)
    before = path.read_bytes()

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="disk full"):
        example(steps=9).save(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_errors_of_files(tmp_path):
    with pytest.raises(ValueError, match=r"^GradientTrace.save received 'x.txt', with the suffix '.txt'. It expects"):
        example().save("x.txt")
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(
        ValueError, match=r'could not read .*: its first line does not begin with "step,global_norm". It'
    ):
        GradientTrace.load(path)
    path = tmp_path / "other.jsonl"
    path.write_text("no json\n")
    with pytest.raises(ValueError, match=r"could not read .* It expects a file that GradientTrace.save .* wrote. Pass"):
        GradientTrace.load(path)


BROKEN = {
    "binary.csv": b"\xff\xfe\x00s\n",
    "short.csv": b'step,global_norm,a\n"\n',
    "huge.csv": b"step,global_norm,a\n99999999999999999999,1.0,1.0\n",
    "field.csv": b"step,global_norm," + b"a" * 200_000 + b"\n",
    "return.csv": b"step,global_norm,a\rb\n1,1.0,1.0\n",
    "infinite.jsonl": b'{"step": Infinity, "norms": {}}\n',
    "deep.jsonl": b"[" * 100_000 + b"\n",
    "list.jsonl": b"[1]\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_get_the_error_of_broken_files(tmp_path, name):
    (tmp_path / name).write_bytes(BROKEN[name])
    with pytest.raises(ValueError, match=r"could not read .* It expects a file that GradientTrace.save .* wrote. Pass"):
        GradientTrace.load(tmp_path / name)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_blank_lines_are_skipped(tmp_path, suffix):
    trace = example()
    trace.save(tmp_path / f"t{suffix}")
    with open(tmp_path / f"t{suffix}", "a") as file:
        file.write("\n\n")
    again = GradientTrace.load(tmp_path / f"t{suffix}")
    np.testing.assert_array_equal(again.norms.filled(-1), trace.norms.filled(-1))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("name", ["a,b", 'a"b', "a\rb", "a\nb", "gewicht/größe", " ", "$\\foo$", "gamma$\\frac$"])
def test_names_of_every_kind(tmp_path, suffix, name):
    trace = GradientTrace([0], (name, "other"), [[1.0, 2.0]])
    trace.save(tmp_path / f"t{suffix}")
    assert GradientTrace.load(tmp_path / f"t{suffix}").layers == trace.layers


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"GradientTrace.save received .*, and there is no folder .* Make it"):
        example().save(tmp_path / "no" / "x.csv")


def test_global_norm_keeps_its_range():
    trace = GradientTrace([0, 1, 2], ("a", "b"), [[3e40, 4e40], [3e-40, 4e-40], [INF, NAN]])
    np.testing.assert_allclose(trace.global_norm, [5e40, 5e-40, NAN], rtol=1e-12)


def test_it_is_frozen():
    trace = example()
    with pytest.raises(ValueError, match="read-only"):
        trace.norms[0, 0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        trace.steps[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        trace.global_norm[0] = 1.0
    with pytest.raises(AttributeError):
        trace.steps = None


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(
        ValueError, match=r"received steps of shape .2,., 2 layers with 2 different names, and norms of sh"
    ):
        GradientTrace([0, 1], ("a", "b"), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="2 layers with 1 different names"):
        GradientTrace([0], ("a", "a"), np.zeros((1, 2)))


def test_print_names_every_layer_and_what_was_odd():
    text = str(example())
    assert text.splitlines()[0] == "GradientTrace: 6 steps (0 to 15) x 3 layers"
    assert "1 x zero, 1 x NaN, 1 x infinite" in text
    assert "6 x no gradient" in text
    assert "... 36 more layers ..." in str(example(layers=60))
    assert str(GradientTrace([], (), np.zeros((0, 0)))) == "GradientTrace: no step was recorded"
    assert len(example()) == 6


def test_a_missing_pyarrow_is_named_with_its_install_line(monkeypatch):
    real = builtins.__import__

    def missing(name, *arguments, **keywords):
        if name.split(".")[0] == "pyarrow":
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r'found no pyarrow.*pip install "keras_inits\[parquet\]"'):
        example().save("x.parquet")
