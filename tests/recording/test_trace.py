"""The table and its files."""

import numpy as np
import pytest
from helpers import traces

from keras_inits.recording import GradientTrace

pytestmark = pytest.mark.any_backend

NAN, INF = float("nan"), float("inf")


def example(steps=6, layers=3):
    norms = np.ma.MaskedArray(np.random.default_rng(0).lognormal(size=(steps, layers)) * 1e-30)
    norms[0, 0], norms[1, 0], norms[2, 0], norms[3, 1] = 0.0, NAN, INF, 1e40 / 3.0
    norms[4, 1] = np.ma.masked
    norms[:, 2] = np.ma.masked
    return GradientTrace(np.arange(steps) * 3, ("a", 'b, "quoted" ü', *(f"layer_{i}" for i in range(2, layers))), norms)


def test_a_file_reads_back_to_the_same_bits(tmp_path):
    path = tmp_path / "trace.npz"
    example().save(path)
    traces.assert_equal(GradientTrace.load(path), example())
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("layers", [(), ("a", "b")])
def test_a_trace_without_rows_reads_back(tmp_path, layers):
    trace = GradientTrace(np.zeros(0), layers, np.zeros((0, len(layers))))
    trace.save(tmp_path / "trace.npz")
    traces.assert_equal(GradientTrace.load(tmp_path / "trace.npz"), trace)


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "trace.npz"
    example().save(path)
    before = path.read_bytes()

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="disk full"):
        example(steps=9).save(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


HEAD = b"step,global_norm,outcome,clipped"
BROKEN = {
    "binary.csv": b"\xff\xfe\x00s\n",
    "short.csv": HEAD + b',gradient/a\n"\n',
    "field.csv": HEAD + b"," + b"a" * 200_000 + b"\n",
    "return.csv": HEAD + b",a\rb\n1,1.0,1.0\n",
    "binary.npz": b"PK\x03\x04",
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_get_the_error_of_broken_files(tmp_path, name):
    (tmp_path / name).write_bytes(BROKEN[name])
    with pytest.raises(ValueError, match=r"could not read .* It expects a file that GradientTrace.save .* wrote. Pass"):
        GradientTrace.load(tmp_path / name)


def test_control_characters_of_names_are_shown_and_not_obeyed():
    text = str(GradientTrace([0], ("\x1b[2J\na\ud800ü",), [[1.0]]))
    assert text.splitlines()[3].startswith(r"\x1b[2J\na\ud800ü")
    assert text.isprintable() or all(one.isprintable() or one == "\n" for one in text)


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
