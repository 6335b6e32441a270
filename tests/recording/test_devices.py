"""Several devices and processes: each case in processes of its own, since devices are set once in one."""

import socket
import subprocess

import pytest
from helpers.processes import start_helper


def started(name, *arguments):
    return start_helper(name, *arguments, stderr=subprocess.PIPE)


def finished(process):
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    return output


@pytest.mark.thorough
@pytest.mark.backend("tensorflow")
@pytest.mark.parametrize("arguments", [["2", "1"], ["4", "1"], ["2", "3"], ["2", "1", "0.1"], ["overflow"]])
def test_mirrored_strategy(arguments):
    """replicas, every, clipnorm"""
    finished(started("replicas", *arguments))


@pytest.mark.thorough
@pytest.mark.backend("jax")
@pytest.mark.parametrize("kind", ["data", "model"])
def test_distribution(kind):
    finished(started("sharded", kind, "8"))


@pytest.mark.thorough
@pytest.mark.backend("jax")
def test_two_processes_record_the_same_and_the_first_writes(tmp_path):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    paths = [str(tmp_path / f"{number}.csv") for number in range(2)]
    processes = [started("sharded", "data", "2", str(number), port, paths[number]) for number in range(2)]
    first, second = [finished(process).splitlines()[-1] for process in processes]
    assert first == second
