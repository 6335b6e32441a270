"""The benchmarks run, at tiny sizes, and find right what they time; none of their times is judged here."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
HERE = ["--backend", keras.backend.backend()]
COMMANDS = {
    "alerts.py": ["--models", "1", "--steps", "8"],
    "faults.py": ["--only", "parabola"],
    "healthy.py": ["--programs", "2", "--steps", "20"],
    "memory.py": [*HERE, "--size", "256", "--law", "Normal", "--processes", "1"],
    "initializers.py": [*HERE, "--turns", "2", "--tiny"],
    "import_time.py": ["--processes", "2"],
    "diagnosis.py": [
        *HERE,
        "--rounds",
        "1",
        "--tiny",
        "--measure",
        "time, transformer, full",
        "--measure",
        "memory, dense",
    ],
    "detection.py": ["--each", "1"],
    "starts.py": ["--kinds", "wine, raw;LSTM", "--seeds", "1", "--steps-scale", "0.02"],
    "signals.py": ["--models", "gated;transformer, pre-norm"],
    "short_fits.py": ["--fits", "2"],
    "recording.py": [*HERE, "--epochs", "2", "--steps", "2", "--peers", "--append", "t.md"],
}
# One backend is enough for each: the suite tests on all of them what they time.
BACKENDS = {name: ["torch"] for name in COMMANDS}
BACKENDS |= {
    "memory.py": ["jax"],
    "short_fits.py": ["jax"],
    "starts.py": ["jax"],
    "recording.py": ["tensorflow", "torch"],
}
SAID = {
    "alerts.py": "false alerts in 10,000 steps",
    "detection.py": "false alarms",
    "faults.py": "of 1 programs 1 flagged, 1 named, 1 cured; 0 fixed ones with an alarm",
    "healthy.py": "of 2 programs",
    "diagnosis.py": "| memory, dense | ",
    "short_fits.py": "same / plain = ",
    "recording.py": "everything / sums = ",
    "starts.py": "better",
    "signals.py": "decades",
}


def test_none_is_left_out():
    helpers = {"peers.py", "generated.py"}  # of recording.py; of detection.py, alerts.py and faults.py
    assert {path.name for path in BENCHMARKS.glob("*.py")} - helpers == set(COMMANDS)


@pytest.mark.thorough
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.backend(*BACKENDS[name])) for name in COMMANDS])
def test_it_runs(name, tmp_path):
    command = [sys.executable, BENCHMARKS / name, *COMMANDS[name]]
    result = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert SAID.get(name, "quartiles") in result.stdout
