"""The slow obvious twin: a training loop by hand, with the backend's own autodiff and plain gradient descent."""

import keras
import numpy as np


def train(model, loss, batches, rate):
    """Trains the model; returns, for each batch, the gradient of each trainable variable in float64, or None, by id."""
    return [step(model, loss, x, y, rate) for x, y in batches]


def step(model, loss, x, y, rate):
    variables = model.trainable_variables
    gradients = GRADIENTS[keras.backend.backend()](model, loss, x, y, variables)
    for variable, gradient in zip(variables, gradients, strict=True):
        if gradient is not None:
            variable.assign(keras.ops.convert_to_numpy(variable) - np.float32(rate) * gradient)
    pairs = zip(variables, gradients, strict=True)
    return {id(v): None if gradient is None else gradient.astype(np.float64) for v, gradient in pairs}


def follow(model, loss, optimizer, batches):
    """Trains the model with an optimizer; returns, for each batch, gradients, and weights before and after, by id."""
    steps = []
    for x, y in batches:
        variables = model.trainable_variables
        gradients = GRADIENTS[keras.backend.backend()](model, loss, x, y, variables)
        before = by_id(variables)
        present = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
        tensors = [keras.ops.convert_to_tensor(gradient) for gradient, _ in present]
        optimizer.apply(tensors, [variable for _, variable in present])
        wide = {
            id(v): None if gradient is None else gradient.astype(np.float64)
            for v, gradient in zip(variables, gradients, strict=True)
        }
        steps.append((wide, before, by_id(variables)))
    return steps


def by_id(variables):
    return {id(v): keras.ops.convert_to_numpy(keras.ops.cast(v, "float32")).astype(np.float64) for v in variables}


def ratios(steps, layers):
    """steps x layers: the norm of what a step changed over that of what was there before."""
    changes = [{key: after[key] - before[key] for key in before} for _, before, after in steps]
    return norms(changes, layers) / norms([before for _, before, _ in steps], layers)


def _tensorflow(model, loss, x, y, variables):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        value = loss(y, model(x, **training(model)))
    gradients = tape.gradient(value, [variable.value for variable in variables])
    return [None if gradient is None else keras.ops.convert_to_numpy(gradient) for gradient in gradients]


def _jax(model, loss, x, y, variables):
    import jax

    fixed = [variable.value for variable in model.non_trainable_variables]

    def of(values):
        predicted, updated = model.stateless_call(values, fixed, x, **training(model))
        return loss(y, predicted), updated

    gradients, updated = jax.grad(of, has_aux=True)([variable.value for variable in variables])
    for variable, value in zip(model.non_trainable_variables, updated, strict=True):
        variable.assign(value)
    return [np.asarray(gradient) for gradient in gradients]


def _torch(model, loss, x, y, variables):
    for variable in variables:  # model.zero_grad() does not know those that LoRA added
        variable.value.grad = None
    loss(keras.tree.map_structure(keras.ops.convert_to_tensor, y), model(x, **training(model))).backward()
    gradients = [variable.value.grad for variable in variables]
    return [None if gradient is None else keras.ops.convert_to_numpy(gradient).copy() for gradient in gradients]


def training(model):
    return {"training": True} if model._call_has_training_arg else {}


GRADIENTS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}


def norms(gradients, layers):
    """steps x layers, masked where a layer had no gradient; each layer is given as its list of variables."""
    table = np.ma.masked_all((len(gradients), len(layers)))
    for row, by_id in enumerate(gradients):
        for column, variables in enumerate(layers):
            present = [by_id[id(v)].ravel() for v in variables if by_id.get(id(v)) is not None]
            if present:
                table[row, column] = np.linalg.norm(np.concatenate(present))
    return table


def assert_same(recorded, expected, tolerance=1e-5):
    """Masked, zero, NaN and infinite in the same places; everything else within the relative tolerance."""
    assert recorded.shape == expected.shape
    np.testing.assert_array_equal(np.ma.getmaskarray(recorded), np.ma.getmaskarray(expected))
    np.testing.assert_allclose(recorded.compressed(), expected.compressed(), rtol=tolerance, atol=0.0)
