"""How often `diagnose` finds something in programs that train.

Run: KERAS_BACKEND=torch python benchmarks/healthy.py [--programs 1000] [--first 0]

Programs are drawn: images, tables, series and texts, dense, convolutional, recurrent and attention networks, with the
losses, optimizers, rates and initializers that people use. Each is diagnosed on its first batch, with `check="full"`,
and then trained for some steps, on classes or numbers that follow from its inputs. One that falls below the loss of the
best constant outputs by a tenth is healthy, whatever was found; of the others nothing is said. Each finding on a
healthy one is a false alarm.
"""

import argparse
import gc
import math
import os
from typing import Any, NamedTuple

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers

import keras_inits

EXAMPLES = 256
STEPS = 200
FALLS = 0.1
"""Of the best constant's loss: by so much training falls below it."""
WORDS = 200
ACTIVATIONS = ("relu", "tanh", "gelu", "elu", "selu", "silu", "leaky_relu", "sigmoid")
OPTIMIZERS = (
    *(("Adam", 1e-3), ("Adam", 3e-4), ("Adam", 1e-2), ("AdamW", 1e-3), ("Nadam", 1e-3), ("RMSprop", 1e-3)),
    *(("SGD", 0.01), ("SGD", 0.1), ("Lion", 1e-4), ("Adagrad", 0.01), ("momentum", 0.01), ("momentum", 0.003)),
)
TASKS = ("numbers of classes", "logits", "one-hot", "squares of one-hot", "binary", "several labels", "regression")
Random = np.random.Generator
Body = tuple[Any, Any, np.ndarray]
"""The input, the features that the head reads, and x."""


class Program(NamedTuple):
    """A model that is compiled, and its data."""

    model: Any
    x: np.ndarray
    y: np.ndarray
    batch: int
    constant: float
    """The loss of the best constant outputs."""
    described: str


def chosen(random: Random, choices: Any) -> Any:
    """One of these."""
    return choices[int(random.integers(len(choices)))]


def table(random: Random, activation: str, width: int, depth: int) -> Body:
    """Columns, standardised, from 0 to 1, of two values, mixed, or raw before batch normalisation."""
    columns, kind = int(random.integers(2, 40)), chosen(random, ("normal", "unit", "two", "mixed", "raw"))
    x = random.standard_normal((EXAMPLES, columns))
    x = random.random((EXAMPLES, columns)) if kind == "unit" else x
    x = x * random.uniform(0.3, 3, columns) + random.uniform(-2, 2, columns) if kind == "mixed" else x
    if kind == "two":
        x[:, ::2] = x[:, ::2] > 0
    inputs = value = keras.Input((columns,))
    if kind == "raw":
        x, value = x * random.uniform(1, 1000, columns), layers.BatchNormalization()(inputs)
    rule = chosen(random, ("glorot_uniform", "he_normal", "lecun_normal"))
    for _ in range(min(depth, 2) if activation == "sigmoid" else depth):
        value = layers.Dense(width, activation, kernel_initializer=rule)(value)
        value = layers.Dropout(0.2)(value) if random.random() < 0.2 else value
    return inputs, value, x


def image(random: Random, activation: str, width: int, depth: int) -> Body:
    """Convolutions on images from 0 to 1, standardised, or of 0 to 255 behind a layer that scales them."""
    kind, normalised = chosen(random, ("unit", "standardised", "pixels")), random.random() < 0.5
    x = random.random((EXAMPLES, 4, 4, 3)).repeat(4, axis=1).repeat(4, axis=2)
    x = (x - 0.5) / 0.29 if kind == "standardised" else np.rint(255 * x) if kind == "pixels" else x
    inputs = value = keras.Input((16, 16, 3))
    value = layers.Rescaling(1 / 255)(inputs) if kind == "pixels" else value
    for _ in range(min(depth, 2)):
        own = None if normalised else activation
        value = layers.Conv2D(min(width, 32), 3, padding="same", activation=own)(value)
        value = layers.Activation(activation)(layers.BatchNormalization()(value)) if normalised else value
        value = layers.MaxPooling2D()(value)
    return inputs, layers.Dense(32, activation)(layers.Flatten()(value)), x


def series(random: Random, activation: str, width: int, depth: int) -> Body:
    """A recurrent network over ten steps."""
    del activation, depth
    inputs = keras.Input((10, 4))
    kind = layers.LSTM if random.random() < 0.5 else layers.GRU
    return inputs, kind(min(width, 32))(inputs), random.standard_normal((EXAMPLES, 10, 4))


def words(random: Random, activation: str, width: int, depth: int) -> Body:
    """A bag of words, or a recurrent network of both directions."""
    del width, depth
    inputs = keras.Input((12,), dtype="int32")
    value = layers.Embedding(WORDS, 16, mask_zero=bool(random.random() < 0.5))(inputs)
    bag = random.random() < 0.5
    value = layers.GlobalAveragePooling1D()(value) if bag else layers.Bidirectional(layers.LSTM(8))(value)
    hidden = layers.Dense(16, "relu" if activation == "sigmoid" else activation)(value)
    return inputs, hidden, random.integers(0, WORDS, (EXAMPLES, 12))


def transformer(random: Random, activation: str, width: int, depth: int) -> Body:
    """Two blocks with the normalisation first."""
    del activation, width, depth
    inputs = keras.Input((12,), dtype="int32")
    value = layers.Embedding(WORDS, 32)(inputs)
    for _ in range(2):
        normal = layers.LayerNormalization()(value)
        value = layers.Add()([value, layers.MultiHeadAttention(2, 16)(normal, normal)])
        normal = layers.LayerNormalization()(value)
        value = layers.Add()([value, layers.Dense(32)(layers.Dense(64, "gelu")(normal))])
    pooled = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(value))
    return inputs, pooled, random.integers(0, WORDS, (EXAMPLES, 12))


FAMILIES = (table, image, series, words, transformer)


def teacher(random: Random, x: np.ndarray, count: int) -> np.ndarray:
    """So many numbers that follow from each example, of mean 0 and deviation 1."""
    if np.issubdtype(x.dtype, np.integer):
        numbers = random.standard_normal((WORDS, count))[x].mean(1)
    else:
        flat = x.reshape(len(x), -1)
        scaled = (flat - flat.mean(0)) / (flat.std(0) + 1e-9)
        numbers = scaled @ random.standard_normal((flat.shape[1], count))
    return (numbers - numbers.mean(0)) / numbers.std(0)


def entropy(shares: Any) -> float:
    """Of a distribution, in nats."""
    return float(-sum(share * math.log(share) for share in np.ravel(shares) if share > 0))


def task(random: Random, kind: str, x: np.ndarray) -> tuple[np.ndarray, int, str | None, Any, float]:
    """The targets, the units of the head, its activation, the loss, and that of the best constant outputs."""
    classes = int(random.integers(2, 8)) + 1
    labels = teacher(random, x, classes).argmax(1)
    shares = np.bincount(labels, minlength=classes) / len(labels)
    if kind == "regression":
        y = teacher(random, x, 1) * chosen(random, (0.1, 1.0, 10.0)) + chosen(random, (0.0, 1.0))
        return y, 1, None, "mse", float(y.var())
    if kind == "binary":
        y = (teacher(random, x, 1) > chosen(random, (0.0, 0.84, 1.5))).astype("float32")
        return y, 1, "sigmoid", "binary_crossentropy", entropy([y.mean(), 1 - y.mean()])
    if kind == "several labels":
        y = (teacher(random, x, classes) > 0.5).astype("float32")
        return y, classes, "sigmoid", "binary_crossentropy", entropy([y.mean(0), 1 - y.mean(0)]) / classes
    if kind == "one-hot":
        return np.eye(classes)[labels], classes, "softmax", "categorical_crossentropy", entropy(shares)
    if kind == "squares of one-hot":
        return np.eye(classes)[labels], classes, "softmax", "mse", float((shares * (1 - shares)).mean())
    if kind == "logits":
        return labels, classes, None, keras.losses.SparseCategoricalCrossentropy(from_logits=True), entropy(shares)
    return labels, classes, "softmax", "sparse_categorical_crossentropy", entropy(shares)


def drawn(seed: int) -> Program:
    """The program of a seed."""
    keras.backend.clear_session()
    gc.collect()
    keras.utils.set_random_seed(seed)
    random = np.random.default_rng(seed)
    family, activation, kind = chosen(random, FAMILIES), chosen(random, ACTIVATIONS), chosen(random, TASKS)
    width, depth = chosen(random, (8, 16, 32, 64, 128)), int(random.integers(1, 6))
    inputs, value, x = family(random, activation, width, depth)
    y, units, end, loss, constant = task(random, kind, x)
    model = keras.Model(inputs, layers.Dense(units, end)(value))
    start = "keras_inits" if random.random() < 0.3 else "keras"
    if start == "keras_inits":
        keras_inits.initialize(model, seed=seed)
    name, rate = chosen(random, OPTIMIZERS)
    own = {"momentum": 0.9} if name == "momentum" else {}
    model.compile(getattr(keras.optimizers, "SGD" if own else name)(rate, **own), loss)
    batch = chosen(random, (16, 32, 64, 128))
    x = x.astype("int32" if np.issubdtype(x.dtype, np.integer) else "float32")
    described = (
        f"{family.__name__}, {activation}, {depth} x {width}, {kind}, {name} at {rate:g}, {start}, batch {batch}"
    )
    return Program(model, x, y, batch, constant, described)


def trains(program: Program, steps: int) -> bool:
    """Whether it falls below the best constant outputs."""
    epochs = -(-steps * program.batch // EXAMPLES)
    program.model.fit(program.x, program.y, batch_size=program.batch, epochs=epochs, verbose=0)
    reached = program.model.evaluate(program.x, program.y, batch_size=EXAMPLES, verbose=0)
    return bool(reached < (1 - FALLS) * program.constant)


def bound(alarms: int, programs: int) -> float:
    """The largest share at which so few alarms in so many programs have a probability of a twentieth."""
    low, high = 0.0, 1.0
    for _ in range(60):
        share = (low + high) / 2
        tail = sum(math.comb(programs, one) * share**one * (1 - share) ** (programs - one) for one in range(alarms + 1))
        low, high = (share, high) if tail > 0.05 else (low, share)
    return high


def main() -> None:
    """Draws, diagnoses, trains, counts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--programs", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    healthy = alarms = ill = 0
    for seed in range(arguments.first, arguments.first + arguments.programs):
        program = drawn(seed)
        found = keras_inits.diagnose(program.model, program.x[: program.batch], program.y[: program.batch]).findings
        well = trains(program, arguments.steps)
        healthy, alarms, ill = healthy + well, alarms + (well and bool(found)), ill + (not well and bool(found))
        if found:
            what = "false alarm" if well else "does not train"
            print(f"{seed}: {what}: {program.described}", *(str(one) for one in found), sep="\n    ", flush=True)
        if (seed + 1) % 50 == 0 or seed + 1 == arguments.first + arguments.programs:
            done = seed + 1 - arguments.first
            print(
                f"{keras.backend.backend()}: of {done} programs {healthy} train, {alarms} of them with a false alarm "
                f"(at most {bound(alarms, healthy):.2%}, 95 percent); of {done - healthy} that do not train {ill} have "
                "a finding",
                flush=True,
            )


if __name__ == "__main__":
    main()
