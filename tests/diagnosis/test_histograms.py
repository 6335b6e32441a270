"""Histograms of weights and outputs: right, and without a trace in the training."""

import json

import keras
import numpy as np
from helpers import small

from keras_inits import compare
from keras_inits.diagnosis.histograms import BINS, TAIL, histograms_of
from keras_inits.runs import files, trainer


class Noisy(keras.layers.Layer):
    """Draws numbers, and counts its calls, in training or not."""

    def __init__(self):
        super().__init__()
        self.seeds = keras.random.SeedGenerator(3)
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, inputs):
        self.count.assign(self.count + 1)
        return inputs + keras.random.normal(keras.ops.shape(inputs), seed=self.seeds)


def build(initializer):
    model = small.build(initializer)
    noisy = keras.Sequential([keras.Input((6,)), Noisy(), *model.layers])
    noisy.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return noisy


def test_shares_are_those_of_the_weights_and_the_outputs():
    model, (x, _) = small.build("he_normal"), small.data()
    found = {(one.layer, one.what): one for one in histograms_of(model, x, "before")}
    assert set(found) == {(layer.name, what) for layer in model.layers for what in ("weights", "outputs")}
    first = model.layers[0]
    kernel = keras.ops.convert_to_numpy(first.kernel)
    for what, values in (("weights", kernel), ("outputs", keras.ops.convert_to_numpy(first(x)))):
        one = found[first.name, what]
        low, high = np.quantile(values.astype("float64"), (TAIL, 1 - TAIL))
        np.testing.assert_allclose((one.low, one.high), (low, high), rtol=1e-5)
        counts, _ = np.histogram(values, BINS, (low, high))
        assert np.abs(np.array(one.shares) - counts / values.size).max() < 2.5 / values.size


def test_constant_and_infinite_weights():
    model, (x, _) = small.build("zeros"), small.data()
    one, *_ = histograms_of(model, x, "before")
    assert (one.low, one.high, one.shares) == (0.0, 0.0, (1.0,))
    model.layers[0].kernel.assign(np.full((6, 8), np.inf))
    assert (model.layers[0].name, "weights") not in {(one.layer, one.what) for one in histograms_of(model, x, "after")}


def test_training_is_the_same_without_them(monkeypatch):
    data = small.data()
    with_them = compare(build, data, ["he_normal"], epochs=2).runs[0]
    assert {one.when for one in with_them.histograms} == {"before", "after"}
    monkeypatch.setattr(trainer, "histograms_of", lambda *arguments: ())
    without = compare(build, data, ["he_normal"], epochs=2).runs[0]
    assert without.histograms == ()
    assert with_them.history == without.history
    np.testing.assert_array_equal(with_them.trace.norms, without.trace.norms)


def test_they_are_kept_and_a_run_without_them_is_still_found(tmp_path, monkeypatch):
    data = small.data()
    (run,) = compare(small.build, data, ["he_normal"], epochs=1, output=tmp_path).runs
    (again,) = compare(small.build, data, ["he_normal"], epochs=1, output=tmp_path).runs
    assert again.histograms == run.histograms != ()
    (file,) = tmp_path.glob("*.json")
    values = json.loads(file.read_bytes())
    del values["histograms"], values["checksum"]
    file.write_bytes(files._sealed(json.dumps(values).encode()))
    monkeypatch.setattr(trainer, "train", None)
    (older,) = compare(small.build, data, ["he_normal"], epochs=1, output=tmp_path).runs
    assert older.histograms == ()
    assert older.history == run.history
