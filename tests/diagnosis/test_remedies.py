"""Remedies are Python that runs, and does what it says: on a fresh copy, for each disease and each law."""

import re

import keras
import numpy as np
import pytest
from helpers.diseases import DISEASES
from keras import layers

import keras_inits
from keras_inits import diagnose, initialize
from keras_inits.diagnosis.rule_code import code_of, rules_of
from keras_inits.models.auto import auto_law
from keras_inits.models.graph import Graph
from keras_inits.models.weights import weights_of

random = np.random.default_rng(0)
x = random.standard_normal((128, 8)).astype("float32")
classes = (np.arange(128) % 3)[:, None]
DRAWN_AGAIN = [kind for kind in DISEASES if kind not in ("same_examples", "no_gradient")]


def values(model):
    return [keras.ops.convert_to_numpy(weight.value).copy() for weight in model.weights]


def given_by(code, model):
    """The rules with which the code calls `initialize`."""
    calls = []

    class Spied:
        def __getattr__(self, name):
            return getattr(keras_inits, name)

        def initialize(self, got, rules):
            assert got is model
            calls.append(rules)

    exec(code, {"model": model, "keras": keras, "keras_inits": Spied()})
    (rules,) = calls
    return rules


@pytest.mark.thorough
@pytest.mark.parametrize("kind", DRAWN_AGAIN)
def test_what_is_printed_is_what_is_repaired(kind):
    plant, _ = DISEASES[kind]
    model, batch = plant()
    diagnosis = diagnose(model, batch)
    remedies = [one.remedy for one in diagnosis if one.remedy.rules]
    assert remedies
    printed = [rule for remedy in remedies for rule in given_by(str(remedy), model)]
    diagnosis.repair(model, seed=3)
    other, _ = plant()
    initialize(other, printed, seed=3)
    for one, another in zip(values(model), values(other), strict=True):
        np.testing.assert_array_equal(one, another)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", DRAWN_AGAIN)
def test_the_text_of_a_diagnosis_runs_on_a_fresh_copy_and_cures(kind):
    plant, _ = DISEASES[kind]
    model, batch = plant()
    diagnosis = diagnose(model, batch)
    text = str(diagnosis)
    fresh, _ = plant()
    assert all(one.remedy.tried is not False for one in diagnosis)
    for remedy in (one.remedy for one in diagnosis if one.remedy.code):
        shown = "\n".join(f"    {line}" for line in remedy.code.split("\n"))
        assert f"  remedy:\n{shown}\n    # " in text
        exec(remedy.code, {"model": fresh, "x": batch, "keras": keras, "keras_inits": keras_inits})
    assert diagnose(fresh, batch).findings == ()


def compiled(units=3, activation="softmax", loss="sparse_categorical_crossentropy", optimizer="adam", hidden="relu"):
    keras.utils.set_random_seed(0)
    parts = [layers.Dense(16, hidden, name="hidden"), layers.Dense(units, activation, name="head")]
    model = keras.Sequential([keras.Input((8,)), *parts])
    initialize(model, seed=1)
    model.compile(optimizer, loss)
    return model


SET_UPS = {  # the program, and the kind of its first finding
    "logits": (lambda: (compiled(activation=None), x, classes), "last_activation"),
    "one unit": (lambda: (compiled(1, "softmax", "binary_crossentropy"), x, 1.0 * (classes > 0)), "last_activation"),
    "one-hot": (lambda: (compiled(), x, np.eye(3)[classes[:, 0]]), "targets"),
    "scaled": (lambda: (compiled(), x, classes / 255), "targets"),
    "from one": (lambda: (compiled(), x, classes + 1), "targets"),
    "several": (lambda: (compiled(1, "sigmoid", "binary_crossentropy"), x, classes), "targets"),
    "prices": (lambda: (compiled(1, None, "mse"), x, 1e6 + 3e5 * x[:, :1]), "targets"),
    "columns": (lambda: (compiled(), 1000 * x + 5000, classes), "unscaled_inputs"),
    "no rate": (lambda: (compiled(optimizer=keras.optimizers.SGD(0.0)), x, classes), "rate_not_positive"),
    "up": (lambda: (compiled(optimizer=keras.optimizers.SGD(-1e5)), x, classes), "rate_not_positive"),
    "high": (lambda: (compiled(1, None, "mse", keras.optimizers.SGD(100.0)), x, x[:, :1]), "learning_rate"),
    "low": (lambda: (compiled(optimizer=keras.optimizers.SGD(1e-9)), x, classes), "learning_rate"),
}


@pytest.mark.filterwarnings("ignore:(?s).*softmax over axis -1")
@pytest.mark.parametrize("name", SET_UPS)
def test_what_is_said_of_a_set_up_runs_and_cures(name):
    make, kind = SET_UPS[name]
    program = dict(zip(("model", "x", "y"), make(), strict=True)) | {"keras": keras, "keras_inits": keras_inits}
    found = diagnose(program["model"], program["x"], program["y"]).findings
    assert found[0].kind == kind
    for finding in found:
        if finding.follows_from is None:
            exec(finding.remedy.code, program)
    assert diagnose(program["model"], program["x"], program["y"]).findings == ()


class Odd(keras.initializers.Initializer):
    """Of a class that no expression in the printed code can name."""

    def __call__(self, shape, dtype=None):
        return keras.ops.ones(shape, dtype)


class Plain(layers.Layer):
    """Whose weight is drawn from what it declares."""

    def __init__(self, law, **options):
        super().__init__(**options)
        self.law = law

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer=self.law, name="scale")

    def call(self, inputs):
        return inputs * self.scale


def many_kinds():
    """A model with a weight for each law that `initialize` draws with, in nested models."""
    words = keras.Input((12,), dtype="int32")
    value = layers.Embedding(50, 16, name="words")(words)
    value = layers.LSTM(8, return_sequences=True, name="lstm")(value)
    value = layers.GRU(8, return_sequences=True, name="gru")(value)
    value = layers.Conv1D(8, 3, name="convolution")(value)
    value = layers.DepthwiseConv1D(3, name="depthwise-1 (a)")(value)
    value = layers.ConvLSTM1D(4, 3, name="conv lstm")(layers.Reshape((2, 4, 8))(layers.Cropping1D((0, 0))(value)))
    value = layers.LayerNormalization()(layers.Flatten()(value))
    tower = keras.Sequential([layers.Dense(16, "relu", name="a1"), layers.Dense(16, "tanh", name="a2")], name="tower")
    value = Plain(Odd(), name="odd")(Plain("ones", name="plain")(tower(value)))
    value = Plain(keras.initializers.Constant(np.full(16, 2.0)), name="constant")(value)
    value = Plain(keras.initializers.RandomUniform(-0.3, 0.3, seed=1), name="uniform")(value)
    return keras.Model(words, layers.Dense(3, name="head")(value))


def test_each_law_prints_as_code_that_draws_it():
    model = many_kinds()
    weights, graph = weights_of(model), Graph(model)
    laws = {one.path: auto_law(one, graph) for one in weights}
    paths = list(laws)
    initialize(model, [(f"^{re.escape(path)}$", "auto") for path in paths], seed=5)
    expected = values(model)
    assert {type(law).__name__ for law in laws.values()} >= {"PerGate", "LongMemory", "Orthogonal", "Normal", "Odd"}
    rules = given_by(code_of(rules_of(list(laws.items()), paths)), model)
    model.set_weights([0 * one for one in expected])
    initialize(model, rules, seed=5)
    for path, one, another in zip([weight.path for weight in model.weights], values(model), expected, strict=True):
        np.testing.assert_array_equal(one, another, err_msg=path)


def test_a_rule_reaches_those_that_are_drawn_and_no_others():
    paths = [f"hidden_{number}/kernel" for number in range(200)] + ["hidden_x/kernel", "head/kernel", "head/bias"]
    chosen = [path for path in paths if path not in ("hidden_7/kernel", "head/bias")]
    few = keras_inits.Orthogonal(2.0)
    drawn = [(path, few if path == "hidden_3/kernel" else keras_inits.Orthogonal()) for path in chosen]
    rules = rules_of(drawn, paths)
    assert max(len(line) for line in code_of(rules).split("\n")) <= 96
    for path in paths:
        law = next((law for pattern, law in rules if re.search(pattern, path)), None)
        assert (law is not None) == (path in chosen), path
        assert law is None or law.gain == (2.0 if path == "hidden_3/kernel" else 1.0)
    short = rules_of([(path, few) for path in paths if path.startswith("hidden")], paths)
    assert code_of(short) == (
        "keras_inits.initialize(model, [\n"
        '    (r"^(hidden_\\d+|hidden_x)/kernel$", keras_inits.Orthogonal(gain=2.0)),\n])'
    )
    assert code_of(()) == ""
