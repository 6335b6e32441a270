"""The numbers of `diagnose`, by a slow twin, in every kind of model; and that it leaves the model as it was."""

import itertools
import math
from statistics import NormalDist

import keras
import numpy as np
import pytest
from keras import layers

import keras_inits
from keras_inits import diagnose


def numpy(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor), "float64")


def batch(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def sequential(*parts, shape=(16,)):
    return keras.Sequential([keras.Input(shape), *parts])


def test_the_numbers_are_those_of_numpy():
    model = sequential(
        layers.Dense(24, "tanh", name="a"),
        layers.Dense(12, "relu", name="b"),
        layers.Dense(3, name="c"),
    )
    keras_inits.initialize(model, keras_inits.Normal(0.5), seed=1)
    x, y = batch(64, 16), batch(64, 3, seed=1)
    diagnosis = diagnose(model, x, y, loss="mse")
    a, a_bias, b, b_bias, c, c_bias = (numpy(weight) for weight in model.weights)
    before = [x @ a + a_bias]
    outputs = [np.tanh(before[0])]
    before.append(outputs[0] @ b + b_bias)
    outputs.append(np.maximum(before[1], 0))
    outputs.append(outputs[1] @ c + c_bias)
    gradients = [2 * (outputs[2] - y) / y.size]
    gradients.insert(0, gradients[0] @ c.T)
    gradients.insert(0, (gradients[0] * (before[1] > 0)) @ b.T)
    inner = [gradients[0] * (1 - outputs[0] ** 2), gradients[1] * (before[1] > 0), gradients[2]]
    for number, row in enumerate(diagnosis.layers):
        assert row.name == "abc"[number]
        assert row.shape == outputs[number].shape[1:]
        assert row.outputs.mean == pytest.approx(outputs[number].mean(), abs=1e-6)
        assert row.outputs.stddev == pytest.approx(outputs[number].std(), rel=1e-5)
        assert row.outputs.largest == pytest.approx(abs(outputs[number]).max(), rel=1e-5)
        assert row.output_gradient == pytest.approx(np.linalg.norm(gradients[number]), rel=1e-5)
        below = x if number == 0 else outputs[number - 1]
        norm = np.hypot(np.linalg.norm(below.T @ inner[number]), np.linalg.norm(inner[number].sum(0)))
        assert row.gradient == pytest.approx(norm, rel=1e-5)
        assert row.dead == (outputs[number] == 0).all(axis=0).mean()
    first, second, last = diagnosis.layers
    for row, values in ((first, before[0]), (second, before[1])):
        assert row.inputs.stddev == pytest.approx(values.std(), rel=1e-5)
        assert row.inputs.mean == pytest.approx(values.mean(), abs=1e-6)
    assert second.ratio == pytest.approx(outputs[1].std() / outputs[0].std(), rel=1e-5)
    # Inputs within 1/128 of where tanh's derivative is 1 percent may be counted on the other side.
    edge = np.arctanh(0.99**0.5)
    near = (abs(abs(before[0]) - edge) < 1 / 128).mean()
    assert first.saturated == pytest.approx((abs(before[0]) > edge).mean(), abs=near)
    assert second.saturated == (before[1] <= 0).mean()
    assert first.saturated_limit == pytest.approx(0.5 + 1 - NormalDist().cdf(edge), abs=1e-4)
    assert (second.saturated_limit, last.saturated, last.inputs) == (None, None, None)
    kernel = second.kernels[0]
    assert kernel.moments.stddev == pytest.approx(b.std(), rel=1e-6)
    square = 1 / keras_inits.gain("tanh") ** 2  # of what comes in
    assert kernel.auto == pytest.approx((1 / square / 24) ** 0.5, rel=1e-5)
    assert kernel.rules == pytest.approx({"lecun": 24**-0.5, "glorot": 18**-0.5, "he": 12**-0.5})


def test_equal_and_dead_units_are_counted():
    model = sequential(layers.Dense(10, "relu"))
    kernel, bias = model.layers[0].get_weights()
    kernel[:, 1] = kernel[:, 0]
    bias[-3:] = -1000
    model.layers[0].set_weights([kernel, bias])
    row = diagnose(model, batch(256, 16)).layers[0]
    assert (row.units, row.dead, row.identical) == (10, pytest.approx(0.3), 0.2)


class Mine(keras.Model):
    def __init__(self):
        super().__init__()
        self.late = layers.Dense(3, name="late")
        self.shared = layers.Dense(16, activation="tanh", name="shared")
        self.inner = sequential(layers.Dense(16, activation="relu", name="inside"), layers.Dropout(0.5, name="drop"))
        self.attention = layers.MultiHeadAttention(2, 8, name="attention")
        self.unused = layers.Dense(3, name="unused")
        self.unused.build((None, 16))

    def call(self, x):
        x = self.inner(self.shared(self.shared(x)))
        return self.late(self.attention(x[:, None], x[:, None])[:, 0])


@pytest.mark.thorough
def test_subclassed_models_have_the_layers_in_the_order_in_which_they_run():
    model = Mine()
    model(batch(4, 16))
    diagnosis = diagnose(model, batch(32, 16))
    names = [row.name for row in diagnosis.layers]
    inner = [path for path in names if "attention" in path]
    assert names[:4] == ["shared", "shared (call 2)", f"{model.inner.name}/inside", f"{model.inner.name}/drop"]
    assert names[-1] == "late"
    assert {f"attention/{part}" for part in ("query", "key", "value", "attention_output")} <= set(inner)
    assert [str(one) for one in diagnosis.unseen] == ["unused (Dense): the batch does not reach it"]
    assert repr(diagnosis).endswith(", 1 layer not looked at>")


def two_by_two():
    one, words = keras.Input((16,), name="numbers"), keras.Input((5,), name="words", dtype="int32")
    known = layers.LSTM(6, name="lstm")(layers.Embedding(9, 4, name="embedding")(words))
    merged = layers.Concatenate(name="merged")([layers.Dense(6, "relu", name="dense")(one), known])
    outputs = {"kind": layers.Dense(4, "softmax", name="kind")(merged), "size": layers.Dense(1, name="size")(merged)}
    return keras.Model({"numbers": one, "words": words}, outputs)


@pytest.mark.thorough
def test_several_inputs_and_outputs():
    model = two_by_two()
    x = {"numbers": batch(32, 16), "words": np.random.default_rng(0).integers(0, 9, (32, 5))}
    y = {"kind": np.arange(32) % 4, "size": batch(32, 1)}
    diagnosis = diagnose(model, x, y, loss={"kind": "sparse_categorical_crossentropy", "size": "mse"})
    rows = {row.name: row for row in diagnosis.layers}
    assert set(rows) == {"embedding", "lstm", "dense", "merged", "kind", "size"}
    assert all(row.gradient > 0 for row in rows.values() if row.kernels)
    assert [kernel.shape for kernel in rows["lstm"].kernels] == [(4, 24), (6, 24)]
    assert diagnosis.inputs.stddev == pytest.approx(x["numbers"].std(), rel=1e-5)
    model.compile("sgd", {"kind": "sparse_categorical_crossentropy", "size": "mse"})
    compiled = {row.name: row.gradient for row in diagnose(model, x, y).layers}
    assert compiled == pytest.approx({name: row.gradient for name, row in rows.items()})


SHAPED = {
    "Conv2D": (lambda: layers.Conv2D(8, 3, groups=2, activation="relu"), (9, 9, 6)),
    "Conv1DTranspose": (lambda: layers.Conv1DTranspose(8, 3, strides=2), (9, 6)),
    "SeparableConv2D": (lambda: layers.SeparableConv2D(8, 3), (9, 9, 6)),
    "EinsumDense": (lambda: layers.EinsumDense("abc,cd->abd", (5, 7), activation="tanh"), (5, 6)),
    "TimeDistributed": (lambda: layers.TimeDistributed(layers.Dense(8)), (5, 6)),
    "SpectralNormalization": (lambda: layers.SpectralNormalization(layers.Dense(8)), (6,)),
    "Bidirectional": (lambda: layers.Bidirectional(layers.GRU(4)), (5, 6)),
    "PReLU": (lambda: layers.PReLU(), (6,)),
    "ReLU": (lambda: layers.ReLU(), (6,)),
    "Activation": (lambda: layers.Activation("sigmoid"), (6,)),
    "BatchNormalization": (lambda: layers.BatchNormalization(), (6,)),
}


@pytest.mark.thorough
@pytest.mark.parametrize("kind", SHAPED)
def test_layers_of_many_kinds(kind):
    make, shape = SHAPED[kind]
    model = sequential(make(), shape=shape)
    rows = diagnose(model, 3 * batch(32, *shape)).layers
    assert rows
    assert all(row.output_gradient > 0 for row in rows)
    assert all(row.gradient > 0 for row in rows if row.weights)
    assert sum(len(row.weights) for row in rows) == len(model.trainable_weights)
    assert rows[0].outputs.stddev > 0
    if kind in ("Conv2D", "EinsumDense", "PReLU", "ReLU", "Activation"):
        assert rows[0].inputs.stddev > 0


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16"])
def test_dtype_policies(policy):
    keras.config.set_dtype_policy(policy)
    model = sequential(*(layers.Dense(32, "relu") for _ in range(4)))
    keras_inits.initialize(model, seed=0)
    diagnosis = diagnose(model, batch(64, 16))
    assert [row.dtype for row in diagnosis.layers] == [policy.removeprefix("mixed_")] * 4
    keras.config.set_dtype_policy("float32")
    twin = sequential(*(layers.Dense(32, "relu") for _ in range(4)))
    twin.set_weights([numpy(weight) for weight in model.get_weights()])
    # Each layer rounds once going forward and once going back, to 2**-9 at the most, and signs of relu may change.
    for row, exact in zip(diagnosis.layers, diagnose(twin, batch(64, 16)).layers, strict=True):
        assert row.outputs.stddev == pytest.approx(exact.outputs.stddev, rel=8 * 2**-9)
        assert row.gradient == pytest.approx(exact.gradient, rel=16 * 2**-9)


@pytest.mark.thorough
def test_a_gradient_of_more_orders_than_float16_has_is_seen_as_far_as_it_goes():
    keras.config.set_dtype_policy("mixed_float16")
    model = sequential(*(layers.Dense(64, "hard_tanh") for _ in range(60)), shape=(64,))
    # Sums have the deviation 20, and those within 1 of 0 a slope: the gradient grows by 20 * 0.04 ** 0.5 a layer.
    keras_inits.initialize(model, keras_inits.VarianceScaling(400.0), seed=0)
    diagnosis = diagnose(model, batch(128, 64))
    assert {"nonfinite", "exploding_gradient"} <= {finding.kind for finding in diagnosis}
    assert "at each loss scale" in diagnosis.findings[0].evidence
    norms = [row.output_gradient for row in diagnosis.layers]
    seen = [norm for norm in norms if math.isfinite(norm)]
    assert 10 < len(seen) < 30
    assert norms[-len(seen) :] == seen
    # Where the scale changes, part of a norm is lost.
    assert all(0.1 < earlier / later < 10 for earlier, later in itertools.pairwise(seen))
    assert seen[0] > 1e8 * seen[-1]


def test_frozen_layers_have_no_gradient_and_let_it_through():
    model = sequential(layers.Dense(8), layers.Dense(8), layers.Dense(8))
    model.layers[0].trainable = model.layers[1].trainable = False
    rows = diagnose(model, batch(32, 16)).layers
    assert [row.gradient is None for row in rows] == [True, True, False]
    assert all(row.output_gradient > 0 for row in rows)


def test_without_targets_it_says_so():
    model = sequential(layers.Dense(3))
    assert "random projection" in str(diagnose(model, batch(8, 16)))
    model.compile("sgd", "mse")
    assert "random projection" in diagnose(model, batch(8, 16)).loss
    assert diagnose(model, batch(8, 16), batch(8, 3)).loss == "mse"


def regularised():
    return sequential(
        layers.Dense(16, "relu", activity_regularizer="l2"),
        layers.BatchNormalization(),
        layers.Dropout(0.5),
        layers.GaussianNoise(0.1),
        layers.Dense(3),
    )


def state_of(model):
    arrays = [keras.ops.convert_to_numpy(v).copy() for layer in model._flatten_layers() for v in layer.variables]
    arrays += [keras.ops.convert_to_numpy(v).copy() for v in model.optimizer.variables]
    names = [{key: id(value) for key, value in vars(layer).items()} for layer in model._flatten_layers()]
    return arrays, names, [layer.trainable for layer in model._flatten_layers()]


@pytest.mark.thorough
@pytest.mark.parametrize("fails", [False, True])
def test_it_leaves_the_model_as_it_was(fails):
    model, x, y = regularised(), batch(32, 16), batch(32, 3)
    model.compile(keras.optimizers.Adam(), "mse")
    model.fit(x, y, epochs=1, verbose=0)
    model.layers[0].trainable = False
    before = state_of(model)
    if fails:
        with pytest.raises(ValueError, match="diagnose calls the model on the batch"):
            diagnose(model, batch(32, 15), y)
    else:
        diagnose(model, x, y)
    after = state_of(model)
    assert before[1:] == after[1:]
    for one, other in zip(before[0], after[0], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.thorough
def test_two_diagnoses_are_the_same():
    model, x = regularised(), batch(32, 16)
    first, second = diagnose(model, x), diagnose(model, x)
    for one, other in zip(first.layers, second.layers, strict=True):
        assert one.outputs == other.outputs
        assert one.gradient == other.gradient


class TestErrors:
    def test_no_model(self):
        with pytest.raises(TypeError, match=r"Argument `model` must be a model or a layer of Keras\. Received: 'x'"):
            diagnose("x", batch(1, 2))

    def test_not_built(self):
        with pytest.raises(ValueError, match=r"is not built\. Give it an `Input`"):
            diagnose(keras.Sequential([layers.Dense(3)]), batch(1, 2))

    def test_targets_without_a_loss(self):
        with pytest.raises(ValueError, match=r"Received: y, and loss=None.*Pass one such as loss='mse'"):
            diagnose(sequential(layers.Dense(3)), batch(8, 16), batch(8, 3))

    def test_a_loss_without_targets(self):
        with pytest.raises(ValueError, match=r"Received: loss='mse' and y=None\. Expected both, or neither"):
            diagnose(sequential(layers.Dense(3)), batch(8, 16), loss="mse")
