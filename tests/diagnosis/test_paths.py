"""Gradients are compared along paths of the model, whatever the order of its calls."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_inits import diagnose

WIDTH = 16


def small_square(y, outputs):
    return 1e-6 * keras.ops.mean((y - outputs) ** 2)


def found(order, joined=False, shared=False):
    """The kinds of findings of two towers, called in this order, with their evidence; one has a loss of a millionth."""
    keras.utils.set_random_seed(0)
    inputs = {name: keras.Input((WIDTH,), name=name) for name in ("large", "small")}
    read = layers.Dense(WIDTH, "tanh", name="shared") if shared else lambda tensor: tensor
    towers = {name: layers.Dense(WIDTH, "tanh", name=f"tower_{name}")(read(inputs[name])) for name in order}
    if joined:
        towers["large"] = layers.Add()([towers["large"], towers["small"] * 1e-6])
    ends = [layers.Dense(WIDTH, name=f"head_{name}")(towers[name]) for name in order]
    model = keras.Model([inputs[name] for name in order], ends)
    losses = [keras.losses.MeanSquaredError() if name == "large" else small_square for name in order]
    batches = np.random.default_rng(0).standard_normal((4, 64, WIDTH)).astype("float32")
    findings = diagnose(model, list(batches[:2]), list(batches[2:]), loss=losses, check="layers")
    return {finding.kind: finding.evidence for finding in findings}


@pytest.mark.parametrize("order", [("large", "small"), ("small", "large")])
def test_a_tower_is_not_judged_by_one_beside_it(order):
    assert found(order) == {}


@pytest.mark.parametrize("order", [("large", "small"), ("small", "large")])
def test_a_tower_is_judged_by_what_it_leads_to(order):
    (told,) = found(order, joined=True).items()
    assert told[0] == "vanishing_gradient"
    assert "at tower_small and" in told[1]
    assert "at head_large:" in told[1]


@pytest.mark.parametrize("order", [("large", "small"), ("small", "large")])
def test_a_layer_that_both_towers_share_is_judged_by_each_call(order):
    """The gradient of its kernel is that of the large tower, as that of words that an encoder and a decoder share."""
    assert found(order, shared=True) == {}
