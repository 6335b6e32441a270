"""A model to search a start for, in a module, as the processes of a search import it."""

import os
import signal
import time
from pathlib import Path

import keras
import numpy as np

LAYERS = 12


def build(values):
    rate = values.get("learning_rate", 0.01)
    dense = [keras.layers.Dense(8, "tanh", kernel_initializer=values["start"]) for _ in range(LAYERS)]
    model = keras.Sequential([keras.Input((6,)), *dense, keras.layers.Dense(4)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return model


def build_slowly(values):
    """Writes its process's number to a file beside, and waits."""
    Path(os.environ["SEARCHED"]).joinpath(f"{os.getpid()}.began").write_text(str(dict(values)))
    time.sleep(float(os.environ.get("SEARCHED_SECONDS", "0")))
    return build({"start": "glorot_uniform"})


def build_killed_once(values):
    """Kills its own process, the first time of each value."""
    mark = Path(os.environ["SEARCHED"]) / f"{values['start']}.killed"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return build({"start": "glorot_uniform"})


def build_nothing(values):
    raise LookupError(f"no such start as {values['start']}")


def build_unread(values):
    return build({"start": "glorot_uniform"})


def data(examples=96):
    x = np.random.default_rng(0).standard_normal((examples, 6)).astype("float32")
    return x, np.argmax(x[:, :4], axis=1)
