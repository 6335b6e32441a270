"""`initialize` with data whose features are not standardised: the model does what it would do if they were."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_inits import initialize
from keras_inits.faults import InternalError
from keras_inits.models import readers

EXAMPLES = 64


def raw(*shape, seed=0):
    """Features of deviations from 1/20 to 20 and means from -3 to 3 of them, on the last axis."""
    x = np.random.default_rng(seed).standard_normal((EXAMPLES, *shape))
    deviations = np.geomspace(0.05, 20, shape[-1])
    return ((x + np.linspace(-3, 3.5, shape[-1])) * deviations).astype("float32")


def standardised(x, axis=-1):
    x = x.astype("float64")
    axes = tuple(number for number in range(x.ndim) if number != axis % x.ndim)
    return ((x - x.mean(axes, keepdims=True)) / x.std(axes, keepdims=True)).astype("float32")


def close(one, other):
    """An input is known to a part in 2^24 of itself, some 6 of its deviations; tens of these meet, in some layers."""
    one, other = (ops.convert_to_numpy(outputs) for outputs in (one, other))
    return other.std() > 0.1 and np.abs(one - other).max() < 6 * 2**-24 * 10**0.5 * 20 * other.std()


def sequential(shape, *parts):
    return keras.Sequential([keras.Input(shape), *parts])


def conv(layer, shape):
    return lambda: sequential(shape, layer(), layers.Flatten(), layers.Dense(2)), [shape]


def recurrent(layer, shape=(6, 3)):
    return lambda: sequential(shape, layer(), layers.Dense(2)), [shape]


def functional(make, *shapes):
    def build():
        inputs = [keras.Input(shape) for shape in shapes]
        return keras.Model(inputs if len(inputs) > 1 else inputs[0], make(*inputs))

    return build, list(shapes)


class Mine(keras.Model):
    """Whose inputs go through operations and a layer within a layer, none of which a graph shows."""

    def __init__(self):
        super().__init__()
        self.inner = keras.Sequential([layers.Dense(5, "tanh", name="first"), layers.Dense(2)])
        self.build((None, 2, 4))

    def build(self, shape):
        self.inner.build((None, 8))
        self.built = True

    def call(self, x):
        return self.inner(ops.reshape(ops.concatenate([x[:, :1], x[:, 1:]], 1), (-1, 8)))


KINDS = {
    "Dense": (lambda: sequential((5,), layers.Dense(4, "relu"), layers.Dense(2)), [(5,)]),
    "Dense at places": (lambda: sequential((7, 5), layers.Dense(4, "relu"), layers.Dense(2)), [(7, 5)]),
    "Conv2D": conv(lambda: layers.Conv2D(4, 3, activation="relu"), (9, 9, 3)),
    "in groups": conv(lambda: layers.Conv2D(4, 3, groups=2, strides=2), (9, 9, 4)),
    "Conv1D of one tap": conv(lambda: layers.Conv1D(4, 1, padding="same"), (9, 4)),
    "DepthwiseConv2D": conv(lambda: layers.DepthwiseConv2D(3, depth_multiplier=2), (9, 9, 4)),
    "SeparableConv2D": conv(lambda: layers.SeparableConv2D(5, 3), (9, 9, 4)),
    "EinsumDense": conv(lambda: layers.EinsumDense("abc,cde->abde", (4, 2, 3), bias_axes="de"), (4, 6)),
    "EinsumDense, dots": conv(lambda: layers.EinsumDense("...c,cd->...d", 3, bias_axes="d"), (4, 6)),
    "LSTM": recurrent(lambda: layers.LSTM(4)),
    "GRU": recurrent(lambda: layers.GRU(4)),
    "GRU, not reset after": recurrent(lambda: layers.GRU(4, reset_after=False)),
    "SimpleRNN": recurrent(lambda: layers.SimpleRNN(4)),
    "Bidirectional": recurrent(lambda: layers.Bidirectional(layers.LSTM(4))),
    "ConvLSTM2D": conv(lambda: layers.ConvLSTM2D(3, 3), (3, 6, 6, 2)),
    "TimeDistributed": conv(lambda: layers.TimeDistributed(layers.Dense(4)), (6, 3)),
    "Flatten": conv(lambda: layers.Flatten(), (4, 2)),
    "Permute": conv(lambda: keras.Sequential([layers.Permute((2, 1, 3)), layers.Dense(5)]), (2, 3, 4)),
    "two inputs": functional(
        lambda a, b: layers.Dense(2)(layers.Dense(4, "relu")(layers.Concatenate()([a, layers.Dropout(0.5)(b)]))),
        (3,),
        (5,),
    ),
    "two readers": functional(lambda a: layers.Dense(4, "relu")(a) + layers.Dense(4)(a[:, 1:]), (3,)),
    "attention": functional(lambda a: layers.Dense(2)(layers.MultiHeadAttention(2, 3)(a, a)), (5, 6)),
    "an inner model": functional(lambda a: layers.Dense(2)(sequential((5,), layers.Dense(4, "relu"))(a)), (5,)),
    "a subclassed model": (Mine, [(2, 4)]),
}


SLOW = ("ConvLSTM2D", "attention", "Bidirectional", "LSTM", "GRU, not reset after", "SimpleRNN", "Permute")
"""On JAX, which compiles them."""


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=[pytest.mark.thorough] * (kind in SLOW)) for kind in KINDS])
def test_the_outputs_are_those_on_standardised_inputs(kind):
    make, shapes = KINDS[kind]
    given = [raw(*shape, seed=number) for number, shape in enumerate(shapes)]
    one = (lambda parts: parts) if len(shapes) > 1 else (lambda parts: parts[0])
    outputs = []
    for inputs in (one(given), one([standardised(x) for x in given])):
        model = make()
        table = initialize(model, seed=3, data=inputs, verbose=0)
        outputs.append(model(inputs))
        assert ("inputs standardised" in str(table)) == (len(outputs) == 1)
    assert close(*outputs)


def test_a_layer_that_reads_two_inputs_shares_their_mean():
    def make():
        shared = layers.Dense(4, "relu")
        inputs = [keras.Input((3,)), keras.Input((3,))]
        return keras.Model(inputs, layers.Dense(2)(layers.Concatenate()([shared(one) for one in inputs])))

    pair = [raw(3), 2 * raw(3, seed=1)]
    both = standardised(np.concatenate(pair))
    model, twin = make(), make()
    initialize(model, seed=3, data=pair, verbose=0)
    initialize(twin, seed=3, data=[both[:EXAMPLES], both[EXAMPLES:]], verbose=0)
    assert close(model(pair), twin([both[:EXAMPLES], both[EXAMPLES:]]))


def test_what_stands_in_front_of_a_layer_scales_too():
    model = sequential((4,), layers.Rescaling(1 / 255, offset=-0.5), layers.Dense(8, name="dense"))
    x = np.random.default_rng(0).uniform(0, 255, (EXAMPLES, 4)).astype("float32")
    initialize(model, seed=0, data=x, verbose=0)
    outputs = ops.convert_to_numpy(model(x))
    assert np.allclose(outputs.mean(0), 0, atol=1e-5)
    assert np.mean(outputs**2) == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("padding", ["same", "a layer"])
def test_zeros_around_an_image_are_not_its_mean(padding):
    parts = [layers.ZeroPadding2D(1)] if padding == "a layer" else []
    name = "same" if padding == "same" else "valid"
    x = raw(6, 6, 2)
    square = np.sqrt((x.astype("float64") ** 2).mean((0, 1, 2))).astype("float32")
    model, twin = (sequential((6, 6, 2), *parts, layers.Conv2D(4, 3, padding=name, name="conv")) for _ in range(2))
    table = initialize(model, seed=3, data=x, verbose=0)
    initialize(twin, seed=3, data=x / square, verbose=0)
    kernel, other = (ops.convert_to_numpy(one.get_layer("conv").kernel) for one in (model, twin))
    assert np.allclose(kernel * square[:, None], other, rtol=1e-4, atol=1e-6)
    assert not ops.convert_to_numpy(model.get_layer("conv").bias).any()
    assert "inputs scaled, not centred, for zeros stand around them: conv/kernel" in table.notes


def test_without_a_bias_the_size_alone_is_taken_in():
    x = raw(5)
    square = np.sqrt((x.astype("float64") ** 2).mean(0)).astype("float32")
    model, twin = (sequential((5,), layers.Dense(4, use_bias=False, name="dense")) for _ in range(2))
    table = initialize(model, seed=3, data=x, verbose=0)
    initialize(twin, seed=3, data=x / square, verbose=0)
    assert close(model(x), twin(x / square))
    assert "inputs scaled, not centred, for no bias of the layer was drawn: dense/kernel" in table.notes
    assert table.rows[0].law.endswith("orthogonal matrix, inputs scaled")
    assert "keras.layers.Normalization" in table.notes[-1]


# Keras adds such a bias along the last axis on TensorFlow, on a CPU.
@pytest.mark.backend("jax", "torch")
def test_channels_may_come_first():
    def make():
        kernel = layers.Conv2D(4, 3, data_format="channels_first", name="conv")
        return sequential((3, 6, 6), kernel, layers.Flatten(), layers.Dense(2))

    x = np.moveaxis(raw(6, 6, 3), -1, 1)
    z = standardised(x, 1)
    model, twin = make(), make()
    initialize(model, seed=3, data=x, verbose=0)
    initialize(twin, seed=3, data=z, verbose=0)
    assert close(model(x), twin(z))


def test_nothing_is_folded_behind_a_normalisation():
    x = raw(5)
    known = layers.Normalization()
    known.adapt(x)
    for front in (known, layers.BatchNormalization(), layers.LayerNormalization(), layers.UnitNormalization()):
        table = initialize(sequential((5,), front, layers.Dense(4)), seed=0, data=x, verbose=0)
        assert table.notes == ()


def test_standardised_inputs_are_left_alone():
    x = standardised(raw(5)) * 1.3 + 0.2
    model = sequential((5,), layers.Dense(4, name="dense"))
    assert initialize(model, seed=0, data=x, verbose=0).notes == ()
    assert not ops.convert_to_numpy(model.get_layer("dense").bias).any()


def test_constant_and_binary_features():
    x = raw(6)
    x[:, 0], x[:, 1], x[:, 2] = 7, np.arange(EXAMPLES) % 8 == 0, 5 + 3 * (np.arange(EXAMPLES) % 2)
    model, twin = (sequential((6,), layers.Dense(4, name="dense")) for _ in range(2))
    initialize(model, seed=0, data=x, verbose=0)
    z = standardised(raw(6))
    z[:, 0], z[:, 1], z[:, 2] = 0, x[:, 1], np.arange(EXAMPLES) % 2
    assert np.isfinite(ops.convert_to_numpy(model.get_layer("dense").kernel)).all()
    initialize(twin, seed=0, data=z, verbose=0)
    assert close(model(x), twin(z))


@pytest.mark.parametrize("background", [0.0, 16.0, -3.0])
def test_a_rare_value_weighs_as_much_as_others(background):
    """In front of most examples a column has one value, its least, its largest or zero: the column is not blown up."""
    x, rare = raw(3), np.zeros(EXAMPLES)
    rare[[5, 17, 40]] = [3.0, 4.0, 5.0]
    x[:, 1] = background + (-rare if background > 0 else rare)
    model, twin = (sequential((3,), layers.Dense(4, name="dense")) for _ in range(2))
    initialize(model, seed=0, data=x, verbose=0)
    initialize(twin, seed=0, data=standardised(raw(3)), verbose=0)
    divided, drawn = (ops.convert_to_numpy(one.get_layer("dense").kernel) for one in (model, twin))
    divisors = (drawn / divided)[:, 0]  # but for the factor of the whole kernel
    np.testing.assert_allclose(divisors[1] / divisors[0], np.sqrt((9 + 16 + 25) / 3) / x[:, 0].std(), rtol=1e-4)


def test_words_beside_numbers():
    def make():
        words, numbers = keras.Input((3,), dtype="int32", name="words"), keras.Input((2,), name="numbers")
        table = layers.Flatten()(layers.Embedding(9, 4, name="table")(words))
        joined = layers.Concatenate()([table, numbers])
        return keras.Model({"words": words, "numbers": numbers}, layers.Dense(3, name="dense")(joined))

    words, numbers = np.random.default_rng(0).integers(0, 9, (EXAMPLES, 3)), raw(2)
    model, twin = make(), make()
    table = initialize(model, seed=0, data={"words": words, "numbers": numbers}, verbose=0)
    initialize(twin, seed=0, data={"words": words, "numbers": standardised(numbers)}, verbose=0)
    assert table.notes[0] == "inputs standardised, in the kernel and the bias: dense/kernel"
    one, other = (
        ops.convert_to_numpy(this({"words": words, "numbers": given}))
        for this, given in ((model, numbers), (twin, standardised(numbers)))
    )
    assert np.allclose(one, other, atol=1e-5)
    assert np.array_equal(model.get_layer("table").get_weights()[0], twin.get_layer("table").get_weights()[0])


def test_what_is_left_alone_is_told():
    inputs = keras.Input((4,))
    frozen = layers.Dense(4, name="frozen", trainable=False)
    model = keras.Model(inputs, layers.Add(name="sum")([inputs, layers.Dense(4, name="free")(inputs)]) + frozen(inputs))
    before = ops.convert_to_numpy(frozen.kernel)
    table = initialize(model, seed=0, data=raw(4), verbose=0)
    assert "'sum' reads inputs that are not standardised, as they are" in table.notes
    assert "'frozen' reads inputs that are not standardised, and its kernel was not drawn" in table.notes
    assert "inputs standardised, in the kernel and the bias: free/kernel" in table.notes
    assert np.array_equal(ops.convert_to_numpy(frozen.kernel), before)


class Squares(layers.Layer):
    def call(self, x):
        return ops.square(x)


class Fixed(keras.Model):
    """Which refuses other examples than those of its data."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)
        self.dense.build((None, 3))
        self.built = True

    def call(self, x):
        if float(ops.max(x)) > 100:
            raise ValueError("far out")
        return self.dense(x)


def test_a_model_that_cannot_be_followed_is_scaled_all_the_same():
    x = raw(3) / 20
    table = initialize(Fixed(), seed=0, data=x, verbose=0)
    assert table.notes[0].startswith("inputs are not standardised, and stay so, for the model takes no made-up inputs")
    table = initialize(sequential((3,), Squares(), layers.Dense(2)), seed=0, data=x, verbose=0)
    assert table.notes[0] == "inputs [0] are not standardised, and no layer was seen to read all of them"


def test_a_failure_of_our_own_is_called_ours(monkeypatch):
    def fail(*arguments):
        raise ZeroDivisionError("of ours")

    model = sequential((3,), layers.Dense(2, name="dense"))
    before, call = model.get_weights(), model.get_layer("dense").call
    monkeypatch.setattr(readers, "_legible", fail)
    with pytest.raises(InternalError, match="while it followed the inputs into the layer 'dense'"):
        initialize(model, data=raw(3), verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert model.get_layer("dense").call == call


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
def test_under_a_policy(policy):
    keras.config.set_dtype_policy(policy)
    model = sequential((4,), layers.Dense(64, name="dense"))
    x = (np.random.default_rng(0).standard_normal((256, 4)) * [1, 3, 9, 0.1] + [0, 2, -4, 0]).astype("float32")
    table = initialize(model, seed=0, data=x, verbose=0)
    assert table.notes[0] == "inputs standardised, in the kernel and the bias: dense/kernel"
    outputs = ops.convert_to_numpy(ops.cast(model(x), "float32"))
    assert np.mean(outputs**2) == pytest.approx(1, rel=0.05)
    assert np.abs(outputs.mean(0)).max() < 0.1
