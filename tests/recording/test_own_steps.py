"""Rows and weights where the training step, the optimizer or the logs are the user's own."""

import keras
import numpy as np
import pytest
from helpers import models, oracle
from helpers import steps_of_ones_own as own

from keras_inits.recording import GradientNormLogger

BACKEND = keras.backend.backend()
GRAPHS = pytest.mark.backend("tensorflow", "jax")


def expected(model, epochs=1):
    """The norms of a loop by hand, from the weights that the model has now."""
    twin = own.built(keras.Sequential)
    twin.set_weights(model.get_weights()[: len(twin.weights)])
    steps = oracle.train(twin, models.mean_square, models.batches(*models.data(), epochs), models.RATE)
    return oracle.norms(steps, [layer.variables for layer in twin.layers])


def fit(model, *callbacks, epochs=1):
    return models.fit(model, *models.data(), list(callbacks), epochs)


@GRAPHS
@pytest.mark.parametrize("mode", [{}, {"jit_compile": True}])
def test_a_train_step_that_the_user_compiled(mode):
    """Whichever fit traced it first, each logger has its own steps."""
    model, first, other = own.built(own.compiled_by_the_user(), **mode), GradientNormLogger(), GradientNormLogger()
    for logger, before in ((None, 0), (first, 0), (None, 0), (other, 0), (first, 7)):
        norms = expected(model)
        fit(model, *([] if logger is None else [logger]))
        if logger is not None:
            oracle.assert_same(logger.trace.norms[before:], norms)
    assert first.trace.steps.tolist() == list(range(14))
    assert other.trace.steps.tolist() == list(range(7))


@pytest.mark.parametrize("cls", [own.HandsOverLoss, own.HandsOverPairs])
def test_an_optimizer_that_takes_more(cls):
    model, logger = own.built(cls, own.Polyak(models.RATE)), GradientNormLogger(track="update")
    norms = expected(model)
    fit(model, logger)
    oracle.assert_same(logger.trace.norms, norms)


@pytest.mark.parametrize("at", [2, 0])
@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.backend("tensorflow", "torch")  # on JAX an optimizer in a branch is refused
def test_rows_have_the_step_at_which_the_optimizer_was_called(at, every):
    model = own.built(own.EachThird if BACKEND == "torch" else own.EachThirdInAGraph)
    model.at = at
    logger = GradientNormLogger(every=every)
    fit(model, logger, epochs=2)
    called = np.arange(at, 14, 3)
    assert logger.trace.steps.tolist() == called[called % every == 0].tolist()


@pytest.mark.backend("tensorflow", "torch")
def test_a_weight_that_belongs_to_no_layer_has_a_column():
    model, logger = own.built(own.LearnsItsVariance), GradientNormLogger()
    model.optimizer.build([*model.trainable_variables, *model.others()])
    fit(model, logger)
    assert logger.trace.layers == ("first", "last", "log_variance")
    assert len(logger.trace) == 7
    assert not np.ma.getmaskarray(logger.trace.norms).any()


@pytest.mark.parametrize("every", [1, 3])
def test_a_python_attribute_that_a_callback_changes(every):
    """The recording function has seen what Keras's own would have."""
    weights = []
    for loggers in ([], [GradientNormLogger(every=every)]):
        model = own.built(own.Anneals, loss=None)
        change = keras.callbacks.LambdaCallback(on_train_batch_end=lambda b, logs, one=model: setattr(one, "beta", 5.0))
        fit(model, *loggers, change, epochs=2)
        weights.append(np.concatenate([one.ravel() for one in model.get_weights()]))
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-5, atol=1e-7)


def test_skipped_steps_are_counted_beside_the_mean():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = own.built(keras.Sequential)
    finally:
        keras.config.set_dtype_policy("float32")
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.05), initial_scale=2.0**19)
    logger = GradientNormLogger(log="layers")
    models.compiled(model, scaled)
    history = fit(model, logger).history
    updated = logger.trace.outcomes == "update"
    assert 0 < updated.sum() < 7
    np.testing.assert_allclose(history["grad_norm"], [logger.trace.global_norm[updated].mean()])
    np.testing.assert_allclose(history["grad_norms/last"], [logger.trace.norms[updated, 1].mean()])
    assert history["grad_norm_skipped"] == [7 - updated.sum()]
    assert "grad_norm_skipped" not in fit(own.built(keras.Sequential), GradientNormLogger()).history


def test_a_metric_of_the_name_keeps_it():
    def trained(*loggers):
        metric = keras.metrics.MeanAbsoluteError(name="grad_norm")
        return fit(own.built(keras.Sequential, metrics=[metric]), *loggers, epochs=2).history

    logger = GradientNormLogger()
    with pytest.warns(UserWarning, match="found the key 'grad_norm' in the logs already") as caught:
        history = trained(logger)
    assert len([one for one in caught if "the key" in str(one.message)]) == 1
    np.testing.assert_allclose(history["grad_norm"], trained()["grad_norm"], rtol=1e-5)
    np.testing.assert_allclose(history["keras_inits/grad_norm"], logger.trace.global_norm.reshape(2, 7).mean(1))


@pytest.mark.thorough
@pytest.mark.backend("tensorflow")
def test_check_numerics_is_silent_on_a_healthy_training():
    from helpers.processes import run_python

    code = """
import keras, numpy as np, tensorflow as tf
from keras_inits import GradientNormLogger
tf.debugging.enable_check_numerics()
x = np.random.default_rng(0).standard_normal((32, 6), dtype="float32")
for clip in ({}, {"clipvalue": 0.5}, {"gradient_accumulation_steps": 2}):
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(80), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1, **clip), "mse")
    logger = GradientNormLogger(track=("largest", "weight", "update", "zeros", "nonfinite"))
    model.fit(x, x[:, :1], batch_size=8, verbose=0, callbacks=[logger])
    assert len(logger.trace) == 4
"""
    run_python(code, BACKEND)


@pytest.mark.backend("jax")
def test_debug_nans_is_silent_on_a_healthy_training():
    import jax

    jax.config.update("jax_debug_nans", True)
    try:
        logger = GradientNormLogger(track=("largest", "weight", "update", "zeros", "nonfinite"))
        fit(own.built(keras.Sequential, keras.optimizers.SGD(0.1, clipvalue=0.5)), logger)
    finally:
        jax.config.update("jax_debug_nans", False)
    assert len(logger.trace) == 7


class CountsTraces(keras.Sequential):
    traces = 0

    def train_step(self, *arguments):
        CountsTraces.traces += 1
        return super().train_step(*arguments)


@GRAPHS
def test_short_fits_with_new_loggers_and_models_in_turn_trace_once():
    built = [own.built(CountsTraces) for _ in range(2)]
    one = GradientNormLogger()
    for model in built:
        fit(model, one)
    CountsTraces.traces = 0
    for _ in range(3):
        for model in built:
            fit(model, one)
            fit(model, GradientNormLogger())
    assert CountsTraces.traces == 0
    assert len(one.trace) == 8 * 7


class OwnGrid:
    """What keras-tuner does with callbacks: each trial trains a model of its own with a copy."""

    def search(self, logger, trials):
        import copy

        for _ in range(trials):
            fit(own.built(keras.Sequential), *copy.deepcopy([logger]))


def test_copies_of_a_logger_do_not_mix_their_rows(tmp_path):
    from keras_inits.recording import GradientTrace

    with pytest.warns(UserWarning, match=r"does not write '.*norms.*': it holds the rows of another training"):
        OwnGrid().search(GradientNormLogger(sinks=tmp_path / "norms.csv"), 3)
    files = sorted(path.name for path in tmp_path.glob("*.csv"))
    assert files == ["norms-2.csv", "norms-3.csv", "norms.csv"]
    assert [len(GradientTrace.load(tmp_path / name)) for name in files] == [7, 7, 7]


def test_a_trial_of_optuna_sees_the_mean():
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial):
        history = fit(own.built(keras.Sequential), GradientNormLogger()).history
        return history["grad_norm"][-1]

    study = optuna.create_study()
    study.optimize(objective, n_trials=2)
    assert study.trials[0].value == pytest.approx(study.trials[1].value, rel=1e-5)
