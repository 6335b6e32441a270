"""In `fit` and after it, however it ended, all is what it would have been without the logger."""

import copy
import gc
import importlib.util
import pickle
import weakref
import zipfile

import h5py
import keras
import numpy as np
import pytest
from helpers import models

from keras_inits.recording import GradientNormLogger


def ready(kind=models.sequential, optimizer="adam", **arguments):
    return models.compiled(kind(), keras.optimizers.get(optimizer), **arguments)


class Raises(keras.callbacks.Callback):
    def __init__(self, hook, error=KeyboardInterrupt, after=3):
        super().__init__()
        self.calls = 0

        def interrupt(*_, **__):
            self.calls += 1
            if self.calls == after:
                raise error

        setattr(self, hook, interrupt)


class Interrupting(keras.layers.Layer):
    """Raises in mid-step, in the forward pass that runs eagerly."""

    armed = False

    def call(self, x):
        if self.armed:
            raise KeyboardInterrupt
        return x


def interrupted(model, callbacks):
    with pytest.raises(KeyboardInterrupt):
        models.fit(model, *models.data(), callbacks)


def state(model):
    """All that could differ."""
    optimizer = model.optimizer
    return {
        "model attributes": sorted(vars(model)),
        "optimizer attributes": sorted(vars(optimizer)),
        "train_step": "train_step" in vars(model),
        "variables": [v.path.split("/")[-1] for v in model.variables],
        "optimizer variables": len(optimizer.variables),
        "train_function": getattr(model.train_function, "__qualname__", None),
    }


def test_after_fit(tmp_path):
    x, y = models.data()
    model, twin = ready(loss="mse"), ready(loss="mse")
    models.fit(model, x, y, [GradientNormLogger()])
    models.fit(twin, x, y, [])
    assert state(model) == state(twin)
    np.testing.assert_allclose(model.get_weights()[0], twin.get_weights()[0], rtol=1e-5, atol=1e-7)
    contents = []
    for name, saved in (("model", model), ("twin", twin)):
        saved.save(tmp_path / f"{name}.keras")
        with zipfile.ZipFile(tmp_path / f"{name}.keras") as archive:
            contents.append({entry.filename: entry.file_size for entry in archive.infolist()})
    assert contents[0].keys() == contents[1].keys()
    assert contents[0]["model.weights.h5"] == contents[1]["model.weights.h5"]
    copy.deepcopy(model)
    pickle.loads(pickle.dumps(model))


class Looks(keras.callbacks.Callback):
    """Takes the model, in mid-fit, in the ways in which users do."""

    def __init__(self, path):
        super().__init__()
        self.path, self.seen = path, {}

    def on_train_batch_end(self, batch, logs=None):
        if batch == 3:
            lines = []
            self.model.summary(print_fn=lines.append)
            self.model.save_weights(self.path)
            copies = {"pickled": pickle.loads(pickle.dumps(self.model)), "copied": copy.deepcopy(self.model)}
            with h5py.File(self.path) as file:
                names = []
                file.visit(names.append)
            self.seen = {
                "summary": "\n".join(lines),
                "config": self.model.get_config(),
                "optimizer's config": self.model.optimizer.get_config(),
                "file": names,
                **{f"{name} optimizer": len(copied.optimizer.variables) for name, copied in copies.items()},
                **{f"{name} attributes": sorted(vars(copied.optimizer)) for name, copied in copies.items()},
            }
            self.weights = [self.model.get_weights(), *(copied.get_weights() for copied in copies.values())]


@pytest.mark.thorough
def test_in_mid_fit(tmp_path):
    looks = []
    for callbacks in ([], [GradientNormLogger(track="update")]):
        keras.backend.clear_session()  # or the names of the second one would be others
        model = ready(loss="mse")
        looks.append(Looks(tmp_path / f"{len(callbacks)}.weights.h5"))
        models.fit(model, *models.data(), [*callbacks, looks[-1]])
    without, recorded = looks
    assert recorded.seen == without.seen
    for one, other in zip(recorded.weights, without.weights, strict=True):
        np.testing.assert_allclose(np.concatenate([*map(np.ravel, one)]), np.concatenate([*map(np.ravel, other)]), 1e-5)


@pytest.mark.thorough
@pytest.mark.parametrize("first", ["train_on_batch", "fit"])
@pytest.mark.parametrize("hook", ["on_train_batch_begin", "on_train_batch_end", "on_epoch_end"])
def test_after_an_interrupt_in_another_callback(hook, first):
    x, y = models.data()
    model, twin, logger = ready(), ready(), GradientNormLogger()
    after = 1 if hook == "on_epoch_end" else 3
    interrupted(model, [logger, Raises(hook, after=after)])
    interrupted(twin, [Raises(hook, after=after)])
    assert len(logger.trace) == {"on_train_batch_begin": 2, "on_train_batch_end": 3, "on_epoch_end": 7}[hook]
    steps = len(logger.trace)
    if first == "train_on_batch":
        model.train_on_batch(x[:8], y[:8])
        twin.train_on_batch(x[:8], y[:8])
    models.fit(model, x, y, [])
    assert len(logger.trace) == steps, "steps without the logger were recorded"
    models.fit(twin, x, y, [])
    assert state(model) == state(twin)
    models.fit(model, x, y, [logger])
    np.testing.assert_array_equal(logger.trace.steps, np.arange(steps + 14))


def test_after_an_interrupt_in_mid_step():
    model = keras.Sequential([keras.Input((6,)), Interrupting(), models.dense(1)])
    models.compiled(model, run_eagerly=True)
    logger = GradientNormLogger()

    class Arms(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            model.layers[0].armed = batch == 4

    interrupted(model, [logger, Arms()])
    model.layers[0].armed = False
    assert len(logger.trace) == 5
    assert "apply" not in vars(model.optimizer)
    assert "stateless_apply" not in vars(model.optimizer)
    models.fit(model, *models.data(), [logger])
    np.testing.assert_array_equal(logger.trace.steps, np.arange(19))


def test_an_interrupt_of_the_very_first_step_is_no_failure():
    model = keras.Sequential([keras.Input((6,)), Interrupting(), models.dense(1)])
    models.compiled(model, run_eagerly=True)
    logger = GradientNormLogger()

    class Arms(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            model.layers[0].armed = True

    interrupted(model, [logger, Arms()])
    assert len(logger.trace) == 0
    # Another model: on JAX Keras itself leaves one whose first step is interrupted without its weights.
    models.fit(ready(), *models.data(), [logger])
    np.testing.assert_array_equal(logger.trace.steps, np.arange(14))


class Counting(keras.Sequential):
    """Counts how often Python runs the training step: once a trace, in a graph."""

    traces = 0

    def train_step(self, *arguments):
        Counting.traces += 1
        return super().train_step(*arguments)


def counted(callbacks_of_fits, **arguments):
    keras.utils.set_random_seed(0)
    model = models.compiled(Counting([keras.Input((6,)), models.dense(1)]), **arguments)
    counts = []
    for callbacks in callbacks_of_fits:
        Counting.traces = 0
        models.fit(model, *models.data(), callbacks)
        counts.append(Counting.traces)
    return counts


def test_a_second_fit_traces_nothing():
    every = {number: counted([[logger := GradientNormLogger(every=number)], [logger], [logger]]) for number in (1, 3)}
    (plain,) = counted([[]])
    if keras.backend.backend() == "torch":  # which runs Python at each step
        assert every == {1: [14, 14, 14], 3: [14, 14, 14]}
        assert plain == 14
    else:  # a step that records, and one that does not
        assert every == {1: [plain, 0, 0], 3: [2 * plain, 0, 0]}


def test_fits_with_and_without_in_turn_trace_each_once():
    logger = GradientNormLogger()
    counts = counted([[logger], [], [logger], []])
    if keras.backend.backend() != "torch":
        assert counts[0] > 0
        assert counts[1] > 0
        assert counts[2:] == [0, 0]
    assert len(logger.trace) == 28


@pytest.mark.thorough
@pytest.mark.parametrize("change", ["compile", "eager", "another model", "frozen"])
def test_what_changes_between_two_fits(change):
    x, y = models.data()
    logger = GradientNormLogger()
    model = ready()
    models.fit(model, x, y, [logger])
    if change == "compile":
        models.compiled(model, keras.optimizers.SGD(0.1))
    elif change == "eager":
        model.run_eagerly = True
    elif change == "another model":
        model = ready(models.nested)
    else:
        model.get_layer("second").trainable = False
        models.compiled(model)
    models.fit(model, x, y, [logger])
    trace = logger.trace
    np.testing.assert_array_equal(trace.steps, np.arange(28))
    if change == "another model":
        assert trace.layers == ("first", "second", "last", "block/first", "block/second")
        mask = np.ma.getmaskarray(trace.norms)
        assert mask[:14, 3:].all()
        assert not mask[:14, :3].any()
        assert mask[14:, 1].all()
    elif change == "frozen":
        mask = np.ma.getmaskarray(trace.norms)
        assert mask[14:, 1].all()
        assert mask.sum() == 14


def checkpoint(kind, path):
    if kind == "orbax":
        return keras.callbacks.OrbaxCheckpoint(str(path), save_freq=3, save_on_background=False)
    return keras.callbacks.ModelCheckpoint(path, save_freq=3)


@pytest.mark.filterwarnings("ignore:Sharding info not provided")  # Orbax warns of what Keras did not ask for
@pytest.mark.parametrize("kind", ["keras", *(["orbax"] if importlib.util.find_spec("orbax") else [])])
def test_a_checkpoint_of_mid_fit_opens_with_the_optimizers_state(kind, tmp_path):
    path = tmp_path / f"mid.{kind}"
    model = ready(loss="mse")
    models.fit(model, *models.data(), [GradientNormLogger(), checkpoint(kind, path)])
    loaded = keras.models.load_model(path)  # any other warning is an error
    assert int(loaded.optimizer.iterations) == 12
    assert len(loaded.optimizer.variables) == len(model.optimizer.variables)


@pytest.mark.parametrize("method", ["evaluate", "predict"])
def test_evaluate_and_predict_are_left_alone(method):
    x, y = models.data()
    model, twin, logger = ready(), ready(), GradientNormLogger()
    arguments = (x, y) if method == "evaluate" else (x,)
    getattr(model, method)(*arguments, verbose=0, callbacks=[logger])
    getattr(twin, method)(*arguments, verbose=0)
    assert state(model) == state(twin)
    assert len(logger.trace) == 0
    models.fit(model, x, y, [])
    assert len(logger.trace) == 0


def test_validation_in_fit_is_not_recorded():
    x, y = models.data()
    model, logger = ready(), GradientNormLogger()
    model.fit(x, y, batch_size=8, epochs=2, verbose=0, validation_data=(x, y), callbacks=[logger])
    assert len(logger.trace) == 14


class HidesItsOptimizer(keras.Sequential):
    def train_step(self, *arguments):
        if keras.backend.backend() == "jax":
            state, (x, *_) = arguments
            return {"loss": keras.ops.sum(x)}, state
        return {"loss": keras.ops.sum(arguments[0][0])}


@pytest.mark.backend("jax")
def test_rows_that_cannot_be_put_together_do_not_stop_training(monkeypatch):
    from keras_inits.backends.jax import recording as jax

    def broken(rows):
        raise RuntimeError("no room on the device")

    monkeypatch.setattr(jax, "ROWS_IN_BLOCK", 4)
    monkeypatch.setattr(jax, "_stacked", broken)
    model, logger = ready(), GradientNormLogger()
    with pytest.warns(UserWarning, match="no room on the device"):
        history = models.fit(model, *models.data(), [logger])
    assert len(history.history["loss"]) == 2


def test_a_train_step_without_the_optimizer_warns_once_and_goes_on():
    model = models.compiled(HidesItsOptimizer([keras.Input((6,)), models.dense(1)]))
    logger = GradientNormLogger()
    with pytest.warns(UserWarning, match="does not hand its gradients to an optimizer that the model holds") as caught:
        history = models.fit(model, *models.data(), [logger])
    assert len([w for w in caught if "GradientNormLogger" in str(w.message)]) == 1
    assert len(logger.trace) == 0
    assert "grad_norm" not in history.history


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
def test_a_model_with_nothing_to_train_is_told_as_that():
    model, logger = ready(), GradientNormLogger()
    model.trainable = False
    models.compiled(model)
    with pytest.warns(UserWarning, match="no layer of the model has a gradient") as caught:
        models.fit(model, *models.data(), [logger])
    assert len([w for w in caught if "GradientNormLogger" in str(w.message)]) == 1
    assert len(logger.trace) == 0


@pytest.mark.parametrize("group", [1, 4] if keras.backend.backend() != "torch" else [1])
def test_two_loggers_in_one_fit_share_a_step(group):
    first, second = GradientNormLogger(every=2), GradientNormLogger(per="variable", track="weight")
    model, alone, twin = ready(steps_per_execution=group), ready(steps_per_execution=group), GradientNormLogger()
    models.fit(alone, *models.data(), [twin])
    models.fit(model, *models.data(), [first, second])
    np.testing.assert_array_equal(first.trace.steps, np.arange(0, 14, 2))
    np.testing.assert_array_equal(second.trace.steps, np.arange(14))
    np.testing.assert_allclose(first.trace.norms, twin.trace.norms[::2], rtol=1e-5)
    np.testing.assert_allclose(second.trace.global_norm, twin.trace.global_norm, rtol=1e-5)
    assert first.trace.tracked.keys() == set()
    assert second.trace.tracked.keys() == {"weight"}
    models.fit(model, *models.data(), [second])
    models.fit(model, *models.data(), [second, first])
    np.testing.assert_array_equal(second.trace.steps, np.arange(3 * 14))
    np.testing.assert_array_equal(first.trace.steps, np.arange(0, 28, 2))
    assert state(model) == state(alone)


def test_a_gradient_that_cannot_be_recorded_does_not_stop_training(monkeypatch):
    from keras_inits.recording.columns import Columns

    def broken(self, gradients, variables):
        raise RuntimeError("no such luck")

    monkeypatch.setattr(Columns, "arrange", broken)
    model, twin, logger = ready(), ready(), GradientNormLogger()
    with pytest.warns(UserWarning, match=r"failed with RuntimeError: no such luck\. This is a fault of keras_inits"):
        models.fit(model, *models.data(), [logger])
    models.fit(twin, *models.data(), [])
    np.testing.assert_allclose(model.get_weights()[0], twin.get_weights()[0], rtol=1e-5, atol=1e-7)
    assert len(logger.trace) == 0


def test_a_loop_with_callbacks_of_ones_own_goes_on():
    """Before Keras has made its training function, and after."""
    model, (x, y) = ready(), models.data()
    callbacks = keras.callbacks.CallbackList([GradientNormLogger()], model=model)
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(0)

    def loop():
        for batch in range(4):
            callbacks.on_train_batch_begin(batch)
            model.train_on_batch(x[:8], y[:8])
            callbacks.on_train_batch_end(batch)

    with pytest.warns(UserWarning, match="train_on_batch was called, which is not recorded"):
        loop()
    untrained = ready()
    callbacks = keras.callbacks.CallbackList([GradientNormLogger()], model=untrained)
    callbacks.on_train_batch_begin(0)  # and then trains in a way of its own
    models.fit(untrained, x, y, [])


@pytest.mark.backend("tensorflow", "torch")  # on JAX, Keras refuses to freeze without `compile`
def test_a_training_function_made_anew_is_recorded_anew():
    x, y = models.data()
    moved = []
    for callbacks in ([], [GradientNormLogger()]):
        model = ready()
        models.fit(model, x, y, callbacks)
        model.layers[0].trainable = False
        model.make_train_function(force=True)
        before = model.layers[0].get_weights()[0]
        models.fit(model, x, y, callbacks)
        moved.append(not np.array_equal(before, model.layers[0].get_weights()[0]))
    assert moved[0] == moved[1]


class CallsTwice(keras.Sequential):
    """A model whose optimizer takes two steps in each step."""

    def train_step(self, data):
        logs = super().train_step(data)
        self.optimizer.apply([0.1 * weight for weight in self.trainable_weights], self.trainable_weights)
        return logs


@pytest.mark.backend("tensorflow")
def test_rows_that_found_no_room_are_counted():
    x, y = models.data()
    model = models.compiled(CallsTwice([keras.Input((6,)), models.dense(1)]), steps_per_execution=300)
    logger = GradientNormLogger()
    with pytest.warns(UserWarning, match=r"lost \d+ rows: .* Compile the model with a smaller steps_per_execution"):
        model.fit(np.resize(x, (600, 6)), np.resize(y, (600, 1)), batch_size=1, verbose=0, callbacks=[logger])


class DrawsNoise(keras.Sequential):
    """A model whose step draws numbers whose state is that of TensorFlow's function."""

    def train_step(self, data):
        import tensorflow as tf

        x, y = data
        return super().train_step((x + tf.random.normal(tf.shape(x)), y))


@pytest.mark.backend("tensorflow")
def test_a_step_that_is_not_recorded_goes_on_with_the_same_random_numbers():
    x, y = models.data()
    weights = []
    for callbacks in ([], [GradientNormLogger(every=3)]):
        keras.utils.set_random_seed(0)
        model = models.compiled(DrawsNoise([keras.Input((6,)), models.dense(1)]))
        models.fit(model, x, y, callbacks)
        weights.append(model.get_weights())
    np.testing.assert_array_equal(weights[0][0], weights[1][0])


def test_a_logger_that_was_a_guest_for_a_fit_goes_on_counting():
    model, (x, y) = ready(), models.data()
    first, second = GradientNormLogger(), GradientNormLogger()
    for callbacks in ([first], [second, first], [first]):
        models.fit(model, x, y, callbacks)
    np.testing.assert_array_equal(first.trace.steps, np.arange(3 * 14))


@pytest.mark.thorough
def test_a_model_that_is_gone_is_freed_though_its_logger_lives():
    model, logger = ready(), GradientNormLogger()
    models.fit(model, *models.data(), [logger])
    gone = weakref.ref(model)
    del model
    keras.backend.clear_session()
    gc.collect()
    assert gone() is None
    assert len(logger.trace) == 14


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda logger: pickle.loads(pickle.dumps(logger))])
def test_a_copy_of_a_logger_has_its_rows_and_goes_on(copied):
    logger = GradientNormLogger(track="weight", every=2)
    model = ready()
    models.fit(model, *models.data(), [logger], 1)
    copy_of_it = copied(logger)
    np.testing.assert_array_equal(copy_of_it.trace.norms, logger.trace.norms)
    models.fit(model, *models.data(), [copy_of_it], 1)
    assert copy_of_it.trace.steps.tolist() == [0, 2, 4, 6, 8, 10, 12]
    assert len(logger.trace) == 4


def test_reading_the_trace_copies_nothing():
    model, logger = ready(), GradientNormLogger()
    models.fit(model, *models.data(), [logger])
    assert np.shares_memory(logger.trace.norms.data, logger.trace.norms.data)
    before = logger.trace
    numbers = before.norms.copy()
    models.fit(model, *models.data(), [logger])
    np.testing.assert_array_equal(before.norms, numbers)


@pytest.mark.thorough
@pytest.mark.backend("torch")
def test_memory_is_flat_over_many_fits():
    import resource

    model = ready()
    peaks = []
    for number in range(600):
        models.fit(model, *models.data(), [GradientNormLogger(track="update")], 1)
        if number in (200, 599):
            gc.collect()
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert peaks[1] - peaks[0] < 8 * 1024  # kilobytes
