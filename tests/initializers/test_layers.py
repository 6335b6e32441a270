"""In every Keras layer that takes an initializer, under every policy, in every scope, on every device."""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from helpers.processes import run_python
from helpers.tolerances import variance_tolerance
from keras import layers

import keras_inits as ki

he, uniform, square = ki.HeNormal, ki.Uniform, ki.Orthogonal

# Each with a shape of input that builds it; recurrent kernels are orthogonal.
LAYERS = {
    "Dense": (lambda: layers.Dense(5, kernel_initializer=he(), bias_initializer=uniform()), (2, 4)),
    "Conv1D": (lambda: layers.Conv1D(5, 3, kernel_initializer=he()), (2, 8, 4)),
    "Conv2D": (lambda: layers.Conv2D(5, 3, kernel_initializer=square()), (2, 8, 8, 4)),
    "Conv2D grouped": (lambda: layers.Conv2D(6, 3, groups=2, kernel_initializer=he()), (2, 8, 8, 4)),
    "Conv3D": (lambda: layers.Conv3D(5, 2, kernel_initializer=he()), (2, 4, 4, 4, 3)),
    "Conv1DTranspose": (lambda: layers.Conv1DTranspose(5, 3, kernel_initializer=he()), (2, 8, 4)),
    "Conv2DTranspose": (lambda: layers.Conv2DTranspose(5, 3, kernel_initializer=he()), (2, 8, 8, 4)),
    "Conv3DTranspose": (lambda: layers.Conv3DTranspose(5, 2, kernel_initializer=he()), (2, 4, 4, 4, 3)),
    "DepthwiseConv1D": (lambda: layers.DepthwiseConv1D(3, depthwise_initializer=he()), (2, 8, 4)),
    "DepthwiseConv2D": (lambda: layers.DepthwiseConv2D(3, depthwise_initializer=he()), (2, 8, 8, 4)),
    "SeparableConv1D": (
        lambda: layers.SeparableConv1D(5, 3, depthwise_initializer=he(), pointwise_initializer=square()),
        (2, 8, 4),
    ),
    "SeparableConv2D": (
        lambda: layers.SeparableConv2D(5, 3, depthwise_initializer=he(), pointwise_initializer=square()),
        (2, 8, 8, 4),
    ),
    "Embedding": (lambda: layers.Embedding(7, 5, embeddings_initializer=ki.Normal()), (2, 3)),
    "LSTM": (lambda: layers.LSTM(5, kernel_initializer=he(), recurrent_initializer=square()), (2, 3, 4)),
    "GRU": (lambda: layers.GRU(5, kernel_initializer=he(), recurrent_initializer=square()), (2, 3, 4)),
    "SimpleRNN": (
        lambda: layers.SimpleRNN(5, kernel_initializer=he(), recurrent_initializer=ki.Identity(0.5)),
        (2, 3, 4),
    ),
    "ConvLSTM2D": (
        lambda: layers.ConvLSTM2D(3, 2, kernel_initializer=he(), recurrent_initializer=square()),
        (2, 3, 4, 4, 2),
    ),
    "Bidirectional": (
        lambda: layers.Bidirectional(layers.LSTM(5, kernel_initializer=he(), recurrent_initializer=square())),
        (2, 3, 4),
    ),
    "EinsumDense": (lambda: layers.EinsumDense("abc,cd->abd", (None, 5), kernel_initializer=he()), (2, 3, 4)),
    "BatchNormalization": (
        lambda: layers.BatchNormalization(gamma_initializer=ki.Ones(), beta_initializer=uniform()),
        (2, 4),
    ),
    "PReLU": (lambda: layers.PReLU(alpha_initializer=uniform()), (2, 4)),
    "Dense LoRA": (lambda: layers.Dense(5, lora_rank=2, kernel_initializer=he()), (2, 4)),
}
ATTENTIONS = {
    "MultiHeadAttention": lambda: layers.MultiHeadAttention(2, 3, kernel_initializer=he()),
    "GroupQueryAttention": lambda: layers.GroupQueryAttention(3, 2, 1, kernel_initializer=he()),
}
POLICIES = ["float32", "mixed_float16", "mixed_bfloat16", "bfloat16"]


def inputs_for(name, shape):
    if name == "Embedding":
        return np.zeros(shape, "int32")
    return np.random.default_rng(0).standard_normal(shape).astype("float32")


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", LAYERS)
def test_each_layer_builds_and_calls(name, policy):
    keras.config.set_dtype_policy(policy)
    make, shape = LAYERS[name]
    layer = make()
    outputs = layer(inputs_for(name, shape))
    assert np.isfinite(keras.ops.convert_to_numpy(keras.ops.cast(outputs, "float32"))).all()
    again = type(layer).from_config(layer.get_config())
    again(inputs_for(name, shape))
    assert [weight.shape for weight in again.weights] == [weight.shape for weight in layer.weights]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", ATTENTIONS)
def test_each_attention_builds_and_calls(name, policy):
    keras.config.set_dtype_policy(policy)
    layer = ATTENTIONS[name]()
    x = inputs_for(name, (2, 5, 6))
    assert tuple(layer(x, x).shape) == (2, 5, 6)


def test_two_layers_that_share_an_unseeded_initializer_start_different():
    initializer = ki.HeNormal()
    one, other = (layers.Dense(4, kernel_initializer=initializer) for _ in range(2))
    for layer in (one, other):
        layer.build((None, 3))
    assert not np.array_equal(one.get_weights()[0], other.get_weights()[0])


@pytest.mark.parametrize("kind", ["sequential", "functional", "subclassed"])
def test_building_a_model_draws_each_weight_once(kind, monkeypatch):
    """Keras calls an initializer up to three times for a variable while it builds symbolically."""
    drawn = []
    draw = ki.HeNormal._sample
    monkeypatch.setattr(
        ki.HeNormal, "_sample", lambda self, shape, *rest: drawn.append(shape) or draw(self, shape, *rest)
    )
    stack = [layers.Dense(size, kernel_initializer=ki.HeNormal()) for size in (4, 3, 2)]
    if kind == "sequential":
        model = keras.Sequential(stack)
    elif kind == "functional":
        x = inputs = keras.Input((5,))
        for layer in stack:
            x = layer(x)
        model = keras.Model(inputs, x)
    else:

        class Subclassed(keras.Model):
            def __init__(self):
                super().__init__()
                self.stack = stack

            def call(self, x):
                for layer in self.stack:
                    x = layer(x)
                return x

        model = Subclassed()
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 5), "float32"), np.ones((4, 2), "float32"), verbose=0)
    assert drawn == [(5, 4), (4, 3), (3, 2)]


class Noise(layers.Layer):
    """Draws in its `call`, which on JAX runs in a stateless scope whenever it is compiled."""

    def call(self, x):
        return x + ki.Normal(1.0, seed=3)((4,))


def test_a_layer_that_draws_in_its_call_gets_values_wherever_it_runs():
    model = keras.Sequential([keras.Input((4,)), Noise()])
    x = np.zeros((1, 4), "float32")
    expected = keras.ops.convert_to_numpy(ki.Normal(1.0, seed=3)((4,)))
    assert np.array_equal(model.predict(x, verbose=0)[0], expected)
    assert np.array_equal(keras.ops.convert_to_numpy(model(x))[0], expected)


def test_shapes_are_inferred_without_a_draw():
    generator = keras.random.SeedGenerator(3)
    initializer = ki.Normal(seed=generator)
    assert keras.layers.Lambda(lambda x: x + initializer((2, 2))).compute_output_shape((2, 2)) == (2, 2)
    expected = ki.Normal(seed=keras.random.SeedGenerator(3))((2, 2))
    assert np.array_equal(keras.ops.convert_to_numpy(initializer((2, 2))), keras.ops.convert_to_numpy(expected))


def test_threads_that_share_a_generator_get_different_values():
    initializer = ki.Normal(seed=keras.random.SeedGenerator(3))
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda _: keras.ops.convert_to_numpy(initializer((3,))).tobytes(), range(80)))
    assert len(set(drawn)) == 80


@pytest.mark.thorough
def test_a_kernel_of_two_gibibytes():
    values = keras.ops.convert_to_numpy(ki.HeUniform(seed=0)((2**15, 2**14)))
    assert values.nbytes == 2**31
    assert abs(values[-1].var() - 2 / 2**15) < variance_tolerance(2 / 2**15, 1.8, 2**14)


MIRRORED = """
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import tensorflow as tf

import keras_inits

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    initializers = keras_inits.HeNormal(), keras_inits.Orthogonal(seed=3)
    model = keras.Sequential([keras.Input((3,)), *(keras.layers.Dense(4, kernel_initializer=i) for i in initializers)])
for layer in model.layers:
    one, other = (value.numpy() for value in layer.kernel.value.values)
    assert one.any()
    assert np.array_equal(one, other)
"""


@pytest.mark.backend("tensorflow")
class TestTensorFlow:
    @pytest.mark.thorough
    def test_all_replicas_of_a_mirrored_strategy_start_equal(self):
        run_python(MIRRORED, "tensorflow")

    def test_in_a_traced_function(self):
        import tensorflow as tf

        initializer = ki.HeNormal(seed=3)
        traced = tf.function(lambda: initializer((4, 3)))
        assert np.array_equal(traced().numpy(), initializer((4, 3)).numpy())
        unseeded = tf.function(lambda: ki.HeNormal()((4, 3)))
        assert np.array_equal(unseeded().numpy(), unseeded().numpy())  # drawn once, when traced
        with pytest.raises(ValueError, match="cannot advance while a function is traced"):
            tf.function(lambda: ki.HeNormal(seed=keras.random.SeedGenerator(1))((4, 3)))()

    @pytest.mark.thorough
    def test_autograph_says_nothing(self):
        code = "import tensorflow as tf, keras_inits\ntf.function(lambda: keras_inits.HeNormal(3)((4, 3)))()"
        result = run_python(code, "tensorflow")
        assert "AutoGraph" not in result.stderr + result.stdout


@pytest.mark.backend("jax")
class TestJax:
    def test_in_a_traced_function(self):
        import jax

        initializer = ki.HeNormal(seed=3)
        assert np.array_equal(jax.jit(lambda: initializer((4, 3)))(), initializer((4, 3)))
        unseeded = jax.jit(lambda: ki.HeNormal()((4, 3)))
        assert np.array_equal(unseeded(), unseeded())  # drawn once, when traced
        generator = keras.random.SeedGenerator(1)
        with pytest.raises(ValueError, match="cannot advance while a function is traced"):
            jax.jit(lambda: ki.HeNormal(seed=generator)((4, 3)))()
        assert ki.HeNormal(seed=generator)((4, 3)).shape == (4, 3)

    @pytest.mark.parametrize("scheme", ["DataParallel", "ModelParallel"])
    def test_in_a_distribution(self, scheme):
        import jax

        mesh = keras.distribution.DeviceMesh((1, 1), ["batch", "model"], jax.devices()[:1])
        if scheme == "DataParallel":
            distribution = keras.distribution.DataParallel(devices=jax.devices()[:1])
        else:
            layout_map = keras.distribution.LayoutMap(mesh)
            layout_map[".*kernel"] = (None, "model")
            distribution = keras.distribution.ModelParallel(layout_map=layout_map, batch_dim_name="batch")
        with distribution.scope():
            layer = layers.Dense(4, kernel_initializer=ki.HeNormal(seed=3))
            layer.build((None, 3))
        assert np.array_equal(layer.get_weights()[0], ki.HeNormal(seed=3)((3, 4)))


@pytest.mark.backend("torch")
class TestTorch:
    def test_on_the_device_without_values(self):
        with keras.device("meta"):
            assert ki.HeNormal()((4, 3)).is_meta

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    @pytest.mark.parametrize("cls", [ki.HeNormal, ki.TruncatedNormal, ki.Orthogonal])
    def test_in_a_compiled_function(self, cls, dtype):
        import torch

        initializer = cls(seed=3)
        compiled = torch.compile(lambda x: x + initializer((4, 3), dtype=dtype), backend="eager")
        assert torch.equal(compiled(torch.zeros(4, 3)), torch.zeros(4, 3) + initializer((4, 3), dtype=dtype))

    def test_a_tensor_can_be_trained_and_changed_in_place(self):
        layer = layers.Dense(4, kernel_initializer=ki.HeNormal(seed=3))
        layer.build((None, 3))
        layer.kernel.assign(np.zeros((3, 4)))
        assert keras.ops.convert_to_numpy(ki.HeNormal(seed=3)((3, 4))).all()
