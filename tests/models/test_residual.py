"""Residual branches: which are found, and what they add."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_inits import Normal, initialize
from keras_inits.models.graph import Graph


def block(x, units, name, depth=2, project=False, plus=False, activation="relu"):
    y = x
    for number in range(depth):
        y = layers.Dense(units, activation=activation if number < depth - 1 else None, name=f"{name}_{number}")(y)
    if project:
        x = layers.Dense(units, name=f"{name}_shortcut")(x)
        if project == "normalised":
            x = layers.BatchNormalization(name=f"{name}_normalised")(x)
    return y + x if plus else layers.Add()([x, y])


def network(plus=False, project=True):
    inputs = keras.Input((8,))
    x = layers.Dense(16, name="stem")(inputs)
    x = block(x, 16, "a", plus=plus)
    x = block(x, 32, "b", depth=3, project=project, plus=plus)
    x = block(layers.ReLU()(x), 32, "c", depth=1, plus=plus)
    return keras.Model(inputs, layers.Dense(4, activation="softmax", name="head")(layers.ReLU()(x)))


def targets(model, residual=True):
    """What is asked of kernels and scales, where it is not 1."""
    found = Graph(model, residual).prediction.targets
    return {stream: target for stream, target in found.items() if target != 1}


def squares(model):
    """For each kernel that was drawn, the mean square of what it makes of inputs of the mean square 1."""
    return {row.path: row.stddev**2 * row.fans[0] for row in initialize(model, seed=3) if row.fans}


@pytest.mark.parametrize("plus", [False, True])
@pytest.mark.parametrize("project", [True, "normalised"])
def test_the_last_kernel_of_each_branch_adds_its_share(plus, project):
    model = network(plus, project)
    assert targets(model) == dict.fromkeys(["a_1/kernel", "b_2/kernel", "c_0/kernel"], pytest.approx(1 / 3))
    found = squares(model)
    assert found["a_0/kernel"] == pytest.approx(1)
    ends = [found["a_1/kernel"], found["b_2/kernel"]]
    assert ends == pytest.approx([2 / 3] * 2)  # what relu leaves is 1 / 2
    assert found["b_1/kernel"] == pytest.approx(2)
    entering = 1 + 1 / 3  # what a adds, and what goes past it
    assert found["b_0/kernel"] == found["b_shortcut/kernel"] == pytest.approx(1 / entering)


def test_none_leaves_branches_as_they_are():
    model = network()
    assert targets(model, residual=False) == {}
    rows = {row.path: row for row in initialize(model, seed=3, residual=None) if row.fans}
    assert rows["a_1/kernel"].stddev ** 2 * 16 == pytest.approx(2)
    assert rows["b_0/kernel"].stddev ** 2 * 16 == pytest.approx(1 / 2)  # both have the mean square 1


@pytest.mark.parametrize("residual", ["skip", "fixup", "none", True])
def test_another_word_is_an_error_and_nothing_changes(residual):
    model = network()
    before = model.get_weights()
    with pytest.raises((ValueError, TypeError), match=r"expected one of 'scaled'.*Received: .*Pass None to leave"):
        initialize(model, residual=residual)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def stacked(depth, width=64):
    inputs = x = keras.Input((width,))
    for number in range(depth):
        x = block(x, width, f"block_{number}")
    return keras.Model(inputs, x)


@pytest.mark.parametrize("depth", [5, 50])
def test_the_sum_does_not_grow_with_the_number_of_branches(depth):
    """It has 1 from the input and 1 from all of the branches together; with None, each branch adds 1."""
    model, data = stacked(depth), np.random.default_rng(0).standard_normal((256, 64)).astype("float32")
    found = {}
    for residual in ("scaled", None):
        initialize(model, seed=0, residual=residual)
        found[residual] = float(np.mean(keras.ops.convert_to_numpy(model(data)) ** 2))
    # Each mean square is over 64 * 256 values. What a branch makes of what goes past it differs from the prediction,
    # with relu, by the share of the units' means: 1/width of each.
    assert found["scaled"] == pytest.approx(2, rel=6 * (2 / 64 / depth) ** 0.5 / 2 + 5 * (2 / 64 / 256) ** 0.5)
    assert found[None] > 0.5 * (1 + depth)


def normalised(branches=3, last=True):
    inputs = x = keras.Input((8, 8, 4))
    for number in range(branches):
        y = layers.Conv2D(4, 3, padding="same", use_bias=False, name=f"{number}_first")(x)
        y = layers.ReLU()(layers.BatchNormalization(name=f"{number}_inner")(y))
        y = layers.Conv2D(4, 3, padding="same", use_bias=False, name=f"{number}_second")(y)
        x = layers.Add()([x, layers.BatchNormalization(name=f"{number}_last")(y) if last else y])
    return keras.Model(inputs, layers.Conv2D(4, 1, name="head")(x))


def test_a_branch_that_a_normalisation_ends_is_left():
    """It would undo what any kernel before it is multiplied by, and its scale stays at one, where it trains best."""
    model = normalised()
    assert targets(model) == {}
    rows = {row.path: row for row in initialize(model, seed=0)}
    for number in range(3):
        for name in ("inner", "last"):
            gamma = model.get_layer(f"{number}_{name}").gamma
            assert keras.ops.convert_to_numpy(gamma).tolist() == [1.0] * 4
        assert "residual" not in rows[f"{number}_second/kernel"].reason
    assert rows["head/kernel"].square_in == pytest.approx(1 + 3)
    assert targets(normalised(last=False)) == {f"{number}_second/kernel": pytest.approx(1 / 3) for number in range(3)}


def test_only_branches_that_are_scaled_are_counted():
    inputs = x = keras.Input((8,))
    x = layers.Add()([x, layers.BatchNormalization()(layers.Dense(8, name="left")(x))])
    for name in "ab":
        x = block(x, 8, name)
    assert targets(keras.Model(inputs, x)) == dict.fromkeys(["a_1/kernel", "b_1/kernel"], pytest.approx(1 / 2))


@pytest.mark.parametrize("how", ["rule", "frozen"])
def test_scales_that_are_not_one_count_as_they_are(how):
    """Goyal et al. start the last scale of each branch from zero; then nothing is added."""
    model, rules = normalised(), "auto"
    if how == "rule":
        rules = [("last/gamma", "zeros"), ("", "auto")]
    else:
        for number in range(3):
            layer = model.get_layer(f"{number}_last")
            layer.gamma.assign([0.0] * 4)
            layer.trainable = False
    rows = {row.path: row for row in initialize(model, rules, seed=0)}
    assert rows["head/kernel"].square_in == pytest.approx(1)


def test_attention_branches():
    inputs = keras.Input((4, 16))
    x = layers.LayerNormalization()(inputs)
    x = inputs + layers.MultiHeadAttention(2, 8, name="attention")(x, x)
    x = block(block(x, 16, "mlp"), 16, "next")
    model = keras.Model(inputs, layers.Dense(3)(x))
    assert targets(model) == {
        "attention/attention_output/kernel": pytest.approx(2 / 3),  # which begins with a normalisation
        "mlp_1/kernel": pytest.approx(1 / 3),
        "next_1/kernel": pytest.approx(1 / 3),
    }
    found = squares(model)
    assert found["attention/query/kernel"] == found["attention/value/kernel"] == pytest.approx(1)


def test_a_gate_is_not_the_end_of_a_branch():
    inputs = keras.Input((8, 8, 4))
    y = layers.Conv2D(4, 3, padding="same", name="convolution")(inputs)
    gate = layers.Conv2D(4, 1, name="before")(layers.GlobalAveragePooling2D(keepdims=True)(y))
    gate = layers.Conv2D(4, 1, activation="sigmoid", name="gate")(gate)
    model = keras.Model(inputs, layers.Add()([inputs, layers.Multiply()([y, gate])]))
    assert Graph(model).prediction.branches == ("convolution/kernel",)
    assert targets(model).get("gate/kernel", 1) >= 1


class Attention(keras.Layer):
    """Its scores are a sum: of what queries ask of keys, and of places, by a second product of the same queries."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.output_dense = (
            layers.Dense(8, name=name) for name in ("query", "key", "value", "output")
        )
        self.second = layers.Dense(8, name="second")

    def build(self, shape):
        for layer in (self.query, self.key, self.value, self.output_dense, self.second):
            layer.build(shape)

    def call(self, x):
        query = self.query(x)
        scores = keras.ops.matmul(query, keras.ops.transpose(self.key(x), (0, 2, 1)))
        scores = scores + keras.ops.matmul(self.second(query), keras.ops.transpose(x, (0, 2, 1)))
        return self.output_dense(keras.ops.matmul(keras.ops.softmax(scores / 8**0.5), self.value(x)))


def test_a_sum_of_scores_has_no_branches():
    inputs = keras.Input((4, 8))
    x = inputs + Attention()(inputs)
    assert Graph(keras.Model(inputs, layers.Dense(3)(x))).prediction.branches == ("attention_0/output/kernel",)


def test_of_three_inputs_two_are_branches():
    inputs = keras.Input((8,))
    model = keras.Model(inputs, layers.Add()([inputs, *(layers.Dense(8, name=name)(inputs) for name in "ab")]))
    assert targets(model) == dict.fromkeys(["a/kernel", "b/kernel"], pytest.approx(1 / 2))


class Block(layers.Layer):
    """A layer of one's own, which nothing but its calls describes."""

    def __init__(self, units, closed=False, **options):
        super().__init__(**options)
        self.inner, self.outer = layers.Dense(units, "relu", name="inner"), layers.Dense(units, name="outer")
        self.closed = closed

    def build(self, shape):
        self.inner.build(shape)
        self.outer.build(shape)

    def compute_output_shape(self, shape):
        return shape

    def call(self, x):
        if self.closed and keras.backend.is_keras_tensor(x):
            raise TypeError("needs numbers")
        return x + self.outer(self.inner(x))


class Mine(keras.Model):
    def __init__(self, count, closed=False):
        super().__init__()
        self.blocks = [Block(8, closed, name=f"block_{number}") for number in range(count)]

    def call(self, x):
        for one in self.blocks:
            x = one(x)
        return x


@pytest.mark.parametrize("kind", ["subclassed", "functional"])
def test_blocks_of_ones_own_are_opened(kind):
    if kind == "subclassed":
        model = Mine(2)
        model(np.zeros((1, 8)))
    else:
        inputs = keras.Input((8,))
        model = keras.Model(inputs, Block(8, name="block_1")(Block(8, name="block_0")(inputs)))
    streams = ["block_0/outer/kernel", "block_1/outer/kernel"]
    assert targets(model) == dict.fromkeys(streams, pytest.approx(1 / 2))
    assert Graph(model).prediction.unseen == {}


def test_closed_ones_are_not_branches_and_keep_the_scale_of_their_fans():
    inputs = keras.Input((8,))
    closed = Block(8, name="closed")
    closed.build((None, 8))
    outputs = closed(inputs)  # open while the model is made
    closed.closed = True
    model = keras.Model(inputs, outputs)
    assert targets(model) == {}
    assert Graph(model).prediction.unseen == {id(closed): "calling it on symbolic tensors ended with TypeError"}
    found = squares(model)
    assert found == {"closed/inner/kernel": pytest.approx(2), "closed/outer/kernel": pytest.approx(1)}


@pytest.mark.parametrize("kind", ["none", "tokens and places", "two branches without a shortcut"])
def test_what_is_no_branch_is_left(kind):
    left, right = keras.Input((4,)), keras.Input((4,))
    if kind == "none":
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    elif kind == "tokens and places":
        model = keras.Model([left, right], layers.Dense(3)(layers.Add()([left, right])))
    else:
        ways = [layers.Dense(4)(layers.Dense(4, "relu")(left)) for _ in range(2)]
        model = keras.Model(left, layers.Add()(ways))
    assert targets(model) == {}
    initialize(model)


def test_an_explicit_rule_for_the_last_kernel_is_respected():
    model = network()
    rows = {row.path: row for row in initialize(model, [("a_1", "zeros"), ("b_2", Normal(0.5)), ("", "auto")], seed=3)}
    assert not keras.ops.convert_to_numpy(model.get_layer("a_1").kernel).any()
    assert rows["b_2/kernel"].stddev == 0.5
    assert rows["c_0/kernel"].measured > 0


def test_a_frozen_last_kernel_is_left():
    model = network()
    model.get_layer("a_1").trainable = False
    before = keras.ops.convert_to_numpy(model.get_layer("a_1").kernel).copy()
    table = initialize(model, seed=3)
    assert np.array_equal(keras.ops.convert_to_numpy(model.get_layer("a_1").kernel), before)
    assert ("a_1/kernel", "frozen") in table.left


def test_a_functional_part_of_a_subclassed_model_counts():
    class Whole(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = network()
            self.head = layers.Dense(3)

        def call(self, x):
            return self.head(self.inner(x))

    model = Whole()
    model(np.zeros((1, 8)))
    assert {stream.split("/")[-2] for stream in targets(model)} == {"a_1", "b_2", "c_0"}


def test_a_branch_of_600_layers():
    """Python bounds the depth of calls, and Keras that of its own at some 900 layers."""
    inputs = y = keras.Input((4,))
    for number in range(600):
        y = layers.Dense(4, name=f"d{number}")(y)
    for _ in range(100):
        y = layers.Dropout(0.1)(y)
    model = keras.Model(inputs, layers.Add()([inputs, layers.ReLU()(y)]))
    assert Graph(model).prediction.branches == ("d599/kernel",)


@pytest.mark.parametrize("order", ["branches first", "one after the other"])
def test_branches_side_by_side(order):
    """As attention and dense layers of GPT-NeoX, and of GPT-J, which read the same tensor."""
    x = layers.Dense(8)(inputs := keras.Input((8,)))
    normal = layers.LayerNormalization()(x)
    first, second = (layers.Dense(8, name=f"{one}_end")(layers.Dense(8, "relu")(normal)) for one in ("first", "second"))
    added = x + (first + second) if order == "branches first" else (x + first) + second
    found = Graph(keras.Model(inputs, layers.Dense(3)(layers.LayerNormalization()(added)))).prediction
    assert found.branches == ("first_end/kernel", "second_end/kernel")
    assert [found.targets[one] for one in found.branches] == [1.0, 1.0]
