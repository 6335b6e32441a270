"""The step of the optimizer on copies: rates that are wrong are found, and the model is what it was, to the bit."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_inits import diagnose, initialize
from keras_inits.diagnosis.setup import step as step_module

random = np.random.default_rng(0)
x = random.standard_normal((64, 8)).astype("float32")
y = (x @ random.standard_normal((8, 1)) + 1).astype("float32")


def network(optimizer, *first):
    parts = [layers.Dense(32, "relu"), *first, layers.Dropout(0.2, seed=3), layers.Dense(1)]
    model = keras.Sequential([keras.Input((8,)), *parts])
    initialize(model, seed=1)
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def state(model):
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return [(one.path, keras.ops.convert_to_numpy(one).copy()) for one in variables]


OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.01, momentum=0.9),
    "adam": lambda: keras.optimizers.Adam(1e-3, clipnorm=1.0, weight_decay=1e-3),
    "rmsprop": lambda: keras.optimizers.RMSprop(1e-3),
    "loss scale": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(1e-3)),
    "accumulating": lambda: keras.optimizers.SGD(0.01, gradient_accumulation_steps=2),
    "averaging": lambda: keras.optimizers.SGD(0.01, use_ema=True),
    "schedule": lambda: keras.optimizers.SGD(
        keras.optimizers.schedules.CosineDecay(0.0, 100, warmup_target=0.1, warmup_steps=10)
    ),
}


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_all_is_what_it_was(name, trained):
    model = network(OPTIMIZERS[name](), layers.BatchNormalization())
    if trained:
        model.fit(x, y, epochs=1, verbose=0)
    before, built = state(model), model.optimizer.built
    diagnosis = diagnose(model, x, y)
    assert "learning_rate" not in [one.kind for one in diagnosis]
    after = state(model)
    assert model.optimizer.built == built
    assert [path for path, _ in before] == [path for path, _ in after]
    for (path, one), (_, other) in zip(before, after, strict=True):
        assert np.array_equal(one, other), path


def test_all_is_what_it_was_where_steps_are_repeated_and_fail(monkeypatch):
    model = network(keras.optimizers.SGD(1e4))
    before = state(model)
    assert "learning_rate" in [one.kind for one in diagnose(model, x, y)]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(before, state(model), strict=True))

    def broken(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(step_module._Trial, "_differentiated", broken)
    with pytest.raises(KeyboardInterrupt):
        diagnose(model, x, y)
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(before, state(model), strict=True))


def test_the_step_is_that_of_the_optimizer():
    model = network(keras.optimizers.Adam(0.01))
    taken = []
    original = step_module._Trial.first

    def spied(self):
        copies, loss = original(self)
        taken.append(([keras.ops.convert_to_numpy(one) for one in copies], loss))
        return copies, loss

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step_module._Trial, "first", spied)
        diagnose(model, x, y)
    model.layers[1].seed_generator.state.assign(model.layers[1].seed_generator.state)
    model.train_on_batch(x, y)
    for copy, variable in zip(taken[0][0], model.trainable_variables, strict=True):
        np.testing.assert_allclose(copy, keras.ops.convert_to_numpy(variable), atol=2e-5)


@pytest.mark.parametrize("rate", [0.0, -0.1])
def test_a_rate_that_is_not_above_zero_is_found(rate):
    finding = diagnose(network(keras.optimizers.SGD(rate)), x, y).findings[0]
    assert finding.kind == "rate_not_positive"
    assert finding.remedy.code.startswith("model.optimizer.learning_rate = 0.0")


@pytest.mark.parametrize("make", [keras.optimizers.SGD, keras.optimizers.Adam, keras.optimizers.RMSprop])
def test_a_rate_that_is_too_high_is_found_with_one_that_is_not(make):
    model = network(make(30.0))
    (finding,) = [one for one in diagnose(model, x, y) if one.kind == "learning_rate"]
    assert "is too high" in finding.evidence
    exec(finding.remedy.code, {"model": model})
    assert float(model.optimizer.learning_rate) < 3
    assert diagnose(model, x, y).findings == ()


def test_a_first_step_too_far_that_the_next_ones_make_good_is_none():
    """Adam's first moves all weights by as much: the loss rises to six times, and is below its start at the seventh."""
    parts = [layers.Dense(64, "sigmoid"), layers.Dense(64, "elu"), layers.Dense(1)]
    model = keras.Sequential([keras.Input((8,)), *parts])
    initialize(model, "glorot_uniform", seed=1)
    inputs = np.random.default_rng(0).standard_normal((64, 8)).astype("float32")
    targets = (inputs[:, :1] - inputs[:, :1].mean()) / inputs[:, :1].std()
    model.compile(keras.optimizers.Adam(0.01), "mse")
    first = model.evaluate(inputs, targets, verbose=0)
    assert diagnose(model, inputs, targets).findings == ()
    losses = [model.train_on_batch(inputs, targets) for _ in range(20)]
    assert min(losses[1:6]) > first > min(losses)


def test_a_rate_that_is_too_low_is_found():
    (finding,) = diagnose(network(keras.optimizers.SGD(1e-8)), x, y)
    assert (finding.kind, "is too low" in finding.evidence) == ("learning_rate", True)


@pytest.mark.parametrize("rate", [1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("make", [keras.optimizers.SGD, keras.optimizers.Adam, keras.optimizers.Lion])
def test_ordinary_rates_are_none(make, rate):
    assert diagnose(network(make(rate)), x, y).findings == ()


class Own(keras.Sequential):
    def train_step(self, data):
        return {}


def test_a_training_step_of_ones_own_is_passed_over():
    model = Own([keras.Input((8,)), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1e9), "mse")
    assert "learning_rate" not in [one.kind for one in diagnose(model, x, y)]


class OwnArguments(keras.optimizers.SGD):
    def __init__(self, factor):
        super().__init__(0.01 * factor)


class Warming(keras.optimizers.schedules.LearningRateSchedule):
    """Without a config."""

    def __call__(self, step):
        return 1e-3 * keras.ops.minimum(1.0, (keras.ops.cast(step, "float32") + 1) / 10)


class Failing(keras.optimizers.SGD):
    def update_step(self, gradient, variable, learning_rate):
        raise RuntimeError("of the user's own")


@pytest.mark.parametrize(
    "make",
    [
        lambda: OwnArguments(1.0),
        lambda: keras.optimizers.Adam(Warming()),
        lambda: keras.optimizers.Adam(lambda: 1e-3),
        lambda: Failing(0.01),
    ],
    ids=["arguments of its own", "schedule without a config", "function", "fails"],
)
def test_an_optimizer_that_cannot_be_copied_is_not_looked_at(make):
    model = network(make())
    assert diagnose(model, x, y).findings == ()
    assert not model.optimizer.built


def deep(activation, rate, depth=10):
    """With the law that Keras's layers have by themselves, and the same values on each backend."""
    hidden = [layers.Dense(64, activation) for _ in range(depth)]
    model = keras.Sequential([keras.Input((32,)), *hidden, layers.Dense(10, "softmax")])
    initialize(model, "glorot_uniform", seed=0)
    model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
    draws = np.random.default_rng(0)
    return model, draws.standard_normal((128, 32)).astype("float32"), draws.integers(0, 10, 128)


FADES = [pytest.param(*case, marks=pytest.mark.thorough) for case in (("gelu", 10), ("relu", 15))]


@pytest.mark.parametrize(("activation", "depth"), [("silu", 9), *FADES])
def test_a_start_that_fades_is_the_cause_of_a_step_that_is_too_small(activation, depth):
    model, inputs, labels = deep(activation, 0.01, depth)
    before = [keras.ops.convert_to_numpy(one).copy() for one in model.variables]
    diagnosis = diagnose(model, inputs, labels)
    assert all(np.array_equal(a, keras.ops.convert_to_numpy(b)) for a, b in zip(before, model.variables, strict=True))
    found = [(one.kind, one.follows_from) for one in diagnosis]
    assert found == [("vanishing_signal", None), ("learning_rate", "vanishing_signal")]
    assert diagnosis.findings[0].remedy.tried
    diagnosis.repair(model, seed=0)
    assert diagnose(model, inputs, labels).findings == ()


@pytest.mark.parametrize(("rate", "depth"), [(1e-6, 10), (1e-4, 4)])
def test_a_rate_that_is_too_low_for_any_weights_is_the_cause(rate, depth):
    model, inputs, labels = deep("gelu", rate, depth)
    assert [one.kind for one in diagnose(model, inputs, labels)] == ["learning_rate"]
