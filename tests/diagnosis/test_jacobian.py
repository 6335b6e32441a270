"""`jacobian_spectrum` against the matrix itself, made column by column, and against what is known of it."""

import keras
import numpy as np
import pytest
from helpers.dtypes import all_dtypes
from helpers.failing import Failing
from keras import layers

from keras_inits import Normal, Orthogonal, initialize, jacobian_spectrum
from keras_inits.backends import differentiation
from keras_inits.faults import InternalError


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


@pytest.mark.thorough
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


@pytest.mark.thorough
def test_some_products_are_enough_for_the_ends_and_the_mean():
    model, x = stack([96, 96, 96]), batch(8, 96)
    some, every = jacobian_spectrum(model, x, products=24), jacobian_spectrum(model, x, products=96)
    assert some.singular_values.shape == (8, 24)
    np.testing.assert_allclose(some.singular_values[:, 0], every.singular_values[:, 0], rtol=1e-3)
    # v'J'Jv of a random unit v in n dimensions has the deviation spread * sqrt(2 / n); over the examples, a mean of 8.
    assert some.mean_square == pytest.approx(every.mean_square, rel=5 * every.spread * (2 / 96 / 8) ** 0.5)


@pytest.mark.thorough
def test_orthogonal_linear_networks_keep_all_values_at_one_and_gaussian_ones_do_not():
    orthogonal, gaussian = (
        jacobian_spectrum(stack([32] * 31, None, law), batch(1, 32)) for law in (Orthogonal(), Normal(32**-0.5))
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


ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}
DTYPES = ["float64", "float32", "bfloat16", "float16", "mixed_float16", "mixed_bfloat16"]


def by_hand(model, x):
    """The matrices of a stack of tanh layers, in float64."""
    hidden, matrices = numpy(x), np.eye(x.shape[1])[None]
    for layer in model.layers:
        kernel, bias = (numpy(keras.ops.cast(one.value, "float64")) for one in layer.weights)
        hidden = np.tanh(hidden @ kernel + bias)
        matrices = matrices @ kernel * (1 - hidden**2)[:, None, :]
    return np.swapaxes(matrices, 1, 2)


@pytest.mark.thorough
@pytest.mark.parametrize("policy", DTYPES)
@pytest.mark.parametrize("scale", [1.0, 1e-4])
@pytest.mark.parametrize("sizes", [(12, 10, 7), (7, 10, 12)])
def test_each_dtype(policy, scale, sizes):
    with all_dtypes():
        keras.config.set_dtype_policy(policy)
        dtype = policy.removeprefix("mixed_")
        hidden = [layers.Dense(size, "tanh") for size in sizes[1:]]
        model = keras.Sequential([keras.Input((sizes[0],), dtype=dtype), *hidden])
        initialize(model, Normal(0.3 * scale**0.5), seed=0)
        x = batch(3, sizes[0]).astype("float16")  # exact in each of them but bfloat16
        found = jacobian_spectrum(model, x).singular_values
        exact = np.linalg.svd(by_hand(model, x), compute_uv=False)
        # Each of two layers rounds its weights, its sums, its outputs and its slope, and there are two products.
        coarsest = keras.backend.result_type(dtype, dtype)  # Keras multiplies float64 in float32, but on TensorFlow
        error = (16 * ROUNDOFF[coarsest] * 7**0.5 + 1e-13) * exact.max()
        np.testing.assert_allclose(found, exact, atol=error, rtol=0)


def test_products_that_leave_the_range_of_float16_are_made_again():
    keras.config.set_dtype_policy("float16")
    model = stack([8, 8, 8], None, Normal(60.0))  # 32768 times a value of some 1e4 is out of it
    x = batch(2, 8) / 64
    exact = np.linalg.svd(numpy(model.layers[0].kernel) @ numpy(model.layers[1].kernel), compute_uv=False)
    np.testing.assert_allclose(jacobian_spectrum(model, x).singular_values[0], exact, atol=0.01 * exact.max())


def words():
    parts = [layers.Embedding(9, 3, name="table"), layers.Flatten(), layers.Dense(2)]
    return keras.Sequential([keras.Input((5,), dtype="int32"), *parts]), np.ones((2, 5), "int32")


def masks():
    parts = [layers.Rescaling(2.0, name="table"), layers.Dense(2)]
    return keras.Sequential([keras.Input((5,), dtype="bool"), *parts]), np.ones((2, 5), bool)


def pixels():
    parts = [layers.Rescaling(1 / 255, name="table"), layers.Flatten(), layers.Dense(2)]
    return keras.Sequential([keras.Input((4, 4, 1), dtype="uint8"), *parts]), np.ones((2, 4, 4, 1), "uint8")


@pytest.mark.parametrize("make", [words, masks, pixels])
def test_inputs_without_a_derivative_are_refused_with_what_to_do(make):
    model, x = make()
    with pytest.raises(
        ValueError, match=r"inputs of the dtype \w+, which have no derivative.* from the first layer on"
    ):
        jacobian_spectrum(model, x)
    layer = model.get_layer("table")
    rest, points = keras.Model(layer.output, model.outputs[0]), keras.Model(model.inputs[0], layer.output)(x)
    kernel = np.linalg.svd(numpy(model.layers[-1].kernel), compute_uv=False)
    np.testing.assert_allclose(jacobian_spectrum(rest, points).singular_values[0], kernel, rtol=1e-5)


@pytest.mark.parametrize("kind", ["int64", "uint8", "bool"])
def test_examples_of_whole_numbers_are_converted_where_the_models_input_is_a_float(kind):
    model = stack([6, 5])
    x = np.random.default_rng(0).integers(0, 2, (3, 6)).astype(kind)
    np.testing.assert_array_equal(
        jacobian_spectrum(model, x).singular_values, jacobian_spectrum(model, x.astype("float32")).singular_values
    )


def test_inputs_by_name_and_derivatives_of_ones_own():
    @keras.ops.custom_gradient
    def reversal(x):
        def gradient(*arguments, upstream=None):
            return -2.0 * (arguments[0] if upstream is None else upstream)

        return 1.0 * x, gradient

    inputs = keras.Input((4,), name="numbers")
    model = keras.Model({"numbers": inputs}, {"out": layers.Lambda(reversal, (4,))(inputs)})
    np.testing.assert_allclose(jacobian_spectrum(model, {"numbers": batch(2, 4)}).singular_values, 2.0, rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("place", "remedy"),
    [
        ("hidden/kernel", r"initialize\(model\)"),
        ("hidden/bias", r"initialize\(model\)"),
        ("norm/moving_variance", r"initialize\(model, reset=True\)"),
    ],
)
def test_a_weight_that_is_not_finite_is_named(place, remedy, value):
    parts = [layers.Dense(6, "relu", name="hidden"), layers.BatchNormalization(name="norm"), layers.Dense(2)]
    model = keras.Sequential([keras.Input((4,)), *parts])
    layer, name = place.split("/")
    variable = getattr(model.get_layer(layer), name)
    variable.assign(keras.ops.full(variable.shape, value))
    count = int(np.prod(variable.shape))
    with pytest.raises(
        ValueError, match=rf"Received: {count} values of {place} that are infinite.*For {place}: .* {remedy}"
    ):
        jacobian_spectrum(model, batch(2, 4))
    initialize(model, reset="reset" in remedy)  # as the message says
    assert np.isfinite(jacobian_spectrum(model, batch(2, 4)).mean_square)


def test_a_frozen_weight_that_is_not_finite_is_called_frozen():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(6, name="hidden", trainable=False), layers.Dense(2)])
    model.layers[0].kernel.assign(np.full((4, 6), np.nan))
    with pytest.raises(ValueError, match=r"For hidden/kernel: load it again: it is frozen, .*hidden.trainable = True"):
        jacobian_spectrum(model, batch(2, 4))


def through(function, shape=(4,)):
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Lambda(function, shape, name="function")(inputs))


def test_what_is_not_finite_elsewhere_is_told_apart():
    x = batch(3, 4)
    x[1, 0] = np.nan
    with pytest.raises(ValueError, match=r"Received: 1 values of x, as float32, in example 1, .* Clean these examples"):
        jacobian_spectrum(stack([4, 4]), x)
    x[1, 0] = 0
    with pytest.raises(ValueError, match=r"values of the outputs, though the weights and x are finite, in example 1,"):
        jacobian_spectrum(through(lambda t: keras.ops.log(abs(t))), x)
    with pytest.raises(ValueError, match=r"values of the derivatives, though .* in example 1, .* Call diagnose"):
        jacobian_spectrum(through(lambda t: keras.ops.sqrt(abs(t))), x)


UNFIT = {
    "wrong shape": (
        lambda: stack([4, 4]),
        batch(2, 5),
        r"another shape.*of the shape \(2, 5\)\. Expected .* \(None, 4\)",
    ),
    "one example": (lambda: stack([4, 4]), batch(4), r"of the shape \(4,\)\. Expected .* x\[None\]"),
    "no examples": (lambda: stack([4, 4]), batch(0, 4), r"Received: x of the shape \(0, 4\), without any number"),
    "text": (lambda: stack([4, 4]), "text", r"must be one array of numbers\. Received: str of the dtype None"),
    "two arrays": (lambda: stack([4, 4]), {"a": batch(2, 4), "b": batch(2, 4)}, r"Received: ndarray .*, ndarray"),
    "not built": (lambda: keras.Sequential([layers.Dense(4)]), batch(2, 4), r"is not built\. Give it an `Input`"),
    "a layer": (lambda: stack([4, 4]).layers[0], batch(2, 4), r"0 inputs and 0 outputs\. Expected a sequential"),
    "whole outputs": (
        lambda: through(lambda t: keras.ops.argmax(t, -1), ()),
        batch(2, 4),
        r"output has the dtype int\d+",
    ),
    "one output": (lambda: through(keras.ops.sum), batch(2, 4), r"an output of the shape \(\) for 2 examples"),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_what_has_no_jacobian_is_refused(kind):
    make, x, message = UNFIT[kind]
    model = make()
    with pytest.raises(ValueError, match=message):
        jacobian_spectrum(model, x)


def test_a_layer_that_fails_is_called_the_models():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4), Failing()])
    with pytest.raises(ValueError, match=r"calls the model on x, .*OSError.*no part of keras_inits") as caught:
        jacobian_spectrum(model, batch(2, 4))
    assert isinstance(caught.value.__cause__, OSError)


def test_a_derivative_that_fails_is_called_the_models():
    @keras.ops.custom_gradient
    def broken(x):
        def gradient(*arguments, upstream=None):
            raise OSError("no such derivative")

        return 1.0 * x, gradient

    with pytest.raises(
        ValueError, match=r"differentiates the model, .*OSError.*no part of keras_inits in it"
    ) as caught:
        jacobian_spectrum(through(broken), batch(2, 4))
    assert isinstance(caught.value.__cause__, OSError)


def test_a_failure_of_ours_is_called_ours(monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError("broken on purpose")

    model, x = stack([4, 4]), batch(2, 4)
    backend = f"keras_inits.backends.{keras.backend.backend()}.differentiation"
    for step in ("vector_jacobian", "jacobian_vector"):
        check_ours(monkeypatch, f"{backend}.{step}", fail, model, x, "while it multiplied vectors with the Jacobian")
    diagnosis = "keras_inits.diagnosis"
    check_ours(monkeypatch, f"{diagnosis}.bidiagonal._without", fail, model, x, "while it orthogonalised vectors")
    check_ours(monkeypatch, f"{diagnosis}.jacobian._spectrum", fail, model, x, "while it computed singular values")
    check_ours(monkeypatch, f"{diagnosis}.products.check_finite", fail, model, x, "while it looked for outputs")
    check_ours(
        monkeypatch, f"{diagnosis}.jacobian_inputs.nonfinite_count", fail, model, x, "while it looked for weights"
    )
    check_ours(monkeypatch, f"{diagnosis}.products.walk_layers", fail, model, x, "while it looked for the dtypes")


def check_ours(monkeypatch, name, fail, model, x, message):
    with monkeypatch.context() as patch:
        patch.setattr(name, fail)
        with pytest.raises(InternalError, match=message) as caught:
            jacobian_spectrum(model, x)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_errors():
    model = stack([4, 4])
    with pytest.raises(
        ValueError, match=r"`products` must be a whole number of at least 1, no larger than a size\. Received"
    ):
        jacobian_spectrum(model, batch(1, 4), products=0)
    inputs = keras.Input((4,))
    both = keras.Model(inputs, [inputs, model(inputs)])
    with pytest.raises(ValueError, match=r"1 inputs and 2 outputs\. Expected a sequential or functional one"):
        jacobian_spectrum(both, batch(1, 4))
