"""Scalars, read back with TensorBoard's own readers."""

import builtins
import os

import keras
import numpy as np
import pytest
from helpers import models, traces
from helpers.processes import BACKENDS, run_python
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.util.tensor_util import make_ndarray

from keras_inits.recording import GradientNormLogger, GradientTrace, TensorBoardSink


def shown(folder):
    """What TensorBoard shows: the points of each tag."""
    accumulator = EventAccumulator(str(folder), tensor_size_guidance={"scalars": 0})
    accumulator.Reload()
    return {
        tag: [(event.step, make_ndarray(event.tensor_proto).item()) for event in accumulator.Tensors(tag)]
        for tag in accumulator.Tags()["tensors"]
    }


def points(trace):
    """What it should show: each number that is there, in float32."""
    tables = {"gradient": trace.norms, **trace.tracked}
    columns = {f"{name}/{layer}": table[:, i] for name, table in tables.items() for i, layer in enumerate(trace.layers)}
    return {
        tag: [(step, value) for step, value in zip(trace.steps, column.tolist(), strict=True) if value is not None]
        for tag, column in {"global_norm": np.ma.MaskedArray(trace.global_norm), **columns}.items()
    }


def assert_shown(folder, trace):
    found, expected = shown(folder), points(trace)
    assert found.keys() == expected.keys()
    for tag, values in expected.items():
        np.testing.assert_allclose(found[tag], values, rtol=2**-24, err_msg=tag)


def ordinary(*arguments, **keywords):
    """A trace whose numbers are in the range of float32."""
    trace = traces.full_trace(*arguments, **keywords)
    norms = np.ma.where(trace.norms > 1e38, np.inf, trace.norms)
    tracked = {name: np.ma.where(table > 1e38, np.nan, table) for name, table in trace.tracked.items()}
    return GradientTrace(trace.steps, trace.layers, norms, tracked, trace.outcomes, trace.clipped)


def test_every_number_is_a_point_and_a_gap_is_none(tmp_path):
    folder = TensorBoardSink(tmp_path / "runs" / "first")
    for block in (ordinary(5), ordinary(15, first=5)):
        folder.append(block)
        assert max(shown(tmp_path / "runs" / "first")["global_norm"])[0] == block.steps[-1]  # it is there at once
    folder.close()
    assert_shown(tmp_path / "runs" / "first", traces.joined(ordinary(5), ordinary(15, first=5)))


def test_numbers_beyond_float32_stay_numbers(tmp_path):
    norms = [[1e100, 1e-100, 0.0], [np.inf, np.nan, 1.0]]
    folder = TensorBoardSink(tmp_path)
    folder.append(GradientTrace([0, 1], ("large", "small", "zero"), norms))
    folder.close()
    found = shown(tmp_path)
    limits = np.finfo(np.float32)
    assert found["gradient/large"] == [(0, float(limits.max)), (1, np.inf)]
    assert found["gradient/small"][0] == (0, float(limits.smallest_subnormal))
    assert np.isnan(found["gradient/small"][1][1])
    assert found["gradient/zero"] == [(0, 0.0), (1, 1.0)]


def test_a_training_that_goes_on_shows_no_step_twice(tmp_path):
    for block in (ordinary(10), ordinary(10, first=6)):
        folder = TensorBoardSink(tmp_path)
        folder.append(block)
        folder.close()
    assert [step for step, _ in shown(tmp_path)["global_norm"]] == list(range(16))


def test_a_record_that_was_cut_off_is_left_out(tmp_path):
    folder = TensorBoardSink(tmp_path)
    folder.append(ordinary(10))
    folder.close()
    (path,) = tmp_path.iterdir()
    os.truncate(path, path.stat().st_size - 20)
    assert [step for step, _ in shown(tmp_path)["global_norm"]] == list(range(9))
    events = [Event.FromString(record) for record in RawEventFileLoader(str(path)).Load()]
    assert [event.step for event in events if event.HasField("summary")] == list(range(9))


def test_a_missing_package_is_named_with_its_install_line(tmp_path, monkeypatch):
    real = builtins.__import__

    def missing(name, *arguments, **keywords):
        if name.split(".")[0] == "tensorboard":
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(
        ImportError, match=r'TensorBoardSink found no tensorboard.*pip install "keras_inits\[tensorboard\]"'
    ):
        TensorBoardSink(tmp_path / "runs").check()
    assert not (tmp_path / "runs").exists()


WITHOUT_TENSORFLOW = """
import sys
blocked, folder = sys.argv[1:]
if blocked == "blocked":
    sys.modules["tensorflow"] = None
import keras
before = sys.modules.get("tensorflow")
from keras_inits.recording import GradientNormLogger, GradientTrace, TensorBoardSink
folder = TensorBoardSink(folder)
folder.append(GradientTrace([0, 1], ("a",), [[1.0], [2.0]]))
folder.close()
assert sys.modules.get("tensorflow") is before
"""


CASES = [(backend, blocked) for backend in BACKENDS for blocked in ("blocked", "installed")]


# Keras on TensorFlow needs it. Where it is installed and Keras runs on another, tensorboard would rather import it.
@pytest.mark.thorough
@pytest.mark.any_backend
@pytest.mark.parametrize(("backend", "blocked"), [case for case in CASES if case != ("tensorflow", "blocked")])
def test_tensorflow_is_not_needed_and_not_imported(tmp_path, backend, blocked):
    run_python(WITHOUT_TENSORFLOW, backend, blocked, str(tmp_path))
    assert shown(tmp_path)["gradient/a"] == [(0, 1.0), (1, 2.0)]


@pytest.mark.parametrize("below", ["", "/run/1"])
def test_a_file_in_the_place_of_the_folder_is_named_before_training(below, tmp_path):
    (tmp_path / "runs").write_text("mine")
    model, logger = (
        models.compiled(models.sequential()),
        GradientNormLogger(sinks=TensorBoardSink(f"{tmp_path}/runs{below}")),
    )
    before = model.get_weights()
    with pytest.raises(FileExistsError, match=r"found the file .*runs'\. It expects a folder.*Pass another path"):
        models.fit(model, *models.data(), [logger])
    np.testing.assert_equal(model.get_weights(), before)
    assert (tmp_path / "runs").read_text() == "mine"


def test_the_callback_of_keras_sees_the_logs(tmp_path):
    model = models.compiled(models.sequential())
    callbacks = [GradientNormLogger(log="layers"), keras.callbacks.TensorBoard(tmp_path, write_graph=False)]
    history = models.fit(model, *models.data(), callbacks).history
    found = shown(tmp_path / "train")
    for name in ("grad_norm", "grad_norms/first"):
        steps, values = zip(*found[f"epoch_{name}"], strict=True)
        assert steps == (0, 1)
        np.testing.assert_allclose(values, history[name], rtol=1e-6)
