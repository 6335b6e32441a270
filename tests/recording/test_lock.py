"""The lock of a file: of processes that want it at once, one gets it."""

import pytest
from helpers.processes import BACKENDS, run_python

ROUNDS, PROCESSES = 200, 4

RACE = f"""
import multiprocessing, socket, sys, warnings
from pathlib import Path
from keras_inits.recording.sinks.lock import Lock

warnings.simplefilter("ignore")  # of a fork beside other threads; the children only race
folder = Path(sys.argv[1])
fork = multiprocessing.get_context("fork")
barrier, winners = fork.Barrier({PROCESSES}), fork.Array("i", {ROUNDS})
gone = fork.Process()
gone.start()
gone.join()
for number in range(1, {ROUNDS}, 2):
    (folder / f".{{number}}.csv.lock").write_text(f"{{socket.gethostname()}} {{gone.pid}}")

def race():
    for number in range({ROUNDS}):
        barrier.wait()
        if Lock(folder / f"{{number}}.csv").take():
            with winners.get_lock():
                winners[number] += 1
    barrier.wait()  # a process that has ended holds nothing

processes = [fork.Process(target=race) for _ in range({PROCESSES})]
for process in processes:
    process.start()
for process in processes:
    process.join()
print(*winners)
"""


@pytest.mark.thorough
@pytest.mark.any_backend
def test_of_several_processes_one_takes_a_lock_that_is_new_or_stale(tmp_path):
    assert run_python(RACE, BACKENDS[-1], str(tmp_path)).stdout.split() == ["1"] * ROUNDS
