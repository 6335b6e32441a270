"""Residual branches: which are found, and by what their kernels are scaled."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_inits import initialize


def block(x, units, name, depth=2, project=False, plus=False):
    y = x
    for number in range(depth):
        y = layers.Dense(units, activation="relu", name=f"{name}_{number}")(y)
    if project:
        x = layers.Dense(units, name=f"{name}_shortcut")(x)
    return y + x if plus else layers.Add()([x, y])


def network(plus=False):
    inputs = keras.Input((8,))
    x = layers.Dense(16, name="stem")(inputs)
    x = block(x, 16, "a", plus=plus)
    x = block(x, 32, "b", depth=3, project=True, plus=plus)
    x = block(layers.ReLU()(x), 32, "c", depth=1, plus=plus)
    return keras.Model(inputs, layers.Dense(4, activation="softmax", name="head")(layers.ReLU()(x)))


@pytest.mark.parametrize("plus", [False, True])
def test_fixup(plus):
    """Three branches of 2, 3 and 1 layers; the twin is the plain initialization, number by number."""
    model, plain = network(plus), network(plus)
    rows = {row.path.split("/")[0]: row for row in initialize(model, seed=3, residual="fixup") if row.fans}
    initialize(plain, seed=3)
    factors = {"stem": 1, "a_0": 3**-0.5, "a_1": 0, "b_0": 3**-0.25, "b_1": 3**-0.25, "b_2": 0, "b_shortcut": 1}
    factors |= {"c_0": 0, "head": 0}
    for name, factor in factors.items():
        scaled, whole = (m.get_layer(name).kernel for m in (model, plain))
        assert np.allclose(keras.ops.convert_to_numpy(scaled), factor * keras.ops.convert_to_numpy(whole), rtol=1e-6)
        assert rows[name].measured == pytest.approx(rows[name].stddev, rel=0.5, abs=0)
    assert rows["a_0"].law.startswith("0.5774 times N(0, 2 / fan_in)")


def test_a_network_of_any_depth_starts_as_its_shortcuts():
    """What the paper is for: the signal does not grow with the number of branches."""
    inputs = keras.Input((64,))
    x = inputs
    for number in range(50):
        x = block(x, 64, f"block_{number}")
    model = keras.Model(inputs, x)
    data = np.random.default_rng(0).standard_normal((32, 64)).astype("float32")
    initialize(model, seed=0)
    assert np.std(model.predict(data, verbose=0)) > 1000
    initialize(model, [("_0/kernel", "auto"), ("_1/kernel", "auto")], seed=0, residual="fixup")
    assert np.array_equal(model.predict(data, verbose=0), data)


def test_attention_branches():
    inputs = keras.Input((4, 16))
    x = layers.LayerNormalization()(inputs)
    x = inputs + layers.MultiHeadAttention(2, 8, name="attention")(x, x)
    x = block(x, 16, "mlp")
    model = keras.Model(inputs, layers.Dense(3)(x))
    rows = {row.path: row.law for row in initialize(model, residual="fixup")}
    assert rows["attention/query/kernel"].startswith("N(")
    assert rows["attention/value/kernel"].startswith("0.7071 times")
    assert rows["attention/attention_output/kernel"] == "zeros"
    assert rows["mlp_0/kernel"].startswith("0.7071 times")


@pytest.mark.parametrize("kind", ["none", "tokens and places", "subclassed"])
def test_without_branches_it_is_an_error_and_nothing_changes(kind):
    if kind == "none":
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    elif kind == "tokens and places":
        left, right = keras.Input((4,)), keras.Input((4,))
        model = keras.Model([left, right], layers.Dense(3)(layers.Add()([left, right])))
    else:

        class Mine(keras.Model):
            def __init__(self):
                super().__init__()
                self.dense = layers.Dense(4)

            def call(self, x):
                return x + self.dense(x)

        model = Mine()
        model(np.zeros((1, 4)))
    before = model.get_weights()
    with pytest.raises(ValueError, match=r'without any, .* Expected one built of .* Pass residual="none"'):
        initialize(model, residual="fixup")
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_gate_is_not_what_is_set_to_zero():
    inputs = keras.Input((8, 8, 4))
    y = layers.Conv2D(4, 3, padding="same", name="convolution")(inputs)
    gate = layers.Conv2D(4, 1, activation="sigmoid", name="gate")(layers.GlobalAveragePooling2D(keepdims=True)(y))
    model = keras.Model(inputs, layers.Add()([inputs, layers.Multiply()([y, gate])]))
    laws = {row.path.split("/")[0]: row.law for row in initialize(model, residual="fixup") if row.fans}
    assert laws["convolution"] == "zeros"
    assert laws["gate"].startswith("N(")


def test_of_three_inputs_two_are_branches():
    inputs = keras.Input((8,))
    model = keras.Model(inputs, layers.Add()([inputs, *(layers.Dense(8, name=name)(inputs) for name in "ab")]))
    assert [row.law for row in initialize(model, residual="fixup") if row.fans] == ["zeros", "zeros"]


def test_a_last_kernel_that_is_frozen_or_without_a_rule_is_an_error():
    model = network()
    with pytest.raises(ValueError, match=r"that leave \['a_1/kernel', .* Unfreeze them, add a rule"):
        initialize(model, [("head", "zeros")], residual="fixup")
    model.get_layer("a_1").trainable = False
    with pytest.raises(ValueError, match=r"that leave \['a_1/kernel'\] as they are"):
        initialize(model, residual="fixup")


def test_a_functional_part_of_a_subclassed_model_is_not_the_whole():
    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = network()
            self.head = layers.Dense(3)

        def call(self, x):
            return self.head(self.inner(x))

    model = Mine()
    model(np.zeros((1, 8)))
    with pytest.raises(ValueError, match="or one that is not functional"):
        initialize(model, residual="fixup")


def test_a_branch_of_600_layers():
    """Python bounds the depth of calls, and Keras that of its own at some 900 layers."""
    inputs = y = keras.Input((4,))
    for number in range(600):
        y = layers.Dense(4, name=f"d{number}")(y)
    for _ in range(100):
        y = layers.Dropout(0.1)(y)
    model = keras.Model(inputs, layers.Add()([inputs, layers.ReLU()(y)]))
    laws = {row.path: row.law for row in initialize(model, residual="fixup") if row.fans}
    assert laws["d599/kernel"] == "zeros"
    assert laws["d598/kernel"].startswith("N(0, 1 / fan_in)")
