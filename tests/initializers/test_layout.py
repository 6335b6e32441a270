"""Tensors that lie on several devices: each part drawn alone, with the values of the whole."""

import json
import socket

import keras
import numpy as np
import pytest
from helpers.processes import run_python, start_helper
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_inits as ki
from keras_inits.initializers import sampling


@st.composite
def shapes_with_a_part(draw):
    shape = draw(st.lists(st.integers(0, 7), min_size=0, max_size=4))
    bounds = [sorted(draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in shape]
    return tuple(shape), tuple(slice(*pair) for pair in bounds)


@given(shapes_with_a_part())
@settings(max_examples=200, deadline=None)
def test_a_part_is_that_of_the_whole(case):
    shape, part = case
    chunk, sampling.CHUNK = sampling.CHUNK, 16  # so that small arrays are of many
    try:
        for law in (ki.Uniform(seed=3), ki.TruncatedNormal(seed=3), ki.HeNormal(seed=3)):
            whole = law._draw(shape, np.dtype("float32"))
            assert np.array_equal(law._parts(shape, np.dtype("float32"))(part), whole[part])
    finally:
        sampling.CHUNK = chunk


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("part", [(slice(100, 300), slice(0, 700)), (slice(0, 900), slice(350, 700))])
def test_a_part_of_several_chunks(dtype, part):
    law, shape = ki.Normal(seed=5), (900, 700)
    dtype = ki.initializers.checks.check_dtype(dtype)
    assert np.array_equal(law._parts(shape, dtype)(part), law._draw(shape, dtype)[part])


def test_a_part_along_the_first_axis_draws_its_own_chunks_alone(monkeypatch):
    drawn = []
    stream_of = sampling.stream_of
    monkeypatch.setattr(sampling, "stream_of", lambda entropy, key: drawn.append(key[0]) or stream_of(entropy, key))
    ki.Normal(seed=5)._parts((64, 2**14), np.dtype("float32"))((slice(16, 32), slice(0, 2**14)))
    assert drawn == [1]


def test_parts_of_one_call_are_of_one_draw():
    parts = ki.HeNormal()._parts((4, 6), np.dtype("float32"))
    assert np.array_equal(parts((slice(0, 4), slice(0, 6)))[2:], parts((slice(2, 4), slice(0, 6))))


@pytest.mark.backend("tensorflow", "torch")
def test_other_backends_have_no_layouts():
    with pytest.raises(ValueError, match=r"Argument `layout` says .* Received: layout='rows' on .* Leave it out"):
        ki.HeNormal()((4, 6), layout="rows")


EIGHT_DEVICES = """
import os
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
import jax, keras, numpy as np
import keras_inits as ki
from keras import layers

mesh = keras.distribution.DeviceMesh((2, 4), ["batch", "model"], jax.devices())
layout_map = keras.distribution.LayoutMap(mesh)
layout_map[".*columns.*kernel"] = (None, "model")
layout_map[".*rows.*kernel"] = ("model", None)
layout_map[".*both.*kernel"] = ("batch", "model")
schemes = [
    keras.distribution.ModelParallel(layout_map=layout_map, batch_dim_name="batch"),
    keras.distribution.DataParallel(device_mesh=keras.distribution.DeviceMesh((8,), ["batch"], jax.devices())),
]
laws = [ki.Uniform(seed=3), ki.HeNormal(seed=3), ki.TruncatedNormal(seed=3), ki.Orthogonal(seed=3), ki.Identity(2.0)]
laws += [ki.Sparse(0.5, seed=3), ki.PerGate(ki.Orthogonal(seed=3), 4), ki.GlorotUniform(seed=3)]
for scheme in schemes:
    for dtype in ("float32", "bfloat16", "mixed_bfloat16"):
        for law in laws:
            whole = np.asarray(law((16, 16), dtype=keras.dtype_policies.get(dtype).variable_dtype))
            with scheme.scope():
                for name in ("columns", "rows", "both", "whole"):
                    layer = layers.Dense(16, kernel_initializer=law, name=name, dtype=dtype)
                    layer.build((None, 16))
                    reference = layers.Dense(16, kernel_initializer="zeros", name=name + "_reference", dtype=dtype)
                    reference.build((None, 16))
                    value = layer.kernel.value
                    assert value.sharding == reference.kernel.value.sharding, (law, name, value.sharding)
                    assert np.array_equal(np.asarray(value), whole), (law, name)
keras.utils.set_random_seed(7)
plain = layers.Dense(16, kernel_initializer=ki.HeNormal(), name="plain")
plain.build((None, 16))
keras.utils.set_random_seed(7)
with schemes[0].scope():
    model = keras.Sequential([keras.Input((16,)), layers.Dense(16, kernel_initializer=ki.HeNormal(), name="columns")])
    model.compile("sgd", "mse")
assert np.array_equal(np.asarray(model.layers[0].kernel.value), np.asarray(plain.kernel.value))
with schemes[0].scope():
    model.fit(np.ones((16, 16)), np.ones((16, 16)), verbose=0)
big = ki.Normal(seed=1)
layout = keras.distribution.TensorLayout((None, "model"), mesh)
assert np.array_equal(np.asarray(big((4096, 4096), layout=layout)), np.asarray(big((4096, 4096))))
"""


@pytest.mark.thorough
@pytest.mark.backend("jax")
def test_on_eight_devices():
    run_python(EIGHT_DEVICES, "jax")


REPLICAS = """
import os
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
import jax, keras, numpy as np
import keras_inits as ki

def trained():
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64, kernel_initializer=ki.HeNormal(seed=3))])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(np.ones((64, 64)), np.zeros((64, 64)), batch_size=16, shuffle=False, verbose=0)
    return model.layers[0].kernel.value

alone = np.asarray(trained())
mesh = keras.distribution.DeviceMesh((8,), ["batch"], jax.devices())
with keras.distribution.DataParallel(device_mesh=mesh).scope():
    value = trained()
assert len(value.addressable_shards) == 8
for shard in value.addressable_shards:
    assert np.allclose(np.asarray(shard.data), alone, rtol=0, atol=1e-6)
"""


@pytest.mark.thorough
@pytest.mark.backend("jax")
def test_replicas_that_begin_in_one_memory_are_trained_each_on_its_own():
    """Their devices are handed one array; steps that write their results over it must not meet there."""
    run_python(REPLICAS, "jax")


@pytest.mark.thorough
@pytest.mark.backend("jax")
def test_in_two_processes_unseeded_initializers_agree():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    processes = [start_helper("two_processes", str(number), str(port)) for number in range(2)]
    first, second = (json.loads(process.communicate(timeout=300)[0].splitlines()[-1]) for process in processes)
    keras.utils.set_random_seed(7)
    alone = [np.asarray(ki.HeNormal()((4, 8))) for _ in range(2)]
    columns = dict(first["columns"] + second["columns"])
    assert sorted(columns) == [0, 2, 4, 6]
    assert np.array_equal(np.concatenate([columns[start] for start in sorted(columns)], axis=1), alone[0])
    assert all(np.array_equal(values, alone[1]) for _, values in first["whole"] + second["whole"])
