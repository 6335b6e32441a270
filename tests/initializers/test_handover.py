"""From the host's array to the backend's tensor: without a copy where that is possible, and right where it is not."""

import warnings

import keras
import numpy as np
import pytest
from helpers.processes import run_python

import keras_inits as ki
from keras_inits import backends
from keras_inits.initializers.buffers import aligned
from keras_inits.initializers.checks import check_dtype

BACKEND = backends.current()
INITIALIZERS = [
    ki.Uniform(seed=1),
    ki.HeNormal(seed=1),
    ki.TruncatedNormal(seed=1),
    ki.Orthogonal(seed=1),
    ki.Identity(),
    ki.Sparse(0.5, seed=1),
    ki.PerGate(ki.Orthogonal(seed=1), 4),
]


def on_the_host():
    return BACKEND.to_tensor(np.zeros(1, "float32")).device.__str__().lower().count("cpu")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("shape", [(64, 64), (40, 100), (1024, 512)])
@pytest.mark.parametrize("initializer", INITIALIZERS, ids=lambda initializer: type(initializer).__name__)
def test_the_tensor_is_the_array_itself(initializer, shape, dtype):
    if not on_the_host():
        pytest.skip("an accelerator has memory of its own")
    values = initializer._draw(shape, check_dtype(dtype))
    tensor = BACKEND.to_tensor(values)
    before = keras.ops.convert_to_numpy(tensor).copy()
    assert np.array_equal(before, values)
    values[...] = 77
    assert (keras.ops.convert_to_numpy(tensor) == 77).all()


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,), (5, 3)])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_small_and_empty_ones_are_right(shape, dtype):
    tensor = ki.Normal(seed=1)(shape, dtype=dtype)
    assert tuple(tensor.shape) == shape
    assert keras.backend.standardize_dtype(tensor.dtype) == dtype
    values = keras.ops.convert_to_numpy(keras.ops.reshape(tensor, (-1,)))  # TensorFlow has no scalar bfloat16 for NumPy
    assert np.array_equal(values.reshape(shape), ki.Normal(seed=1)._draw(shape, check_dtype(dtype)))


@pytest.mark.parametrize("offset", [1, 4, 16, 32])
def test_memory_at_any_address_is_taken(offset):
    """TensorFlow ends the process when it computes with memory that is not aligned."""
    buffer = aligned((4096,), np.dtype("uint8"))
    values = buffer[offset : offset + 400].view("float32")
    values[...] = np.arange(100)
    tensor = BACKEND.to_tensor(values)
    assert float(keras.ops.sum(tensor[1:] * 2)) == 9900


def test_an_array_that_is_read_only_is_taken():
    values = aligned((64, 64), np.dtype("float32"))
    values[...] = 7
    values.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that it cannot tell
        assert (keras.ops.convert_to_numpy(BACKEND.to_tensor(values)) == 7).all()


def test_a_view_whose_values_do_not_follow_each_other_is_taken():
    values = np.arange(4096, dtype="float32").reshape(64, 64)
    for view in (values.T, values[:, ::2]):
        assert np.array_equal(keras.ops.convert_to_numpy(BACKEND.to_tensor(view)), view)


def test_what_a_layer_does_with_its_weight_reaches_no_other_draw():
    before = keras.ops.convert_to_numpy(ki.Normal(seed=1)((64, 64))).copy()
    layer = keras.layers.Dense(64, kernel_initializer=ki.Normal(seed=1))
    layer.build((None, 64))
    layer.kernel.assign_add(keras.ops.ones((64, 64)))
    assert np.array_equal(keras.ops.convert_to_numpy(ki.Normal(seed=1)((64, 64))), before)


DEVICES = """
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
import keras_inits as ki
for dtype in ("float32", "bfloat16"):
    with tf.device("CPU:1"):
        assert ki.HeNormal(seed=1)((64, 64), dtype=dtype).device.endswith("CPU:1")
    assert ki.HeNormal(seed=1)((64, 64), dtype=dtype).device.endswith("CPU:0")
"""


@pytest.mark.thorough
@pytest.mark.backend("tensorflow")
def test_the_tensor_is_on_the_device_of_the_scope():
    run_python(DEVICES, "tensorflow")


REPLICAS = """
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 4
)
import keras, numpy as np
import keras_inits as ki

strategy = tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(4)])
for seed in (None, 3):
    laws = [ki.Uniform(seed=seed), ki.HeNormal(seed=seed), ki.TruncatedNormal(seed=seed), ki.Orthogonal(seed=seed)]
    for law in laws:
        with strategy.scope():
            model = keras.Sequential([keras.Input((32,)), keras.layers.Dense(32, kernel_initializer=law)])
            model.compile("sgd", "mse")
        values = model.layers[0].kernel.value.values
        assert len({value.device for value in values}) == 4, [value.device for value in values]
        assert all(np.array_equal(value.numpy(), values[0].numpy()) for value in values)
        if seed is not None:
            assert np.array_equal(values[0].numpy(), np.asarray(law((32, 32))))
        model.fit(np.ones((64, 32)), np.ones((64, 32)), batch_size=32, verbose=0)
        assert all(np.array_equal(value.numpy(), values[0].numpy()) for value in values)
"""


@pytest.mark.thorough
@pytest.mark.backend("tensorflow")
def test_four_replicas_start_from_equal_weights_and_keep_them():
    run_python(REPLICAS, "tensorflow")
