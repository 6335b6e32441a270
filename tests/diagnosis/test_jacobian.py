"""`jacobian_spectrum` against the matrix itself, made column by column, and against what is known of it."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_inits import Orthogonal, initialize, jacobian_spectrum
from keras_inits.backends import differentiation


def numpy(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor), "float64")


def batch(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def full_jacobian(model, x):
    """Of one example: one product for each input."""
    columns = []
    for place in range(x.size):
        vector = np.zeros(x.size, "float32")
        vector[place] = 1
        product = differentiation.current().jacobian_vector(model, x[None], vector.reshape(1, *x.shape))
        columns.append(numpy(product).ravel())
    return np.stack(columns, axis=1)


def stack(sizes, activation="tanh", law="auto", seed=0):
    hidden = [layers.Dense(size, activation) for size in sizes[1:]]
    model = keras.Sequential([keras.Input((sizes[0],)), *hidden])
    initialize(model, law, seed=seed)
    return model


def convolutional():
    parts = [layers.Conv2D(3, 3, activation="relu"), layers.Flatten(), layers.Dense(7)]
    model = keras.Sequential([keras.Input((6, 6, 2)), *parts])
    initialize(model, seed=0)
    return model


MODELS = {
    "square": lambda: stack([12, 12, 12]),
    "narrower": lambda: stack([20, 15, 9]),
    "wider": lambda: stack([9, 15, 20]),
    "relu, of less than full rank": lambda: stack([16, 6, 16], "relu"),
    "orthogonal, of one value": lambda: stack([12] * 5, None, Orthogonal()),
    "convolutional": convolutional,
}


@pytest.mark.parametrize("kind", MODELS)
def test_it_is_the_spectrum_of_the_full_matrix(kind):
    model = MODELS[kind]()
    x = batch(3, *model.input_shape[1:])
    spectrum = jacobian_spectrum(model, x)
    exact = np.stack([np.linalg.svd(full_jacobian(model, one), compute_uv=False) for one in x])
    # A product in float32 is wrong by some 1e-6 of the largest value; as many as there are values add up.
    error = exact.shape[1] * 1e-6 * exact.max()
    np.testing.assert_allclose(spectrum.singular_values, exact, atol=error)
    squares = exact**2
    assert spectrum.mean_square == pytest.approx(squares.mean(), rel=1e-4)
    assert spectrum.spread == pytest.approx(((squares**2).mean() / squares.mean() ** 2 - 1) ** 0.5, abs=1e-2)


def test_some_products_are_enough_for_the_ends_and_the_mean():
    model, x = stack([96, 96, 96]), batch(8, 96)
    some, every = jacobian_spectrum(model, x, 24), jacobian_spectrum(model, x, 96)
    assert some.singular_values.shape == (8, 24)
    np.testing.assert_allclose(some.singular_values[:, 0], every.singular_values[:, 0], rtol=1e-3)
    # v'J'Jv of a random unit v in n dimensions has the deviation spread * sqrt(2 / n); over the examples, a mean of 8.
    assert some.mean_square == pytest.approx(every.mean_square, rel=5 * every.spread * (2 / 96 / 8) ** 0.5)


def test_orthogonal_linear_networks_keep_all_values_at_one_and_gaussian_ones_do_not():
    orthogonal, gaussian = (
        jacobian_spectrum(stack([32] * 31, None, law), batch(1, 32)) for law in (Orthogonal(), "auto")
    )
    np.testing.assert_allclose(orthogonal.singular_values, 1, atol=1e-4)
    assert orthogonal.spread < 1e-2
    assert gaussian.spread > 2


def test_the_model_is_left_as_it_was():
    model = keras.Sequential([keras.Input((8,)), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(8)])
    before = [numpy(variable.value) for variable in model.variables]
    jacobian_spectrum(model, batch(4, 8))
    for one, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(one, numpy(variable.value))


def test_errors():
    model = stack([4, 4])
    with pytest.raises(ValueError, match=r"`products` must be a whole number of at least 1\. Received: products=0"):
        jacobian_spectrum(model, batch(1, 4), 0)
    inputs = keras.Input((4,))
    both = keras.Model(inputs, [inputs, model(inputs)])
    with pytest.raises(ValueError, match=r"1 inputs and 2 outputs\. Expected a sequential or functional one"):
        jacobian_spectrum(both, batch(1, 4))
