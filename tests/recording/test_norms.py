"""Each recorded norm is that of a training loop by hand."""

import keras
import numpy as np
import pytest
from helpers import models, oracle

from keras_inits.recording import Alerts, GradientError, GradientNormLogger, pace

BACKEND = keras.backend.backend()
MODES = {
    "graph": {},
    "eager": {"run_eagerly": True},
    "xla": {"jit_compile": True},
    "groups of four": {"steps_per_execution": 4},
}
CASES = [(name, mode) for name in models.MODELS for mode in MODES]
if BACKEND == "torch":  # where Keras refuses groups of steps, and torch.compile takes a minute for each model
    compiled = ("sequential", "embedding")
    CASES = [(n, m) for n, m in CASES if m != "groups of four" and (m != "xla" or n in compiled)]
# Quick are each model in a graph, and one model in each mode.
QUICK = [(name, mode) for name, mode in CASES if mode == "graph" or name == "sequential"]
THOROUGH = [pytest.param(*case, marks=pytest.mark.thorough) for case in CASES if case not in QUICK]


def twins(name):
    """Two equal models and their data; one of them still unbuilt if it is built by its first batch."""
    build, names = models.MODELS[name]
    x, y = models.data(name)
    model, twin = build(), build()
    twin(x[: models.BATCH])
    return model, twin, names, x, y


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch.compile's own
@pytest.mark.parametrize(("name", "mode"), [*QUICK, *THOROUGH])
def test_every_step_of_two_epochs_is_that_of_a_loop_by_hand(name, mode):
    model, twin, names, x, y = twins(name)
    logger = GradientNormLogger()
    models.fit(models.compiled(model, **MODES[mode]), x, y, [logger])
    gradients = oracle.train(twin, models.mean_square, models.batches(x, y), models.RATE)
    trace = logger.trace
    np.testing.assert_array_equal(trace.steps, np.arange(14))
    assert trace.layers == names
    oracle.assert_same(trace.norms, oracle.norms(gradients, models.layer_variables(twin, names)))


@pytest.mark.parametrize("mode", ["graph", "eager", "xla"] if BACKEND != "torch" else ["graph"])
@pytest.mark.parametrize("size", [1e-30, pytest.param(1e30, marks=pytest.mark.thorough)])
def test_the_range_of_float32_is_used_in_full(size, mode):
    def loss(y, predicted):
        return models.mean_square(y, predicted) * size

    model, twin, names, x, y = twins("sequential")
    logger = GradientNormLogger()
    models.fit(models.compiled(model, keras.optimizers.SGD(1e-3 / size), loss=loss, **MODES[mode]), x, y, [logger])
    gradients = oracle.train(twin, loss, models.batches(x, y), 1e-3 / size)
    oracle.assert_same(logger.trace.norms, oracle.norms(gradients, models.layer_variables(twin, names)))


class Given(keras.layers.Layer):
    """A weight whose gradient is the input, to the bit."""

    def build(self, shape):
        self.weight = self.add_weight(shape=shape[1:], name="weight", initializer="zeros")

    def call(self, x):
        return keras.ops.sum(x * self.weight, axis=-1, keepdims=True)


def sum_of(y, predicted):
    return keras.ops.sum(predicted)


@pytest.mark.parametrize("copies", [1, 1_000, 2_000])  # a weight that is summed with others, alone, or in float32
@pytest.mark.parametrize(
    "entries",
    [
        [1.2e-38, 0.0, 0.0],
        [3e38, 3e38, 3e38],  # a norm beyond float32
        [1e-38, 1e38, 1.0],
        [2e-19, 1e-25, 0.0],  # around where squares begin to be lost
        [2e-16, 1e-19, 1e-19],  # around where so many as are lost begin to count
        [1e-16, 1e-19, 1e-19],
        [0.0, 0.0, 0.0],
        [np.inf, 1.0, 0.0],
        [np.nan, 1.0, 0.0],
        [np.nan, np.inf, 3e38],
    ],
)
def test_zero_nan_and_infinity_stay_apart(entries, copies):
    model = keras.Sequential([keras.Input((3 * copies,)), Given()])
    model.compile(keras.optimizers.SGD(0.0), sum_of)
    logger = GradientNormLogger()
    x = np.array([entries * copies], np.float32)
    model.fit(x, np.zeros((1, 1)), verbose=0, callbacks=[logger])
    with np.errstate(invalid="ignore"):
        expected = np.linalg.norm(x.astype(np.float64).ravel())
    np.testing.assert_allclose(logger.trace.norms[0, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(logger.trace.global_norm[0], expected, rtol=1e-5)


@pytest.mark.thorough
@pytest.mark.parametrize("mode", ["graph", "xla"] if BACKEND != "torch" else ["graph"])
@pytest.mark.parametrize("entries", ["equal", "random"])  # equal ones are rounded in the same direction for long
@pytest.mark.parametrize("shape", [(2**15,), (2**16 + 1,), (10_000_000,), (256, 256), (3, 3, 512, 512)])
def test_long_sums_are_right(shape, entries, mode):
    x = np.random.default_rng(0).standard_normal((1, *shape), dtype=np.float32) ** 3
    if entries == "equal":
        x = np.full_like(x, 0.3)
    model = keras.Sequential([keras.Input(shape), Given()])
    model.compile(keras.optimizers.SGD(0.0), sum_of, **MODES[mode])
    logger = GradientNormLogger()
    model.fit(x, np.zeros((1, 1)), verbose=0, callbacks=[logger])
    np.testing.assert_allclose(logger.trace.global_norm[0], np.linalg.norm(x.astype(np.float64).ravel()), rtol=1e-5)


@pytest.mark.parametrize("optimizer", ["loss scale factor", "dynamic loss scale"])
def test_a_loss_scale_is_taken_out(optimizer):
    sgd = keras.optimizers.SGD(models.RATE, loss_scale_factor=1024.0 if optimizer == "loss scale factor" else None)
    if optimizer == "dynamic loss scale":
        sgd = keras.optimizers.LossScaleOptimizer(sgd, initial_scale=512.0, dynamic_growth_steps=3)
    model, twin, names, x, y = twins("sequential")
    logger = GradientNormLogger()
    models.fit(models.compiled(model, sgd), x, y, [logger])
    gradients = oracle.train(twin, models.mean_square, models.batches(x, y), models.RATE)
    oracle.assert_same(logger.trace.norms, oracle.norms(gradients, models.layer_variables(twin, names)))


def test_mixed_float16_is_recorded_without_its_loss_scale():
    keras.config.set_dtype_policy("mixed_float16")
    model, x, y = models.sequential(), *models.data()
    keras.config.set_dtype_policy("float32")
    twin = models.sequential()
    twin.set_weights(model.get_weights())
    logger = GradientNormLogger()
    models.fit(models.compiled(model), x, y, [logger], epochs=1)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    gradients = oracle.train(twin, models.mean_square, models.batches(x, y, 1), models.RATE)
    expected = oracle.norms(gradients, models.layer_variables(twin, models.MODELS["sequential"][1]))
    oracle.assert_same(logger.trace.norms, expected, tolerance=0.02)  # ten times the rounding of float16


def test_clipping_and_weight_decay_come_after_the_record():
    model, twin, names, x, y = twins("sequential")
    adam = keras.optimizers.AdamW(1e-2, weight_decay=0.1, global_clipnorm=1e-3)
    logger = GradientNormLogger()
    models.fit(models.compiled(model, adam), x[:8], y[:8], [logger], epochs=1)
    gradients = oracle.train(twin, models.mean_square, models.batches(x[:8], y[:8], 1), models.RATE)
    oracle.assert_same(logger.trace.norms, oracle.norms(gradients, models.layer_variables(twin, names)))


def test_variables_are_recorded_one_by_one():
    model, twin, _, x, y = twins("nested")
    logger = GradientNormLogger(per="variable")
    models.fit(models.compiled(model), x, y, [logger])
    gradients = oracle.train(twin, models.mean_square, models.batches(x, y), models.RATE)
    oracle.assert_same(logger.trace.norms, oracle.norms(gradients, [[v] for v in twin.trainable_variables]))
    assert logger.trace.layers == tuple(variable.path for variable in model.trainable_variables)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("mode", [mode for name, mode in CASES if name == "sequential"])
# An epoch has 7 steps, and its last group is short.
@pytest.mark.parametrize("every", [3, pytest.param(7, marks=pytest.mark.thorough)])
def test_every_third_or_seventh_step(mode, every):
    model, twin, names, x, y = twins("sequential")
    logger = GradientNormLogger(every=every)
    models.fit(models.compiled(model, **MODES[mode]), x, y, [logger])
    gradients = oracle.train(twin, models.mean_square, models.batches(x, y), models.RATE)
    np.testing.assert_array_equal(logger.trace.steps, np.arange(0, 14, every))
    oracle.assert_same(logger.trace.norms, oracle.norms(gradients, models.layer_variables(twin, names))[::every])


class Inner(keras.Sequential):
    """A model whose step is a TensorFlow function of its own, which keeps what it was traced with."""

    def train_step(self, data):
        import tensorflow as tf

        if not hasattr(self, "inner"):
            self.inner = tf.function(super().train_step)
        return self.inner(data)


class TwoACall(keras.Sequential):
    """A model with a training function of its own, each call of which makes two steps."""

    def make_train_function(self, force=False):
        import tensorflow as tf

        if self.train_function is None or force:
            step = self.train_step

            def two(iterator):
                data = next(iterator)
                step(data)
                return step(data)

            self.train_function = tf.function(two)
        return self.train_function


@pytest.mark.backend("tensorflow")
@pytest.mark.parametrize(("cls", "factor"), [(Inner, 1), (TwoACall, 2)])
def test_every_third_step_of_a_function_that_is_not_keras_s(cls, factor):
    x = np.ones((7, 6), np.float32)
    logger = GradientNormLogger(every=3)
    for _ in range(2):  # the second begins at a step that is not due
        models.fit(models.compiled(cls([keras.Input((6,)), models.dense(1)])), x, x[:, :1], [logger])
    steps = 4 * factor * -(-len(x) // models.BATCH)
    np.testing.assert_array_equal(logger.trace.steps, np.arange(0, steps, 3))


def fit_one_by_one(x, logger, group=1):
    model = keras.Sequential([keras.Input((1,)), Given()])
    model.compile(keras.optimizers.SGD(0.0), sum_of, steps_per_execution=group)
    model.fit(x, x, batch_size=1, shuffle=False, verbose=0, callbacks=[logger])


@pytest.mark.parametrize("group", [1, 200] if BACKEND != "torch" else [1])
def test_more_steps_than_wait_on_the_device(group):
    x = np.arange(1300, dtype=np.float32)[:, None] + 1.0
    logger = GradientNormLogger()
    fit_one_by_one(x, logger, group)
    np.testing.assert_array_equal(logger.trace.steps, np.arange(1300))
    np.testing.assert_allclose(logger.trace.global_norm, x[:, 0], rtol=1e-6)


def test_rows_that_were_left_on_the_device_join_after_an_error():
    x = np.ones((1300, 1), np.float32)
    x[100] = np.nan
    logger = GradientNormLogger(alerts=Alerts(nonfinite="raise"))
    with pytest.raises(GradientError, match="at step 100"):
        fit_one_by_one(x, logger)
    steps = len(logger.trace)
    assert 100 < steps < 1300
    np.testing.assert_array_equal(logger.trace.steps, np.arange(steps))


def test_rows_come_to_the_alerts_while_they_are_few(monkeypatch):
    monkeypatch.setattr(pace, "SECONDS_WAITING", 0.0)
    x = np.ones((300, 1), np.float32)
    x[3] = np.nan
    logger = GradientNormLogger(alerts=Alerts(nonfinite="raise"))
    with pytest.raises(GradientError):
        fit_one_by_one(x, logger)
    assert len(logger.trace) < 30
