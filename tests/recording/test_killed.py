"""A process that is killed while it appends leaves whole rows, in order, and all that it had appended before."""

import warnings

import numpy as np
import pytest
from helpers.processes import BACKENDS, run_python
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event

from keras_inits.recording import GradientTrace

ROUNDS, ROWS, LAYERS = 25, 16, 40

KILLS = f"""
import os, random, signal, sys, time, warnings
import numpy as np
from keras_inits.recording import GradientTrace, TensorBoardSink
from keras_inits.recording.sinks import Start
from keras_inits.recording.sinks.csv_file import CsvFile

warnings.simplefilter("ignore")  # of a fork beside other threads; the child only writes
folder, suffix = sys.argv[1:]
LAYERS = tuple(f"layer_{{i}}" for i in range({LAYERS}))

def block(number):
    steps = np.arange(number * {ROWS}, (number + 1) * {ROWS})
    norms = steps[:, None] + np.arange({LAYERS}) / 64
    return GradientTrace(steps, LAYERS, norms, {{"weight": norms / 2}})

def write(path, said):
    sink = CsvFile(path) if suffix else TensorBoardSink(path)
    sink.begin(Start(0, "", False, 1))
    for number in range(10_000):
        sink.append(block(number))
        os.write(said, b".")

for number in range({ROUNDS}):
    path = os.path.join(folder, f"{{number}}{{suffix}}")
    hear, said = os.pipe()
    child = os.fork()
    if not child:
        write(path, said)
    os.close(said)
    os.read(hear, 1)  # it has begun
    time.sleep(random.uniform(0, 0.05))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    count = 1
    while dots := os.read(hear, 65536):
        count += len(dots)
    os.close(hear)
    print(count, flush=True)
"""


def read(path):
    """The steps, and the table of gradients and weights."""
    if path.suffix:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a line that was cut off
            trace = GradientTrace.load(path)
        return trace.steps, np.hstack([trace.norms.filled(-1), trace.tracked["weight"].filled(-1)])
    (file,) = path.iterdir()
    events = [Event.FromString(record) for record in RawEventFileLoader(str(file)).Load()]
    rows = [event for event in events if event.HasField("summary")]
    table = [[value.simple_value for value in row.summary.value[1:]] for row in rows]  # the first is the global norm
    return [row.step for row in rows], np.array(table)


@pytest.mark.thorough
@pytest.mark.any_backend
@pytest.mark.parametrize("suffix", [".csv", ""])
def test_whole_rows_are_left_and_none_that_was_appended_is_lost(tmp_path, suffix):
    output = run_python(KILLS, BACKENDS[-1], str(tmp_path), suffix).stdout
    counts = [int(line) for line in output.splitlines()]
    assert len(counts) == ROUNDS
    for number, count in enumerate(counts):
        steps, table = read(tmp_path / f"{number}{suffix}")
        assert len(steps) >= count * ROWS
        np.testing.assert_array_equal(steps, np.arange(len(steps)))
        norms = np.arange(len(steps))[:, None] + np.arange(LAYERS) / 64  # exact in float32
        np.testing.assert_array_equal(table, np.hstack([norms, norms / 2]))
