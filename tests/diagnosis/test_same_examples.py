"""A batch that says nothing of the weights: the finding is about the data, and no healthy weight is blamed."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_inits import diagnose, initialize

random = np.random.default_rng(0)


def dense(units=3, **options):
    model = keras.Sequential([keras.Input((16,)), layers.Dense(8, "relu"), layers.Dense(units, name="head", **options)])
    initialize(model, seed=1)
    return model


def images():
    parts = [layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(1)]
    return keras.Sequential([keras.Input((8, 8, 1)), *parts])


def words():
    parts = [layers.Embedding(10, 8, mask_zero=True), layers.LSTM(4), layers.Dense(1)]
    return keras.Sequential([keras.Input((5,), dtype="int32"), *parts])


BATCHES = {
    "zeros": (dense, np.zeros((8, 16), "float32"), "all 8 examples are zero"),
    "one example": (dense, np.zeros((1, 16), "float32"), "the only example is zero"),
    "equal rows": (lambda: dense(1), np.tile(random.standard_normal(16), (8, 1)), "all 8 examples are equal"),
    "blank images": (images, np.zeros((8, 8, 8, 1), "uint8"), "all 8 examples are zero"),
    "padding": (words, np.zeros((4, 5), int), "all 4 examples are zero"),
    "the same words": (words, np.full((4, 5), 2), "all 4 examples are equal"),
}


@pytest.mark.thorough
@pytest.mark.parametrize("as_tensor", [True, False])
@pytest.mark.parametrize("kind", BATCHES)
def test_the_data_is_named_and_no_weight(kind, as_tensor):
    make, x, evidence = BATCHES[kind]
    model = make()
    initialize(model, seed=1)
    (finding,) = diagnose(model, keras.ops.convert_to_tensor(x) if as_tensor else x).findings
    assert (finding.kind, finding.layers, finding.remedy.rules) == ("same_examples", (), ())
    assert evidence in finding.evidence
    assert "no weight is at fault" in str(finding.remedy)


def test_different_examples_are_no_finding():
    assert diagnose(dense(), np.eye(16, dtype="float32")).findings == ()
    two = keras.Input((16,), name="same"), keras.Input((16,), name="other")
    model = keras.Model(two, layers.Dense(3)(layers.Add()(two)))
    initialize(model, seed=1)
    assert diagnose(model, [np.ones((32, 16)), random.standard_normal((32, 16))]).findings == ()


def test_what_holds_for_any_data_is_said_beside():
    model = dense()
    model.layers[0].kernel.assign(np.zeros((16, 8)))
    assert [one.kind for one in diagnose(model, np.zeros((8, 16)))] == ["same_examples", "symmetric_units"]
    model.layers[0].kernel.assign(np.full((16, 8), np.nan))
    first, second = diagnose(model, np.zeros((8, 16))).findings
    assert (first.kind, second.kind, len(second.remedy.rules)) == ("same_examples", "nonfinite", 1)


def test_a_head_may_begin_with_zeros():
    model = dense()
    model.get_layer("head").kernel.assign(np.zeros((8, 3)))
    assert [one.kind for one in diagnose(model, np.zeros((8, 16)))] == ["same_examples"]
