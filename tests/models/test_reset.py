"""`initialize(reset=True)`: every optimizer that a model holds starts anew."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from keras_inits import initialize


def state(optimizer):
    return [keras.ops.convert_to_numpy(variable) for variable in optimizer.variables]


class Gan(keras.Model):
    def __init__(self, held):
        super().__init__()
        self.g = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
        self.d = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
        pair = keras.optimizers.Adam(), keras.optimizers.Adam()
        if held == "attributes":
            self.g_optimizer, self.d_optimizer = pair
        elif held == "an object":
            self.trainer = SimpleNamespace(steps=SimpleNamespace(g=pair[0]), pair={"d": [pair[1]]}, model=self)
        else:
            held_in = {
                "a list": list(pair),
                "a tuple": pair,
                "dictionaries": {"g": [pair[0]], "d": {"of 1": (pair[1],)}},
            }
            self.pair = held_in[held]
        self.optimizers = lambda: pair

    def call(self, z):
        return self.d(self.g(z))


@pytest.mark.parametrize("held", ["attributes", "a list", "a tuple", "dictionaries", "an object"])
def test_the_optimizers_of_a_gan(held):
    model = Gan(held)
    model(np.zeros((1, 4), "float32"))
    pair = model.optimizers()
    for optimizer, part in zip(pair, (model.g, model.d), strict=True):
        optimizer.build(part.trainable_variables)
        optimizer.apply([keras.ops.ones(variable.shape) for variable in part.trainable_variables])
    assert [int(optimizer.iterations) for optimizer in pair] == [1, 1]
    initialize(model, seed=1, reset=True)
    for optimizer in pair:
        assert int(optimizer.iterations) == 0
        assert not any(values.any() for values in state(optimizer)[2:])


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.optimizers.ScheduleFreeAdamW(0.1),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()),
    ],
    ids=["schedule free", "loss scale"],
)
def test_a_model_that_was_set_back_trains_as_a_new_one(make):
    """ScheduleFreeAdamW keeps a copy of the weights that it starts from."""
    x = np.random.default_rng(0).standard_normal((64, 6)).astype("float32")

    def network():
        return keras.Sequential([keras.Input((6,)), layers.Dense(1)])

    model, fresh = network(), network()
    model.compile(make(), "mse")
    model.fit(x, 5 * x[:, :1], epochs=5, verbose=0)
    for one in (model, fresh):
        initialize(one, seed=1, reset=True)
    fresh.compile(make(), "mse")
    # In `fit`, Keras on TensorFlow builds it within a traced function, and forgets what it is to start from.
    fresh.optimizer.build(fresh.trainable_variables)
    losses = [one.fit(x, 5 * x[:, :1], shuffle=False, verbose=0).history["loss"] for one in (model, fresh)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    assert all(map(np.array_equal, model.get_weights(), fresh.get_weights()))
