"""What diagnosis needs of a backend, against differences and against a training loop written by hand."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_inits.backends import differentiation


def numpy(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor), "float64")


def mlp(dtype="float32"):
    return keras.Sequential(
        [keras.Input((5,), dtype=dtype), layers.Dense(4, "tanh", dtype=dtype), layers.Dense(3, dtype=dtype)]
    )


def batch(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def test_gradients_of_weights_and_of_activations_are_those_of_the_chain_rule():
    model, x = mlp(), batch(6, 5)
    seen = {}

    def loss(watch):
        hidden = model.layers[0](x)
        hidden = watch(hidden, lambda h: seen.update(h=numpy(h)), lambda g: seen.update(g=numpy(g)))
        return keras.ops.sum(model.layers[1](hidden) ** 2)

    found = [numpy(g) for g in differentiation.current().gradients(loss, model.trainable_variables)]
    kernel, bias, kernel2, bias2 = (numpy(weight) for weight in model.get_weights())
    hidden = np.tanh(x @ kernel + bias)
    outputs = 2 * (hidden @ kernel2 + bias2)
    back = outputs @ kernel2.T
    expected = [x.T @ (back * (1 - hidden**2)), (back * (1 - hidden**2)).sum(0), hidden.T @ outputs, outputs.sum(0)]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(seen["h"], hidden, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(seen["g"], back, rtol=1e-4, atol=1e-5)


def test_a_watched_tensor_behind_nothing_that_is_trained_has_its_gradient_too():
    seen = []

    def loss(watch):
        tensor = watch(keras.ops.convert_to_tensor([1.0, 2.0]), lambda _: None, lambda g: seen.append(numpy(g)))
        return keras.ops.sum(3 * tensor)

    assert differentiation.current().gradients(loss, []) == []
    np.testing.assert_array_equal(seen, [[3.0, 3.0]])


def test_what_the_loss_does_not_reach_has_the_gradient_zero():
    model = mlp()
    found = differentiation.current().gradients(
        lambda watch: keras.ops.sum(model.layers[0].bias), model.trainable_variables
    )
    assert [float(np.abs(numpy(gradient)).sum()) for gradient in found] == [0.0, 4.0, 0.0, 0.0]


def test_nothing_is_assigned():
    variable = keras.Variable([1.0])

    def loss(watch):
        variable.assign_add([1.0])
        return keras.ops.sum(variable.value)

    differentiation.current().gradients(loss, [variable])
    assert numpy(variable) == [1.0]


def test_products_with_the_jacobian():
    model, x = mlp(), batch(2, 5)
    rng = np.random.default_rng(1)
    left, right = rng.standard_normal((2, 3)).astype("float32"), rng.standard_normal((2, 5)).astype("float32")
    backend = differentiation.current()
    values, product = backend.vector_jacobian(model, x, left)
    kernel, bias, kernel2, _ = (numpy(weight) for weight in model.get_weights())
    slope = 1 - np.tanh(x @ kernel + bias) ** 2
    np.testing.assert_allclose(numpy(values), numpy(model(x)), rtol=1e-6)
    np.testing.assert_allclose(numpy(product), ((left @ kernel2.T) * slope) @ kernel.T, rtol=1e-4, atol=1e-5)
    forward = numpy(backend.jacobian_vector(model, x, right))
    np.testing.assert_allclose(forward, ((right @ kernel) * slope) @ kernel2, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("function", [lambda x: 2 * x, lambda x: 0 * x + 1], ids=["linear", "constant"])
def test_products_of_functions_without_curvature(function):
    backend, x = differentiation.current(), batch(2, 3)
    slope = 2.0 if float(numpy(function(x)).std()) else 0.0
    np.testing.assert_allclose(numpy(backend.jacobian_vector(function, x, x)), slope * x)
    np.testing.assert_allclose(numpy(backend.vector_jacobian(function, x, x)[1]), slope * x)


@pytest.mark.backend("torch")
def test_modules_of_torch_are_put_back():
    import torch

    module = torch.nn.Sequential(torch.nn.BatchNorm1d(5), torch.nn.Dropout(0.5)).eval()
    wrapped = keras.layers.TorchModuleWrapper(module)
    state = torch.random.get_rng_state()
    with differentiation.current().preserved(wrapped):
        wrapped(keras.ops.convert_to_tensor(batch(4, 5)), training=True)
        assert module[0].running_mean.abs().sum() > 0
    assert module[0].running_mean.abs().sum() == 0
    assert not module.training
    assert torch.equal(torch.random.get_rng_state(), state)
