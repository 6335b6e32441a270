"""What several tests share: the backends at hand, fresh processes, and tolerances computed from sample sizes."""

import contextlib
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import keras

BACKENDS = [name for name in ("tensorflow", "jax", "torch") if importlib.util.find_spec(name)]


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


@contextlib.contextmanager
def all_dtypes() -> Iterator[None]:
    """A block in which Keras's backend has float64; JAX has it where it is asked for only."""
    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", False)


def mean_tolerance(stddev: float, size: int, sigmas: float = 5) -> float:
    """How far the mean of `size` independent values may lie from that of their law."""
    return sigmas * stddev / size**0.5


def variance_tolerance(variance: float, kurtosis: float, size: int, sigmas: float = 5) -> float:
    """How far the variance of `size` independent values may lie from that of their law (kurtosis: 3 for a normal)."""
    return sigmas * variance * ((kurtosis - 1) / size) ** 0.5
