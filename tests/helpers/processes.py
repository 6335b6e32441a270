"""Fresh processes, on each backend that is installed."""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from keras_inits_cli import options

TESTS = Path(__file__).parents[1]
BACKENDS = [name for name in options.BACKENDS if importlib.util.find_spec(name)]


def run_python(code: str, backend: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs `code` in a fresh process, outside of the checkout, with Keras on `backend`."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with tempfile.TemporaryDirectory() as directory:
        result = subprocess.run(
            [sys.executable, "-c", code, *arguments], env=environment, cwd=directory, capture_output=True, text=True
        )
    if check and result.returncode:
        raise AssertionError(f"exit status {result.returncode} on {backend}\n{result.stdout}\n{result.stderr}")
    return result


def start_helper(name: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Starts a module of `helpers` in a process of its own."""
    command = [sys.executable, "-m", f"helpers.{name}", *arguments]
    return subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True, **options)


def has_ended(process: int) -> bool:
    """Whether a process is gone; one that nobody has waited for yet is."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
