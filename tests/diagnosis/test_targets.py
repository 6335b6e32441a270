"""Targets of every form that `fit` takes give `diagnose` the same numbers."""

import keras
import numpy as np
import pytest

from keras_inits import diagnose


def the_model(units, loss):
    keras.utils.set_random_seed(3)
    last = keras.layers.Dense(units, "sigmoid")
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5, "tanh"), last])
    model.compile("sgd", loss)
    return model


def gradients(model, *data):
    return [row.gradient for row in diagnose(model, *data).layers]


@pytest.mark.thorough
@pytest.mark.parametrize(
    "loss",
    ["binary_crossentropy", "mse", keras.losses.BinaryCrossentropy(), ["mse"]],
    ids=["name", "mse", "loss", "list"],
)
def test_the_last_axis_may_be_left_out_where_there_is_one_unit(loss):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((32, 6)).astype("float32"), rng.integers(0, 2, (32, 1))
    expected = gradients(the_model(1, loss), x, y.astype("float32"))
    for same in (y[:, 0], y[:, 0].astype("float32"), y[:, 0].astype(bool), y[..., None][..., 0], [y], list(y[:, 0])):
        assert gradients(the_model(1, loss), x, same) == pytest.approx(expected, rel=1e-5)


@pytest.mark.thorough
def test_the_axis_of_outputs_and_that_of_targets_may_differ():
    """As Keras does: of sequences the longer one loses its last axis."""
    x = np.random.default_rng(0).standard_normal((8, 5, 3)).astype("float32")
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((5, 3)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert gradients(model, x, x[..., 0]) == pytest.approx(gradients(model, x, x[..., :1]), rel=1e-5)


@pytest.mark.thorough
def test_classes_stay_as_they_are():
    x, y = np.random.default_rng(0).standard_normal((32, 6)).astype("float32"), np.arange(32) % 4
    model = the_model(4, "sparse_categorical_crossentropy")
    assert gradients(model, x, y) == pytest.approx(gradients(model, x, y[:, None]), rel=1e-6)


@pytest.mark.thorough
@pytest.mark.parametrize("loss", ["mse", keras.losses.mean_squared_error, keras.losses.MeanSquaredError(), ["mse"]])
def test_what_a_mask_hides_counts_as_little_as_in_fit(loss):
    words = np.array([[1, 2, 3, 0, 0], [4, 0, 0, 0, 0]], "int32")
    y = np.random.default_rng(0).standard_normal((2, 5, 1)).astype("float32")
    keras.utils.set_random_seed(3)
    layers = [keras.layers.Embedding(9, 4, mask_zero=True), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((5,), dtype="int32"), *layers])
    model.compile(keras.optimizers.SGD(1.0), loss)
    found = gradients(model, words, y)
    before = model.get_weights()
    model.fit(words, y, batch_size=2, verbose=0)
    table, kernel, bias = (np.linalg.norm(a - b) for a, b in zip(before, model.get_weights(), strict=True))
    assert found == pytest.approx([table, np.hypot(kernel, bias)], rel=1e-5)
