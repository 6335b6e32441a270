"""`lsuv`: the mean squares that it promises, by a slow twin and in every kind of model."""

import importlib

import keras
import numpy as np
import pytest
from helpers.dtypes import all_dtypes
from keras import layers

from keras_inits import Orthogonal, VarianceScaling, initialize, lsuv
from keras_inits.faults import InternalError

scaling_module = importlib.import_module("keras_inits.models.scaling")
lsuv_module = importlib.import_module("keras_inits.models._lsuv")


def batch(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def sequential(*parts, shape=(16,)):
    return keras.Sequential([keras.Input(shape), *parts])


def mean_square(tensor):
    return np.mean(np.square(keras.ops.convert_to_numpy(tensor), dtype="float64"))


def test_it_is_what_numpy_does_layer_by_layer():
    names = ["a", "b", "c"]
    model = sequential(*(layers.Dense(24, activation="gelu", name=name) for name in names))
    twin = sequential(*(layers.Dense(24, activation="gelu", name=name) for name in names))
    x = batch(256, 16)
    table = lsuv(model, x, seed=3, verbose=0)
    initialize(twin, Orthogonal(), seed=3)
    hidden = x.astype("float64")
    for name in names:
        kernel = np.asarray(keras.ops.convert_to_numpy(twin.get_layer(name).kernel), "float64")
        kernel /= np.mean((hidden @ kernel) ** 2) ** 0.5
        hidden = keras.ops.convert_to_numpy(keras.activations.gelu(keras.ops.convert_to_tensor(hidden @ kernel)))
        ours = keras.ops.convert_to_numpy(model.get_layer(name).kernel)
        assert np.allclose(ours, kernel, rtol=1e-4, atol=1e-6)
    assert [row.law.endswith(" times a random orthogonal matrix") for row in table] == [True, False] * 3


KINDS = {
    "Conv2D": (lambda: layers.Conv2D(8, 3, groups=2), (9, 9, 6)),
    "Conv1DTranspose": (lambda: layers.Conv1DTranspose(8, 3, strides=2), (9, 6)),
    "DepthwiseConv2D": (lambda: layers.DepthwiseConv2D(3), (9, 9, 6)),
    "SeparableConv2D": (lambda: layers.SeparableConv2D(8, 3), (9, 9, 6)),
    "EinsumDense": (lambda: layers.EinsumDense("abc,cd->abd", (5, 7)), (5, 6)),
    "TimeDistributed": (lambda: layers.TimeDistributed(layers.Dense(8)), (5, 6)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_layer_has_the_mean_square_1_before_its_activation(kind):
    make, shape = KINDS[kind]
    model, x = sequential(make(), shape=shape), 30 * batch(64, *shape) + 2
    lsuv(model, x, seed=0, verbose=0)
    assert mean_square(model(x)) == pytest.approx(1, abs=0.01)
    layer = getattr(model.layers[0], "layer", model.layers[0])
    layer.activation = keras.activations.relu
    lsuv(model, x, seed=0, verbose=0)
    assert layer.activation is keras.activations.relu
    layer.activation = keras.activations.linear
    assert mean_square(model(x)) == pytest.approx(1, abs=0.01)


def test_a_frozen_kernel_is_not_scaled():
    model = sequential(layers.Dense(8, lora_rank=2))
    before = keras.ops.convert_to_numpy(model.layers[0]._kernel)
    lsuv(model, batch(64, 16), verbose=0)
    assert np.array_equal(keras.ops.convert_to_numpy(model.layers[0]._kernel), before)


def test_subclassed_and_inner_models_and_layers_that_are_shared():
    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.shared = layers.Dense(16, activation="tanh")
            self.inner = sequential(layers.Dense(16, activation="relu"), layers.Dense(16))
            self.unused = layers.Dense(3)
            self.unused.build((None, 16))
            self.attention = layers.MultiHeadAttention(2, 8)
            self.last = layers.Dense(3)

        def call(self, x):
            x = self.inner(self.shared(self.shared(x)))[:, None]
            return self.last(self.attention(x, x)[:, 0])

    model, x = Mine(), batch(128, 16)
    model(x)
    table = lsuv(model, x, seed=0, verbose=0)
    assert sum(row.law.endswith("times a random orthogonal matrix") for row in table) == 8
    assert sum(row.law.endswith("matrix, not scaled") for row in table) == 1
    assert mean_square(model.inner(model.shared(model.shared(x)))) == pytest.approx(1, abs=0.01)
    assert mean_square(x @ keras.ops.convert_to_numpy(model.shared.kernel)) == pytest.approx(1, abs=0.01)
    assert mean_square(model(x)) == pytest.approx(1, abs=0.01)


@pytest.mark.thorough
def test_a_hundred_layers_that_run_away_by_their_gain_alone_do_not():
    model = sequential(*(layers.Dense(64, activation="silu", name=f"layer_{i}") for i in range(100)), shape=(64,))
    x = batch(256, 64)
    initialize(model, VarianceScaling(mode="fan_in", activation="silu"), seed=0)
    assert not 0.01 < mean_square(model(x)) < 100
    lsuv(model, x, seed=0, verbose=0)
    assert 0.1 < mean_square(model(x)) < 1


def test_a_layer_that_does_not_converge_is_named_and_nothing_is_lost():
    model = sequential(layers.Dense(16, name="first"), layers.Dense(16, name="second", use_bias=False))
    model.compile("sgd", "mse")
    before = model.get_weights()
    calls = [layer.call for layer in model.layers]
    with pytest.raises(ValueError, match=r"Those of layer 'first' .* have the mean square 0 after 0 of 10 iterations"):
        lsuv(model, np.zeros((8, 16)), verbose=0)
    with pytest.raises(ValueError, match=r"Those of layer 'first' .* have the mean square (nan|inf)"):
        lsuv(model, 3e38 * np.sign(batch(8, 16)), verbose=0)
    with pytest.raises(ValueError, match=r"after 1 of 1 iterations, and tolerance=1e-12 was asked for"):
        lsuv(model, batch(8, 16), tolerance=1e-12, iterations=1, verbose=0)
    unfit = (
        r"with the ValueError above\. Received: x of the shapes \(8, 5\)\. Expected a batch .* Call model\(x\) alone"
    )
    with pytest.raises(ValueError, match=unfit) as raised:
        lsuv(model, batch(8, 5), verbose=0)
    assert "incompatible" in str(raised.value.__cause__)
    with pytest.raises(ValueError, match=r"Received: x with str\. Expected arrays"):
        lsuv(model, "batch", verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert [layer.call for layer in model.layers] == calls
    model.fit(batch(8, 16), batch(8, 16), verbose=0)


def test_it_shows_its_progress(capsys):
    model = sequential(layers.Dense(4), layers.Dense(4))
    lsuv(model, batch(32, 16), verbose=0)
    assert capsys.readouterr().out == ""
    lsuv(model, batch(32, 16))
    assert "2/2" in capsys.readouterr().out


@pytest.mark.parametrize("policy", ["mixed_float16", "bfloat16"])
def test_under_a_policy(policy):
    keras.config.set_dtype_policy(policy)
    model, x = sequential(layers.Dense(64), layers.Dense(64)), batch(256, 16)
    lsuv(model, x, verbose=0)
    assert mean_square(keras.ops.cast(model(x), "float32")) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [({"tolerance": 0}, ValueError), ({"tolerance": "1"}, TypeError), ({"iterations": 0}, ValueError)],
)
def test_wrong_arguments(arguments, error):
    with pytest.raises(error, match=f"Argument `{next(iter(arguments))}`"):
        lsuv(sequential(layers.Dense(4)), batch(8, 16), verbose=0, **arguments)


DTYPES = ["float64", "float32", "bfloat16", "float16", "mixed_float16", "mixed_bfloat16"]
INPUTS = {
    "float": lambda: batch(256, 16),
    "double": lambda: batch(256, 16).astype("float64"),
    "half": lambda: batch(256, 16).astype("float16"),
    "integer": lambda: np.random.default_rng(0).integers(-3, 9, (256, 16)),
    "byte": lambda: np.random.default_rng(0).integers(0, 255, (256, 16)).astype("uint8"),
    "boolean": lambda: np.random.default_rng(0).integers(0, 2, (256, 16)).astype(bool),
}


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("policy", DTYPES)
def test_each_dtype_with_each_kind_of_inputs(policy, kind):
    with all_dtypes():
        check_dtype(policy, kind)


def check_dtype(policy, kind):
    keras.config.set_dtype_policy(policy)
    model, x = sequential(layers.Dense(64, activation="gelu"), layers.Dense(64)), INPUTS[kind]()
    table = lsuv(model, x, seed=0, verbose=0)
    assert sum(" times a random orthogonal" in row.law for row in table) == 2
    assert mean_square(keras.ops.cast(model(x), "float32")) == pytest.approx(1, abs=0.02)


def test_words_and_a_tied_table_that_is_called_with_two_widths():
    class Tied(keras.Model):
        def __init__(self):
            super().__init__()
            self.table = layers.ReversibleEmbedding(30, 8)
            self.hidden = layers.Dense(8, activation="gelu")

        def call(self, words):
            return self.table(self.hidden(self.table(words)), reverse=True)

    model, words = Tied(), np.random.default_rng(0).integers(0, 30, (64, 5))
    model(words)
    table = lsuv(model, words, seed=0, verbose=0)
    assert [row.head_variance for row in table] == [pytest.approx(1), None, None]
    before = keras.ops.convert_to_numpy(model.table(words)) @ keras.ops.convert_to_numpy(model.hidden.kernel)
    assert mean_square(before) == pytest.approx(1, abs=0.01)


def test_a_layer_that_is_called_with_two_lengths():
    inputs = keras.Input((None, 6))
    shared = layers.Dense(6, name="shared")
    model = keras.Model(inputs, [shared(inputs), shared(layers.GlobalAveragePooling1D()(inputs))])
    x = batch(64, 5, 6)
    lsuv(model, x, seed=0, verbose=0)
    assert mean_square(model(x)[1]) == pytest.approx(1, abs=0.01)  # whose call comes first in the order of the graph


class Broken(layers.Layer):
    def call(self, x):
        raise RuntimeError("a broken layer")

    def compute_output_shape(self, shape):
        return shape


def test_a_layer_of_the_users_that_fails_is_called_the_users():
    model = sequential(layers.Dense(4, name="first"), Broken())
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"ended with the RuntimeError above.* Call model\(x\) alone") as raised:
        lsuv(model, batch(8, 16), verbose=0)
    assert "a broken layer" in str(raised.value.__cause__)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("step", ["np.mean", "backends.current", "Scaling._scale"])
def test_a_failure_of_our_own_is_called_ours(step, monkeypatch):
    def fail(*arguments, **options):
        raise ZeroDivisionError("of ours")

    model = sequential(layers.Dense(4, name="first"))
    before, call = model.get_weights(), model.layers[0].call
    x = batch(8, 16)
    with monkeypatch.context() as patch:
        if step == "backends.current":
            tracing = type("Tracing", (), {"is_tracing": staticmethod(fail)})
            patch.setattr(scaling_module, "backends", type("Backends", (), {"current": staticmethod(lambda: tracing)}))
        elif step == "np.mean":
            patch.setattr(scaling_module.np, "mean", fail)
        else:
            patch.setattr(scaling_module.Scaling, "_scale", fail)
        with pytest.raises(InternalError, match="This is a fault of keras_inits, not of your model or data") as raised:
            lsuv(model, x, verbose=0)
    assert "of ours" in str(raised.value.__cause__)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert model.layers[0].call == call


def test_a_model_without_call_is_drawn_and_not_scaled():
    class Autoencoder(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder = keras.Sequential([keras.Input((3,)), layers.Dense(2)])

    table = lsuv(Autoencoder(), batch(8, 3), verbose=0)
    assert [row.law for row in table] == ["1 times a random orthogonal matrix, not scaled", "Zeros"]


@pytest.mark.backend("tensorflow")
def test_strings():
    inputs = keras.Input((1,), dtype="string")
    words = layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=4)(inputs)
    model = keras.Model(inputs, layers.Dense(1)(layers.Flatten()(layers.Embedding(4, 3)(words))))
    x = keras.ops.convert_to_tensor([["a b a"], ["b"], ["a"], ["b b b"]])
    assert len(initialize(model)) == 3
    lsuv(model, x, verbose=0)
    assert mean_square(model(x)) == pytest.approx(1, abs=0.01)


def test_a_kernel_that_lies_across_what_comes_in_is_not_blown_up():
    model = sequential(layers.Dense(1, name="head"))
    lsuv(model, batch(64, 16), seed=0, verbose=0)
    across = keras.ops.convert_to_numpy(model.get_layer("head").kernel)[:, 0]
    x = np.ones(16) - across * across.sum() / (across @ across) + 1e-3 * batch(64, 16)
    lsuv(model, x, seed=0, verbose=0)
    size = np.sqrt(np.mean(keras.ops.convert_to_numpy(model.get_layer("head").kernel) ** 2))
    assert size * np.sqrt(16 * np.mean(x**2)) == pytest.approx(3, rel=0.01)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_batch_that_is_not_finite_is_refused_before_anything_is_drawn(value, monkeypatch):
    model, x = sequential(layers.Dense(4)), batch(32, 16)
    x[3, 1] = x[5, 0] = value
    monkeypatch.setattr(lsuv_module, "draw", None)
    with pytest.raises(ValueError, match=r"Received: 2 values of x that are .*in examples 3, 5\. .*Nothing was drawn"):
        lsuv(model, [x], verbose=0)


def test_what_becomes_infinite_inside_is_no_matter_of_the_tolerance():
    model = sequential(layers.Dense(4), layers.BatchNormalization(), layers.Dense(4, name="last"))
    model.layers[1].moving_mean.assign(np.full(4, np.nan))
    with pytest.raises(ValueError, match=r"'last'.*mean square nan.*diagnose\(model, x\) says which") as caught:
        lsuv(model, batch(32, 16), verbose=0)
    assert "larger tolerance" not in str(caught.value)
