"""Fans of layers: number by number, and by the variance of what the layers put out."""

import inspect

import numpy as np
import pytest
from helpers.layer_spread import SPREAD, built, spread
from keras import layers

from keras_inits.layers.fans import fans_of

C = 64  # channels in

# layer, shape of its input, {name of a weight: fans}; by hand
CASES = [
    (lambda: layers.Dense(7), (C,), {"kernel": (C, 7), "bias": None}),
    (lambda: layers.Conv1D(8, 3), (20, C), {"kernel": (3 * C, 24), "bias": None}),
    (lambda: layers.Conv2D(8, (3, 2)), (9, 9, C), {"kernel": (6 * C, 48)}),
    (lambda: layers.Conv2D(8, 3, groups=4), (9, 9, C), {"kernel": (9 * C / 4, 18)}),
    (lambda: layers.Conv2D(8, 3, strides=2), (9, 9, C), {"kernel": (9 * C, 18)}),
    (lambda: layers.Conv3D(8, 2, dilation_rate=2), (5, 5, 5, C), {"kernel": (8 * C, 64)}),
    (lambda: layers.Conv1DTranspose(8, 4, strides=2), (9, C), {"kernel": (2 * C, 32)}),
    (lambda: layers.Conv2DTranspose(8, 3), (9, 9, C), {"kernel": (9 * C, 72), "bias": None}),
    (lambda: layers.Conv2DTranspose(8, 4, strides=(2, 1)), (9, 9, C), {"kernel": (8 * C, 128)}),
    (lambda: layers.Conv3DTranspose(8, 2), (5, 5, 5, C), {"kernel": (8 * C, 64)}),
    (lambda: layers.DepthwiseConv1D(3, depth_multiplier=2), (9, C), {"kernel": (3, 6)}),
    (lambda: layers.DepthwiseConv2D(3), (9, 9, C), {"kernel": (9, 9), "bias": None}),
    (lambda: layers.DepthwiseConv2D(3, strides=3, depth_multiplier=2), (9, 9, C), {"kernel": (9, 2)}),
    (
        lambda: layers.SeparableConv2D(8, 3, depth_multiplier=2),
        (9, 9, C),
        {"depthwise_kernel": (9, 18), "pointwise_kernel": (2 * C, 8)},
    ),
    (lambda: layers.SeparableConv1D(8, 3), (9, C), {"depthwise_kernel": (3, 3), "pointwise_kernel": (C, 8)}),
    (lambda: layers.EinsumDense("abc,cd->abd", (5, 7)), (5, C), {"kernel": (C, 7)}),
    (lambda: layers.EinsumDense("abc,cde->abde", (5, 7, 3)), (5, C), {"kernel": (C, 21)}),
    (lambda: layers.EinsumDense("abc,dbc->ad", 7), (5, C), {"kernel": (5 * C, 7)}),
    (lambda: layers.EinsumDense("abc,bcd->abd", (5, 7)), (5, C), {"kernel": (C, 7)}),
    (lambda: layers.EinsumDense("...x,xy->...y", 7), (5, C), {"kernel": (C, 7)}),
    (lambda: layers.Embedding(1000, 16), (5,), {"embeddings": (1, 16)}),
    (lambda: layers.ReversibleEmbedding(1000, 16), (5,), {"embeddings": (1, 16)}),
    (
        lambda: layers.ReversibleEmbedding(1000, 16, tie_weights=False),
        (5,),
        {"embeddings": (1, 16), "reverse_embeddings": (16, 1000)},
    ),
    (lambda: layers.SimpleRNN(7), (5, C), {"kernel": (C, 7), "recurrent_kernel": (7, 7), "bias": None}),
    (lambda: layers.GRU(7), (5, C), {"kernel": (C, 7), "recurrent_kernel": (7, 7), "bias": None}),
    (lambda: layers.LSTM(7), (5, C), {"kernel": (C, 7), "recurrent_kernel": (7, 7), "bias": None}),
    (lambda: layers.Bidirectional(layers.LSTM(7)), (5, C), {"kernel": (C, 7), "recurrent_kernel": (7, 7)}),
    (lambda: layers.ConvLSTM2D(7, 3), (5, 9, 9, C), {"kernel": (9 * C, 63), "recurrent_kernel": (63, 63)}),
    (lambda: layers.TimeDistributed(layers.Dense(7)), (5, C), {"kernel": (C, 7)}),
    (lambda: layers.SpectralNormalization(layers.Dense(7)), (C,), {"kernel": (C, 7), "vector_u": None}),
    (lambda: layers.BatchNormalization(), (9, C), {"gamma": None, "moving_mean": None}),
    (lambda: layers.LayerNormalization(axis=(1, 2)), (9, C), {"gamma": None, "beta": None}),
    (lambda: layers.PReLU(), (9, C), {"alpha": None}),
]


@pytest.mark.parametrize(
    ("make", "shape", "expected"), CASES, ids=lambda case: None if callable(case) else str(case)[:40]
)
def test_numbers(make, shape, expected):
    layer = built(make, shape)
    for name, fans in expected.items():
        found = [variable for variable in layer.weights if variable.name == name]
        assert found
        for variable in found:
            assert fans_of(layer, variable) == (fans if fans is None else pytest.approx(fans))


# Layers without a kernel of their own: cells are those of the recurrent layers, and the rest has scales and vectors.
WITHOUT = {
    *("AdditiveAttention", "Attention", "GroupNormalization", "Normalization", "RMSNormalization", "STFTSpectrogram"),
    *("FlaxLayer", "JaxLayer", "TFSMLayer", "GRUCell", "LSTMCell", "SimpleRNNCell", "RNN"),
    *("ConvLSTM1D", "ConvLSTM3D"),  # one class with ConvLSTM2D
}


def test_each_layer_of_keras_with_weights_is_one_of_the_cases():
    """A new one must not be given the fans of its shape unseen."""
    public = {one for one in vars(layers).values() if inspect.isclass(one) and issubclass(one, layers.Layer)}
    bases = {one: [base for base in one.__mro__ if issubclass(base, layers.Layer)][:-1] for one in public}
    named = {one.__name__ for one in public if any("add_weight(" in inspect.getsource(base) for base in bases[one])}
    assert named - {type(make()).__name__ for make, *_ in CASES} == WITHOUT


def test_attention():
    layer = layers.MultiHeadAttention(4, 16)
    layer.build((None, 5, C), (None, 5, C))
    fans = {
        variable.path.split("/")[-2]: fans_of(layer, variable)
        for variable in layer.weights
        if "kernel" in variable.name
    }
    assert fans == {"query": (C, 64), "key": (C, 64), "value": (C, 64), "attention_output": (64, C)}


def test_low_rank_adapters():
    layer = built(lambda: layers.Dense(7), (C,))
    layer.enable_lora(2)
    named = {variable.name: fans_of(layer, variable) for variable in layer.weights}
    assert named["lora_kernel_a"] == (C, 2)
    assert named["lora_kernel_b"] == (2, 7)
    layer = built(lambda: layers.Embedding(100, 8), (5,))
    layer.enable_lora(2)
    named = {variable.name: fans_of(layer, variable) for variable in layer.weights}
    assert named["lora_embeddings_a"] == (1, 2)
    assert named["lora_embeddings_b"] == (2, 8)


@pytest.mark.parametrize(("make", "shape"), SPREAD)
def test_variance_one_over_fan_in_keeps_the_variance(make, shape):
    """Each kernel's own mean square is made exactly 1 / fan_in."""
    layer, random = built(make, shape), np.random.default_rng(0)
    for variable in layer.trainable_variables:
        fans = fans_of(layer, variable)
        values = np.zeros(variable.shape)
        if fans is not None:
            values = random.standard_normal(variable.shape)
            values *= (fans[0] * np.mean(values**2)) ** -0.5
        variable.assign(values)
    mean_square, variance = spread(layer, shape)
    assert mean_square == pytest.approx(1, abs=5 * variance**0.5)


def test_of_a_layer_that_is_not_known_the_fans_are_not_guessed():
    class Mine(layers.Layer):
        def build(self, shape):
            self.mixing = self.add_weight(shape=(shape[-1], 3), name="kernel")
            self.shift = self.add_weight(shape=(3,), name="shift")

    layer = built(Mine, (5,))
    for variable in layer.weights:
        with pytest.raises(ValueError, match=r"Received: .* of which that is not known: .*Mine is not in .* Expected"):
            fans_of(layer, variable)


def test_of_a_derived_layer_what_it_inherits_is_known_and_what_it_adds_is_not():
    class Cell(layers.GRUCell):
        pass

    class Mixed(layers.Dense):
        def build(self, shape):
            super().build(shape)
            self.mixing = self.add_weight(shape=(3, 3), name="mixing")

    cell, mixed = built(lambda: Cell(5), (4,)), built(lambda: Mixed(3), (C,))
    assert [fans_of(cell, v) for v in (cell.kernel, cell.recurrent_kernel, cell.bias)] == [(4, 5), (5, 5), None]
    assert fans_of(mixed, mixed.kernel) == (C, 3)
    with pytest.raises(ValueError, match="or adds this weight"):
        fans_of(mixed, mixed.mixing)


def test_a_variable_of_another_layer_is_refused():
    layer, other = built(lambda: layers.Dense(7), (5,)), built(lambda: layers.Dense(7, name="other"), (5,))
    with pytest.raises(ValueError, match=r"does not own variable='other/kernel'. Expected one of \['.*kernel'.* Build"):
        fans_of(layer, other.kernel)
