"""A batch of one example or of few shows less than one of many: what it cannot show is no finding, and is named."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_inits import diagnose, initialize


def batch(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype("float32")


def dense(units=10, width=64):
    hidden = [layers.Dense(width, "relu") for _ in range(4)]
    return keras.Sequential([keras.Input((width,)), *hidden, layers.Dense(units)]), batch(64, width)


def convolutional():
    parts = [layers.Conv2D(16, 3, activation="relu"), layers.GlobalAveragePooling2D(), layers.Dense(10, "softmax")]
    return keras.Sequential([keras.Input((12, 12, 3)), *parts]), batch(64, 12, 12, 3)


def normalised(activation="relu", blocks=4, beta="zeros"):
    parts = []
    for _ in range(blocks):
        norm = layers.BatchNormalization()
        parts += [layers.Dense(64, use_bias=False), norm, layers.Activation(activation)]
    return keras.Sequential([keras.Input((64,)), *parts, layers.Dense(10)]), batch(64, 64)


def normalised_images():
    parts = []
    for filters in (16, 32):
        parts += [layers.Conv2D(filters, 3, use_bias=False), layers.BatchNormalization(), layers.ReLU()]
    return keras.Sequential([keras.Input((12, 12, 3)), *parts, layers.Flatten(), layers.Dense(10)]), batch(
        64, 12, 12, 3
    )


def recurrent():
    parts = [layers.Embedding(50, 16), layers.LSTM(32), layers.Dense(5, "softmax")]
    words = np.random.default_rng(0).integers(0, 50, (64, 12))
    return keras.Sequential([keras.Input((12,), dtype="int32"), *parts]), words


def transformer():
    inputs = keras.Input((12,), dtype="int32")
    hidden = layers.Embedding(50, 32)(inputs)
    normed = layers.LayerNormalization()(hidden)
    hidden = layers.Add()([hidden, layers.MultiHeadAttention(4, 8)(normed, normed)])
    hidden = layers.Add()([hidden, layers.Dense(32)(layers.Dense(64, "gelu")(layers.LayerNormalization()(hidden)))])
    words = np.random.default_rng(0).integers(0, 50, (64, 12))
    return keras.Model(inputs, layers.Dense(50)(layers.LayerNormalization()(hidden))), words


HEALTHY = {
    "dense": dense,
    "one unit": lambda: dense(1),
    "convolutional": convolutional,
    "normalised": normalised,
    "normalised, tanh": lambda: normalised("tanh"),
    "normalised, sigmoid": lambda: normalised("sigmoid"),
    "normalised, deep": lambda: normalised(blocks=12),
    "normalised images": normalised_images,
    "recurrent": recurrent,
    "transformer": transformer,
}


@pytest.mark.thorough
@pytest.mark.parametrize("examples", [1, 2, 3])
@pytest.mark.parametrize("kind", HEALTHY)
def test_healthy_models_have_no_findings(kind, examples):
    model, x = HEALTHY[kind]()
    initialize(model, seed=1)
    diagnosis = diagnose(model, x[:examples])
    assert diagnosis.findings == (), str(diagnosis)
    dense_norms = [layer.name for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    named = [] if kind == "normalised images" else dense_norms
    assert [one.name for one in diagnosis.unseen] == named
    assert diagnose(model, x).unseen == ()


@pytest.mark.thorough
def test_what_is_not_judged_is_said_with_the_reason():
    model, x = normalised(blocks=1)
    initialize(model, seed=1)
    (one,) = diagnose(model, x[:1]).unseen
    assert "it normalises each unit over 1 value, which leaves the same outputs for all inputs" in one.reason
    (one,) = diagnose(model, x[:15]).unseen
    assert "over 15 values, and the gradient depends on their number" in one.reason
    assert "no finding is about the gradients before it. Pass at least 16 examples" in one.reason
    assert diagnose(model, x[:16]).unseen == ()
    model.layers[1].trainable = False  # which then normalises by what it has stored
    assert diagnose(model, x[:1]).unseen == ()


def shrinking():
    parts = []
    for _ in range(4):
        parts += [layers.Conv2D(16, 3, 2, padding="same", use_bias=False), layers.BatchNormalization()]
        parts.append(layers.ReLU())
    parts += [layers.Dense(32, "sigmoid"), layers.Dense(16, "tanh"), layers.Flatten(), layers.Dense(10)]
    return keras.Sequential([keras.Input((16, 16, 3)), *parts]), batch(32, 16, 16, 3)


@pytest.mark.thorough
def test_behind_the_normalisation_of_one_value_no_weight_is_blamed():
    model, x = shrinking()
    initialize(model, seed=1)
    diagnosis = diagnose(model, x[:1])
    assert diagnosis.findings == (), str(diagnosis)
    last = diagnosis.unseen[-1]
    assert "1 value, which leaves the same outputs" in last.reason
    assert "nor about the values behind it. Pass at least 16 examples, which have 16 values" in last.reason
    assert "over 4 values" in diagnosis.unseen[0].reason
    assert "Pass at least 4 examples" in diagnosis.unseen[0].reason
    assert diagnose(model, x[:16]).unseen == ()


@pytest.mark.thorough
def test_before_the_normalisation_of_one_value_they_are_judged():
    model, x = shrinking()
    initialize(model, seed=1)
    model.layers[0].kernel.assign(1e-6 * keras.ops.convert_to_numpy(model.layers[0].kernel))
    (finding,) = diagnose(model, x[:1]).findings
    assert (finding.kind, finding.layers[0]) == ("vanishing_signal", model.layers[0].name)
    assert [rule[0] for rule in finding.remedy.rules] == [f"^{model.layers[0].name}/kernel$"]


@pytest.mark.thorough
def test_an_offset_behind_the_normalisation_of_one_example_is_no_lost_gradient():
    model, x = normalised()
    initialize(model, seed=1)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.beta.assign(batch(64) / 10)
    assert diagnose(model, x[:1]).findings == ()


@pytest.mark.thorough
def test_few_zeros_are_no_dead_layer_and_many_are():
    def dead(units):
        model, x = dense(width=units)
        initialize(model, seed=1)
        model.layers[1].bias.assign(np.full(units, -1000.0))
        return [one.kind for one in diagnose(model, x[:1])]

    assert "dead_layer" not in dead(14)
    assert "dead_layer" in dead(15)


@pytest.mark.thorough
@pytest.mark.parametrize("chance", [True, False])
def test_a_branch_that_is_left_out_is_not_blamed_on_its_weights(chance):
    leave_out = layers.Dropout(0.999, noise_shape=(None, 1, 1, 1), seed=1, name="path")
    parts = [layers.Conv2D(16, 3), leave_out if chance else layers.Rescaling(0.0, name="path")]
    model = keras.Sequential([keras.Input((8, 8, 3)), *parts, layers.GlobalAveragePooling2D(), layers.Dense(3)])
    initialize(model, seed=1)
    diagnosis = diagnose(model, batch(1, 8, 8, 3))
    assert next(row for row in diagnosis.layers if row.name == "path").outputs.largest == 0
    found = [(one.kind, one.layers, one.remedy.rules) for one in diagnosis.findings]
    assert found == ([] if chance else [("dead_layer", ("path",), ())]), str(diagnosis)
