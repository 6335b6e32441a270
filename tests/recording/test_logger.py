"""Arguments, logs and files of the callback."""

import keras
import numpy as np
import pytest
from helpers import models, traces
from helpers.processes import run_python

from keras_inits.recording import GradientNormLogger, GradientTrace, TensorBoardSink

FOLDER = "keras_inits.TensorBoardSink('norms.txt')"


@pytest.mark.parametrize(
    ("arguments", "error", "received", "remedy"),
    [
        ({"every": 0}, ValueError, "every=0", "Pass one such as every=2."),
        ({"every": 1.5}, TypeError, "every=1.5 (of type float)", "Pass one such as every=2."),
        ({"every": True}, TypeError, "every=True (of type bool)", "Pass one such as every=2."),
        ({"per": "model"}, ValueError, "per='model'", "Pass per='layer'."),
        ({"per": None}, ValueError, "per=None", "Pass per='layer'."),
        ({"log": "all"}, ValueError, "log='all'", "Pass log='global'."),
        ({"resume": 1}, TypeError, "resume=1 (of type int)", "Pass resume=True."),
        ({"sinks": "norms.txt"}, ValueError, "'norms.txt'", f'Pass "norms.csv", or {FOLDER} for a folder.'),
        (
            {"sinks": ["gs://bucket/norms.csv"]},
            ValueError,
            "'gs://bucket/norms.csv', which is not a path of this machine",
            'Write to a local path, such as "norms.csv", and copy the file when training has ended.',
        ),
        ({"sinks": 3}, TypeError, "3, of type int", 'Pass a path, such as "norms.csv", a sink, or a list of them.'),
    ],
)
def test_bad_arguments_are_named_at_once(arguments, error, received, remedy):
    with pytest.raises(error) as caught:
        GradientNormLogger(**arguments)
    assert received in str(caught.value)
    assert str(caught.value).endswith(remedy)


def fitted(logger, *others, epochs=3, **arguments):
    model = models.compiled(models.sequential(), **arguments)
    return models.fit(model, *models.data(), [logger, *others], epochs)


def test_logs_have_the_epochs_mean():
    logger = GradientNormLogger()
    history = fitted(logger).history
    np.testing.assert_allclose(history["grad_norm"], logger.trace.global_norm.reshape(3, 7).mean(1), rtol=1e-12)
    assert set(history) == {"loss", "grad_norm"}


def test_logs_of_every_layer_or_none():
    logger = GradientNormLogger(log="layers", every=5)
    history = fitted(logger).history
    assert set(history) == {"loss", "grad_norm", "grad_norms/first", "grad_norms/second", "grad_norms/last"}
    first = logger.trace.norms[:, 0]  # the steps 0 and 5, 10, 15 and 20
    np.testing.assert_allclose(history["grad_norms/first"], [first[:2].mean(), first[2], first[3:].mean()], rtol=1e-12)
    assert set(fitted(GradientNormLogger(log=None)).history) == {"loss"}


def test_an_epoch_without_a_recorded_step_says_nan():
    history = fitted(GradientNormLogger(every=10, log="layers")).history
    assert np.isnan(history["grad_norm"]).tolist() == [False, False, False]
    history = fitted(GradientNormLogger(every=14, log="layers")).history
    assert np.isnan(history["grad_norm"]).tolist() == [False, True, False]
    assert np.isnan(history["grad_norms/last"]).tolist() == [False, True, False]


def test_a_gradient_that_is_not_a_number_makes_the_mean_so():
    x, y = models.data()
    y[9] = np.nan
    logger = GradientNormLogger()
    history = models.fit(models.compiled(models.sequential()), x, y, [logger], 1).history
    assert np.isnan(history["grad_norm"][0])
    assert np.isfinite(logger.trace.global_norm[0])
    assert np.isnan(logger.trace.global_norm[1])


def test_callbacks_that_are_listed_later_see_it(tmp_path):
    stop = keras.callbacks.EarlyStopping("grad_norm", mode="min", min_delta=1e9, patience=1)
    history = fitted(GradientNormLogger(), stop, keras.callbacks.CSVLogger(tmp_path / "log.csv"), epochs=5)
    assert len(history.epoch) == 2
    assert (tmp_path / "log.csv").read_text().splitlines()[0] == "epoch,grad_norm,loss,val_grad_norm,val_loss"


def test_reduce_lr_on_plateau_sees_it():
    plateau = keras.callbacks.ReduceLROnPlateau("grad_norm", mode="min", min_delta=1e9, patience=1, factor=0.5)
    history = fitted(GradientNormLogger(), plateau, epochs=4).history
    np.testing.assert_allclose(history["learning_rate"], models.RATE * np.array([1.0, 1.0, 0.5, 0.25]))


def test_rows_are_appended_to_a_file_in_whole_lines(tmp_path):
    path = tmp_path / "norms.csv"
    logger = GradientNormLogger(sinks=path)
    lines = []

    class Reads(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            text = path.read_text()
            assert text.endswith("\n")
            lines.append(text.count("\n") - 1)

    model = models.compiled(models.sequential())
    for _ in range(2):
        models.fit(model, *models.data(), [logger, Reads()])
    assert lines == [7, 14, 21, 28]
    traces.assert_equal(GradientTrace.load(path), logger.trace)


def test_a_file_of_two_models(tmp_path):
    path = tmp_path / "norms.csv"
    logger = GradientNormLogger(sinks=path)
    for build in (models.sequential, models.nested, models.sequential):
        models.fit(models.compiled(build()), *models.data(), [logger], 1)
    traces.assert_equal(GradientTrace.load(path), logger.trace)
    assert len(logger.trace) == 21


def test_rows_of_an_interrupted_fit_reach_the_trace_and_the_file(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 4:
                raise RuntimeError("stop")

    logger = GradientNormLogger(sinks=tmp_path / "norms.csv")
    with pytest.raises(RuntimeError, match="stop"):
        fitted(logger, Stop())
    assert len(logger.trace) == 5
    traces.assert_equal(GradientTrace.load(tmp_path / "norms.csv"), logger.trace)


def test_the_trace_can_be_read_in_mid_fit():
    logger = GradientNormLogger()
    seen = []

    class Reads(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(len(logger.trace))

    fitted(logger, Reads(), epochs=1)
    assert seen == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("count", [6, 200])
def test_data_of_unknown_length_leave_a_row_for_each_batch(count):
    """And none for the step that finds out that there are no more."""

    def batches():
        for number in range(count):
            yield np.full((4, 3), number + 1.0, "float32"), np.ones((4, 1), "float32")

    logger = GradientNormLogger()
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    history = model.fit(batches(), shuffle=False, verbose=0, callbacks=[logger])
    numbers = np.arange(1, count + 1.0)
    expected = 2 * (3 * numbers - 1) * np.sqrt(3 * numbers**2 + 1)  # of the mean of (3 n - 1)^2, by hand
    assert logger.trace.steps.tolist() == list(range(count))
    np.testing.assert_allclose(logger.trace.global_norm, expected, rtol=1e-5)
    np.testing.assert_allclose(history.history["grad_norm"], [expected.mean()], rtol=1e-5)


def test_a_folder_that_does_not_exist_is_named_before_training(tmp_path):
    logger = GradientNormLogger(sinks=tmp_path / "no" / "x.csv")
    with pytest.raises(FileNotFoundError, match=r"received '.*x.csv', and there is no folder '.*no'. .* Make"):
        fitted(logger)
    assert len(logger.trace) == 0


@pytest.mark.thorough
def test_a_training_that_is_restored_goes_on_in_the_file(tmp_path):
    """From the backup of the first epoch's end, which lies before the rows that the file has."""
    path = tmp_path / "norms.csv"

    def trained(*others):
        # Each time in a new model with a new logger, as after a crash.
        model, logger = models.compiled(models.sequential(), "adam"), GradientNormLogger(sinks=path, every=2)
        models.fit(model, *models.data(), [logger, keras.callbacks.BackupAndRestore(tmp_path / "backup"), *others], 3)
        return logger.trace

    with pytest.raises(KeyboardInterrupt):
        trained(models.Stops(11))
    trace = trained()
    assert trace.steps.tolist() == [8, 10, 12, 14, 16, 18, 20], "the backup is of step 7"
    whole = GradientNormLogger(every=2)
    models.fit(models.compiled(models.sequential(), "adam"), *models.data(), [whole], 3)
    loaded = GradientTrace.load(path)
    assert loaded.steps.tolist() == whole.trace.steps.tolist()
    np.testing.assert_allclose(loaded.norms, whole.trace.norms, rtol=1e-3)


INTERRUPTED = """
import sys
import keras, numpy as np
from keras_inits import GradientNormLogger

class Interrupts(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 4:
            raise KeyboardInterrupt

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
logger = GradientNormLogger(sinks=sys.argv[1])
model.fit(np.ones((32, 4)), np.ones((32, 1)), batch_size=4, verbose=0, callbacks=[logger, Interrupts()])
"""


@pytest.mark.thorough
def test_rows_that_waited_when_the_process_was_interrupted_reach_the_file(tmp_path):
    result = run_python(INTERRUPTED, keras.backend.backend(), str(tmp_path / "norms.csv"), check=False)
    assert result.returncode != 0
    assert "Exception ignored" not in result.stderr
    assert GradientTrace.load(tmp_path / "norms.csv").steps.tolist() == [0, 1, 2, 3, 4]


def test_what_does_not_fit_in_memory_is_thinned_and_lives_in_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_inits.recording.book.MAX_NUMBERS", 3 * 16)
    path = tmp_path / "norms.csv"
    logger = GradientNormLogger(sinks=path)
    history = fitted(logger, epochs=5).history
    whole = GradientTrace.load(path)
    assert whole.steps.tolist() == list(range(35))
    assert len(logger.trace) <= 16
    kept = np.isin(whole.steps, logger.trace.steps)
    np.testing.assert_array_equal(logger.trace.norms, whole.norms[kept])
    np.testing.assert_allclose(history["grad_norm"], whole.global_norm.reshape(5, 7).mean(1), rtol=1e-12)


def test_a_folder_gets_scalars_for_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    logger = GradientNormLogger(sinks=TensorBoardSink(tmp_path / "scalars"), track="update")
    fitted(logger, epochs=2)
    (path,) = (tmp_path / "scalars").iterdir()
    values = {}
    for event in EventFileLoader(str(path)).Load():
        for value in event.summary.value:
            number = value.tensor.float_val[0] if value.HasField("tensor") else value.simple_value
            values.setdefault(value.tag, []).append((event.step, number))
    trace = logger.trace
    names = {f"{quantity}/{layer}" for quantity in ("gradient", "update") for layer in trace.layers}
    assert values.keys() == {"global_norm", *names}
    np.testing.assert_allclose([number for _, number in values["gradient/first"]], trace.norms[:, 0], rtol=1e-6)
    assert [step for step, _ in values["global_norm"]] == list(range(14))


QUIET = """
import logging
import keras, numpy as np
from keras_inits import GradientNormLogger

logging.basicConfig(level="WARNING", format="logged: %(message)s")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(1)])
model.compile("sgd", "mse")
logger = GradientNormLogger()
model.fit(np.ones((32, 4)), np.ones((32, 1)), batch_size=8, epochs=2, verbose=0, callbacks=[logger])
assert len(logger.trace) == 8
"""


@pytest.mark.thorough
def test_nothing_is_logged_of_the_recording_itself():
    """TensorFlow names its nodes after arguments, and complains of names that it does not like. A process of its own,
    since its count of functions that were traced again goes over all tests in one."""
    complaints = run_python(QUIET, keras.backend.backend()).stderr
    assert "logged:" not in complaints
    assert "node name" not in complaints


@pytest.mark.thorough
def test_a_handler_of_signals_may_read_the_trace():
    """At any moment of a training, also while the logger takes in rows: here 500 times a second."""
    import signal

    model, logger, lengths = models.compiled(models.sequential()), GradientNormLogger(), []
    before = signal.signal(signal.SIGALRM, lambda *_: lengths.append(len(logger.trace)))
    try:
        models.fit(model, *models.data(), [logger], 1)
        signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
        models.fit(model, *models.data(), [logger], 40)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert lengths
    assert lengths == sorted(lengths)
    np.testing.assert_array_equal(logger.trace.steps, np.arange(41 * 7))
