"""What the table tells: predictions beside measured signals and gradients, reasons, and what a start cannot do."""

import contextlib
import math

import keras
import numpy as np
import pytest
from keras import layers

from keras_inits import HeNormal, InitializationTable, initialize, lsuv
from keras_inits.backends import differentiation, swapped
from keras_inits.layers.tree import walk_layers

EXAMPLES = 32


def deep(activation, depth, units=64, last=None):
    hidden = [layers.Dense(units, activation=activation, name=f"hidden_{number}") for number in range(depth)]
    return keras.Sequential([keras.Input((units,)), *hidden, layers.Dense(10, activation=last, name="head")])


def plain():
    return deep("relu", 6, last="softmax")


def images():
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(32, 3, padding="same", activation="relu", name="first"),
            layers.Conv2D(48, 3, strides=2, activation="tanh", name="second"),
            layers.MaxPooling2D(),
            layers.DepthwiseConv2D(3, padding="same", activation="relu", name="third"),
            layers.Flatten(),
            layers.Dense(10, name="head"),
        ]
    )


def residual(branches=3):
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(32, 3, padding="same", name="stem")(inputs)
    for number in range(branches):
        y = layers.ReLU()(layers.BatchNormalization()(x))
        y = layers.Conv2D(32, 3, padding="same", activation="relu", name=f"{number}_inside")(y)
        x = layers.Add()([x, layers.Conv2D(32, 3, padding="same", name=f"{number}_end")(y)])
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    return keras.Model(inputs, layers.Dense(10, name="head")(x))


def transformer(blocks=2):
    inputs = keras.Input((16,), dtype="int32")
    x = layers.Embedding(100, 64)(inputs)
    for number in range(blocks):
        y = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(4, 16, name=f"attention_{number}")(y, y)
        y = layers.LayerNormalization()(x)
        gate = layers.Dense(128, activation="silu", name=f"gate_{number}")(y)
        y = layers.Multiply()([gate, layers.Dense(128, name=f"up_{number}")(y)])
        x = x + layers.Dense(64, name=f"down_{number}")(y)
    return keras.Model(inputs, layers.Dense(20, name="head")(layers.LayerNormalization()(x)))


def some_inputs(model):
    random = np.random.default_rng(1)
    shape = (EXAMPLES, *model.inputs[0].shape[1:])
    if "int" in model.inputs[0].dtype:
        return random.integers(0, 100, shape)
    return random.standard_normal(shape).astype("float32")


def measured(model, paths):
    """By the path of a kernel, the mean squares of what comes in, of its products and of their gradient, in training;
    and the mean square of the kernel's gradient, of a sum of the outputs that have random weights."""
    found = {path: {} for path in paths}
    x = some_inputs(model)
    weights = np.random.default_rng(2).standard_normal((EXAMPLES, *model.output_shape[1:])).astype("float32")
    parts = {f"{path}/kernel": layer for path, layer in walk_layers(model)}
    parts |= {path: parts[path.replace("depthwise_", "")] for path in paths if path not in parts}

    def loss(watch):
        with contextlib.ExitStack() as stack:
            for path in paths:
                stack.enter_context(swapped(parts[path], "call", called(parts[path], found[path], watch)))
            return keras.ops.sum(model(x, training=True) * keras.ops.convert_to_tensor(weights))

    gradients = differentiation.current().gradients(loss, [parts[path].kernel for path in paths])
    for path, gradient in zip(paths, gradients, strict=True):
        found[path]["kernel"] = mean_square(gradient)
    return found


def called(layer, numbers, watch):
    call = layer.call

    def watching(x, *arguments, **options):
        x = watch(x, lambda value: numbers.update(square_in=mean_square(value)), lambda gradient: None)
        activation = layer.activation
        with swapped(layer, "activation", keras.activations.linear):
            products = call(x, *arguments, **options)
        return activation(
            watch(
                products,
                lambda value: numbers.update(square_out=mean_square(value)),
                lambda gradient: numbers.update(gradient=mean_square(gradient)),
            )
        )

    return watching


def mean_square(tensor):
    return float(np.mean(np.square(keras.ops.convert_to_numpy(tensor), dtype="float64")))


@pytest.mark.parametrize(
    "model", [plain, *(pytest.param(one, marks=pytest.mark.thorough) for one in (images, residual, transformer))]
)
def test_predictions_are_what_one_batch_shows(model):
    """Within what one draw explains: ten units have a mean square that is off by 1 + 3 sqrt(2 / 10) at most."""
    keras.utils.set_random_seed(0)
    built = model()
    rows = {row.path: row for row in initialize(built, seed=5) if row.square_in is not None}
    assert len(rows) >= 4
    assert all(row.gradient > 0 for row in rows.values())
    numbers = measured(built, list(rows))
    for path, row in rows.items():
        padded = row.reason.partition("padding: ")[2]
        share = float(padded.split()[0]) if padded else 1.0
        found = numbers[path]
        if path.endswith("attention_output/kernel"):  # how alike words are, only data tell: these are independent
            assert 1 / 16 < found["square_in"] < row.square_in < 1
        else:
            assert far(row.square_in / share, found["square_in"]) < 0.3, path
            assert far(row.square_out, found["square_out"]) < 0.35, path
        assert far(row.gradient, found["gradient"]) < 0.4, path
        if model is plain:
            assert far(EXAMPLES * row.square_in * row.gradient, found["kernel"]) < 0.4, path


def far(one, other):
    return abs(math.log10(one / other))


def test_a_deep_network_is_predicted_with_the_rules_that_drew_it():
    """With half the variance that relu asks for, signals and gradients halve in each layer."""
    table = initialize(deep("relu", 12), [("", "auto"), ("kernel", "glorot_normal")][::-1], seed=0)
    rows = [row for row in table if row.square_in is not None]
    assert [row.square_in for row in rows] == pytest.approx([1.0, *(0.5**number for number in range(1, 13))], rel=1e-4)
    assert rows[0].gradient == pytest.approx(rows[-2].gradient * 0.5**11, rel=1e-4)
    assert all(row.gain == pytest.approx(1) and not row.reason for row in rows[:-1])
    (text,) = table.warnings
    assert text.startswith("Signals: ")
    assert "0.000244 (head/kernel)" in text
    assert "multiplied by 1." in table.predictions[0]  # times that of the signal, which grows as the gradient falls


def test_weights_that_are_not_drawn_count_as_they_are():
    model = deep("relu", 2)
    model.layers[0].kernel.assign(3 * np.eye(64))
    rows = {row.path: row for row in initialize(model, [("head|hidden_1", "auto")], seed=0)}
    assert rows["hidden_1/kernel"].square_in == pytest.approx(4.5, rel=1e-4)
    assert "hidden_0/kernel" not in rows


def squared_relu(x):
    return keras.ops.square(keras.ops.relu(x))


@pytest.mark.parametrize(("activation", "depth"), [("relu", 100), ("leaky_relu", 100), ("tanh", 20), ("silu", 8)])
def test_a_start_that_is_fine_has_no_warnings(activation, depth):
    table = initialize(deep(activation, depth, units=16), seed=0)
    assert table.warnings == ()
    assert table.check() is None
    assert "warning" not in str(table)
    assert [text.partition(":")[0] for text in table.predictions] == ["Signals", "Gradients"]


@pytest.mark.parametrize(
    ("activation", "depth", "told"),
    [
        (squared_relu, 8, "an error of the signal's mean square by 2 in each layer, 128 over the depth"),
        ("exponential", 8, "an error of the signal's mean square by 1.414 in each layer, 11.3 over the depth"),
        pytest.param("hard_shrink", 100, "the mean square of a gradient by 0.8", marks=pytest.mark.thorough),
        ("silu", 100, "an error of the signal's mean square by 1.07 in each layer, "),
    ],
    ids=["squared_relu", "exponential", "hard_shrink", "silu"],
)
def test_an_activation_that_is_unstable_at_its_depth_is_told(activation, depth, told):
    table = initialize(deep(activation, depth, units=16), seed=0)
    (text,) = [one for one in table.warnings if "is not stable" in one]
    name = getattr(activation, "__name__", activation)
    assert text.startswith(f"{name}, {depth} deep, is not stable: it multiplies {told}")
    assert "over the depth" in text
    with pytest.raises(ValueError, match=r"Received: \d of them: .*is not stable.* Expected: none\. Put ") as error:
        table.check()
    assert all(one in str(error.value) for one in table.warnings)
    assert f"warning: {name}, {depth} deep, is not stable" in str(table)


def test_depth_counts_from_normalisations():
    """Behind a normalisation a signal starts anew."""
    hidden = [
        part for _ in range(8) for part in (layers.Dense(16, activation=squared_relu), layers.LayerNormalization())
    ]
    model = keras.Sequential([keras.Input((16,)), *hidden, layers.Dense(3)])
    assert not [one for one in initialize(model, seed=0).warnings if "is not stable" in one]


def test_reasons():
    rows = {row.path: row for row in initialize(residual(), seed=0)}
    assert rows["stem/kernel"].reason == "padding: 0.84 of the taps inside"
    assert rows["1_end/kernel"].reason == "residual branch 2 of 3; padding: 0.84 of the taps inside"
    assert rows["head/kernel"].reason == rows["head/bias"].reason == ""
    assert rows["head/bias"].gain is rows["head/bias"].square_in is rows["head/bias"].gradient is None
    assert rows["1_end/kernel"].square_out == pytest.approx(2 / 3)
    rows = initialize(deep("tanh", 20), seed=0).rows
    assert rows[2].reason == "operating point 0.354 for tanh, 20 deep"
    assert rows[2].square_out == pytest.approx(rows[2].gain ** 2 * rows[2].square_in) == pytest.approx(2**-1.5)


@pytest.mark.parametrize("head", [[layers.Dense(3, "sigmoid")], [layers.Dense(3), layers.Activation("sigmoid")]])
def test_an_activation_that_the_loss_reads_has_no_operating_point(head):
    inside = [layers.Dense(16, "sigmoid"), layers.Dense(16, "sigmoid"), *head, layers.Reshape((3, 1))]
    kernels = [
        row for row in initialize(keras.Sequential([keras.Input((16,)), *inside]), seed=0) if row.gain is not None
    ]
    assert [row.reason[:20] for row in kernels] == ["operating point 5.66"] * 2 + [""]
    assert kernels[2].square_out == 1


class Closed(keras.Layer):
    """Its call looks at values, which symbolic tensors have not."""

    def __init__(self, **options):
        super().__init__(**options)
        self.inner = layers.Dense(8, activation="relu", name="inner")

    def build(self, shape):
        self.inner.build(shape)

    def call(self, x):
        return self.inner(x) if float(keras.ops.sum(x)) > -1e9 else x

    def compute_output_spec(self, x):
        return keras.KerasTensor((x.shape[0], 8))


def test_a_layer_that_is_not_seen_is_told_with_the_reason():
    model = keras.Sequential([keras.Input((8,)), layers.Dense(8, name="first"), Closed(name="closed")])
    table = initialize(model, seed=0)
    rows = {row.path: row for row in table}
    assert rows["closed/inner/kernel"].reason.startswith("not seen: calling it on symbolic tensors ended with ")
    assert rows["closed/inner/kernel"].reason.endswith("; so by the activation behind it")
    assert rows["closed/inner/kernel"].square_in is rows["closed/inner/kernel"].gradient is None
    assert rows["first/kernel"].square_in == 1
    assert rows["first/kernel"].gradient is None
    (text,) = [one for one in table.warnings if "closed/inner/kernel" in one]
    assert "symbolic tensors" in text
    assert max(map(len, str(table).splitlines())) <= 100


def test_a_head_of_zeros_is_told():
    """It gets a gradient itself, so that what is before it gets one after the first step."""
    table = initialize(deep("relu", 2), [("head/kernel", "zeros"), ("", "auto")], seed=0)
    assert table.warnings == ("Gradients: none comes to those before the last, as long as these put out zeros.",)
    rows = {row.path: row for row in table}
    assert rows["head/kernel"].gradient == 1
    assert rows["hidden_0/kernel"].gradient == 0


def test_nothing_comes_back_from_outputs_that_do_not_depend_on_the_kernels():
    inputs = keras.Input((4,))
    table = initialize(keras.Model(inputs, layers.Dense(3, name="head")(inputs) * 0.0), seed=0)
    assert "Gradients: none comes to any kernel." in table.warnings


def test_parts_of_the_text_are_one_blank_line_apart():
    text = str(initialize(residual(), seed=0))
    assert "\n\n" in text
    assert "\n\n\n" not in text


def test_columns_that_would_say_the_same_everywhere_are_left_out():
    text = str(initialize(deep("relu", 2), seed=0))
    assert "from" not in text.splitlines()[0]
    assert "reason" not in text
    assert "from" in str(initialize(deep("relu", 2), "he_normal", seed=0)).splitlines()[0]
    assert "reason" in str(initialize(residual(), seed=0))


def test_frozen_weights_and_those_that_rules_leave_are_no_warning():
    model = deep("relu", 3)
    model.layers[0].trainable = False
    table = initialize(model, [("kernel", "auto")], seed=0)
    assert len(table.left) == 5
    assert table.warnings == ()


def test_lsuv_predicts_what_it_scales_to():
    model = deep("tanh", 3)
    x = np.random.default_rng(0).standard_normal((512, 64)).astype("float32")
    rows = [row for row in lsuv(model, x, seed=0, verbose=0) if row.square_out is not None]
    assert [row.square_out for row in rows] == [1.0] * 4
    assert [row.square_in for row in rows[1:]] == pytest.approx([0.394294] * 3, rel=1e-3)


def test_an_empty_table_has_nothing_to_check():
    assert InitializationTable((), ()).check() is None
    assert initialize(deep("relu", 1), HeNormal(), seed=0).check() is None
