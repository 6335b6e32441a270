"""Where `fit` runs, and what it trains: in each cell every recorded row is that of a loop by hand."""

import importlib.util

import keras
import numpy as np
import pytest
from helpers import gan, models, oracle
from helpers.dtypes import all_dtypes
from keras import layers, ops

from keras_inits.recording import GradientNormLogger

BACKEND = keras.backend.backend()
MODES = {
    "graph": {},
    "eager": {"run_eagerly": True},
    "xla": {"jit_compile": True},
    "groups": {"steps_per_execution": 4},
}
if BACKEND == "torch":  # where Keras refuses groups of steps; torch.compile is in test_norms
    MODES = {"graph": {}, "eager": {"run_eagerly": True}}

# Only graphs are quick here: test_norms has a quick test of each mode.
OTHERS = list(MODES)[1:]
modes = pytest.mark.parametrize("mode", ["graph", *(pytest.param(mode, marks=pytest.mark.thorough) for mode in OTHERS)])


def cases(names):
    """Each case in a graph, and two of them in each other mode: where a step runs and what it does are apart."""
    names = list(names)
    elsewhere = [(names[(2 * turn + place) % len(names)], mode) for turn, mode in enumerate(OTHERS) for place in (0, 1)]
    thorough = [pytest.param(*case, marks=pytest.mark.thorough) for case in elsewhere]
    return pytest.mark.parametrize(("name", "mode"), [*((name, "graph") for name in names), *thorough])


def recorded(build, optimizer, data=None, mode="graph", epochs=2, loss=models.mean_square, logger=None):
    """A fit and a loop by hand with the same optimizer, from the same weights; returns trace, steps and twin."""
    x, y = models.data() if data is None else data
    model, twin = build(), build()
    if not twin.built:
        twin(x[: models.BATCH])
        model(x[: models.BATCH])
    twin.set_weights(model.get_weights())
    logger = logger or GradientNormLogger(track=("weight", "update"))
    models.fit(models.compiled(model, optimizer(), loss=loss, **MODES[mode]), x, y, [logger], epochs)
    return logger.trace, oracle.follow(twin, loss, optimizer(), models.batches(x, y, epochs)), twin


def assert_recorded(trace, steps, twin, names, tolerance=1e-5):
    variables = models.layer_variables(twin, names)
    assert trace.layers == names
    oracle.assert_same(trace.norms, oracle.norms([step[0] for step in steps], variables), tolerance)


SEQUENTIAL = models.MODELS["sequential"][1]
OPTIMIZERS = {
    "SGD": lambda: keras.optimizers.SGD(0.05),
    "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "Adam": lambda: keras.optimizers.Adam(0.01),
    "AdamW": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
    "Lion": lambda: keras.optimizers.Lion(0.001),
    "Muon": lambda: keras.optimizers.Muon(0.01),
    "average": lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=3),
    "decay": lambda: keras.optimizers.SGD(0.05, weight_decay=0.1),
}


@cases(OPTIMIZERS)
def test_optimizers(name, mode):
    """The gradient, the weights, and the update that was really applied, whatever the optimizer made of it."""
    trace, steps, twin = recorded(models.sequential, OPTIMIZERS[name], mode=mode)
    # Optimizers that divide by the gradient's size make a large change of a small difference in rounding.
    assert_recorded(trace, steps, twin, SEQUENTIAL, 1e-5 if name in ("SGD", "momentum", "decay") else 1e-3)
    variables = models.layer_variables(twin, SEQUENTIAL)
    before = oracle.norms([step[1] for step in steps], variables)
    np.testing.assert_allclose(trace.tracked["weight"], before, rtol=1e-4)
    np.testing.assert_allclose(trace.tracked["update"], oracle.ratios(steps, variables), rtol=1e-2)
    assert (trace.outcomes == "update").all()
    assert np.ma.getmaskarray(trace.clipped).all()


@cases(["clipnorm", "clipvalue", "global_clipnorm"])
def test_clipping(name, mode):
    """The row is before it, and says whether it happened."""
    free = oracle.train(models.sequential(), models.mean_square, models.batches(*models.data(), 1), 0.05)
    bound = float(np.median([what_is_clipped(name, gradients.values()) for gradients in free]))
    trace, steps, twin = recorded(models.sequential, lambda: keras.optimizers.SGD(0.05, **{name: bound}), mode=mode)
    assert_recorded(trace, steps, twin, SEQUENTIAL)
    assert trace.clipped.tolist() == [what_is_clipped(name, step[0].values()) > bound for step in steps]
    assert 0.0 < trace.clipped_share < 1.0


def what_is_clipped(argument, gradients):
    if argument == "clipvalue":
        return max(np.abs(gradient).max() for gradient in gradients)
    norms = [np.linalg.norm(gradient) for gradient in gradients]
    return max(norms) if argument == "clipnorm" else np.linalg.norm(norms)


CLIPS = {"free": {}, "global_clipnorm": {"global_clipnorm": 0.6}, "clipvalue": {"clipvalue": 0.2}}


@pytest.mark.thorough
@cases(CLIPS)
def test_gradient_accumulation(name, mode):
    """A row for each micro-step, the norm of the mean of four at each update, and what was clipped is that mean."""
    trace, steps, twin = recorded(
        models.sequential, lambda: keras.optimizers.SGD(0.05, gradient_accumulation_steps=4, **CLIPS[name]), mode=mode
    )
    assert_recorded(trace, steps, twin, SEQUENTIAL)
    kinds = (["accumulate"] * 3 + ["update"]) * 4
    assert trace.outcomes.tolist() == kinds[: len(steps)]
    variables = models.layer_variables(twin, SEQUENTIAL)
    for number, kind in enumerate(trace.outcomes):
        row = trace.tracked["accumulated"][number]
        if kind == "accumulate":
            assert np.ma.getmaskarray(row).all()
            assert trace.clipped[number] is np.ma.masked
            assert not trace.tracked["update"][number].any()
            continue
        group = [step[0] for step in steps[number - 3 : number + 1]]
        mean = {key: np.mean([gradients[key] for gradients in group], axis=0) for key in group[0]}
        np.testing.assert_allclose(row, oracle.norms([mean], variables)[0], rtol=1e-5)
        for argument, bound in CLIPS[name].items():
            assert trace.clipped[number] == (what_is_clipped(argument, mean.values()) > bound)


def under(policy, build):
    """Builds a model under another dtype policy."""

    def built():
        keras.config.set_dtype_policy(policy)
        try:
            return build()
        finally:
            keras.config.set_dtype_policy("float32")

    return built


@pytest.mark.thorough
@modes
def test_mixed_float16_with_steps_that_overflow(mode):
    """The gradient without its loss scale; a step that is skipped is there, and names the layers that overflowed."""
    x, y = models.data()
    model, twin = under("mixed_float16", models.sequential)(), models.sequential()
    twin.set_weights(model.get_weights())
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.05), initial_scale=2.0**19)
    logger = GradientNormLogger(track="update")
    models.fit(models.compiled(model, scaled, **MODES[mode]), x, y, [logger], 1)
    trace = logger.trace
    skipped = np.flatnonzero(trace.outcomes == "skip")
    assert 0 < len(skipped) < len(trace) == 7
    assert not np.isfinite(trace.norms[skipped]).all(axis=1).any()
    assert not trace.tracked["update"][skipped].any()
    batches = [batch for number, batch in enumerate(models.batches(x, y, 1)) if number not in skipped]
    steps = oracle.train(twin, models.mean_square, batches, 0.05)
    expected = oracle.norms(steps, models.layer_variables(twin, SEQUENTIAL))
    oracle.assert_same(trace.norms[trace.outcomes == "update"], expected, tolerance=10 * 2.0**-11)


@pytest.mark.thorough
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16", "float16"])
def test_low_precision(policy):
    """What a layer hands over in its own dtype; the tolerance is a few roundings of that."""
    trace, steps, twin = recorded(
        under(policy, models.sequential), lambda: keras.optimizers.SGD(0.05), epochs=1, logger=GradientNormLogger()
    )
    assert_recorded(trace, steps, twin, SEQUENTIAL, 10 * (2.0**-11 if policy == "float16" else 2.0**-8))


@pytest.mark.parametrize("second", ["float64", "float32"])
def test_float64_in_all_layers_or_in_one(second):
    """Beside layers of float32; on JAX in a mode in which it has float64."""
    x = np.random.default_rng(0).standard_normal((1, 5))
    with all_dtypes():
        parts = [layers.Dense(4, dtype="float64", use_bias=False), layers.Dense(3, dtype=second, use_bias=False)]
        model = keras.Sequential([keras.Input((5,), dtype="float64"), *parts])
        first, last = (keras.ops.convert_to_numpy(kernel).astype("float64") for kernel in model.trainable_variables)
        logger = GradientNormLogger(track=("weight", "largest", "zeros", "nonfinite"))
        models.compiled(model, keras.optimizers.SGD(0.0), loss=lambda y, predicted: ops.sum(predicted))
        model.fit(x, np.zeros((1, 1)), verbose=0, callbacks=[logger])
    gradients = np.outer(x[0], last.sum(axis=1)), np.outer(x[0] @ first, np.ones(3))
    np.testing.assert_allclose(logger.trace.norms, [[np.linalg.norm(one) for one in gradients]], rtol=1e-5)
    np.testing.assert_allclose(logger.trace.tracked["largest"], [[np.abs(one).max() for one in gradients]], rtol=1e-5)
    np.testing.assert_allclose(
        logger.trace.tracked["weight"], [[np.linalg.norm(first), np.linalg.norm(last)]], rtol=1e-5
    )
    assert not logger.trace.tracked["nonfinite"].any()


class Given(layers.Layer):
    """A weight whose gradient is the input, to the bit."""

    def build(self, shape):
        self.weight = self.add_weight(shape=shape[1:], name="weight", initializer="zeros")

    def call(self, x):
        return ops.sum(x * self.weight, axis=-1, keepdims=True)


def test_float16_beyond_256():
    """Whose squares are beyond float16."""
    model = under("float16", lambda: keras.Sequential([keras.Input((3,)), Given()]))()
    logger = GradientNormLogger(track="largest")
    models.compiled(model, keras.optimizers.SGD(0.0), loss=lambda y, predicted: ops.sum(predicted))
    model.fit(np.array([[3000.0, -4000.0, 0.0]], "float16"), np.zeros((1, 1)), verbose=0, callbacks=[logger])
    np.testing.assert_allclose(logger.trace.norms, [[5000.0]], rtol=1e-5)
    np.testing.assert_allclose(logger.trace.tracked["largest"], [[4000.0]], rtol=1e-5)


@modes
def test_an_embedding_whose_batch_repeats_indices(mode):
    trace, steps, twin = recorded(
        models.embedding,
        OPTIMIZERS["SGD"],
        models.data("embedding"),
        mode,
        logger=GradientNormLogger(track=("zeros", "largest")),
    )
    names = models.MODELS["embedding"][1]
    assert_recorded(trace, steps, twin, names)
    words = twin.layers[0].trainable_variables[0]
    zeros = [np.mean(step[0][id(words)] == 0.0) for step in steps]
    np.testing.assert_allclose(trace.tracked["zeros"][:, 0], zeros, atol=1e-6)
    largest = [np.abs(step[0][id(words)]).max() for step in steps]
    np.testing.assert_allclose(trace.tracked["largest"][:, 0], largest, rtol=1e-5)


def recurrent():
    inputs = keras.Input((5, 3))
    x = layers.LSTM(4, return_sequences=True, name="lstm", kernel_initializer=seeded(1))(inputs)
    x = layers.Bidirectional(layers.GRU(3, name="gru", kernel_initializer=seeded(2)), name="both")(x)
    return keras.Model(inputs, models.dense(1)(x))


def attention():
    inputs = keras.Input((5, 4))
    x = layers.MultiHeadAttention(2, 3, name="attention")(inputs, inputs)
    x = layers.BatchNormalization(name="norm")(x)
    return keras.Model(inputs, models.dense(1)(layers.GlobalAveragePooling1D()(x)))


def convolution():
    inputs = keras.Input((6, 6, 2))
    x = layers.Conv2D(3, 3, name="convolution")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.DepthwiseConv2D(2, name="depthwise")(x)
    return keras.Model(inputs, models.dense(1)(layers.Flatten()(x)))


def seeded(seed):
    return keras.initializers.GlorotUniform(seed=seed)


STRUCTURES = {
    "recurrent": (recurrent, (5, 3)),
    "attention": (attention, (5, 4)),
    "convolution": (convolution, (6, 6, 2)),
}


@pytest.mark.thorough
@cases(STRUCTURES)
def test_structures(name, mode):
    """Of each variable, for layers of which some hold others."""
    build, shape = STRUCTURES[name]
    random = np.random.default_rng(0)
    data = random.standard_normal((models.SAMPLES, *shape), dtype=np.float32), models.data()[1]
    logger = GradientNormLogger(per="variable")
    trace, steps, twin = recorded(build, OPTIMIZERS["SGD"], data, mode, 1, logger=logger)
    assert len(trace.layers) == len(twin.trainable_variables)
    expected = oracle.norms([step[0] for step in steps], [[v] for v in twin.trainable_variables])
    # Before a normalisation a gradient is a small difference of sums around 1, each with the rounding of float32; and a
    # key's bias has no influence on attention, so that its gradient is nothing but rounding.
    np.testing.assert_allclose(trace.norms, expected, rtol=1e-5, atol=10 * 2.0**-24)


def two_outputs():
    left, right = keras.Input((6,), name="left"), keras.Input((6,), name="right")
    shared = models.dense(6, name="shared")
    x = layers.add([shared(left), shared(right)])
    return keras.Model([left, right], [models.dense(1, name="first")(x), models.dense(2, name="second")(x)])


def sum_of_mean_squares(y, predicted):
    return sum(models.mean_square(*pair) for pair in zip(y, predicted, strict=True))


@pytest.mark.thorough
@modes
def test_several_inputs_and_outputs(mode):
    x, y = models.data()
    names = ("shared", "first", "second")
    model, twin, logger = two_outputs(), two_outputs(), GradientNormLogger()
    models.compiled(model, loss=[models.mean_square] * 2, **MODES[mode])
    targets = [y, np.repeat(y, 2, axis=1)]
    model.fit([x, x[::-1]], targets, batch_size=8, verbose=0, shuffle=False, callbacks=[logger])
    batches = [
        ([x[i : i + 8], x[::-1][i : i + 8]], [target[i : i + 8] for target in targets]) for i in range(0, len(x), 8)
    ]
    steps = oracle.train(twin, sum_of_mean_squares, batches, models.RATE)
    oracle.assert_same(logger.trace.norms, oracle.norms(steps, models.layer_variables(twin, names)))


def test_a_layer_that_is_unfrozen_between_two_fits():
    trace_layers = SEQUENTIAL
    x, y = models.data()
    model, twin, logger = models.frozen(), models.frozen(), GradientNormLogger()
    models.fit(models.compiled(model), x, y, [logger], 1)
    gradients = oracle.train(twin, models.mean_square, models.batches(x, y, 1), models.RATE)
    for one in (model, twin):
        one.get_layer("second").trainable = True
    models.fit(models.compiled(model), x, y, [logger], 1)
    gradients += oracle.train(twin, models.mean_square, models.batches(x, y, 1), models.RATE)
    assert logger.trace.layers == trace_layers
    oracle.assert_same(logger.trace.norms, oracle.norms(gradients, models.layer_variables(twin, trace_layers)))


def test_lora():
    """The adapter's gradient counts for its layer; the kernel under it has none."""
    x, y = models.data()

    def build():
        keras.utils.set_random_seed(3)
        model = models.sequential()
        model.get_layer("first").enable_lora(2)
        model.get_layer("first").lora_kernel_b.assign(np.full((2, 5), 0.1))
        return model

    model, twin, logger = build(), build(), GradientNormLogger()
    twin.set_weights(model.get_weights())
    models.fit(models.compiled(model), x, y, [logger], 1)
    gradients = oracle.train(twin, models.mean_square, models.batches(x, y, 1), models.RATE)
    variables = [layer.trainable_variables for layer in twin.layers]
    oracle.assert_same(logger.trace.norms, oracle.norms(gradients, variables))


@pytest.mark.filterwarnings("ignore:Gradients do not exist", "ignore:.*does not exist for variables")
def test_a_layer_that_is_no_part_of_the_loss():
    class Unused(models.Subclassed):
        def call(self, x):
            self.blocks[1](x[:, :5])
            return self.last(self.blocks[0](x))

    logger, model = GradientNormLogger(), Unused()
    x, y = models.data()
    models.compiled(model)
    models.fit(model, x, y, [logger], 1)
    column = logger.trace.norms[:, logger.trace.layers.index("two")]
    if BACKEND == "jax":  # whose gradient of it is zeros
        assert not column.any()
        assert not np.ma.getmaskarray(column).any()
    else:
        assert np.ma.getmaskarray(column).all()


def two_gans():
    built = [gan.GAN(keras.optimizers.SGD(0.05), keras.optimizers.SGD(0.05)) for _ in range(2)]
    built[1].set_weights(built[0].get_weights())
    return built


GAN_LAYERS = ("generator/hidden", "discriminator/judge")


@modes
@pytest.mark.parametrize("optimizer", [None, "generator_optimizer"])
def test_a_gan_with_two_optimizers(optimizer, mode):
    """Both are found, and a row has the gradients of both; or the one that is named is recorded alone."""
    model, twin = two_gans()
    x, _ = models.data()
    logger = GradientNormLogger(optimizer=optimizer)
    model.compile(loss=None, **MODES[mode])
    model.fit(x, batch_size=8, epochs=2, verbose=0, shuffle=False, callbacks=[logger])
    batches = [x[i : i + 8] for _ in range(2) for i in range(0, len(x), 8)]
    gradients = [gan.oracle_step(twin, batch, 0.05) for batch in batches]
    expected = oracle.norms(gradients, [twin.generator.trainable_variables, twin.discriminator.trainable_variables])
    if optimizer is not None:
        expected[:, 1] = np.ma.masked
    assert logger.trace.layers == GAN_LAYERS
    np.testing.assert_array_equal(logger.trace.steps, np.arange(14))
    oracle.assert_same(logger.trace.norms, expected)
    assert {"apply", "stateless_apply"}.isdisjoint(vars(model.generator_optimizer))


def test_an_optimizer_that_the_model_does_not_have_is_named_before_training():
    model, _ = two_gans()
    model.compile(loss=None)
    with pytest.raises(ValueError, match=r"received optimizer='judge', and the model .* has no such attribute. It exp"):
        model.fit(models.data()[0], verbose=0, callbacks=[GradientNormLogger(optimizer="judge")])


class Batches(keras.utils.PyDataset):
    def __init__(self):
        super().__init__()
        self.batches = models.batches(*models.data(), 1)

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


def generator():
    yield from models.batches(*models.data(), 1)


def tensorflow_data():
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(models.data()).batch(models.BATCH)


def unknown_length():
    return tensorflow_data().filter(lambda x, y: True)


def loader():
    import torch

    x, y = (torch.from_numpy(part) for part in models.data())
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=models.BATCH)


DATA = [Batches, generator, tensorflow_data, unknown_length, *([loader] if importlib.util.find_spec("torch") else [])]


@pytest.mark.thorough
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("mode", ["graph", "groups"] if BACKEND != "torch" else ["graph"])
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_data_of_every_kind(data, mode):
    model, twin, logger = models.sequential(), models.sequential(), GradientNormLogger()
    models.compiled(model, **MODES[mode]).fit(data(), verbose=0, shuffle=False, callbacks=[logger])
    gradients = oracle.train(twin, models.mean_square, models.batches(*models.data(), 1), models.RATE)
    oracle.assert_same(logger.trace.norms, oracle.norms(gradients, models.layer_variables(twin, SEQUENTIAL)))


def test_quantities_of_a_gradient():
    """Zeros, largest and non-finite entries, of a layer of two weights, one of which has no gradient."""
    x = np.array([[3.0, 0.0, -4.0, np.inf], [0.0, 0.0, 1.0, 2.0], [np.nan, 0.0, 0.0, 7.0]], np.float32)
    model = keras.Sequential([keras.Input((4,)), Given()])
    model.compile(keras.optimizers.SGD(0.0), lambda y, predicted: ops.sum(predicted))
    logger = GradientNormLogger(track=("largest", "zeros", "nonfinite", "weight", "update"))
    model.fit(x, x, batch_size=1, shuffle=False, verbose=0, callbacks=[logger])
    tracked = {name: table.filled(-1.0)[:, 0].tolist() for name, table in logger.trace.tracked.items()}
    assert tracked["zeros"] == [0.25, 0.5, 0.5]
    assert tracked["nonfinite"] == [1.0, 0.0, 1.0]
    np.testing.assert_equal(tracked["largest"], [np.inf, 2.0, np.nan])
    np.testing.assert_equal(tracked["weight"][0], 0.0)
