"""Small models of every shape, each with its layers' names and weights in depth order."""

import keras
import numpy as np
from keras import layers, ops

import keras_inits

RATE = 0.05
BATCH = 8
SAMPLES = 7 * BATCH  # seven steps: a short last group when four are run at once


def mean_square(y, predicted):
    return ops.mean(ops.square(ops.convert_to_tensor(y, "float32") - ops.cast(predicted, "float32")))


def data(model_name="sequential"):
    random = np.random.default_rng(7)
    if model_name == "embedding":
        x = random.integers(0, 4, (SAMPLES, 6))  # four words in 48 places: each batch repeats them
    else:
        x = random.standard_normal((SAMPLES, 6), dtype=np.float32)
    return x, random.standard_normal((SAMPLES, 1), dtype=np.float32)


def batches(x, y, epochs=2):
    return [(x[i : i + BATCH], y[i : i + BATCH]) for _ in range(epochs) for i in range(0, len(x), BATCH)]


def dense(units=5, activation="tanh", name="last", **arguments):
    # Seeded, so that two models have the same weights, whenever each of them is built, and on every backend.
    arguments["kernel_initializer"] = keras_inits.GlorotUniform(seed=len(name) + units)
    arguments["bias_initializer"] = keras_inits.Normal(0.1, seed=len(name))
    return layers.Dense(units, activation, name=name, **arguments)


def sequential():
    return keras.Sequential([keras.Input((6,)), dense(name="first"), dense(4, name="second"), dense(1, name="last")])


def functional():
    inputs = keras.Input((6,))
    left, right = dense(name="left")(inputs), dense(name="right")(inputs)
    return keras.Model(inputs, dense(1, name="last")(layers.add([left, right])))


def nested():
    block = keras.Sequential([keras.Input((5,)), dense(name="first"), dense(name="second")], name="block")
    return keras.Sequential([keras.Input((6,)), dense(name="first"), block, dense(1, name="last")])


def shared():
    inputs = keras.Input((6,))
    twice = dense(6, name="twice")
    return keras.Model(inputs, dense(1, name="last")(twice(twice(inputs))))


def frozen():
    model = sequential()
    model.get_layer("second").trainable = False
    return model


def embedding():
    words = layers.Embedding(9, 3, keras_inits.Normal(seed=1), name="words")
    return keras.Sequential([keras.Input((6,), dtype="int32"), words, layers.Flatten(), dense(1, name="last")])


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.blocks = [dense(name="one"), dense(name="two")]
        self.last = dense(1, name="last")

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return self.last(x)


def subclassed():
    return Subclassed()


# name -> (what builds it, its layers' names in depth order)
MODELS = {
    "sequential": (sequential, ("first", "second", "last")),
    "functional": (functional, ("left", "right", "last")),
    "nested": (nested, ("first", "block/first", "block/second", "last")),
    "shared": (shared, ("twice", "last")),
    "frozen": (frozen, ("first", "second", "last")),
    "embedding": (embedding, ("words", "last")),
    "subclassed": (subclassed, ("one", "two", "last")),
}


def layer_variables(model, names):
    """The variables of each name."""
    return [_find(model, name.split("/")).variables for name in names]


def _find(model, path):
    children = [*model.blocks, model.last] if isinstance(model, Subclassed) else model.layers
    (found,) = [child for child in children if child.name == path[0]]
    return _find(found, path[1:]) if path[1:] else found


def compiled(model, optimizer=None, **arguments):
    model.compile(optimizer or keras.optimizers.SGD(RATE), arguments.pop("loss", mean_square), **arguments)
    return model


def fit(model, x, y, callbacks, epochs=2):
    return model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0, shuffle=False, callbacks=callbacks)


class Stops(keras.callbacks.Callback):
    """Interrupts training after so many steps."""

    def __init__(self, step):
        super().__init__()
        self.left = step

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt
