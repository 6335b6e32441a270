"""Settings for all tests; those marked for another backend than Keras runs on are not selected, nor those that need a
browser where there is none."""

import os
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# On JAX most of the time goes into compiling. `.ci/run` has it compiled as in use.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

import keras
import pytest


def pytest_collection_modifyitems(config, items):
    backend = keras.backend.backend()
    others = [item for item in items for mark in item.iter_markers("backend") if backend not in mark.args]
    if shutil.which("chromium") is None:
        others += [item for item in items if item.get_closest_marker("chromium")]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


@pytest.fixture(autouse=True)
def _global_state():
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")
