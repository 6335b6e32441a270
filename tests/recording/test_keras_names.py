"""The private names of Keras that the recorder needs: what a release took away is named here first."""

import importlib
import random
import sys
import types

import keras
import pytest
from helpers import models

from keras_inits import _keras
from keras_inits.recording import step_hook

BACKEND = keras.backend.backend()


@pytest.fixture
def model():
    return models.compiled(models.sequential(), keras.optimizers.SGD(0.1, gradient_accumulation_steps=2))


@pytest.mark.parametrize("imported", [False, True])
def test_tensorflow_is_imported_to_be_seeded_only_where_it_is_already(imported, monkeypatch):
    lazy, asked = _keras.module_utils.tensorflow, []
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    if imported:
        monkeypatch.setitem(sys.modules, "tensorflow", types.ModuleType("tensorflow"))
    monkeypatch.setattr(lazy, "_available", None)
    monkeypatch.setattr(lazy, "initialize", lambda: asked.append(1) or importlib.import_module("no_such_module"))
    _keras.without_import_of_tensorflow(keras.utils.set_random_seed, 3)
    assert (asked, lazy._available) == ([1] if imported else [], False if imported else None)
    assert random.random() == random.Random(3).random()


def test_names_of_models(model):
    assert model in _keras.all_layers(model)
    assert len(_keras.own_trainable(model.layers[0])) == 2
    before = _keras.compiled_settings(model)
    model.compile(model.optimizer, "mse")
    assert before != _keras.compiled_settings(model)  # the loss tracker is another one


def test_names_of_optimizers(model):
    models.fit(model, *models.data(), [], 1)
    optimizer = model.optimizer
    assert int(_keras.calls_counter(optimizer)) == 7
    assert len(_keras.optimized(optimizer)) == 6
    assert [one.shape for one in _keras.accumulators(optimizer, model.trainable_variables)] == [
        one.shape for one in model.trainable_variables
    ]
    keys = {_keras.variable_key(one) for one in model.trainable_variables}
    assert len(keys) == 6
    if BACKEND == "tensorflow":
        assert callable(getattr(optimizer, _keras.SUM_OVER_REPLICAS))
    assert _keras.innermost(keras.optimizers.LossScaleOptimizer(optimizer)) is optimizer


def test_names_of_training_functions(model):
    models.fit(model, *models.data(), [], 1)
    own = model.train_function
    made = _keras.train_function_of(model, model.train_step)
    assert callable(made)
    assert model.train_function is own
    assert "train_step" not in vars(model)
    if BACKEND == "tensorflow":
        assert _keras.graph_function_of(own) is not None
    if BACKEND == "jax":
        assert callable(_keras.compiled_step_of(model, model.train_step))
        assert callable(_keras.looping(model, lambda state, data: None))


@pytest.mark.parametrize("weighted", [False, True])
def test_calls_of_fit_are_told_from_those_of_train_on_batch(model, weighted):
    x, y = models.data()
    weights = y[:, 0] if weighted else None
    seen = []
    models.fit(model, x, y, [], 1)
    own = model.train_function

    def looks(*arguments):
        seen.append(_keras.is_from_train_on_batch(arguments))
        return own(*arguments)

    step_hook._set_train_function(model, looks)
    model.fit(x[:8], y[:8], sample_weight=None if weights is None else weights[:8], verbose=0)
    assert seen == [False]
    model.train_on_batch(x[:8], y[:8], sample_weight=None if weights is None else weights[:8])
    assert seen == [False, True]


@pytest.mark.backend("jax")
def test_a_first_step_that_is_interrupted_leaves_the_weights(model):
    """Keras takes them out of the variables before it; what the recorder holds brings them back."""

    class Holds(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            _keras.hold_state(self._model)

    def interrupted(*arguments):
        raise KeyboardInterrupt

    before = model.get_weights()
    models.fit(model, *models.data(), [], 0)
    step_hook._set_train_function(model, interrupted)
    with pytest.raises(KeyboardInterrupt):
        models.fit(model, *models.data(), [Holds()])
    assert [one.shape for one in model.get_weights()] == [one.shape for one in before]
    _keras.bring_state_back(model)


def test_names_that_the_diagnosis_needs(model):
    assert not _keras.is_scheduled(model.optimizer)
    assert _keras.is_scheduled(keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)))
    assert _keras.compiled_loss_weights(model) is None
    model.compile("sgd", "mse", loss_weights=0.5)
    assert _keras.compiled_loss_weights(model) == 0.5
    assert _keras.compiled_loss_weights(models.sequential()) is None


@pytest.mark.backend("tensorflow")  # the others' losses take what a model puts out
def test_what_a_loss_takes_in_place_of_probabilities():
    logits = keras.ops.ones((2, 3))
    assert _keras.is_gone_round(keras.ops.softmax(logits))
    assert not _keras.is_gone_round(logits)
