"""Processes that were forked: they write to no file of the first one, and wait for no thread that is not there."""

import keras
import numpy as np
import pytest
from helpers.processes import run_python

from keras_inits import GradientTrace

BACKEND = keras.backend.backend()

SCRIPT = """
import os, sys, warnings
import keras, numpy as np
import keras_inits
from keras_inits.backends import forks

warnings.simplefilter("ignore")  # of JAX and Python, that this process has threads
forks.LONGEST = 5.0
folder, child = sys.argv[1:]
many = child == "diagnose" and keras.backend.backend() == "torch"  # so much that it is shared among threads
rows, units = (512, 64) if many else (16, 4)
x = np.random.default_rng(0).standard_normal((rows, 4), dtype="float32")
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, "relu"), keras.layers.Dense(1)])
model.compile("sgd", "mse")
loggers = [keras_inits.GradientNormLogger(sinks=[f"{folder}/norms.csv", keras_inits.TensorBoardSink(f"{folder}/logs")])]
fit = lambda: model.fit(x, x[:, :1], batch_size=rows // 2, verbose=0, callbacks=loggers)
fit()
process = os.fork()
if not process:
    warnings.simplefilter("always")
    try:
        fit() if child == "fit" else keras_inits.diagnose(model, x, x[:, :1]) if child == "diagnose" else None
    except RuntimeError as error:
        print(error, flush=True)
    if child == "ends":
        sys.exit()  # as a process of the user's own may: what Python does at its end is done
    os._exit(0)
os.waitpid(process, 0)
if child != "diagnose":
    fit()
print("ended", flush=True)
os._exit(0) if BACKEND == "jax" else None
""".replace("BACKEND", repr(BACKEND))  # a thread of JAX that waits would keep the process


def forked(folder, child):
    return run_python(SCRIPT, BACKEND, str(folder), child)


@pytest.mark.thorough
def test_a_diagnosis_ends_or_says_that_it_cannot(tmp_path):
    output = forked(tmp_path, "diagnose").stdout
    assert output.endswith("ended\n")
    said = "diagnose was called in a process that was forked, in which the backend does not compute: it waits for"
    assert (said in output) == (BACKEND == "jax")


@pytest.mark.thorough
@pytest.mark.backend("torch", "jax")
def test_a_fit_writes_to_a_file_of_its_own_or_says_that_it_cannot(tmp_path):
    """TensorFlow's fit does not end there, whatever is recorded."""
    found = forked(tmp_path, "fit")
    if BACKEND == "jax":
        assert "fit with GradientNormLogger was called in a process that was forked" in found.stdout
    else:
        assert "norms.csv' belongs to the process that this one was forked from." in found.stderr
        assert GradientTrace.load(tmp_path / "norms-2.csv").steps.tolist() == [2, 3]
        assert len(list((tmp_path / "logs").iterdir())) == 2
    assert GradientTrace.load(tmp_path / "norms.csv").steps.tolist() == [0, 1, 2, 3]


@pytest.mark.thorough
@pytest.mark.backend("torch", "tensorflow")
def test_a_process_that_only_ends_writes_nothing(tmp_path):
    """One that JAX computed in before does not end in this way, whatever is recorded."""
    found = forked(tmp_path, "ends")
    assert "norms" not in found.stderr
    assert [path.name for path in tmp_path.glob("*.csv")] == ["norms.csv"]
    np.testing.assert_array_equal(GradientTrace.load(tmp_path / "norms.csv").steps, np.arange(4))
