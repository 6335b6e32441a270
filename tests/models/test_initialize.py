"""`initialize`: laws, streams, rules, and what is left alone."""

import keras
import numpy as np
import pytest
from helpers.layer_spread import SPREAD, C, built, spread
from helpers.processes import run_python
from helpers.tolerances import variance_tolerance
from keras import layers

import keras_inits
from keras_inits import fans_of, gain, initialize


def sequential(*parts, shape=(16,)):
    return keras.Sequential([keras.Input(shape), *parts])


def laws(model):
    """For each kernel the product of its variance and its fan_in."""
    return [row.stddev**2 * row.fans[0] for row in initialize(model) if row.fans is not None]


MORE = [
    (lambda: layers.Conv1D(8, 3), (300, C)),
    (lambda: layers.Conv3D(8, 3), (14, 14, 14, C)),
    (lambda: layers.Conv3DTranspose(8, 2), (12, 12, 12, C)),
    (lambda: layers.DepthwiseConv1D(3, depth_multiplier=4), (300, C)),
    (lambda: layers.SeparableConv1D(64, 9), (300, C)),
    (lambda: layers.TimeDistributed(layers.Dense(400)), (2, C)),
]


@pytest.mark.parametrize(("make", "shape"), [*SPREAD, *MORE])
def test_each_layer_keeps_unit_variance(make, shape):
    layer = built(make, shape)
    rows = [row for row in initialize(layer, seed=0) if row.fans is not None]
    mean_square, variance = spread(layer, shape)
    variance += sum(2 / np.prod(row.shape) for row in rows)  # that of the kernels' own mean squares
    assert mean_square == pytest.approx(1, abs=5 * variance**0.5)


@pytest.mark.parametrize("attention", [layers.MultiHeadAttention(8, 32), layers.GroupQueryAttention(32, 8, 4)])
def test_attention_to_one_place_keeps_the_variance_up_to_the_last_projection(attention):
    """With one place to attend to, the outputs are two linear layers."""
    attention.build((None, 1, 256), (None, 1, 256))
    initialize(attention, seed=0)
    x = np.random.default_rng(1).standard_normal((512, 1, 256)).astype("float32")
    y = keras.ops.convert_to_numpy(attention(x, x)).astype("float64")
    share = 2 if isinstance(attention, layers.GroupQueryAttention) else 1  # so many queries have one value
    variance = 2 * (1 / 256 + 3 * share / 256) / 512 + 2 * share * 2 / 256 / 256 + 2 * share**2 / 256
    assert np.mean(y**2) == pytest.approx(1, abs=5 * variance**0.5)


def test_recurrent_kernels_are_orthogonal_in_each_gate():
    model = sequential(layers.LSTM(6, return_sequences=True), layers.GRU(5), shape=(3, 4))
    initialize(model, seed=0)
    for name, gates, units in (("lstm_cell/recurrent_kernel", 4, 6), ("gru_cell/recurrent_kernel", 3, 5)):
        kernel = next(np.array(v) for v in map(as_numpy, found(model, name)))
        for gate in range(gates):
            block = kernel[:, gate * units : (gate + 1) * units]
            assert np.abs(block.T @ block - np.eye(units)).max() < 1e-5


def as_numpy(variable):
    return keras.ops.convert_to_numpy(variable)


def found(model, name):
    return [variable for variable in model.weights if variable.path.endswith(name)]


def test_biases_are_zero_and_forget_gates_one():
    model = sequential(
        layers.LSTM(3, return_sequences=True, bias_initializer="ones"),
        layers.LSTM(3, return_sequences=True, unit_forget_bias=False),
        layers.GRU(3, bias_initializer="ones"),
        layers.Dense(2, bias_initializer="ones"),
        shape=(None, 4),
    )
    initialize(model)
    first, second = (as_numpy(variable) for variable in found(model, "lstm_cell/bias"))
    assert first.tolist() == [0] * 3 + [1] * 3 + [0] * 6
    assert not second.any()
    assert not as_numpy(found(model, "gru_cell/bias")[0]).any()
    assert not as_numpy(model.layers[-1].bias).any()


def test_a_convolutional_lstm():
    model = sequential(layers.ConvLSTM2D(4, 3, padding="same"), shape=(2, 5, 5, 3))
    initialize(model, seed=0)
    kernel = as_numpy(found(model, "recurrent_kernel")[0])
    block = kernel[1, 1, :, :4]
    assert np.abs(block.T @ block - np.eye(4)).max() < 1e-5
    assert not kernel[0].any()
    assert as_numpy(found(model, "bias")[0])[4:8].tolist() == [1] * 4


# What stands before a layer of 8 units, and the variance times fan_in that this one is to have.
BEFORE = {
    "nothing": (lambda: [layers.Dense(8)], 1.0),
    "its own": (lambda: [layers.Dense(8, activation="relu")], 2.0),
    "tanh": (lambda: [layers.Dense(8, activation="tanh")], gain("tanh") ** 2),
    "gelu": (lambda: [layers.Dense(8, activation="gelu")], gain("gelu") ** 2),
    "softmax": (lambda: [layers.Dense(8, activation="softmax")], 1.0),
    "a function": (lambda: [layers.Dense(8, activation=lambda x: 0.5 * x)], 4.0),
    "a layer": (lambda: [layers.Dense(8), layers.ReLU()], 2.0),
    "a clipped one": (lambda: [layers.Dense(8), layers.ReLU(max_value=6)], gain("relu", max_value=6.0) ** 2),
    "leaky": (lambda: [layers.Dense(8), layers.LeakyReLU(negative_slope=0.5)], 1.6),
    "elu": (lambda: [layers.Dense(8), layers.ELU(alpha=0.5)], gain("elu", alpha=0.5) ** 2),
    "prelu": (lambda: [layers.Dense(8), layers.PReLU()], 2.0),
    "activation": (lambda: [layers.Dense(8), layers.Activation("silu")], gain("silu") ** 2),
    "softmax layer": (lambda: [layers.Dense(8), layers.Softmax()], 1.0),
    "normalised": (lambda: [layers.Dense(8), layers.BatchNormalization(), layers.Dropout(0.5), layers.ReLU()], 2.0),
    "reshaped": (lambda: [layers.Dense(8), layers.Reshape((2, 4)), layers.ReLU()], 2.0),
    "another layer": (lambda: [layers.Dense(8, activation="relu"), layers.Dense(8)], 1.0),
}


@pytest.mark.parametrize("name", BEFORE)
def test_a_layer_is_scaled_for_the_activation_before_it(name):
    parts, product = BEFORE[name]
    products = laws(sequential(*parts(), layers.Flatten(), layers.Dense(3)))
    assert products[0] == 1
    assert products[-1] == pytest.approx(product, rel=1e-4)


def test_the_activation_is_followed_into_and_out_of_models():
    body = keras.Sequential([keras.Input((16,)), layers.Dense(8, name="inner")])
    head = keras.Sequential([keras.Input((8,)), layers.BatchNormalization(), layers.ReLU(), layers.Dense(4)])
    x = keras.Input((16,))
    model = keras.Model(x, head(body(x)))
    assert laws(model) == pytest.approx([1, 2])
    x = keras.Input((16,))
    y = keras.ops.relu(layers.TimeDistributed(layers.Dense(8))(layers.Reshape((4, 4))(x)))
    assert laws(keras.Model(x, layers.Dense(2)(y))) == pytest.approx([1, 2])


def test_of_what_is_put_side_by_side_each_counts_with_its_size():
    x = keras.Input((16,))
    y = layers.Dense(8, name="fork")(x)
    both = layers.Concatenate()([layers.ReLU()(y), layers.Dense(24)(x)])
    assert laws(keras.Model(x, layers.Dense(3)(both))) == pytest.approx([1, 1, 1 / (0.25 / 2 + 0.75)])


def test_a_subclassed_model_and_one_in_it():
    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = layers.Dense(8, activation="relu")
            self.second = keras.Sequential([keras.Input((8,)), layers.Dense(8), layers.Activation("relu")])
            self.last = layers.Dense(3)

        def call(self, x):
            return self.last(self.second(self.first(x)))

    model = Mine()
    with pytest.raises(ValueError, match=r"is not built. Give it an `Input`"):
        initialize(model)
    model(np.zeros((2, 16)))
    assert laws(model) == pytest.approx([1, 2, 2])


def test_separable_and_depthwise_and_embeddings():
    for layer, products in ((layers.SeparableConv2D(8, 3), [1, 1, 2]), (layers.DepthwiseConv2D(3), [1, 2])):
        model = sequential(layer, layers.ReLU(), layers.Conv2D(4, 1), shape=(9, 9, 4))
        assert laws(model) == pytest.approx(products)
    model = sequential(layers.Embedding(10, 4), layers.ReLU(), shape=(3,))
    assert [row.stddev for row in initialize(model)] == [1]
    tied = layers.ReversibleEmbedding(10, 4)
    tied.build((None, 3))
    assert [(row.stddev, row.head_variance) for row in initialize(tied)] == [(0.5, 1)]


def test_low_rank_adapters_start_from_nothing_and_the_frozen_kernel_is_left():
    model = sequential(layers.Dense(8))
    model.layers[0].enable_lora(2)
    before = as_numpy(model.layers[0]._kernel)
    table = initialize(model)
    assert [path.split("/")[-1] for path in table.kept] == ["kernel"]
    assert np.array_equal(as_numpy(model.layers[0]._kernel), before)
    assert as_numpy(model.layers[0].lora_kernel_a).any()
    assert not as_numpy(model.layers[0].lora_kernel_b).any()


def test_one_seed_gives_one_set_of_weights_however_often_the_code_was_run():
    def build():
        return sequential(layers.Dense(16), layers.Dense(16, name="named"), layers.Dense(16))

    first, second = build(), build()
    initialize(first, seed=7)
    initialize(second, seed=7)
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), second.get_weights(), strict=True))
    kernels = first.get_weights()[::2]
    assert len({kernel.tobytes() for kernel in kernels}) == 3
    initialize(second, seed=8)
    assert not np.array_equal(second.get_weights()[0], kernels[0])


def test_the_streams_are_those_of_the_golden_values():
    model = sequential(layers.Dense(3, name="first"), layers.Dense(2), shape=(4,))
    initialize(model, seed=7)
    assert [float(kernel[0, 0]) for kernel in model.get_weights()[::2]] == GOLDEN


GOLDEN = [0.0866861343383789, -0.14525246620178223]


def test_another_layer_more_does_not_change_the_others():
    short = sequential(layers.Dense(16, name="a"), layers.Dense(16, name="b"))
    long = sequential(layers.Dense(16, name="a"), layers.Dense(16, name="new"), layers.Dense(16, name="b"))
    initialize(short, seed=7)
    initialize(long, seed=7)
    assert np.array_equal(short.layers[0].kernel, long.layers[0].kernel)
    assert np.array_equal(short.layers[1].kernel, long.layers[2].kernel)


def test_without_a_seed_it_is_new_at_each_call_and_follows_the_global_one():
    model = sequential(layers.Dense(16))
    drawn = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        initialize(model)
        drawn.append(model.get_weights()[0])
    initialize(model)
    assert np.array_equal(*drawn)
    assert not np.array_equal(model.get_weights()[0], drawn[0])


def test_weights_of_one_shape_differ_even_under_an_initializer_with_a_seed():
    attention = layers.MultiHeadAttention(2, 8)
    attention.build((None, 3, 16), (None, 3, 16))
    for rule in ("auto", keras_inits.HeNormal(seed=3), keras.initializers.HeNormal(seed=3), "he_normal"):
        initialize(attention, rule, seed=7)
        kernels = [as_numpy(dense.kernel).tobytes() for dense in (attention.query_dense, attention.key_dense)]
        assert len(set(kernels)) == 2


def test_inner_models_with_layers_of_one_name_differ():
    def inner(name):
        return keras.Sequential([keras.Input((8,)), layers.Dense(8, name="dense")], name=name)

    x = keras.Input((8,))
    model = keras.Model(x, inner("right")(inner("left")(x)))
    initialize(model, seed=1)
    assert not np.array_equal(*model.get_weights()[::2])


def test_an_initializer_for_all_kernels_has_the_true_fans():
    model = sequential(layers.DepthwiseConv2D(3, bias_initializer="ones"), layers.Conv2D(4, 1), shape=(9, 9, 64))
    for rule in (keras_inits.HeUniform(), "he_normal", keras.initializers.HeNormal()):
        table = initialize(model, rule)
        assert [row.stddev for row in table] == pytest.approx([(2 / 9) ** 0.5, (2 / 64) ** 0.5])
        kernel = as_numpy(model.layers[0].kernel)
        assert np.var(kernel) == pytest.approx(2 / 9, abs=variance_tolerance(2 / 9, 3, kernel.size))
    assert as_numpy(model.layers[0].bias).all()
    assert len(table.kept) == 2


def test_of_patterns_the_first_that_matches_counts():
    model = sequential(layers.Dense(8, name="a"), layers.Dense(8, name="b"), layers.Dense(8, name="c"))
    table = initialize(model, [("b/kernel", "zeros"), ("kernel", keras_inits.Uniform(0.5)), ("c/bias", "ones")])
    assert [row.law for row in table] == ["U(-0.5, 0.5)", "Zeros", "U(-0.5, 0.5)", "Ones"]
    assert table.kept == ("a/bias", "b/bias")
    assert {one.reason for one in table.left} == {"without a rule"}
    assert [row.law for row in initialize(model, [("a/", "auto")])] == ["1 times a random orthogonal matrix", "Zeros"]


@pytest.mark.parametrize(
    ("rules", "error", "message"),
    [
        ([("nothing", "zeros")], ValueError, "Received: 'nothing', found in none of .*first/kernel.* Correct it"),
        ([("bias", "orthogonal")], ValueError, "does not suit the weight '.*first/bias', and nothing was drawn"),
        ([("(", "zeros")], ValueError, "holds pairs of a pattern and an initializer. Received: .* Pass pairs such as"),
        ([("kernel",)], ValueError, "holds pairs of a pattern and an initializer. Received"),
        (["kernel"], ValueError, "holds pairs of a pattern and an initializer. Received"),
        (3, TypeError, r"Received: 3 \(of type int\). Pass one such as"),
        ("he_normla", ValueError, "Did you mean 'he_normal'"),
        ("sparse", ValueError, "Expected its argument `sparsity` too"),
    ],
)
def test_wrong_rules_change_nothing(rules, error, message):
    model = sequential(layers.Dense(8, name="first"))
    before = model.get_weights()
    with pytest.raises(error, match=message):
        initialize(model, rules)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("distribution", ["untruncated_normal", "truncated_normal", "uniform"])
@pytest.mark.parametrize("data", [None, np.random.default_rng(0).standard_normal((64, 256))])
def test_kernels_have_another_distribution_of_the_same_variance(distribution, data):
    def model():
        parts = [layers.Dense(300, "relu"), layers.Dense(200, "tanh"), layers.Dense(100)]
        return keras.Sequential([keras.Input((256,)), *parts])

    def kernels(distribution):
        table = initialize(model(), seed=0, distribution=distribution, data=data, verbose=0)
        return [row for row in table if row.path.endswith("kernel")]

    for row, other in zip(kernels(distribution), kernels("orthogonal"), strict=True):
        assert "orthogonal" in other.law
        assert "orthogonal" not in row.law
        assert row.measured == pytest.approx(other.measured, rel=0.1 if data is not None else 0.04)


def test_a_wrong_distribution_is_named():
    with pytest.raises(
        ValueError, match=r"Invalid `distribution` argument: expected one of 'orthogonal', .* Received: .*'normal'"
    ):
        initialize(keras.Sequential([keras.Input((4,)), layers.Dense(3)]), distribution="normal")


def test_wrong_seeds_and_residuals():
    model = sequential(layers.Dense(8))
    with pytest.raises(TypeError, match="Argument `seed` must be"):
        initialize(model, seed="7")
    with pytest.raises(ValueError, match="Received: residual='skip'"):
        initialize(model, residual="skip")


def test_frozen_weights_are_left():
    model = sequential(layers.Dense(8, name="a"), layers.Dense(8, name="b"))
    model.layers[0].trainable = False
    before = model.get_weights()
    table = initialize(model)
    assert np.array_equal(model.get_weights()[0], before[0])
    assert not np.array_equal(model.get_weights()[2], before[2])
    assert table.left == (("a/kernel", "frozen"), ("a/bias", "frozen"))


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "adagrad"])
def test_the_optimizer_and_the_statistics_are_left_or_reset_as_asked(optimizer):
    model = sequential(layers.Dense(8), layers.BatchNormalization(), layers.Dense(1))
    model.compile(optimizer, "mse")
    x = np.random.default_rng(0).standard_normal((64, 16)) + 3
    fresh = keras.models.clone_model(model)
    fresh.compile(optimizer, "mse")
    fresh.optimizer.build(fresh.trainable_variables)
    start = [as_numpy(variable) for variable in fresh.optimizer.variables]
    model.fit(x, x[:, :1], epochs=2, verbose=0)
    model.optimizer.learning_rate = 0.5
    state = [as_numpy(variable) for variable in model.optimizer.variables]
    statistics = [as_numpy(variable) for variable in model.non_trainable_variables]

    initialize(model)
    assert all(np.array_equal(as_numpy(a), b) for a, b in zip(model.optimizer.variables, state, strict=True))
    assert all(np.array_equal(as_numpy(a), b) for a, b in zip(model.non_trainable_variables, statistics, strict=True))
    initialize(model, reset=True)
    assert int(model.optimizer.iterations) == 0
    assert float(as_numpy(model.optimizer.learning_rate)) == 0.5
    pairs = zip(model.optimizer.variables, start, strict=True)
    assert all(np.array_equal(as_numpy(a), b) for a, b in pairs if a is not model.optimizer._learning_rate)
    assert [set(as_numpy(a).tolist()) for a in model.non_trainable_variables] == [{0.0}, {1.0}]
    model.fit(x, x[:, :1], verbose=0)


@pytest.mark.parametrize("policy", ["mixed_float16", "bfloat16", "float16"])
def test_under_a_policy(policy):
    keras.config.set_dtype_policy(policy)
    model = sequential(layers.Dense(64, activation="relu"), layers.Dense(8), shape=(256,))
    table = initialize(model, seed=0)
    kernel = as_numpy(model.layers[0].kernel)
    assert str(kernel.dtype) == keras.config.dtype_policy().variable_dtype
    assert table.rows[0].measured == pytest.approx((1 / 256) ** 0.5, rel=5 * (0.5 / kernel.size) ** 0.5)


def test_the_table_prints_within_100_columns():
    name = "a_block_with_a_name_of_many_words/and_another_one_inside_of_it".replace("/", "_")
    model = sequential(layers.LSTM(8, name=name), layers.Dense(8, name="head"), shape=(3, 4))
    table = initialize(model, [(name, "auto")])
    text = str(table)
    assert max(map(len, text.splitlines())) <= 100
    assert "drawn" in text.splitlines()[0]
    assert text.count("orthogonal") == 1
    assert "left as they were, without a rule: " in text.splitlines()[-2] + text.splitlines()[-1]
    assert len(table) == 3
    table = initialize(model, [("head/bias", lambda shape, dtype: keras.ops.ones(shape, dtype))])
    assert [line.split()[0] for line in str(table).splitlines() if line.startswith(" head")] == ["head/bias"]


def test_a_weight_of_no_entries():
    class Empty(layers.Layer):
        def build(self, shape):
            self.add_weight(shape=(0, 3), name="kernel")

        def call(self, x):
            return x

    assert initialize(sequential(Empty())).rows[0].measured == 0


def test_a_shared_layer_is_drawn_once():
    shared = layers.Dense(16)
    model = sequential(shared, layers.ReLU(), shared)
    assert len(initialize(model)) == 2


def test_fans_are_those_of_the_layer():
    model = sequential(layers.Conv2DTranspose(256, 3, name="up"), shape=(9, 9, 4))
    row = next(iter(initialize(model)))
    assert row.fans == fans_of(model.layers[0], model.layers[0].kernel) == (36, 2304)


@pytest.mark.backend("tensorflow")
def test_all_replicas_of_a_mirrored_strategy_get_the_values():
    import tensorflow as tf

    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        model = sequential(layers.Dense(8))
    initialize(model, seed=7)
    alone = sequential(layers.Dense(8))
    initialize(alone, seed=7)
    assert np.array_equal(model.get_weights()[0], alone.get_weights()[0])


def test_after_it_a_trained_function_sees_the_new_weights():
    model = sequential(layers.Dense(4))
    model.compile("sgd", "mse")
    x = np.ones((8, 16), "float32")
    model.fit(x, x[:, :4], verbose=0)
    initialize(model, "zeros")
    initialize(model, [("bias", "zeros")])
    assert not model.predict(x, verbose=0).any()


SHARDED = """
import os
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
import jax, keras, numpy as np
from keras import layers
from keras_inits import initialize

def build():
    return keras.Sequential([keras.Input((16,)), layers.Dense(32, name="a"), layers.Dense(8, name="b")])

alone = build()
initialize(alone, seed=7)
mesh = keras.distribution.DeviceMesh((2, 4), ["batch", "model"], jax.devices())
layout_map = keras.distribution.LayoutMap(mesh)
layout_map[".*a/kernel"] = (None, "model")
with keras.distribution.ModelParallel(layout_map=layout_map, batch_dim_name="batch").scope():
    model = build()
    before = [weight.value.sharding for weight in model.weights]
    initialize(model, seed=7)
assert "model" in str(before[0].spec)
assert [weight.value.sharding for weight in model.weights] == before
assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), alone.get_weights()))
"""


@pytest.mark.thorough
@pytest.mark.backend("jax")
def test_sharded_weights_stay_sharded_and_get_the_values_of_whole_ones():
    run_python(SHARDED, "jax")


@pytest.mark.parametrize(
    ("rule", "dtype"),
    [
        (keras.initializers.Identity(), "float32"),  # of a kernel of three axes
        (keras_inits.Uniform(1e6), "float16"),
        (lambda shape, dtype: np.zeros((8, 8), "float32"), "float32"),
    ],
)
def test_an_initializer_that_fails_midway_changes_nothing(rule, dtype):
    model = sequential(layers.Dense(8), layers.Conv1D(3, 2, name="second", dtype=dtype), shape=(5, 8))
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"could not make the values of the weight '.*second.*'.* Expected values of"):
        initialize(model, rule)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_an_optimizer_that_cannot_be_made_again_is_an_error_before_anything_is_drawn():
    class Mine(keras.optimizers.SGD):
        def __init__(self, extra, **arguments):
            super().__init__(**arguments)

    model = sequential(layers.Dense(8))
    model.compile(Mine(3), "mse")
    model.optimizer.build(model.trainable_variables)
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"reset=True makes the optimizer again from its config.* Nothing was drawn"):
        initialize(model, reset=True)
    assert np.array_equal(before[0], model.get_weights()[0])


def test_the_same_code_gives_the_same_weights_in_layers_that_keras_names_inside():
    class Unnamed(layers.Layer):
        def build(self, shape):
            self.first, self.second = self.add_weight(shape=(shape[-1], 3)), self.add_weight(shape=(3, 3))

        def call(self, x):
            return x @ self.first @ self.second

    def build():
        model = sequential(layers.Bidirectional(layers.LSTM(4)), Unnamed(), shape=(5, 8))
        assert len(initialize(model, seed=1)) == 8
        return model.get_weights()

    assert all(np.array_equal(a, b) for a, b in zip(build(), build(), strict=True))


@pytest.mark.parametrize("cls", [keras.initializers.HeNormal, keras.initializers.RandomNormal, keras_inits.Normal])
def test_an_initializer_keeps_to_a_seed_of_its_own(cls):
    model, drawn = sequential(layers.Dense(8)), []
    for own, seed in ((3, 1), (3, 2), (None, 1), (None, 2)):
        initialize(model, cls(seed=own), seed=seed)
        drawn.append(model.get_weights()[0].tobytes())
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3


def test_explicit_axes_and_subclasses_of_keras_are_respected():
    class Sevens(keras.initializers.VarianceScaling):
        def __call__(self, shape, dtype=None):
            return keras.ops.full(shape, 7.0, dtype)

    model = sequential(layers.Dense(8))
    initialize(model, Sevens())
    assert (model.get_weights()[0] == 7).all()
    row = initialize(model, keras_inits.HeNormal(input_axes=(1,), output_axes=(0,))).rows[0]
    assert row.stddev == pytest.approx((2 / 8) ** 0.5)


@pytest.mark.parametrize(
    ("before", "product"),
    [
        (lambda x: keras.activations.relu(x, negative_slope=1.0), 1.0),
        (lambda x: keras.ops.leaky_relu(x, negative_slope=0.5), 1.6),
        (lambda x: keras.ops.elu(x, alpha=0.5), gain("elu", alpha=0.5) ** 2),
        (lambda x: layers.PReLU(alpha_initializer=keras.initializers.Constant(0.5))(x), 1.6),
        (lambda x: layers.ReLU()(layers.Identity()(layers.Activation("linear")(x))), 2.0),
        (lambda x: keras.ops.relu(keras.ops.reshape(x, (-1, 4, 2))), 2.0),
        (lambda x: layers.TimeDistributed(layers.ReLU())(layers.Reshape((4, 2))(x)), 2.0),
    ],
)
def test_operations_of_a_graph_are_read_with_their_arguments(before, product):
    x = keras.Input((16,))
    y = layers.Dense(3)(layers.Flatten()(before(layers.Dense(8)(x))))
    assert laws(keras.Model(x, y)) == pytest.approx([1, product], rel=1e-4)


def test_the_kernel_inside_of_a_wrapper_is_that_of_the_layer_inside():
    wrapped = layers.SpectralNormalization(layers.Dense(8, activation="relu"))
    assert laws(sequential(wrapped, layers.Dense(3))) == pytest.approx([1, 2])


def test_scales_of_normalisation_layers_are_set_back():
    model = sequential(layers.RMSNormalization(), layers.LayerNormalization())
    start = model.get_weights()
    model.set_weights([values + 4 for values in start])
    initialize(model)
    assert all(np.array_equal(a, b) for a, b in zip(start, model.get_weights(), strict=True))


def test_quantized_layers_and_frozen_statistics_are_left():
    model = sequential(layers.Dense(8), layers.BatchNormalization())
    model.layers[0].bias.assign(np.ones(8))
    model.layers[0].quantize("int8")
    model.layers[1].trainable = False
    model.layers[1].moving_mean.assign(np.ones(8))
    assert len(initialize(model, reset=True)) == 0
    assert as_numpy(model.layers[0].bias).all()
    assert as_numpy(model.layers[1].moving_mean).all()


def test_what_is_no_model_and_no_rule_is_an_error():
    with pytest.raises(TypeError, match=r"Argument `model` must be .* Received: 3 \(of type int\)"):
        initialize(3)
    with pytest.raises(TypeError, match=r"Received: array.* Pass one such as"):
        initialize(sequential(layers.Dense(8)), [("kernel", np.ones(3))])
