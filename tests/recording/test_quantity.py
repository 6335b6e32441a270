"""Quantities of the user's own."""

import keras
import numpy as np
import pytest
from helpers import models, oracle, traces
from keras import ops

from keras_inits import GradientNormLogger, GradientTrace, Quantity

MODES = {"graph": {}, "xla": {"jit_compile": True}} if keras.backend.backend() != "torch" else {"graph": {}}
RATE = models.RATE


def norm_of_gradient(gradient, weight, update):
    return ops.sqrt(ops.sum(gradient * gradient))


def ratio(gradient, weight, update):
    return ops.sqrt(ops.sum(update * update) / ops.sum(weight * weight))


def descent(gradient, weight, update):
    """1 for plain gradient descent, whatever the loss scale."""
    return -ops.sum(gradient * update) / (RATE * ops.sum(gradient * gradient))


QUANTITIES = (Quantity("own norm", norm_of_gradient), Quantity("own ratio", ratio), Quantity("descent", descent))


def fit(logger, optimizer=None, build=models.sequential, **arguments):
    model = models.compiled(build(), optimizer, **arguments)
    models.fit(model, *models.data(), [logger])
    return logger.trace


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("per", ["layer", "variable"])
def test_they_see_the_gradient_the_weights_and_the_update(per, mode, tmp_path):
    logger = GradientNormLogger(per=per, track=("update", *QUANTITIES), sinks=tmp_path / "norms.csv")
    trace = fit(logger, **MODES[mode])
    oracle.assert_same(trace.tracked["own norm"], trace.norms, 1e-4)
    oracle.assert_same(trace.tracked["own ratio"], trace.tracked["update"], 1e-3)
    np.testing.assert_allclose(trace.tracked["descent"], 1.0, rtol=1e-3)
    traces.assert_equal(GradientTrace.load(tmp_path / "norms.csv"), trace)
    assert set(trace.to_dataframe("long")) >= {"own norm", "own ratio", "descent"}


def test_a_loss_scale_is_taken_out():
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(RATE), initial_scale=512.0)
    trace = fit(GradientNormLogger(track=QUANTITIES[2]), scaled)
    np.testing.assert_allclose(trace.tracked["descent"], 1.0, rtol=1e-3)


def test_a_layer_without_a_gradient_has_none():
    trace = fit(GradientNormLogger(track=QUANTITIES[0]), build=models.frozen)
    np.testing.assert_array_equal(np.ma.getmaskarray(trace.tracked["own norm"]), np.ma.getmaskarray(trace.norms))


def raises(gradient, weight, update):
    raise KeyError("no such luck")


@pytest.mark.parametrize(
    ("function", "message"),
    [(raises, "KeyError: 'no such luck'"), (lambda g, w, u: g, "it gave a tensor of the shape")],
)
def test_one_that_fails_ends_alone(function, message):
    logger = GradientNormLogger(track=(Quantity("bad", function), *QUANTITIES[:1]))
    with pytest.warns(UserWarning, match=r"stops recording the quantity 'bad': its function failed") as caught:
        trace = fit(logger)
    (told,) = [str(one.message) for one in caught if "GradientNormLogger" in str(one.message)]
    assert message in told
    assert len(trace) == 14
    assert trace.tracked.keys() == {"own norm"}
    oracle.assert_same(trace.tracked["own norm"], trace.norms, 1e-4)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3, ratio), TypeError, "Quantity received name=3, of type int. It expects a string."),
        (("a", 3), TypeError, "Quantity received function=3, of type int. It expects a function of the gradient"),
        (("weight", ratio), ValueError, "Quantity received name='weight'. It expects letters, digits"),
        (("layer", ratio), ValueError, "Quantity received name='layer'. It expects letters, digits"),
        (("a/b", ratio), ValueError, "Quantity received name='a/b'. It expects letters, digits"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    with pytest.raises(error) as caught:
        Quantity(*arguments)
    assert str(caught.value).startswith(message)


def test_two_of_one_name_are_an_error():
    with pytest.raises(ValueError, match="with two quantities of one name"):
        GradientNormLogger(track=[Quantity("a", ratio), Quantity("a", descent)])
