"""From a model to its steps: what is opened, what stays closed, and that the model is left as it was."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_inits import initialize
from keras_inits.models.graph import Graph
from keras_inits.models.signal.program import program_of
from keras_inits.models.signal.rules import is_known


def kinds(model):
    return [type(step.operation).__name__ for step in program_of(model, is_known).steps]


def names(model):
    return [step.operation.name for step in program_of(model, is_known).steps]


def mlp(width, *sizes, name=None):
    hidden = [layers.Dense(size, "relu", name=f"{name}_{number}") for number, size in enumerate(sizes)]
    return keras.Sequential([keras.Input((width,)), *hidden], name=name)


class Scaled(layers.Layer):
    """A layer of one's own, with an inner layer, operations and a weight."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.dense = layers.Dense(units, name="dense")

    def build(self, shape):
        self.dense.build(shape)
        self.factor = self.add_weight(shape=(), initializer="ones", name="factor")

    def call(self, x, training=False):
        return self.factor * ops.gelu(self.dense(x)) + ops.mean(x, axis=-1, keepdims=True)


class Closed(Scaled):
    def call(self, x, training=False):
        if keras.backend.is_keras_tensor(x):
            raise RuntimeError("needs numbers")
        return super().call(x)

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.dense.units)


def nested():
    x = keras.Input((8,))
    inner = keras.Model(x, mlp(8, 4, 4, name="deep")(layers.Dense(8, name="before")(x)))
    y = keras.Input((8,))
    return keras.Model(y, layers.Dense(2, name="head")(inner(y)))


def shared():
    layer, x = layers.Dense(8, name="twice"), keras.Input((8,))
    return keras.Model(x, layers.Add(name="sum")([layer(layer(x)), x]))


def subclassed():
    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts, self.head = [Scaled(8, name="a"), Scaled(8, name="b")], layers.Dense(2, name="head")

        def call(self, x):
            for part in self.parts:
                x = part(x)
            return self.head(ops.concatenate([x, ops.tanh(x)], axis=-1))

    model = Mine()
    model(np.zeros((2, 8)))
    return model


def dictionary():
    left, right = keras.Input((8,), name="left"), keras.Input((4,), name="right")
    both = layers.Concatenate(name="both")([left, layers.Dense(4, name="right_dense")(right)])
    inner = keras.Model({"right": right, "left": left}, {"out": layers.Dense(3, name="out")(both)})
    inputs = {"left": keras.Input((8,), name="left"), "right": keras.Input((4,), name="right")}
    return keras.Model(inputs, inner(inputs)["out"])


def a_model_inside_of_a_layer():
    class Holder(layers.Layer):
        def __init__(self):
            super().__init__(name="holder")
            self.inner = mlp(8, 8, name="inner")

        def call(self, x):
            return ops.relu(self.inner(x))

    x = keras.Input((8,))
    return keras.Model(x, Holder()(x))


SCALED = ["Dense", "Gelu", "Multiply", "Mean", "Add"]
STEPS = {
    "nested": (nested, ["Dense"] * 4),
    "shared": (shared, ["Dense", "Dense", "Add"]),
    "subclassed": (subclassed, [*SCALED, *SCALED, "Tanh", "Concatenate", "Dense"]),
    "dictionary": (dictionary, ["Dense", "Concatenate", "Dense"]),
    "a model inside of a layer": (a_model_inside_of_a_layer, ["Dense", "Relu"]),
    "one's own in a graph": (lambda: keras.Sequential([keras.Input((8,)), Scaled(8), Scaled(8)]), [*SCALED, *SCALED]),
    "one known layer": (lambda: built(layers.Dense(3)), ["Dense"]),
}


def built(layer):
    layer.build((None, 8))
    return layer


@pytest.mark.parametrize("name", STEPS)
def test_the_steps(name):
    make, expected = STEPS[name]
    program = program_of(make(), is_known)
    assert sorted(type(step.operation).__name__ for step in program.steps) == sorted(expected)
    known = set(program.inputs)
    for step in program.steps:  # each after those that it reads from
        assert step.inputs
        assert known >= set(step.inputs)
        assert not step.unseen
        known |= set(step.outputs)
    assert program.outputs
    assert known >= set(program.outputs)
    assert len(program.shapes) == len(program.dtypes) == len(known)


def test_steps_in_a_row_come_in_order():
    assert names(nested()) == ["before", "deep_0", "deep_1", "head"]


def test_a_dictionary_is_read_by_its_names():
    program = program_of(dictionary(), is_known)
    (dense,) = (step for step in program.steps if step.operation.name == "right_dense")
    (both,) = (step for step in program.steps if step.operation.name == "both")
    assert program.shape(dense.inputs[0]) == (None, 4)
    assert [program.shape(value) for value in both.inputs] == [(None, 8), (None, 4)]


def ways(model):
    """What Keras keeps of the calls of all layers."""
    every = [model, *model._flatten_layers(include_self=False)]
    found = [(list(layer._inbound_nodes), list(layer._outbound_nodes)) for layer in every]
    ends = []
    for layer in every:
        for name in ("input", "output"):
            try:
                ends.append(keras.tree.map_structure(id, getattr(layer, name)))
            except (AttributeError, ValueError) as error:
                ends.append(str(error))
    return found, ends


@pytest.mark.parametrize("name", STEPS)
def test_afterwards_the_model_is_as_before(name):
    model = STEPS[name][0]()
    before, weights = ways(model), model.get_weights()
    program_of(model, is_known)
    assert ways(model) == before
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))
    initialize(model)
    assert ways(model) == before


def test_what_ends_midway_leaves_no_trace_either():
    class Midway(Scaled):
        def call(self, x, training=False):
            y = super().call(x)
            if keras.backend.is_keras_tensor(y) and self.built_once:
                raise RuntimeError("midway")
            return y

        built_once = False

    layer = Midway(8)
    model = keras.Sequential([keras.Input((8,)), layer, layers.Dense(2)])
    layer.built_once = True
    before = ways(model)
    program = program_of(model, is_known)
    assert [type(step.operation).__name__ for step in program.steps] == ["Midway", "Dense"]
    assert program.steps[0].unseen == "calling it on symbolic tensors ended with RuntimeError"
    assert ways(model) == before


@pytest.mark.parametrize("kind", ["functional", "subclassed"])
def test_what_cannot_be_opened_says_why_and_its_weights_follow_their_fans(kind):
    closed, head = Closed(16, name="closed"), layers.Dense(2, name="head")
    if kind == "functional":
        model = keras.Sequential([keras.Input((8,)), closed, head])
    else:

        class Mine(keras.Model):
            def __init__(self):
                super().__init__()
                self.closed, self.head = closed, head

            def call(self, x):
                return self.head(self.closed(x))

        model = Mine()
        model(np.zeros((2, 8)))
    assert Graph(model).prediction.unseen == {id(closed): "calling it on symbolic tensors ended with RuntimeError"}
    rows = {row.path: row for row in initialize(model, seed=0) if row.fans}
    assert rows["closed/dense/kernel"].stddev ** 2 * 8 == pytest.approx(1)
    assert rows["head/kernel"].stddev ** 2 * 16 == pytest.approx(1)


def test_a_model_whose_call_cannot_be_opened_at_all_has_no_steps():
    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(4, "relu", name="dense")

        def call(self, x):
            return ops.convert_to_tensor(np.asarray(ops.convert_to_numpy(self.dense(x))))

    model = Mine()
    model(np.zeros((2, 8)))
    assert program_of(model, is_known).steps == []
    assert next(row for row in initialize(model) if row.fans).stddev ** 2 * 8 == pytest.approx(2)


class Probed(layers.Layer):
    """Asks all places by a weight of its own, as the heads of vision models do."""

    def __init__(self, by_name, **options):
        super().__init__(**options)
        self.attention, self.by_name = layers.MultiHeadAttention(2, 4, name="attention"), by_name

    def build(self, shape):
        self.probe = self.add_weight(shape=(1, 2, 8), initializer="ones", name="probe")
        self.attention.build((None, 2, 8), shape)

    def call(self, x):
        probe = ops.repeat(self.probe, 8, axis=0)
        return self.attention(query=probe, value=x) if self.by_name else self.attention(probe, x)

    def compute_output_shape(self, shape):
        return (shape[0], 2, 8)


@pytest.mark.parametrize("by_name", [False, True])
def test_attention_may_be_asked_by_a_weight(by_name):
    inputs = keras.Input((5, 8), batch_size=8)
    model = keras.Model(inputs, layers.Dense(3, name="head")(Probed(by_name, name="probed")(2.0 * inputs)))
    assert "MultiHeadAttention" in kinds(model)
    rows = {row.path: row for row in initialize(model, seed=0)}
    entered = {part: rows[f"probed/attention/{part}/kernel"].square_in for part in ("query", "key", "value")}
    assert entered == {"query": 1, "key": 4, "value": 4}
    assert all(row.gradient > 0 for row in rows.values() if row.square_in is not None)
