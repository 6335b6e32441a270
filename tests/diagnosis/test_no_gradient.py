"""Gradients that are exactly zero: each way to lose them is found, and what only begins with zeros is not called so."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_inits
from keras_inits import diagnose, initialize

random = np.random.default_rng(0)
x = random.standard_normal((128, 16)).astype("float32")
y = random.integers(0, 2, (128, 1)).astype("float32")


def kinds(diagnosis):
    return [finding.kind for finding in diagnosis]


def network(between=None, head="sigmoid"):
    inputs = keras.Input((16,))
    hidden = layers.Dense(32, "relu", name="second")(layers.Dense(32, "relu", name="first")(inputs))
    hidden = hidden if between is None else between(hidden)
    model = keras.Model(inputs, layers.Dense(1, head, name="head")(layers.Dense(32, "relu", name="third")(hidden)))
    initialize(model, seed=1)
    return model


LOST = {
    "sign": ops.sign,
    "floor": ops.floor,
    "stop_gradient": ops.stop_gradient,
    "comparison": lambda h: ops.cast(h > 0, "float32"),
    "choice": lambda h: ops.where(h > 0.5, 1.0, 0.0),
    "one_hot of argmax": lambda h: ops.one_hot(ops.argmax(h, -1), 32),
    "layer": lambda h: layers.Discretization([0.0, 1.0])(h) * 1.0,
}


@pytest.mark.thorough
@pytest.mark.parametrize("operation", LOST)
def test_an_operation_without_a_derivative_is_placed(operation):
    (finding,) = diagnose(network(LOST[operation]), x, y, loss="mse")
    assert (finding.kind, finding.layers) == ("no_gradient", ("first", "second"))
    assert finding.remedy.rules == ()
    assert "look between second and third" in str(finding.remedy)


@pytest.mark.parametrize(
    "loss",
    [
        lambda target, output: ops.mean(ops.zeros_like(output)),
        lambda target, output: ops.mean(target),
        lambda target, output: ops.mean(ops.cast(ops.argmax(output, -1), "float32")),
        keras.metrics.binary_accuracy,
    ],
)
def test_a_loss_without_a_derivative_is_named(loss):
    cause, finding = diagnose(network(), x, y, loss=loss)
    assert (cause.kind, cause.layers) == ("no_loss_gradient", ("head",))
    assert (finding.kind, finding.layers) == ("no_gradient", ("first", "second", "third", "head"))
    assert "none comes from the loss" in finding.evidence
    assert finding.follows_from == "no_loss_gradient"


def test_a_frozen_trunk_is_none():
    model = network(ops.stop_gradient)
    for name in ("first", "second"):
        model.get_layer(name).trainable = False
    assert diagnose(model, x, y, loss="mse").findings == ()


@pytest.mark.thorough
def test_a_gradient_that_passes_straight_through_is_none():
    assert diagnose(network(lambda h: h + ops.stop_gradient(ops.round(h) - h)), x, y, loss="mse").findings == ()


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1")
def test_a_gate_of_one_unit_is_found_between_layers_that_learn():
    inputs = keras.Input((16,))
    hidden = layers.Dense(32, "relu", name="hidden")(inputs)
    gate = layers.Dense(1, "softmax", name="gate")(hidden)
    model = keras.Model(inputs, layers.Dense(1, name="head")(layers.Multiply(name="gated")([hidden, gate])))
    (finding,) = diagnose(model, x, y, loss="mse")
    assert (finding.kind, finding.layers) == ("no_gradient", ("gate",))
    assert "at gate alone: none comes from gated" in finding.evidence


@pytest.mark.thorough
@pytest.mark.parametrize("first", [True, False])
def test_a_closed_branch_is_found_wherever_it_stands_and_the_layer_that_reads_it(first):
    class Branch(layers.Layer):
        def __init__(self, name, opened):
            super().__init__(name=name)
            self.opened, self.one, self.two = opened, layers.Dense(32, "relu"), layers.Dense(32)

        def build(self, shape):
            self.one.build(shape)
            self.two.build((None, 32))

        def call(self, inputs):
            outputs = self.two(self.one(inputs))
            return outputs if self.opened else ops.round(outputs)

    inputs = keras.Input((16,))
    branches = [Branch("closed", False)(inputs), Branch("open", True)(inputs)]
    merged = layers.Add(name="sum")(branches if first else branches[::-1])
    model = keras.Model(inputs, layers.Dense(1, name="head")(merged))
    (finding,) = diagnose(model, x, y, loss="mse")
    assert finding.kind == "no_gradient"
    assert {name.split("/")[0] for name in finding.layers} == {"closed"}


def test_the_layer_that_reads_a_branch_is_named_and_not_the_next_in_order():
    inputs = keras.Input((16,))
    closed = layers.Dense(8, name="closed")(inputs)
    model = keras.Model(inputs, layers.Add(name="sum")([ops.round(closed), layers.Dense(8, name="open")(inputs)]))
    (finding,) = diagnose(model, x)
    assert finding.layers == ("closed",)
    assert "none comes from sum" in finding.evidence


class Residual(layers.Layer):
    """A branch that a scalar closes at the start, as in ReZero."""

    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(16, "relu")

    def build(self, shape):
        self.inner.build(shape)
        self.share = self.add_weight(shape=(), initializer="zeros")

    def call(self, inputs):
        return inputs + self.share * self.inner(inputs)


def normalised(inputs):
    hidden = layers.Dense(16, "relu")(inputs)
    return layers.Add()([inputs, layers.BatchNormalization(gamma_initializer="zeros")(layers.Dense(16)(hidden))])


def adapted(inputs):
    scale = layers.Dense(16, kernel_initializer="zeros")(inputs)
    return layers.Add()([inputs, layers.Multiply()([layers.Dense(16, "relu")(inputs), scale])])


@pytest.mark.parametrize("block", [lambda h: Residual()(h), normalised, adapted])
def test_a_branch_that_is_closed_at_the_start_by_design_is_none(block):
    inputs = keras.Input((16,))
    model = keras.Model(inputs, layers.Dense(1)(block(layers.Dense(16, kernel_initializer="orthogonal")(inputs))))
    assert "no_gradient" not in kinds(diagnose(model, x, y, loss="mse"))


@pytest.mark.thorough
@pytest.mark.backend("tensorflow", "jax")  # torch's fused attention leaves rounding, or zero, by the processor
def test_where_no_graph_shows_who_reads_a_layer_no_other_is_blamed():
    inputs = keras.Input((1, 8))  # attention over one position: a softmax of one unit
    attended = layers.MultiHeadAttention(2, 4, kernel_initializer=keras_inits.LecunNormal(), name="attention")
    model = keras.Model(inputs, layers.Dense(1)(attended(inputs, inputs)))
    finding = next(one for one in diagnose(model, x.reshape(256, 1, 8)) if one.kind == "no_gradient")
    assert finding.layers == ("attention/query", "attention/key")
    assert "look at what is computed from the outputs of attention/key" in str(finding.remedy)
