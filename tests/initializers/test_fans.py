"""Fans, and the layers that hand over their axes."""

import keras
import numpy as np
import pytest
from helpers.tolerances import variance_tolerance
from hypothesis import given
from hypothesis import strategies as st
from keras.src.initializers.random_initializers import compute_fans as keras_fans

import keras_inits
from keras_inits.initializers.fans import compute_fans


@given(shape=st.lists(st.integers(0, 60), max_size=5).map(tuple))
def test_shapes_have_the_fans_that_keras_gives_them(shape):
    assert compute_fans(shape) == keras_fans(shape)


@given(shape=st.lists(st.integers(1, 9), min_size=3, max_size=3).map(tuple), axes=st.permutations([0, 1, 2]))
def test_axes_are_multiplied(shape, axes):
    input_axes, output_axes = tuple(axes[:1]), tuple(axes[1:])
    assert compute_fans(shape, input_axes, output_axes) == keras_fans(shape, input_axes, output_axes)


def test_a_fan_of_zero_counts_as_one():
    assert keras_inits.HeNormal(seed=0)((0, 5)).shape == (0, 5)
    variance = float(keras.ops.var(keras_inits.VarianceScaling(2.0, input_axes=(), output_axes=(0,), seed=0)((4000,))))
    assert abs(variance - 2) < variance_tolerance(2, 3, 4000)


HEADS, KEY_DIM, WIDTH = 4, 24, 96


@pytest.mark.parametrize(
    ("initializer", "variances"),
    [
        # fan_in and fan_out of query, key and value are WIDTH and HEADS KEY_DIM; those of the output the reverse.
        (keras_inits.HeNormal, {"query": 2 / WIDTH, "value": 2 / WIDTH, "attention_output": 2 / (HEADS * KEY_DIM)}),
        (keras_inits.GlorotUniform, {"query": 2 / (WIDTH + HEADS * KEY_DIM), "key": 2 / (WIDTH + HEADS * KEY_DIM)}),
        (lambda: keras_inits.HeNormal(truncated=True), {"query": 2 / WIDTH}),
        (lambda: keras_inits.VarianceScaling(3.0, "fan_out", "untruncated_normal"), {"query": 3 / (HEADS * KEY_DIM)}),
    ],
    ids=["HeNormal", "GlorotUniform", "HeNormal truncated", "VarianceScaling"],
)
@pytest.mark.parametrize("layer_class", [keras.layers.MultiHeadAttention, keras.layers.GroupQueryAttention])
def test_attention_gets_the_variance_of_its_true_fans(initializer, variances, layer_class):
    if layer_class is keras.layers.MultiHeadAttention:
        layer = layer_class(HEADS, KEY_DIM, kernel_initializer=initializer())
    else:
        layer = layer_class(KEY_DIM, HEADS, HEADS, kernel_initializer=initializer())
    layer.build((2, 5, WIDTH), (2, 5, WIDTH))
    kernels = {
        weight.path.split("/")[-2]: keras.ops.convert_to_numpy(weight)
        for weight in layer.weights
        if weight.name == "kernel"
    }
    for name, variance in variances.items():
        kernel = kernels[name]
        assert abs(kernel.var() - variance) < variance_tolerance(variance, 3, kernel.size)
    assert not np.array_equal(kernels["query"], kernels["key"])


def test_the_axes_given_by_the_user_win():
    layer = keras.layers.EinsumDense(
        "abc,cde->abde", (None, 30, 40), kernel_initializer=keras_inits.HeNormal(input_axes=(1,), output_axes=(2,))
    )
    layer.build((2, 3, 50))
    kernel = keras.ops.convert_to_numpy(layer.kernel)
    assert abs(kernel.var() - 2 / 30) < variance_tolerance(2 / 30, 3, kernel.size)
