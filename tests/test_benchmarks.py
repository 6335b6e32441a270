"""The benchmarks run, at tiny sizes, and find right what they time; none of their times is judged here."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
COMMANDS = {
    "memory.py": ["--backend", keras.backend.backend(), "--size", "256", "--law", "Normal", "--processes", "2"],
    "initializers.py": ["--backend", keras.backend.backend(), "--turns", "2", "--tiny"],
    "import_time.py": ["--processes", "2"],
    "diagnosis.py": ["--backend", keras.backend.backend(), "--examples", "64", "--processes", "2"],
    "detection.py": ["--each", "1"],
    "recording.py": [
        "--backend",
        keras.backend.backend(),
        "--epochs",
        "2",
        "--steps",
        "2",
        "--peers",
        "--append",
        "t.md",
    ],
}


def test_none_is_left_out():
    helpers = {"peers.py"}  # of recording.py
    assert {path.name for path in BENCHMARKS.glob("*.py")} - helpers == set(COMMANDS)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.backend("torch")] * (name == "detection.py")) for name in COMMANDS],
)
def test_it_runs(name, tmp_path):
    command = [sys.executable, BENCHMARKS / name, *COMMANDS[name]]
    result = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert ("false alarms" if name == "detection.py" else "quartiles") in result.stdout
