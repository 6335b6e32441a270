"""What goes wrong around a training: it ends as it would, with one warning, and what was written stays right."""

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from helpers import models, traces
from helpers.processes import TESTS, run_python

from keras_inits import GradientNormLogger, GradientTrace

BACKEND = keras.backend.backend()
NOBODY = 65534


class At(keras.callbacks.Callback):
    """Does something when an epoch begins, and undoes it when a later one does."""

    def __init__(self, first, do, last, undo):
        super().__init__()
        self.actions = {first: do, last: undo}

    def on_epoch_begin(self, epoch, logs=None):
        self.actions.get(epoch, lambda: None)()


@pytest.fixture
def folder():
    """One that other users may enter, unlike `tmp_path`."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    os.seteuid(os.getuid())
    shutil.rmtree(path, ignore_errors=True)


def lose_rights(path, mode):
    path.chmod(mode)
    if os.getuid() == 0:  # who may write everywhere
        os.seteuid(NOBODY)


def regain_rights(path, mode):
    os.seteuid(os.getuid())
    path.chmod(mode)


def limit_files(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def faults(path):
    """For each fault what makes it, what ends it, and in which epoch it begins."""
    free = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return {
        "the disk is full": (lambda: limit_files(path.stat().st_size + 100), lambda: limit_files(free), 1),
        "the disk was full from the start": (lambda: limit_files(100), lambda: limit_files(free), 0),
        "the file is read-only": (lambda: lose_rights(path, 0o444), lambda: regain_rights(path, 0o644), 1),
        "the folder is read-only": (
            lambda: lose_rights(path.parent, 0o555),
            lambda: regain_rights(path.parent, 0o755),
            0,
        ),
        "the folder is closed": (lambda: lose_rights(path.parent, 0o700), lambda: regain_rights(path.parent, 0o755), 1),
    }


def said(caught):
    """What the logger warned of."""
    return [str(one.message) for one in caught if "GradientNormLogger" in str(one.message)]


@pytest.mark.parametrize("fault", faults(Path()))
def test_a_fault_that_ends_leaves_a_whole_file(fault, folder):
    path = folder / "norms.csv"
    do, undo, first = faults(path)[fault]
    weights = []
    for name in ("plain", "recorded"):
        keras.utils.set_random_seed(0)
        model = models.compiled(models.sequential(), "adam")
        logger = GradientNormLogger(sinks=path, log=None)
        callbacks = [logger, At(first, do, 3, undo)] if name == "recorded" else []
        with (
            contextlib.nullcontext() if name == "plain" else pytest.warns(UserWarning, match="could not write") as told
        ):
            models.fit(model, *models.data(), callbacks, 4)
        weights.append(np.concatenate([weight.ravel() for weight in model.get_weights()]))
    np.testing.assert_array_equal(*weights)
    (text,) = said(told)
    assert str(path) in text
    assert logger.trace.steps.tolist() == list(range(28))
    traces.assert_equal(GradientTrace.load(path), logger.trace)
    assert {file.name for file in folder.iterdir()} <= {"norms.csv", ".norms.csv.lock"}


@pytest.mark.parametrize("how", ["deleted", "deleted with its folder"])
def test_a_file_that_is_deleted_in_mid_training_is_begun_anew(how, folder):
    path = folder / "inner" / "norms.csv"
    path.parent.mkdir()
    delete = path.unlink if how == "deleted" else lambda: shutil.rmtree(path.parent)
    again = (lambda: None) if how == "deleted" else path.parent.mkdir
    logger = GradientNormLogger(sinks=path)
    with pytest.warns(UserWarning, match="norms.csv") as told:
        models.fit(models.compiled(models.sequential()), *models.data(), [logger, At(1, delete, 3, again)], 4)
    texts = said(told)
    assert len([text for text in texts if "was deleted while it was writing it" in text]) == 1
    assert len(texts) == (1 if how == "deleted" else 2)
    assert logger.trace.steps.tolist() == list(range(28))
    traces.assert_equal(GradientTrace.load(path), logger.trace[7:])


STEPS, EPOCHS = 40, 500

FITS = f"""
import sys
import keras, numpy as np
from keras_inits import GradientNormLogger, TensorBoardSink

class Given(keras.layers.Layer):
    def build(self, shape):
        self.weight = self.add_weight(shape=shape[1:], name="weight", initializer="zeros")
    def call(self, x):
        return keras.ops.sum(x * self.weight, axis=-1, keepdims=True)

class Says(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print(epoch, flush=True)

x = np.arange(1, {STEPS} + 1, dtype="float32")[:, None]  # of which each is the norm of its step
model = keras.Sequential([keras.Input((1,)), Given()])
model.compile(keras.optimizers.SGD(0.0), lambda y, predicted: keras.ops.sum(predicted))
logger = GradientNormLogger(sinks=sys.argv[1:])
print("ready", flush=True)
model.fit(x, x, batch_size=1, epochs=int(sys.stdin.readline()), shuffle=False, verbose=0, callbacks=[logger, Says()])
"""


def started(path):
    """A process that is ready to train, as soon as it is told for how many epochs."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", FITS, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "KERAS_BACKEND": BACKEND},
        text=True,
    )


def assert_whole(path, epochs):
    """At least the rows of so many epochs, each once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a line that was cut off
        trace = GradientTrace.load(path)
    assert len(trace) >= epochs * STEPS
    np.testing.assert_array_equal(trace.steps, np.arange(len(trace)))
    np.testing.assert_array_equal(trace.global_norm, np.arange(len(trace)) % STEPS + 1.0)
    return trace


def killed(path, seconds):
    """Kills a training so long after its first epoch; returns how many epochs had ended."""
    process = started(path)
    process.stdout.readline()  # "ready"
    print(EPOCHS, file=process.stdin, flush=True)
    process.stdout.readline()
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    rest = process.communicate()[0]
    return 1 + rest.count("\n")


@pytest.mark.thorough
def test_a_fit_that_is_killed_leaves_all_rows_of_the_epochs_that_ended(tmp_path):
    """And the file is free for another process."""
    path = tmp_path / "norms.csv"
    for number in range(3):
        epochs = killed(path, random.Random(number).uniform(0.0, 0.5))
        assert epochs < EPOCHS
        assert_whole(path, epochs)
        assert not (tmp_path / "norms-2.csv").exists()


@pytest.mark.thorough
def test_two_processes_on_one_file_have_a_file_each(tmp_path):
    processes = [started(tmp_path / "norms.csv") for _ in range(2)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
    for process in processes:
        print(50, file=process.stdin, flush=True)
    assert [len(process.communicate()[0].split()) for process in processes] == [50, 50]
    assert [process.returncode for process in processes] == [0, 0]
    for name in ("norms.csv", "norms-2.csv"):
        assert len(assert_whole(tmp_path / name, 50)) == 50 * STEPS
    assert len(list(tmp_path.iterdir())) == 2


MEMORY = """
import gc, os, sys
sys.path[:0] = sys.argv[2:]
from helpers import models
from keras_inits import GradientNormLogger

def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

x, y = models.data()
x, y = x[:8].repeat(500, 0), y[:8].repeat(500, 0)
model, logger = models.compiled(models.sequential(), "adam"), GradientNormLogger(track="update", sinks=sys.argv[1])
for number in range(6):
    models.fit(model, x, y, [logger], 1)
    print(resident(), len(logger.trace), flush=True)
"""


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
def test_memory_is_flat_over_three_thousand_steps(tmp_path):
    """But for the trace: a row of three layers and two quantities has some 100 bytes."""
    output = run_python(MEMORY, BACKEND, str(tmp_path / "norms.csv"), str(TESTS)).stdout
    sizes, rows = np.array([line.split() for line in output.splitlines()[-6:]], np.int64).T
    assert rows.tolist() == [500, 1000, 1500, 2000, 2500, 3000]
    assert sizes[5] - sizes[1] < 3 * 2**20
