"""Models of float64 beyond the range of float32: the numbers are those of NumPy's float64."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_inits import backends, diagnose, initialize

pytestmark = pytest.mark.backend("tensorflow", "torch")  # in JAX float64 is off by default
random = np.random.default_rng(0)


class Exact(layers.Dense):
    """In float64 on torch too, where Keras multiplies matrices of it in float32."""

    def call(self, inputs):
        return keras.ops.sum(keras.ops.expand_dims(inputs, -1) * self.kernel, 1) + self.bias


@pytest.mark.parametrize(
    ("kernel_scale", "input_scale", "kind"),
    [
        (1e-60, 1.0, "vanishing_signal"),
        (1e60, 1.0, "exploding_signal"),
        (1.0, 1e200, None),
        (1.0, 1e-200, None),
        (1e-200, 1.0, "vanishing_signal"),
    ],
)
def test_numbers_beyond_the_range_of_float32(kernel_scale, input_scale, kind):
    assert backends.current().widest_float() == "float64"
    floatx = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        check(kernel_scale, input_scale, kind)
    finally:
        keras.config.set_floatx(floatx)


def deviation(values):
    largest = np.abs(values).max()
    return (values / largest).std() * largest


def check(kernel_scale, input_scale, kind):
    parts = [Exact(16, dtype="float64"), Exact(3, dtype="float64")]
    model = keras.Sequential([keras.Input((16,), dtype="float64"), *parts])
    initialize(model, seed=1)
    first, second = (keras.ops.convert_to_numpy(layer.kernel) for layer in model.layers)
    model.layers[0].kernel.assign(first * kernel_scale)
    x = random.standard_normal((64, 16)) * input_scale
    diagnosis = diagnose(model, x)
    hidden = x @ (first * kernel_scale)
    for row, expected in zip(diagnosis.layers, (hidden, hidden @ second), strict=True):
        assert row.outputs.nonfinite == 0
        assert row.outputs.stddev == pytest.approx(deviation(expected), rel=1e-4)
        assert row.outputs.largest == pytest.approx(np.abs(expected).max(), rel=1e-4)
        assert 0 < row.gradient < np.inf
    assert diagnosis.inputs.stddev == pytest.approx(deviation(x), rel=1e-6)
    kinds = [one.kind for one in diagnosis]
    assert kind in kinds if kind else "nonfinite" not in kinds, str(diagnosis)
