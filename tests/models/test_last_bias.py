"""`initialize` with targets: the last bias is the best constant output, and heads of regressions start small."""

import keras
import numpy as np
import pytest
from keras import layers, losses, ops

from keras_inits import initialize

EXAMPLES = 200


def inputs(*shape):
    return np.random.default_rng(0).standard_normal((EXAMPLES, *(shape or (8,)))).astype("float32")


def network(units, activation=None, **options):
    head = layers.Dense(units, activation=activation, name="head", **options)
    return keras.Sequential([keras.Input((8,)), layers.Dense(16, "relu"), head])


def bias(model, name="head"):
    return ops.convert_to_numpy(model.get_layer(name).bias)


def start(model, y, loss=None, weight=None):
    data = (inputs(), y) if weight is None else (inputs(), y, weight)
    return initialize(model, seed=0, data=data, loss=loss, verbose=0)


def least(loss, y, activation=None):
    """The constant in front of the activation that makes a loss least: the slow twin, which tries many."""
    tried = np.linspace(-6, 9, 601).astype("float32")
    outputs = ops.convert_to_numpy((keras.activations.get(activation) or (lambda z: z))(ops.convert_to_tensor(tried)))
    values = [float(ops.mean(losses.get(loss)(y[:, None], np.full_like(y[:, None], one)))) for one in outputs]
    return tried[int(np.argmin(values))]


COUNTS = np.random.default_rng(1).poisson(1.5, EXAMPLES).astype("float32")
NUMBERS = (np.random.default_rng(2).gamma(2.0, 2.0, EXAMPLES)).astype("float32")
PARTS = np.random.default_rng(3).uniform(0.1, 0.6, EXAMPLES).astype("float32")
REGRESSIONS = {
    "mse": ("mse", NUMBERS, None),
    "mse, tanh": ("mse", PARTS, "tanh"),
    "mse, sigmoid": (losses.MeanSquaredError(), PARTS, "sigmoid"),
    "mse, softplus": ("mean_squared_error", NUMBERS, "softplus"),
    "mse, relu": ("mse", NUMBERS, "relu"),
    "mse, elu": ("mse", -PARTS, "elu"),
    "mse, leaky relu": ("mse", -PARTS, "leaky_relu"),
    "mse, softsign": ("mse", PARTS, "softsign"),
    "mse, hard sigmoid": ("mse", PARTS, "hard_sigmoid"),
    "mae": ("mae", NUMBERS, None),
    "huber": (losses.Huber(delta=0.5), NUMBERS, None),
    "huber, by name": ("huber", NUMBERS, None),
    "log cosh": ("log_cosh", NUMBERS, None),
    "poisson, exponential": ("poisson", COUNTS, "exponential"),
    "poisson, softplus": (losses.Poisson(), COUNTS, "softplus"),
    "binary, logits": (losses.BinaryCrossentropy(from_logits=True), np.round(PARTS), None),
    "binary": ("binary_crossentropy", np.round(PARTS), "sigmoid"),
    "binary, smoothed": (losses.BinaryCrossentropy(label_smoothing=0.2), np.round(PARTS), "sigmoid"),
}


@pytest.mark.parametrize("kind", REGRESSIONS)
def test_no_constant_output_has_a_lower_loss(kind):
    loss, y, activation = REGRESSIONS[kind]
    model = network(1, activation)
    table = start(model, y, loss)
    # Half an example of each class is counted beside the two hundred: 1 / 201 of a logit's slope, of at least 4.
    assert bias(model)[0] == pytest.approx(least(loss, y, activation), abs=0.03)
    assert table.rows[-1].law in str(REGRESSIONS) or "of the" in table.rows[-1].law


LABELS = np.random.default_rng(4).choice(4, EXAMPLES, p=[0.7, 0.2, 0.1, 0]).astype("int32")


@pytest.mark.parametrize("form", ["labels", "a column", "one-hot", "softmax", "floats"])
def test_log_shares(form):
    sparse = form != "one-hot"
    kind = losses.SparseCategoricalCrossentropy if sparse else losses.CategoricalCrossentropy
    model = network(4, "softmax" if form == "softmax" else None)
    model.compile("sgd", kind(from_logits=form != "softmax"))
    y = {"a column": LABELS[:, None], "one-hot": np.eye(4)[LABELS], "floats": LABELS.astype("float32")}
    table = start(model, y.get(form, LABELS))
    expected = np.log((np.bincount(LABELS, minlength=4) + 0.5) / (EXAMPLES + 2))
    assert np.allclose(bias(model), expected, atol=1e-5)
    assert table.rows[-1].law == "log of the classes' shares"
    assert table.notes == ()


def test_classes_of_places_and_of_ones_that_do_not_count():
    model = keras.Sequential(
        [keras.Input((5, 3)), layers.Conv1D(6, 1, activation="relu"), layers.Dense(4, name="head")]
    )
    y = np.random.default_rng(5).integers(0, 4, (EXAMPLES, 5))
    y[:, 0] = 0
    weight = np.ones((EXAMPLES, 5))
    weight[:, 0] = 0
    for options, given in (({"ignore_class": 0}, None), ({}, weight)):
        loss = losses.SparseCategoricalCrossentropy(from_logits=True, **options)
        data = (inputs(5, 3), y) if given is None else (inputs(5, 3), y, given)
        initialize(model, seed=0, data=data, loss=loss, verbose=0)
        counts = np.bincount(y[:, 1:].reshape(-1), minlength=4).astype(float)
        counts[0] *= given is not None
        assert np.allclose(bias(model), np.log((counts + 0.5) / (counts.sum() + 2)), atol=1e-5)


def test_sample_weights():
    weight = np.where(NUMBERS > 4, 3.0, 0.5)
    model = network(1)
    start(model, NUMBERS, "mse", weight)
    assert bias(model)[0] == pytest.approx(np.average(NUMBERS, weights=weight), rel=1e-5)
    start(model, NUMBERS, "mae", weight[:, None])
    below = weight[bias(model)[0] + 1e-5 >= NUMBERS].sum() / weight.sum()
    assert 0.5 <= below <= 0.5 + 3 / weight.sum()


def test_several_outputs_each_have_their_own():
    x = keras.Input((8,))
    hidden = layers.Dense(16, "relu")(x)
    outputs = {
        "number": layers.Dense(1, name="number")(hidden),
        "label": layers.Activation("softmax")(layers.Dense(4, name="label")(hidden)),
        "other": layers.Dense(2, name="other")(hidden),
    }
    model = keras.Model(x, outputs)
    loss = {"number": "mse", "label": "sparse_categorical_crossentropy"}
    y = {"number": NUMBERS, "label": LABELS, "other": np.zeros((EXAMPLES, 2))}
    assert start(model, y, loss).notes == ()
    assert bias(model, "number")[0] == pytest.approx(NUMBERS.mean(), rel=1e-5)
    assert bias(model, "label")[0] == pytest.approx(np.log(0.7), abs=0.2)
    assert not bias(model, "other").any()


def test_a_regression_puts_out_less_than_its_targets():
    y = np.stack([NUMBERS / 100, 1000 * NUMBERS, np.full(EXAMPLES, 3)], 1)
    model = network(3)
    start(model, y, "mse")
    outputs = ops.convert_to_numpy(model(inputs())) - bias(model)
    sizes = np.sqrt((outputs**2).mean(0))
    assert 0.05 < sizes[0] / y.std(0)[0] < 0.6  # 0.3 of it on the average over kernels
    assert 0.2 < sizes[1] < 3  # no more than any layer puts out
    assert sizes[2] < 1e-6


def test_a_convolution_a_subclassed_model_and_a_reshaped_output():
    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = layers.Conv2D(2, 1, name="head")
            self.conv.build((None, 4, 4, 3))
            self.built = True

        def call(self, x):
            return ops.sigmoid(ops.reshape(self.conv(x), (-1, 16, 2)))

    y = np.random.default_rng(6).random((EXAMPLES, 16, 2)) < np.array([0.1, 0.8])
    model = Mine()
    initialize(model, seed=0, data=(inputs(4, 4, 3), y), loss="binary_crossentropy", verbose=0)
    assert np.allclose(ops.convert_to_numpy(model.conv.bias), np.log([1 / 9, 4]), atol=0.1)


class Unlike(losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), -1)


LEFT = {
    "no loss is known: pass loss=": (lambda: network(1), NUMBERS, None),
    "the loss 'hinge' is not known": (lambda: network(1), NUMBERS, "hinge"),
    "the loss <": (lambda: network(1), NUMBERS, Unlike()),
    "its layer has no bias": (lambda: network(1, use_bias=False), NUMBERS, "mse"),
    "the head's activation, gelu, has no inverse": (lambda: network(1, "gelu"), NUMBERS, "mse"),
    "the loss takes outputs of softmax, and the head has linear": (
        lambda: network(4),
        LABELS,
        "sparse_categorical_crossentropy",
    ),
    "the labels are not numbers from 0 to 2": (
        lambda: network(3),
        LABELS + 1,
        losses.SparseCategoricalCrossentropy(from_logits=True),
    ),
    "the targets are not from 0 to 1": (lambda: network(1, "sigmoid"), NUMBERS, "binary_crossentropy"),
    "the targets are not shares": (lambda: network(4, "softmax"), np.ones((EXAMPLES, 4)), "categorical_crossentropy"),
    "the targets have the shape": (lambda: network(3), NUMBERS, "mse"),
    "some targets are infinite": (lambda: network(1), np.where(NUMBERS > 3, np.nan, NUMBERS), "mse"),
    "the targets are of the dtype": (lambda: network(1), NUMBERS.astype(str), "mse"),
    "no layer with a kernel was seen": (
        lambda: keras.Sequential([keras.Input((8,)), layers.Dense(4, name="head"), layers.Rescaling(3.0, 1.0)]),
        inputs(4),
        "mse",
    ),
}


@pytest.mark.parametrize("why", LEFT)
def test_what_is_not_known_is_left_alone_and_told(why):
    make, y, loss = LEFT[why]
    model = make()
    (note,) = start(model, y, loss).notes
    assert note.startswith("the last bias does not follow the targets, for " + why)
    head = model.get_layer("head")
    assert not head.use_bias or not bias(model).any()


def test_an_explicit_rule_keeps_its_bias():
    model = network(1)
    rules = [("head/bias", keras.initializers.Constant(-4.6)), ("", "auto")]
    table = initialize(model, rules, seed=0, data=(inputs(), NUMBERS), loss="mse", verbose=0)
    assert bias(model)[0] == np.float32(-4.6)
    assert table.notes == ("the last bias does not follow the targets, for an explicit rule gave it",)


def test_a_linear_model_takes_in_the_means_and_the_targets():
    model = keras.Sequential([keras.Input((8,)), layers.Dense(1, name="head")])
    x = inputs() * 5 + 40
    initialize(model, seed=0, data=(x, NUMBERS), loss="mse", verbose=0)
    assert ops.convert_to_numpy(model(x)).mean() == pytest.approx(NUMBERS.mean(), abs=1e-3)
