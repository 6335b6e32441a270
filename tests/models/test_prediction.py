"""What is predicted of signals, beside what random weights make of random inputs."""

import hashlib

import keras
import numpy as np
import pytest
from helpers.processes import BACKENDS, run_python
from keras import layers

from keras_inits import initialize
from keras_inits.models.graph import Graph
from keras_inits.models.signal.kernels import inside

WIDTH, BATCH, SEEDS = 128, 256, 3


def hidden(activation, depth=4):
    x = inputs = keras.Input((WIDTH,))
    for number in range(depth):
        x = layers.Dense(WIDTH, activation, name=f"dense_{number}")(x)
    return keras.Model(inputs, layers.Dense(WIDTH, name="head")(x))


def gated():
    x = inputs = keras.Input((WIDTH,))
    gate = layers.Dense(WIDTH, "sigmoid", name="gate")(x)
    x = layers.Multiply()([gate, layers.Dense(WIDTH, name="value")(x)])
    return keras.Model(inputs, layers.Dense(WIDTH, name="head")(x))


def residual(normalised):
    x = inputs = keras.Input((WIDTH,))
    for number in range(6):
        y = layers.LayerNormalization()(x) if normalised else x
        y = layers.Dense(WIDTH, "relu", name=f"first_{number}")(y)
        x = x + layers.Dense(WIDTH, name=f"second_{number}")(y)
    return keras.Model(inputs, layers.Dense(WIDTH, name="head")(x))


def side_by_side():
    x = inputs = keras.Input((WIDTH,))
    for number in range(4):
        x = layers.Concatenate()([x, layers.Dense(WIDTH, "relu", name=f"dense_{number}")(x)])
    return keras.Model(inputs, layers.Dense(WIDTH, name="head")(x))


def convolutions(pooling, padding):
    x = inputs = keras.Input((16, 16, 8))
    for number in range(3):
        x = layers.Conv2D(32, 3, padding=padding, activation="relu", name=f"convolution_{number}")(x)
    x = pooling(2)(x)
    return keras.Model(inputs, layers.Conv2D(WIDTH, 3, padding=padding, name="head")(x))


def transformer(before):
    x = inputs = keras.Input((8, WIDTH))
    for number in range(2):
        for part in ("attention", "mlp"):
            y = layers.LayerNormalization()(x) if before else x
            if part == "attention":
                y = layers.MultiHeadAttention(4, WIDTH // 4, name=f"attention_{number}")(y, y)
            else:
                y = layers.Dense(4 * WIDTH, "gelu", name=f"wide_{number}")(y)
                y = layers.Dense(WIDTH, name=f"narrow_{number}")(y)
            x = x + y if before else layers.LayerNormalization()(x + y)
    return keras.Model(inputs, layers.Dense(WIDTH, name="head")(x))


def recurrent(kind):
    inputs = keras.Input((40, WIDTH))
    x = kind(WIDTH, return_sequences=True, name="recurrent")(inputs)
    return keras.Model(inputs, layers.Dense(WIDTH, name="head")(x))


# With what the prediction takes for granted beyond large widths, as a factor of the mean square.
SAMPLED = 1.0
POOLED = 1.5  # that half of the variance is common to neighbours
INDEPENDENT = 4.5  # the same of an average over 8 places, which are independent here: (1 + 1/8) / 2 over 1/8
MODELS = {
    **{name: (lambda name=name: hidden(name), SAMPLED) for name in ("relu", "tanh", "gelu", "selu", "softplus")},
    "sigmoid": (lambda: hidden("sigmoid"), SAMPLED),
    "gated": (gated, SAMPLED),
    "residual": (lambda: residual(False), SAMPLED),
    "residual, normalised": (lambda: residual(True), SAMPLED),
    "side by side": (side_by_side, SAMPLED),
    "largest": (lambda: convolutions(layers.MaxPooling2D, "valid"), POOLED),
    "largest, padded": (lambda: convolutions(layers.MaxPooling2D, "same"), POOLED),
    "average": (lambda: convolutions(layers.AveragePooling2D, "valid"), POOLED),
    "average, padded": (lambda: convolutions(layers.AveragePooling2D, "same"), POOLED),
    "transformer": (lambda: transformer(True), POOLED),
    "transformer, normalised last": (lambda: transformer(False), POOLED),
    "lstm": (lambda: recurrent(layers.LSTM), POOLED),
    "gru": (lambda: recurrent(layers.GRU), POOLED),
}


def measured(model):
    """The mean square of what each layer of the model puts out, by its name, over some starts."""
    seen = [layer for layer in model.layers if not isinstance(layer, layers.InputLayer)]
    ends = keras.Model(model.inputs, [layer.output for layer in seen])
    random = np.random.default_rng(0)
    found = []
    for seed in range(SEEDS):
        initialize(model, seed=seed)
        x = random.standard_normal((BATCH if len(model.inputs[0].shape) == 2 else 16, *model.inputs[0].shape[1:]))
        outputs = keras.tree.flatten(ends.predict(x.astype("float32"), verbose=0))
        found.append([float(np.mean(one.astype("float64") ** 2)) for one in outputs])
    return dict(zip([layer.name for layer in seen], np.mean(found, axis=0), strict=True))


QUICK = ("relu", "tanh", "sigmoid", "gated", "residual", "side by side")


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.thorough) for name in MODELS]
)
def test_what_is_predicted_is_what_is_seen(name):
    """A mean square over w units of one start has the relative deviation sqrt(2/w), which layers add up; the units of
    a layer share it, so that neither the batch nor the places make it smaller, but the seeds do."""
    make, factor = MODELS[name]
    model = make()
    prediction = Graph(model).prediction
    assert prediction.unseen == {}
    seen = measured(model)
    predicted = {}
    for step in prediction.program.steps:
        predicted[step.operation.name] = prediction.signals[step.outputs[0].number].square
    common = [one for one in seen if one in predicted]
    assert "head" in common
    width = 32 if "convolution_0" in common else WIDTH
    kernels = 0
    for one in common:
        kernels += bool(model.get_layer(one).weights)
        deviation = (2 * max(1, kernels) / width / SEEDS) ** 0.5
        allowed = INDEPENDENT if one.startswith("attention") else factor
        assert abs(np.log(seen[one] / predicted[one])) < np.log(allowed) + 5 * deviation, one


def brute_force(size, kernel, stride, dilation, causal):
    """Places a row of ones among zeros, as Keras pads it, and counts."""
    layer = layers.Conv1D(
        1,
        kernel,
        strides=stride,
        dilation_rate=dilation,
        padding="causal" if causal else "same",
        kernel_initializer="ones",
    )
    outputs = keras.ops.convert_to_numpy(layer(np.ones((1, size, 1), "float32")))
    return float(outputs.mean()) / kernel, layer


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("size", [1, 4, 7, 16])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 1, 1), (3, 2, 1), (4, 3, 1), (5, 1, 2), (2, 1, 3)])
def test_the_taps_inside_of_padding_are_counted(size, kernel, stride, dilation, causal):
    expected, layer = brute_force(size, kernel, stride, dilation, causal)
    assert inside([size], layer) == pytest.approx(expected, rel=1e-6)


def test_taps_of_two_axes_and_without_padding():
    layer = layers.Conv2D(1, (3, 5), strides=(1, 2), padding="same", kernel_initializer="ones")
    outputs = keras.ops.convert_to_numpy(layer(np.ones((1, 6, 9, 1), "float32")))
    assert inside([6, 9], layer) == pytest.approx(float(outputs.mean()) / 15, rel=1e-6)
    assert inside([None, 9], layer) > inside([6, 9], layer)
    assert inside([6, 9], layers.Conv2D(1, 3, padding="valid")) == 1


BITS = """
import hashlib
import keras
from keras import layers, ops
from keras_inits import initialize

class Own(layers.Layer):
    def __init__(self, name):
        super().__init__(name=name)
        self.dense = layers.Dense(16, name="dense")

    def build(self, shape):
        self.dense.build(shape)
        self.factor = self.add_weight(shape=(16,), initializer="ones", name="factor")

    def call(self, x):
        return x + self.factor * ops.tanh(self.dense(x))

image, words = keras.Input((12, 12, 3)), keras.Input((6,), dtype="int32")
x = layers.Conv2D(16, 3, padding="same", activation="gelu")(image)
for pooling in (layers.MaxPooling2D, layers.AveragePooling2D):
    y = layers.Conv2D(16, 3, padding="same", use_bias=False)(x)
    y = layers.Conv2D(16, 3, padding="same", use_bias=False)(layers.ReLU(max_value=6.0)(layers.BatchNormalization()(y)))
    x = pooling(2)(layers.ELU()(x + layers.BatchNormalization()(y)))
x = layers.SeparableConv2D(16, 3, strides=2, padding="same", activation="silu")(x)
gate = layers.Dense(16, "sigmoid")(layers.GlobalMaxPooling2D(keepdims=True)(x))
x = layers.GlobalAveragePooling2D()(x * gate)
y = layers.Embedding(20, 16)(words)
for number in range(2):
    z = layers.LayerNormalization()(y)
    y = y + layers.MultiHeadAttention(2, 8)(z, z)
    y = y + layers.Dense(16)(layers.Dense(32, "gelu")(layers.LayerNormalization()(y)))
y = layers.GRU(16)(layers.LSTM(16, return_sequences=True)(y))
both = layers.Concatenate()([x, y])
for _ in range(8):
    both = layers.Dense(16, "softsign")(both)
for name in ("softplus", "mish", "sparse_sigmoid", "tanh_shrink", "squareplus"):
    both = Own(f"own_{name}")(layers.Dense(16, name)(both))
model = keras.Model([image, words], layers.Dense(4, "softmax")(both))
initialize(model, seed=3)
digest = hashlib.sha256()
for values in model.get_weights():
    digest.update(values.tobytes())
print(len(model.weights), digest.hexdigest())
"""


@pytest.mark.any_backend
@pytest.mark.thorough
def test_each_backend_starts_from_the_same_bits():
    found = [run_python(BITS, backend).stdout.split("\n")[-2] for backend in BACKENDS]
    assert len(found[0].split()[1]) == 2 * hashlib.sha256().digest_size
    assert set(found) == {found[0]}


class Mixing(layers.Layer):
    """Attention written out, in one operation or in three, whose places without a value are zero."""

    def __init__(self, fused):
        super().__init__()
        self.fused = fused

    def call(self, x):
        x = keras.ops.reshape(x, (-1, 8, 2, WIDTH // 2))
        if self.fused:
            found = keras.ops.dot_product_attention(x, x, x)
        else:
            shares = keras.ops.softmax(keras.ops.einsum("BTNH,BSNH->BNTS", x, x))
            found = keras.ops.einsum("BNTS,BSNH->BTNH", shares, x)
        found = keras.ops.where(x > -9, found, keras.ops.zeros_like(found))
        return keras.ops.reshape(found, (-1, 8, WIDTH))


@pytest.mark.parametrize("fused", [True, False])
def test_attention_in_one_operation_is_that_in_three(fused):
    """An average over many places keeps half of the variance; KerasHub has the one or the other by the backend."""
    x = Mixing(fused)(layers.Dense(WIDTH)(inputs := keras.Input((8, WIDTH))))
    last = initialize(keras.Model(inputs, layers.Dense(3)(x)), seed=0).rows[-2]
    assert last.square_in == pytest.approx(0.5, abs=1e-6)
