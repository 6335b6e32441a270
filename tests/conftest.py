"""Settings for all tests; those marked for another backend than Keras runs on are not selected, nor those that need a
browser or a package where there is none."""

import importlib.util
import os
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["COLUMNS"] = "100"  # tables are as wide as the terminal
# On JAX most of the time goes into compiling. `.ci/run` has it compiled as in use.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

import keras
import pytest
from hypothesis import HealthCheck, settings

# In the suite the same examples each time; `pytest -m fuzz` by hand takes new ones for about an hour, and keeps those
# that fail in `.hypothesis`, from where the next run begins.
settings.register_profile("suite", derandomize=True, database=None, deadline=None, max_examples=100)
settings.register_profile("fuzz", deadline=None, max_examples=100_000, suppress_health_check=list(HealthCheck))


def pytest_configure(config):
    settings.load_profile("fuzz" if config.option.markexpr == "fuzz" else "suite")


def pytest_collection_modifyitems(config, items):
    backend = keras.backend.backend()
    others = [item for item in items for mark in item.iter_markers("backend") if backend not in mark.args]
    needs = [(item, mark.args) for item in items for mark in item.iter_markers("needs")]
    others += [item for item, names in needs if not all(map(importlib.util.find_spec, names))]
    if shutil.which("chromium") is None:
        others += [item for item in items if item.get_closest_marker("chromium")]
    if "AXE_CORE" not in os.environ:
        others += [item for item in items if item.get_closest_marker("axe")]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


@pytest.fixture(autouse=True)
def _global_state():
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")
