"""The numbers of `diagnose` on three of KerasHub's models, beside those of a plain call and a plain step of descent."""

import keras
import numpy as np
import pytest
from helpers import hub_models
from helpers.hub_models import array, noted_calls

from keras_inits import diagnose
from keras_inits.models.weights import weights_of

pytestmark = [*hub_models.WARNINGS, pytest.mark.thorough]
SIZE, SEED = 4, 5
STEP = 2.0**12
"""The learning rate: a power of two, so large that rounding the new weights loses nothing of the gradient."""


def is_row(layer, outputs):
    """Whether a call has a row: of a layer that has weights of its own or holds no other, and gives numbers back."""
    if isinstance(layer, (keras.Model, keras.layers.InputLayer)):
        return False
    floats = any("float" in keras.backend.standardize_dtype(one.dtype) for one in outputs)
    return floats and bool(layer._trainable_variables or not layer._layers)


def steps_of(name, model, x, y):
    """By the id of a weight, its gradient: the change of one step of plain descent, from the same random states."""
    owners, model = model.trainable_variables, hub_models.build(name)
    variables = model.trainable_variables
    before = [array(variable) for variable in variables]
    jitted = keras.backend.backend() == "jax"
    model.compile(keras.optimizers.SGD(STEP), "mse", metrics=[], weighted_metrics=[], jit_compile=jitted)
    seeded = keras.callbacks.LambdaCallback(on_train_batch_begin=lambda *_, **__: keras.utils.set_random_seed(SEED))
    model.fit(x, y, batch_size=SIZE, epochs=1, shuffle=False, verbose=0, callbacks=[seeded])
    found = {}
    for owner, variable, start in zip(owners, variables, before, strict=True):
        end = array(variable)
        found[id(owner)] = (start - end) / STEP, 2.0**-24 * np.sqrt(np.sum(end**2)) / STEP
    return found


def close(expected, size=None):
    size = abs(expected) if size is None else size
    return pytest.approx(expected, rel=0, abs=1e-4 * size + 1e-12)


def check_moments(moments, values):
    size = np.sqrt(np.mean(values**2))
    assert moments.nonfinite == 0
    assert moments.mean == close(values.mean(), size)
    assert moments.stddev == close(values.std(), size)
    assert moments.largest == close(np.abs(values).max())
    assert moments.mean**2 + moments.stddev**2 == close(np.mean(values**2))


@pytest.mark.filterwarnings("ignore:Gradients do not exist for variables")
@pytest.mark.parametrize("name", ["gpt2", "vit", "t5"])
def test_they_are_those_of_a_plain_call_and_a_plain_step(name):
    model = hub_models.build(name)
    x, y = hub_models.batch(name, model, SIZE)
    keras.utils.set_random_seed(SEED)  # of torch, whose dropouts have no states of their own
    diagnosis = diagnose(model, x, y, loss="mse")
    with noted_calls() as notes:
        model(x, training=True)  # from the random states that diagnose left as they were
    calls = [(layer, given, outputs) for layer, given, _, outputs in notes if is_row(layer, outputs)]
    assert [row.name.split(" ")[0].split("/")[-1] for row in diagnosis.layers] == [layer.name for layer, *_ in calls]
    seen: dict[int, int] = {}
    for row, (layer, given, outputs) in zip(diagnosis.layers, calls, strict=True):
        values = array(next(one for one in outputs if "float" in keras.backend.standardize_dtype(one.dtype)))
        seen[id(layer)] = seen.get(id(layer), 0) + 1
        assert row.call == seen[id(layer)]
        assert row.shape == values.shape[1:]
        check_moments(row.outputs, values)
        if row.inputs is not None and isinstance(layer, keras.layers.Dense):
            bias = array(layer.bias) if layer.use_bias else 0.0
            check_moments(row.inputs, array(given[0]) @ array(layer.kernel) + bias)
    assert (max(seen.values()) > 1) == any(row.call > 1 for row in diagnosis.layers)
    weights = {one.path: one.variable for one in weights_of(model)}
    kernels = {kernel.path: kernel for row in diagnosis.layers for kernel in row.kernels}
    for path, kernel in kernels.items():
        check_moments(kernel.moments, array(weights[path]))
    changes = steps_of(name, model, x, y)
    for row in diagnosis.layers:
        mine = [changes[id(weights[path])] for path in row.weights if id(weights[path]) in changes]
        assert (row.gradient is None) == (not mine)
        if mine:
            norm, rounding = np.sqrt(sum(np.sum(g**2) for g, _ in mine)), np.hypot.reduce([r for _, r in mine])
            assert row.gradient == pytest.approx(norm, rel=1e-4, abs=rounding), row.name
    assert sum(bool(row.gradient) for row in diagnosis.layers) > 10
