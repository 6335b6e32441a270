"""Branches that begin nearly closed beside a shortcut are no finding, where the first steps open them."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_inits import HeNormal, Normal, diagnose

WIDTH, BLOCKS = 32, 6


def batch():
    return np.random.default_rng(0).standard_normal((64, WIDTH)).astype("float32")


def tower(tensor, name, shortcut, scales, gate=None):
    """Blocks of dense layers with these scales of He's rule, added to what comes in, or in its place."""
    for block in range(BLOCKS):
        inner = tensor
        for place, scale in enumerate(scales):
            law = Normal(scale * (2 / WIDTH) ** 0.5)
            inner = layers.Dense(WIDTH, "relu", kernel_initializer=law, name=f"{name}_{block}_{place}")(inner)
        if gate is not None:
            inner = layers.EinsumDense("bi,i->bi", WIDTH, kernel_initializer=Normal(gate), name=f"{name}_{block}_gate")(
                inner
            )
        tensor = layers.Add()([tensor, inner]) if shortcut else inner
    return tensor


def kinds(inputs, outputs, **options):
    keras.utils.set_random_seed(0)
    model = keras.Model(inputs, layers.Dense(4, kernel_initializer=HeNormal(), name="head")(outputs))
    x = [batch() for _ in model.inputs] if isinstance(inputs, list) else batch()
    return {finding.kind for finding in diagnose(model, x, check="layers", **options)}


@pytest.mark.parametrize(("scales", "gate"), [((1.0, 1.0), 1e-6), ((1.0, 1e-5), None), ((1e-2, 1e-3), None)])
def test_branches_that_open_are_no_finding(scales, gate):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((WIDTH,))
    stem = layers.Dense(WIDTH, kernel_initializer=HeNormal())(inputs)
    assert kinds(inputs, tower(stem, "tower", True, scales, gate)) == set()


def test_the_same_layers_without_shortcuts_are():
    inputs = keras.Input((WIDTH,))
    stem = layers.Dense(WIDTH, kernel_initializer=HeNormal())(inputs)
    assert kinds(inputs, tower(stem, "tower", False, (1.0, 1e-2))) == {"vanishing_signal", "vanishing_gradient"}


def test_branches_of_which_no_weight_is_heard_are():
    inputs = keras.Input((WIDTH,))
    stem = layers.Dense(WIDTH, kernel_initializer=HeNormal())(inputs)
    assert "vanishing_signal" in kinds(inputs, tower(stem, "tower", True, (1e-3, 1e-3, 1e-3)))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_tower_beside_a_good_one_has_no_shortcut(order):
    inputs = [keras.Input((WIDTH,)), keras.Input((WIDTH,))]
    scales = [(1.0, 1.0), (1.0, 1e-2)]
    ends = [tower(inputs[one], f"tower{one}", False, scales[one]) for one in order]
    assert "vanishing_signal" in kinds(inputs, layers.Concatenate()(ends))
