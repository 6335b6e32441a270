"""A run's start is diagnosed as `diagnose` does it, and its training is to the bit what it is without a diagnosis."""

import json

import keras
import numpy as np
import pytest
from helpers import small
from helpers.traces import assert_equal

import keras_inits
from keras_inits import compare, diagnose
from keras_inits.runs import trainer

random = np.random.default_rng(0)
INPUTS = (2e5 + 5e4 * random.standard_normal((64, 6))).astype("float32")
TARGETS = (INPUTS[:, :1] + INPUTS[:, 1:2]).astype("float32")


def regression(initializer):
    hidden = keras.layers.Dense(8, "relu", kernel_initializer=initializer)
    model = keras.Sequential([keras.Input((6,)), hidden, keras.layers.Dense(1, kernel_initializer=initializer)])
    model.compile("adam", "mse")
    return model


def logits_as_probabilities(initializer):
    model = small.build(initializer)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


STARTS = {"normal": keras_inits.Normal(0.05, seed=1), "glorot": keras_inits.GlorotNormal(seed=1)}


@pytest.mark.parametrize(
    ("build", "data", "kinds"),
    [
        (regression, (INPUTS, TARGETS), {"targets", "unscaled_inputs"}),
        (logits_as_probabilities, small.data(), {"last_activation"}),
    ],
)
def test_a_run_has_the_findings_that_diagnose_has(build, data, kinds):
    comparison = compare(build, data, STARTS, epochs=1)
    for run, initializer in zip(comparison.runs, STARTS.values(), strict=True):
        expected = diagnose(build(initializer), *data).findings
        assert [one.kind for one in run.findings] == [one.kind for one in expected]
        assert kinds <= {one.kind for one in expected}
    # What every start shares is said once, in front of the answer, and before what is said of a start.
    lines = " ".join(str(comparison).split())
    for kind in kinds:
        assert lines.count(f"({kind}") == 1
        assert lines.index(f"({kind}") < lines.index("No start learned")


class Noisy(keras.layers.Layer):
    """Draws random numbers, and keeps what it saw."""

    def __init__(self):
        super().__init__()
        self.normalization = keras.layers.BatchNormalization()
        self.dropout = keras.layers.Dropout(0.5)

    def call(self, x, training=False):
        return self.dropout(self.normalization(x, training=training), training=training)


def noisy(optimizer):
    def build(initializer):
        dense = keras.layers.Dense(8, "relu", kernel_initializer=initializer)
        model = keras.Sequential([keras.Input((6,)), dense, Noisy(), keras.layers.Dense(1)])
        model.compile(optimizer(), "mse", metrics=["mae"])
        return model

    return build


def scheduled():
    return keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(1e-3, 2, 0.5), momentum=0.9, clipnorm=1.0)


@pytest.mark.parametrize("optimizer", [keras.optimizers.Adam, scheduled, lambda: keras.optimizers.SGD(1e9)])
@pytest.mark.parametrize("scale", [1.0, 1e5])
def test_training_is_to_the_bit_as_without_a_diagnosis(optimizer, scale, monkeypatch):
    x, _ = small.data()
    data = scale * x, scale * (x[:, :1] + x[:, 1:2])
    (run,) = compare(noisy(optimizer), data, {"he": keras_inits.HeNormal()}, epochs=2, batch_size=16).runs
    monkeypatch.setattr(trainer, "looked_at", lambda model, task: trainer.Looked())
    (same,) = compare(noisy(optimizer), data, {"he": keras_inits.HeNormal()}, epochs=2, batch_size=16).runs
    assert run.layers
    assert not same.layers
    assert_equal(run.trace, same.trace)
    np.testing.assert_equal(run.history, same.history)


def test_the_key_says_how_a_start_is_diagnosed(tmp_path):
    """Runs that were kept when only the layers were looked at are not taken for those of today."""
    compare(small.build, small.data(), ["zeros"], epochs=1, output=tmp_path)
    (file,) = tmp_path.glob("*.json")
    text = file.read_text(encoding="utf-8")
    assert json.JSONDecoder().raw_decode(text)[0]["settings"]["diagnosis"] == "full"
