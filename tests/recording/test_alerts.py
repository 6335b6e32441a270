"""What happens when gradients vanish, explode or are no numbers."""

import pickle
import re
import time
import warnings

import keras
import numpy as np
import pytest
from helpers import models

from keras_inits import thresholds
from keras_inits.recording import Alerts, GradientError, GradientNormLogger
from keras_inits.recording.alerts import _excess, message
from keras_inits.states import State

MODES = {"graph": {}, "xla": {"jit_compile": True}} if keras.backend.backend() != "torch" else {"graph": {}}


def deep(scale, activation, depth=12):
    """A network whose weights all have one size."""
    hidden = [
        keras.layers.Dense(
            16, activation, kernel_initializer=keras.initializers.RandomNormal(stddev=scale), name=f"h{i}"
        )
        for i in range(depth)
    ]
    return keras.Sequential([keras.Input((6,)), *hidden, models.dense(1, "linear")])


def fit(model, logger, y=None, epochs=2, **arguments):
    x, own = models.data()
    models.compiled(model, **arguments)
    return models.fit(model, x, own if y is None else y, [logger], epochs)


@pytest.mark.parametrize("mode", MODES)
def test_the_first_nan_is_named_with_its_step_and_layer(mode):
    _, y = models.data()
    y[3 * models.BATCH] = np.nan
    logger = GradientNormLogger(alerts=Alerts(nonfinite="raise"))
    with pytest.raises(GradientError) as caught:
        fit(models.sequential(), logger, y, **MODES[mode])
    assert str(caught.value).startswith(
        "GradientNormLogger found a gradient that is nonfinite at step 3: the layer 'last' has the norm nan ('second' "
        "before it has nan). It expects every gradient to be finite. Lower the learning rate, clip"
    )
    assert len(logger.trace) >= 4, "what was recorded is there"
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        assert (error.kind, error.step, error.layer, error.excess) == ("nonfinite", 3, "last", 38.0)
        assert str(error) == str(caught.value)


@pytest.mark.any_backend
@pytest.mark.parametrize(
    ("kind", "norms", "powers"),
    [
        ("vanishing", [thresholds.VANISHING_RATIO * 1e-5, thresholds.VANISHING_RATIO * 0.1, 1.0], 5.0),
        ("vanishing", [0.0, thresholds.VANISHING_RATIO * 0.1, 1.0], 38.0),
        ("exploding", [thresholds.EXPLODING_RATIO * 100.0, 1.0], 2.0),
        ("exploding", [thresholds.EXPLODING_NORM * 1e3] * 2, 3.0),
        ("nonfinite", [np.inf, 1.0], 38.0),
    ],
)
def test_how_bad_a_step_is_counts_the_powers_of_ten_beyond_the_bound(kind, norms, powers):
    assert _excess(State(kind), np.array(norms)) == pytest.approx(powers)


def test_training_goes_on_after_an_alert_that_raised():
    x, y = models.data()
    bad = y.copy()
    bad[0] = np.nan
    model, logger = models.sequential(), GradientNormLogger(alerts=Alerts(nonfinite="raise"))
    weights = model.get_weights()
    with pytest.raises(GradientError):
        fit(model, logger, bad)
    model.set_weights(weights)
    models.fit(model, x, y, [logger])
    assert np.isfinite(logger.trace.global_norm[-14:]).all()


@pytest.mark.parametrize("mode", MODES)
def test_vanishing_gradients_warn_once_in_a_fit(mode):
    logger = GradientNormLogger(alerts=Alerts())
    with pytest.warns(UserWarning, match=r"that is vanishing at step 0: the layer 'h\d+' has the norm") as caught:
        fit(deep(0.01, "tanh"), logger, **MODES[mode])
    (alert,) = [str(one.message) for one in caught if "vanishing" in str(one.message)]
    assert "keras_inits.initialize(model)" in alert


def test_an_explosion_stops_training():
    logger = GradientNormLogger(alerts=Alerts(exploding="stop", nonfinite="ignore"))
    with pytest.warns(UserWarning, match=r"exploding at step 0: .* Training stops here\.$"):
        history = fit(deep(3.0, "linear"), logger, epochs=5)
    assert len(history.epoch) == 1


def test_healthy_training_is_silent():
    fit(models.sequential(), GradientNormLogger(alerts=Alerts("raise", "raise", "raise")))


def test_steps_that_a_loss_scale_skips_are_no_alert():
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(models.RATE), initial_scale=3e38)
    logger = GradientNormLogger(alerts=Alerts("raise", "raise", "raise"))
    model = models.compiled(models.sequential(), scaled)
    models.fit(model, *models.data(), [logger], 1)
    assert (logger.trace.outcomes == "skip").any()


@pytest.mark.parametrize(
    ("kind", "norms", "layer", "beside"),
    [
        ("vanishing", [1e-9, 1e-7, 1e-5, 1e-2, 1.0], "c", "('d' after it has 0.01, 'b' before it has 1e-07)"),
        ("vanishing", [0.0, 0.0, 1.0, 1.0, 1.0], "b", "('c' after it has 1, 'a' before it has 0)"),
        ("exploding", [1e9, 1e5, 1e3, 1e2, 1.0], "b", "('c' after it has 1e+03, 'a' before it has 1e+09)"),
        ("nonfinite", [np.nan, np.inf, 1.0, 1.0, 1.0], "b", "('c' after it has 1, 'a' before it has nan)"),
    ],
)
def test_the_first_layer_in_the_backward_pass_is_named(kind, norms, layer, beside):
    text = message(State(kind), 7, tuple("abcde"), np.ma.array(norms))
    assert f"{kind} at step 7: the layer {layer!r} has the norm" in text
    assert beside in text


def network(relu_bias=0.0):
    constant = keras.initializers.Constant
    hidden = keras.layers.Dense(4, "relu", kernel_initializer=constant(0.3), bias_initializer=constant(relu_bias))
    return keras.Sequential([keras.Input((3,)), hidden, keras.layers.Dense(1, kernel_initializer=constant(0.5))])


def said_in_fit(model, rate, x, y, batch_size):
    model.compile(keras.optimizers.SGD(rate), "mse")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(
            x,
            y,
            batch_size,
            8,
            verbose=0,
            shuffle=False,
            callbacks=[GradientNormLogger(alerts=Alerts(nonfinite="ignore"))],
        )
    return [str(one.message) for one in caught if "GradientNormLogger" in str(one.message)]


def test_units_that_a_step_turned_off_name_the_learning_rate():
    x = np.random.default_rng(0).standard_normal((64, 3)).astype("float32")
    (alert,) = said_in_fit(network(1.0), 0.1, x, 0 * x[:, :1] - 40, 16)
    assert "vanishing at step 1:" in alert
    assert "Lower the learning rate (model.optimizer.learning_rate /= 10)" in alert
    assert "initialize" not in alert


def test_no_gradient_from_the_first_step_on_names_the_loss():
    x = np.ones((64, 3), "float32")
    (alert,) = said_in_fit(network(-100.0), 0.001, x, 0 * x[:, :1], 16)
    assert "keras_inits.diagnose(model, x, y) names the cause" in alert


def test_a_layer_that_is_off_for_one_batch_is_no_alert():
    """Of four units all are off for one batch of five, and on for the others."""
    x = np.abs(np.random.default_rng(0).standard_normal((60, 3))).astype("float32")
    x[25:30] *= -1
    assert said_in_fit(network(), 0.001, x, x[:, :1], 5) == []


def test_layers_without_a_gradient_are_passed_over():
    norms = np.ma.array([1e-9, 5.0, 1.0], mask=[False, True, False])
    assert "('c' after it has 1)" in message(State("vanishing"), 0, ("a", "b", "c"), norms)


def test_thresholds_are_those_of_the_verdicts():
    assert f"{thresholds.VANISHING_RATIO:.0e}" in message(State("vanishing"), 0, ("a", "b"), np.ma.array([0.0, 1.0]))


def test_bad_arguments():
    with pytest.raises(ValueError, match=re.escape("Received: vanishing='shout'. Pass vanishing='warn'")):
        Alerts(vanishing="shout")
    with pytest.raises(TypeError, match=r"received alerts='warn', of type str. It expects an Alerts. Pass"):
        GradientNormLogger(alerts="warn")


class Slow(keras.callbacks.Callback):
    """Has a step take what it takes on a larger model."""

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(0.006)


@pytest.mark.parametrize("action", ["raise", "stop"])
def test_a_gradient_that_is_not_finite_is_acted_on_within_three_steps(action):
    x = np.tile(models.data()[0], (5, 1))
    y = np.tile(models.data()[1], (5, 1))
    y[20 * models.BATCH] = np.nan
    logger = GradientNormLogger(alerts=Alerts(nonfinite=action))
    model = models.compiled(models.sequential())
    if action == "raise":
        with pytest.raises(GradientError, match=r"at step 20: .* [0-2] steps were trained after it before this was s"):
            models.fit(model, x, y, [logger, Slow()], 1)
    else:
        with pytest.warns(UserWarning, match=r"at step 20: .* [0-2] steps were trained .* Training stops"):
            models.fit(model, x, y, [logger, Slow()], 1)
    assert 21 <= len(logger.trace) <= 24


def convolution():
    parts = [keras.layers.Conv1D(8, 3), keras.layers.BatchNormalization(), keras.layers.ReLU()]
    return keras.Sequential([keras.Input((7, 8)), *parts, keras.layers.GlobalAveragePooling1D(), models.dense(1)])


def attention():
    inputs = keras.Input((7, 8))
    outputs = keras.layers.LayerNormalization()(inputs + keras.layers.MultiHeadAttention(2, 4)(inputs, inputs))
    return keras.Model(inputs, models.dense(1)(keras.layers.GlobalAveragePooling1D()(outputs)))


def head_of_zeros():
    parts = [keras.layers.Flatten(), models.dense(8), keras.layers.Dense(1, kernel_initializer="zeros")]
    return keras.Sequential([keras.Input((7, 8)), *parts])


def unused_words():
    parts = [keras.layers.Embedding(500, 8), keras.layers.Flatten(), models.dense(1)]
    return keras.Sequential([keras.Input((7,), dtype="int32"), *parts])


@pytest.mark.parametrize("per", ["layer", "variable"])
@pytest.mark.parametrize("build", [convolution, attention, head_of_zeros, unused_words])
def test_healthy_models_with_gradients_of_zero_are_not_alarmed(build, per):
    """A bias before a normalisation, a key's bias, what lies before a head of zeros, rows that no word uses."""
    random = np.random.default_rng(0)
    x = random.standard_normal((64, 7, 8), dtype="float32")
    if build is unused_words:
        x = random.integers(0, 20, (64, 7))
    model = build()
    models.compiled(model, "adam", loss="mse")
    logger = GradientNormLogger(per=per, alerts=Alerts("raise", "raise", "raise"))
    model.fit(x, random.standard_normal((64, 1)), batch_size=8, epochs=3, verbose=0, callbacks=[logger])
    assert len(logger.trace) == 24
