"""Where rows go: every row once, or it is told."""

import json
import os
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from helpers import models, traces, trackers
from helpers.processes import BACKENDS, run_python

from keras_inits import GradientNormLogger, GradientTrace, MLflowSink, WandbSink
from keras_inits.recording import Sink


def fit(*callbacks, model=None, epochs=2):
    model = models.compiled(models.sequential(), "adam") if model is None else model
    models.fit(model, *models.data(), list(callbacks), epochs)
    return model


class Keeps:
    """A sink of a user's own."""

    def __init__(self, failures=()):
        self.failures, self.calls, self.rows, self.closed = list(failures), 0, [], False

    def check(self):
        pass

    def begin(self, start):
        self.start = start
        return 0

    def append(self, rows):
        self.calls += 1
        if self.calls in self.failures:
            raise OSError("disk full")
        self.rows.append(rows)

    def close(self):
        self.closed = True


@pytest.mark.thorough
def test_a_sink_of_ones_own_gets_every_row_once():
    sink = Keeps()
    logger = GradientNormLogger(sinks=sink)
    fit(logger)
    assert isinstance(sink, Sink)
    assert np.concatenate([rows.steps for rows in sink.rows]).tolist() == list(range(14))
    np.testing.assert_array_equal(np.concatenate([rows.norms for rows in sink.rows]), logger.trace.norms)
    assert (sink.start.steps, sink.start.resume, sink.start.every) == (0, False, 1)
    del logger
    import gc

    gc.collect()
    assert sink.closed


def test_rows_whose_write_failed_come_with_the_next_and_are_told_once():
    sink = Keeps(failures=[1, 2, 4])
    logger = GradientNormLogger(sinks=[sink])
    with pytest.warns(UserWarning, match=r"could not write to .*Keeps.*: OSError: disk full\. It expects") as caught:
        fit(logger)
    assert len([one for one in caught if "could not write" in str(one.message)]) == 1
    _ = logger.trace
    assert np.concatenate([rows.steps for rows in sink.rows]).tolist() == list(range(14))


def test_a_new_logger_does_not_write_where_another_wrote(tmp_path):
    path = tmp_path / "norms.csv"
    first, second = GradientNormLogger(sinks=path), GradientNormLogger(sinks=path)
    with pytest.warns(UserWarning, match="another logger or process is writing it"):
        fit(first, second)
    traces.assert_equal(GradientTrace.load(path), first.trace)
    traces.assert_equal(GradientTrace.load(tmp_path / "norms-2.csv"), second.trace)


def test_a_file_that_is_no_trace_is_left_alone(tmp_path):
    path = tmp_path / "norms.csv"
    path.write_text("mine\n")
    with pytest.warns(UserWarning, match="it holds no gradient norms"):
        fit(GradientNormLogger(sinks=path))
    assert path.read_text() == "mine\n"
    assert len(GradientTrace.load(tmp_path / "norms-2.csv")) == 14


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_file_that_goes_away_is_begun_anew(how, tmp_path):
    path, logger = tmp_path / "norms.csv", GradientNormLogger(sinks=tmp_path / "norms.csv")
    model = fit(logger)
    if how == "deleted":
        path.unlink()
    else:
        (tmp_path / "other").write_text("mine\n")
        os.replace(tmp_path / "other", path)
    with pytest.warns(UserWarning, match=f"was {how}.* while it was writing it. It expects") as caught:
        fit(logger, model=model, epochs=4)
    assert len([one for one in caught if "while it was" in str(one.message)]) == 1
    now = path if how == "deleted" else tmp_path / "norms-2.csv"
    assert GradientTrace.load(now).steps.tolist() == list(range(14, 42))
    assert len(logger.trace) == 42


def test_a_relative_path_stays_where_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    logger = GradientNormLogger(sinks="norms.csv")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    fit(logger)
    assert len(GradientTrace.load(tmp_path / "norms.csv")) == 14


@pytest.mark.thorough
@pytest.mark.parametrize("order", ["logger first", "logger last"])
@pytest.mark.parametrize("save_freq", ["epoch", 3])
def test_a_backup_that_is_restored_goes_on_in_the_file(order, save_freq, tmp_path):
    """In either order of the callbacks, from the end of an epoch or from its middle."""
    path = tmp_path / "norms.csv"

    def trained(*others):
        logger = GradientNormLogger(sinks=path)
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup", save_freq=save_freq)
        pair = [logger, backup] if order == "logger first" else [backup, logger]
        fit(*pair, *others, epochs=3)
        return logger.trace

    with pytest.raises(KeyboardInterrupt):
        trained(models.Stops(11))
    trace = trained()
    loaded = GradientTrace.load(path)
    assert (np.diff(loaded.steps) == 1).all()
    np.testing.assert_array_equal(loaded.norms[trace.steps[0] :], trace.norms)
    assert [file.name for file in tmp_path.glob("*.csv")] == ["norms.csv"]


@pytest.mark.thorough
def test_a_saved_model_goes_on_in_the_file_and_another_does_not(tmp_path):
    path = tmp_path / "norms.csv"
    model = models.compiled(models.sequential(), "adam", loss="mse")
    fit(GradientNormLogger(sinks=path), model=model)
    model.save(tmp_path / "model.keras")
    logger = GradientNormLogger(sinks=path)
    fit(logger, model=keras.models.load_model(tmp_path / "model.keras"))
    assert logger.trace.steps.tolist() == list(range(14, 28))
    assert GradientTrace.load(path).steps.tolist() == list(range(28))
    other = models.compiled(models.nested(), "adam")
    fit(model=other)
    with pytest.warns(UserWarning, match=r"does not write '.*norms.csv'"):
        fit(GradientNormLogger(sinks=path), model=other)
    assert GradientTrace.load(path).steps.tolist() == list(range(28))
    fit(model=other)
    resumed = GradientNormLogger(sinks=tmp_path / "norms-2.csv", resume=True)
    with pytest.warns(UserWarning, match=r"goes on at step 42 in .*, which has no rows of the steps 14 to 41"):
        fit(resumed, model=other)
    assert GradientTrace.load(tmp_path / "norms-2.csv").steps.tolist() == [*range(14), *range(42, 56)]


SCRIPT = """
import sys
import keras, numpy as np
from keras_inits import GradientNormLogger, GradientTrace
keras.utils.set_random_seed(int(sys.argv[2]))
x = np.random.default_rng(0).standard_normal((32, 4), dtype="float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
if sys.argv[3] == "warm":
    model.fit(x, x[:, :1], batch_size=8, verbose=0)
logger = GradientNormLogger(sinks=sys.argv[1])
model.fit(x * float(sys.argv[2]), x[:, :1], batch_size=8, verbose=0, callbacks=[logger])
print(logger.trace.norms.tolist())
"""


@pytest.mark.thorough
@pytest.mark.parametrize("warm", ["warm", "cold"])
def test_a_script_that_is_run_twice_does_not_mix_its_runs(warm, tmp_path):
    """The second run has a new file, in the place of the first one's or, where that is in doubt, beside it."""
    backend = keras.backend.backend()
    runs = [run_python(SCRIPT, backend, str(tmp_path / "norms.csv"), seed, warm) for seed in ("1", "2")]
    rows = [np.array(json.loads(run.stdout.splitlines()[-1])) for run in runs]
    if warm == "warm":
        assert "it holds the rows of another training" in runs[1].stderr
        np.testing.assert_array_equal(GradientTrace.load(tmp_path / "norms.csv").norms, rows[0])
        np.testing.assert_array_equal(GradientTrace.load(tmp_path / "norms-2.csv").norms, rows[1])
    else:
        np.testing.assert_array_equal(GradientTrace.load(tmp_path / "norms.csv").norms, rows[1])


HOLDS = """
import sys, time
from keras_inits.recording.sinks import Start
from keras_inits.recording.sinks.csv_file import CsvFile
sink = CsvFile(sys.argv[1])
sink.begin(Start(0, "", False, 1))
print("held", flush=True)
time.sleep(600)
"""


@pytest.mark.thorough
@pytest.mark.any_backend
def test_a_second_process_writes_elsewhere_and_a_dead_one_holds_nothing(tmp_path):
    path = tmp_path / "norms.csv"
    environment = {**os.environ, "KERAS_BACKEND": BACKENDS[-1]}
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(path)], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.warns(UserWarning, match="another logger or process is writing it"):
            fit(GradientNormLogger(sinks=path))
    finally:
        holder.kill()
        holder.communicate()
    assert not path.exists()
    assert len(GradientTrace.load(tmp_path / "norms-2.csv")) == 14
    fit(GradientNormLogger(sinks=path))
    assert len(GradientTrace.load(path)) == 14


@pytest.mark.thorough
def test_reading_in_another_thread_loses_nothing(tmp_path):
    import threading

    logger, ended, errors = GradientNormLogger(sinks=tmp_path / "norms.csv"), threading.Event(), []

    def read():
        while not ended.is_set():
            try:
                steps = logger.trace.steps
                assert (np.diff(steps) == 1).all()
            except BaseException as error:
                errors.append(error)
            time.sleep(0)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        fit(logger, epochs=20)
    finally:
        ended.set()
        reader.join()
    assert not errors
    assert logger.trace.steps.tolist() == list(range(140))
    traces.assert_equal(GradientTrace.load(tmp_path / "norms.csv"), logger.trace)


@pytest.mark.thorough
@pytest.mark.needs("mlflow")
@pytest.mark.filterwarnings("ignore")  # of mlflow's own
def test_mlflow_has_every_number(tmp_path, monkeypatch):
    mlflow = trackers.mlflow_in(tmp_path, monkeypatch)
    logger = GradientNormLogger(track="weight", sinks=MLflowSink())
    with mlflow.start_run() as run:
        fit(logger)
    client, trace = mlflow.MlflowClient(), logger.trace
    for key, column in {"gradient/first": trace.norms[:, 0], "weight/last": trace.tracked["weight"][:, 2]}.items():
        history = sorted((metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, key))
        assert [step for step, _ in history] == list(range(14))
        np.testing.assert_allclose([value for _, value in history], column)


@pytest.mark.thorough
@pytest.mark.needs("wandb")
@pytest.mark.filterwarnings("ignore")  # of wandb's own
def test_wandb_has_every_row(tmp_path, monkeypatch):
    run = trackers.wandb_in(tmp_path, monkeypatch)
    logger = GradientNormLogger(sinks=WandbSink(run))
    fit(logger)
    run.finish()
    rows = trackers.wandb_rows(tmp_path)
    assert [row["gradients/step"] for row in rows] == list(range(14))
    np.testing.assert_allclose([row["gradients/gradient/first"] for row in rows], logger.trace.norms[:, 0])


@pytest.mark.needs("wandb")
@pytest.mark.filterwarnings("ignore")
def test_a_missing_run_is_told_before_training():
    with pytest.raises(ValueError, match=r"WandbSink found no run\. It expects one that is running\. Call wandb\.init"):
        fit(GradientNormLogger(sinks=WandbSink()))
