"""`compare` from Python: data of every kind, seeds, what is run again and what is not, and what it returns."""

import dataclasses
import functools
import io
import re
import weakref

import keras
import numpy as np
import pytest
from helpers import small
from helpers.processes import BACKENDS
from rich.console import Console

import keras_inits
from keras_inits import compare
from keras_inits.comparison import Comparison, session
from keras_inits.comparison.plan import Plan
from keras_inits.runs import trainer
from keras_inits.runs.name import Name
from keras_inits.runs.task import Training

TWO = {"zeros": keras_inits.Zeros(), "he": keras_inits.HeNormal()}


@pytest.fixture
def fits(monkeypatch):
    """The models that are trained. If it begins with None, Ctrl-C comes in the second training."""
    trained, fit = [], keras.Sequential.fit

    def counted(self, *arguments, **options):
        if len(trained) == 2 and trained[0] is None:
            raise KeyboardInterrupt
        trained.append(self)
        return fit(self, *arguments, **options)

    monkeypatch.setattr(keras.Sequential, "fit", counted)
    return trained


def test_the_result_is_a_table(tmp_path):
    test = small.data(seed=1)
    comparison = compare(small.build, small.data(), TWO, epochs=2, seeds=2, validation_data=test)
    table = comparison.to_dataframe()
    assert table[["initializer", "seed", "gradients"]].to_numpy().tolist() == [
        ["zeros", 0, "zero"],
        ["zeros", 1, "zero"],
        ["he", 0, "healthy"],
        ["he", 1, "healthy"],
    ]
    assert table["findings"].tolist()[::2] == ["symmetric_units", ""]
    run = comparison.runs[3]
    assert table["val_accuracy"][3] == run.history["val_accuracy"][1]
    assert table["first layer, last step"][3] == run.trace.norms[-1, 0]
    assert [len(values) for values in run.history.values()] == [2, 2, 2, 2]
    lines = str(comparison).split("\n")
    assert max(map(len, lines)) <= 100
    assert any(line.split()[0] == "he" and line.count("[") == 2 for line in lines if line.strip())
    comparison.report(tmp_path / "report.html")
    assert "Medians over 2 seeds" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert repr(comparison) == "<Comparison of 4 runs>"


KINDS = ["PyDataset"]
KINDS += [kind for kind, library in (("tf.data", "tensorflow"), ("DataLoader", "torch")) if library in BACKENDS]


def dataset(kind):
    if kind == "tf.data":
        import tensorflow as tf

        return tf.data.Dataset.from_tensor_slices(small.data()).batch(16)
    if kind == "DataLoader":
        import torch

        return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*map(torch.tensor, small.data())), 16)
    return small.Batches()


@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS)
def test_a_data_set_gives_what_its_arrays_give(kind):
    starts = {"he": keras_inits.HeNormal()}
    (run,) = compare(small.build, dataset(kind), starts, epochs=1, shuffle=False).runs
    (same,) = compare(small.build, small.data(), starts, epochs=1, batch_size=16, shuffle=False).runs
    np.testing.assert_allclose(run.trace.norms, same.trace.norms, rtol=1e-5)
    assert len(run.layers) == 4


def test_every_seed_draws_other_weights_in_every_layer():
    """Keras's own initializers repeat themselves; a copy for each run is drawn anew."""
    plan = Plan({"": small.build}, {"he": keras.initializers.HeNormal()}, (0, 1), Training(small.data(), 1))
    zero, one = (task.start() for task in plan)
    again = next(iter(plan)).start()
    np.testing.assert_array_equal(zero.get_weights()[0], again.get_weights()[0])
    assert (zero.get_weights()[0] != one.get_weights()[0]).any()


def test_layers_have_the_same_names_in_every_run_and_names_go_on_as_before():
    first = keras.layers.Dense(1).name
    comparison = compare(small.build, small.data(), TWO, epochs=1)
    names = {run.trace.layers for run in comparison.runs}
    assert names == {("dense", "dense_1", "dense_2", "dense_3")}
    number = int(first.removeprefix("dense").strip("_") or 0)
    assert keras.layers.Dense(1).name == f"dense_{number + 1}"


@pytest.mark.thorough
def test_one_large_model_at_a_time_is_in_memory(monkeypatch):
    monkeypatch.setattr(trainer, "LARGE_MODEL", 0)
    models = []

    def build(initializer):
        assert [model for model in models if model() is not None] == []
        model = small.build(initializer)
        models.append(weakref.ref(model))
        return model

    compare(build, small.data(), TWO, epochs=1)
    assert len(models) == 2


@pytest.mark.thorough
def test_an_interrupted_comparison_goes_on(tmp_path, fits):
    again = functools.partial(compare, small.build, small.data(), TWO, epochs=1, output=tmp_path / "runs")
    fits.append(None)
    with pytest.raises(KeyboardInterrupt):
        again()
    fits.clear()
    resumed = again()
    assert len(fits) == 1
    fits.clear()
    kept_runs = again().runs
    assert fits == []
    (whole,) = compare(small.build, small.data(), {"he": TWO["he"]}, epochs=1).runs
    np.testing.assert_allclose(resumed.runs[1].trace.norms, whole.trace.norms, rtol=1e-5)
    for run, same in zip(resumed.runs, kept_runs, strict=True):
        np.testing.assert_array_equal(run.trace.norms, same.trace.norms)
        assert dataclasses.replace(run, trace=None) == dataclasses.replace(same, trace=None)


@keras.saving.register_keras_serializable(package="tests")
class OwnStep(keras.Model):
    """Built by its first batch, without a config, and with a loss of its own."""

    def __init__(self, initializer):
        super().__init__()
        self.dense = keras.layers.Dense(3, kernel_initializer=initializer)

    def call(self, x):
        return self.dense(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(keras.ops.square(y_pred))

    def get_config(self):
        raise NotImplementedError


def test_a_subclassed_model_without_a_config_or_targets(tmp_path):
    def build(initializer):
        model = OwnStep(initializer)
        model.compile("sgd")
        return model

    comparison = compare(build, small.data()[0], ["he_normal"], epochs=1, output=tmp_path)
    assert [len(row) for row in (comparison.runs, comparison.runs[0].layers)] == [1, 1]
    assert comparison.to_dataframe().columns[:5].tolist() == ["initializer", "seed", "gradients", "learned", "loss"]
    assert len(list(tmp_path.glob("he_normal-0-*.json"))) == 1


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"build": lambda initializer: None},
            TypeError,
            r"Received from it: None. Expected a compiled keras.Model. Call",
        ),
        ({"build": lambda initializer: keras.Sequential([keras.layers.Dense(1)])}, TypeError, "Expected a compiled"),
        ({"data": iter([small.data()])}, TypeError, r"read once. Pass arrays, a tf.data"),
        ({"initializers": {}}, ValueError, r"initializers=\{\}. Pass for example"),
        ({"seeds": 0}, ValueError, "seeds=0. Pass one such as seeds=2"),
        ({"seeds": [3, 3]}, ValueError, r"seeds=\[3, 3\]. Pass for example seeds=3"),
        ({"seeds": []}, ValueError, r"seeds=\[\]. Pass for example"),
        ({"epochs": 0}, ValueError, "epochs=0. Pass one such as epochs=2"),
        ({"initializers": ["he_normol"]}, ValueError, "he_normol"),
    ],
)
def test_a_wrong_argument_is_named(changes, error, message):
    arguments = {"build": small.build, "data": small.data(), "initializers": TWO, "epochs": 1}
    with pytest.raises(error, match=message):
        compare(**{**arguments, **changes})


def test_a_report_of_nothing(tmp_path):
    with pytest.raises(ValueError, match=r"without a finished run. It expects at least one. Call compare\(\) again"):
        Comparison((), 2).report(tmp_path / "report.html")
    assert str(Comparison((), 2)) == "Comparison: no run is finished"


def test_files_have_the_names_of_runs():
    assert Name("", "he", 3).file_name == "he-3"
    assert Name("tanh", "normal (0/1)", 0).file_name == "tanh-normal_0_1_-0"


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize(("verbose", "shown"), [({"verbose": 0}, False), ({}, True)])
def test_it_is_silent_if_it_is_asked_to_be(verbose, shown, terminal, capsys, monkeypatch):
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    compare(small.build, small.data(), {"he": TWO["he"]}, epochs=1, **verbose)
    captured = capsys.readouterr()
    assert bool(captured.err) is shown
    assert captured.out == ""
    assert ("\x1b" in captured.err) is (shown and terminal)


def test_a_log_has_a_line_for_each_run_and_within_long_ones(capsys, monkeypatch):
    monkeypatch.setattr(session, "SILENCE", -1.0)  # as after a long time
    compare(small.build, small.data(), {"he": TWO["he"]}, epochs=2)
    assert capsys.readouterr().err.splitlines() == ["1/1 he: epoch 1 of 2", "1/1 he: epoch 2 of 2", "1/1 he-0: healthy"]


def test_a_notebook_shows_the_progress_too(monkeypatch):
    shown = []
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("rich.jupyter.display", lambda segments, text: shown.append(text))
    compare(small.build, small.data(), {"he": TWO["he"]}, epochs=1)
    assert shown == ["1/1 he-0: healthy\n"]


def test_a_start_that_equals_another_is_not_called_finished_before(tmp_path, capsys):
    starts = {"a": keras_inits.HeNormal(), "b": keras_inits.HeNormal()}
    compare(small.build, small.data(), starts, epochs=1, output=tmp_path)
    assert capsys.readouterr().err.splitlines() == ["1/2 a-0: healthy", "2/2 b-0: healthy (equals a-0)"]
    compare(small.build, small.data(), starts, epochs=1, output=tmp_path)
    again = ["1/2 a-0: healthy (finished before)", "2/2 b-0: healthy (equals a-0)"]
    assert capsys.readouterr().err.splitlines() == again


def test_the_progress_bar_says_which_time_is_gone_and_which_is_left():
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system=None, width=200)
    plan = Plan({"": small.build}, {"he": TWO["he"]}, (0,), Training(small.data(), 1))
    session.Session(plan, console=console).train_all()
    assert re.search(r"epochs, \d:\d\d:\d\d gone, [-\d]+:[-\d]+:[-\d]+ left", file.getvalue())
