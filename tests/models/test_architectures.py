"""Whole architectures: the signal that `initialize` sends through them, with normalisation layers at their start."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_inits import initialize

# The weights are the same on each backend; JAX would compile these networks for more than a minute.
pytestmark = pytest.mark.backend("tensorflow", "torch")
SHAPE = (72, 72, 3)


def transformer():
    tokens = keras.Input((32,))
    x = layers.Embedding(1000, 128)(tokens) + layers.Embedding(32, 128)(keras.ops.arange(32))
    for _ in range(6):
        y = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(4, 32)(y, y)
        y = layers.Dense(512, activation="gelu")(layers.LayerNormalization()(x))
        x = x + layers.Dense(128)(y)
    return keras.Model(tokens, layers.Dense(1000)(layers.LayerNormalization()(x)))


def application(name, **arguments):
    def build():
        make = getattr(keras.applications, name)
        return make(weights=None, input_shape=SHAPE, classifier_activation=None, **arguments)

    return build


KEEP = {
    "ConvNeXtTiny": application("ConvNeXtTiny", include_preprocessing=False),
    "DenseNet121": application("DenseNet121"),
    "Xception": application("Xception"),
    "transformer": transformer,
}
STRAY = {
    "MobileNetV3Large": application("MobileNetV3Large", include_preprocessing=False),
    "MobileNetV3Small": application("MobileNetV3Small", include_preprocessing=False),
}


def last_over_first(model):
    """The standard deviation of what the last layer with a kernel puts out, over that of the first."""
    random = np.random.default_rng(0)
    x = random.standard_normal((4, *SHAPE)) if len(model.inputs[0].shape) == 4 else random.integers(0, 1000, (4, 32))
    kernels = [layer for layer in model.layers if any(len(weight.shape) > 1 for weight in layer.weights)]
    ends = keras.Model(model.inputs, [kernels[0].output, kernels[-1].output])
    first, last = (np.std(outputs) for outputs in ends.predict(x, verbose=0))
    return last / first


@pytest.mark.thorough
@pytest.mark.parametrize("name", KEEP)
def test_the_signal_stays_within_a_factor_of_ten(name):
    model = KEEP[name]()
    initialize(model, seed=0)
    assert 0.1 < last_over_first(model) < 10


@pytest.mark.thorough
@pytest.mark.parametrize("name", STRAY)
def test_where_nothing_normalises_hard_silu_lets_it_stray(name):
    """The rule counts on the normalisation behind each kernel. While that passes on what it gets, an error of the mean
    square grows by 1.22 in each of some thirty layers with hard_silu, by 20 in size over all. Keras is at 1e-10."""
    model = STRAY[name]()
    assert last_over_first(model) < 1e-6
    initialize(model, seed=0)
    assert 0.01 < last_over_first(model) < 100


@pytest.mark.thorough
def test_small_inputs_fade_as_the_docs_say():
    """EfficientNetB0 divides its inputs by 255, and silu halves what is small."""
    model = application("EfficientNetB0")()
    before = last_over_first(model)
    initialize(model, seed=0)
    assert 3 * before < last_over_first(model) < 0.1
