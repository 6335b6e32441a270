"""The last activation beside loss and targets: what does not suit is found on each backend, and nothing else."""

import inspect

import keras
import numpy as np
import pytest
from keras import activations, layers, losses

from keras_inits import diagnose
from keras_inits.diagnosis.setup.outputs import RANGES

pytestmark = pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1")
random = np.random.default_rng(0)
x = random.standard_normal((64, 8)).astype("float32")
classes = np.arange(64) % 3
one_hot = np.eye(3, dtype="float32")[classes]
binary = (classes[:, None] > 0).astype("float32")
labels = np.stack([classes > 0, classes > 1, classes == 1], 1).astype("float32")
numbers = x[:, :1] * 2 + 1


keras.utils.set_random_seed(0)


def network(units, activation=None):
    return keras.Sequential([keras.Input((8,)), layers.Dense(16, "relu"), layers.Dense(units, activation, name="head")])


def found(model, y, loss):
    return [one for one in diagnose(model, x, y, loss=loss) if one.kind in ("last_activation", "targets")]


def own_loss(y, p):
    return keras.ops.mean(keras.ops.square(y - p), -1)


FAULTS = {
    "softmax of one unit": (network(1, "softmax"), binary, "binary_crossentropy", "sigmoid"),
    "softmax of one unit, own loss": (network(1, "softmax"), binary, own_loss, "sigmoid"),
    "softmax of one unit, squares": (network(1, "softmax"), numbers, "mse", "linear"),
    "one unit of a categorical loss": (
        network(1, "sigmoid"),
        binary,
        "categorical_crossentropy",
        "binary_crossentropy",
    ),
    "softmax, several labels": (network(3, "softmax"), labels, "mse", "sigmoid"),
    "softmax, several labels of classes": (network(3, "softmax"), labels, "categorical_crossentropy", "sigmoid"),
    "sigmoid, classes": (network(3, "sigmoid"), one_hot, "categorical_crossentropy", "softmax"),
    "sigmoid, class numbers": (network(3, "sigmoid"), classes, "sparse_categorical_crossentropy", "softmax"),
    "sigmoid as an object": (network(3, "sigmoid"), one_hot, losses.CategoricalCrossentropy(), "softmax"),
    "sigmoid as a function": (network(3, "sigmoid"), one_hot, losses.categorical_crossentropy, "softmax"),
    **{
        f"{name}, binary": (network(1, name), binary, "binary_crossentropy", "sigmoid")
        for name in ("celu", "hard_silu", "mish", "tanh_shrink")
    },
    "linear, classes": (network(3), classes, "sparse_categorical_crossentropy", "from_logits=True"),
    "linear, one-hot": (network(3), one_hot, "categorical_crossentropy", "from_logits=True"),
    "linear, binary": (network(1), binary, "binary_crossentropy", "from_logits=True"),
    "logits of probabilities": (
        network(3, "softmax"),
        classes,
        losses.SparseCategoricalCrossentropy(from_logits=True),
        "'sparse_categorical_crossentropy'",
    ),
    "logits of a sigmoid": (
        network(1, "sigmoid"),
        binary,
        losses.BinaryCrossentropy(from_logits=True),
        "'binary_crossentropy'",
    ),
    "relu, classes": (network(3, "relu"), classes, "sparse_categorical_crossentropy", "softmax"),
    "relu, binary": (network(1, "relu"), binary, "binary_crossentropy", "sigmoid"),
    "tanh, binary": (network(1, "tanh"), binary, "binary_crossentropy", "sigmoid"),
    "relu, negative targets": (network(1, "relu"), numbers - 2, "mse", "linear"),
    "sigmoid, large targets": (network(1, "sigmoid"), 50 + numbers, "mse", "linear"),
    "tanh, prices": (network(1, "tanh"), 300 * numbers, "mae", "linear"),
    "linear, divergence": (network(3), one_hot, "kl_divergence", "softmax"),
    "regression by a cross-entropy": (network(1), 40 + 7.3 * numbers, "binary_crossentropy", "mse"),
    "counts behind no activation": (network(1), np.arange(64.0)[:, None] % 5, "poisson", "exponential"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_loss_that_does_not_suit_is_found(name):
    model, y, loss, cure = FAULTS[name]
    model.compile("sgd", loss)
    (finding,) = found(model, y, loss)
    assert (finding.kind, finding.layers) == ("last_activation", ("head",)), str(finding)
    assert cure in finding.remedy.code, finding.remedy.code
    exec(finding.remedy.code, {"model": model, "keras": keras})  # the line runs, and cures
    assert found(model, y, model.loss) == []


HEALTHY = {
    "softmax, classes": (network(3, "softmax"), classes, "sparse_categorical_crossentropy"),
    "softmax, classes in a column": (network(3, "softmax"), classes[:, None], "sparse_categorical_crossentropy"),
    "softmax, one-hot": (network(3, "softmax"), one_hot, "categorical_crossentropy"),
    "softmax, shares": (network(3, "softmax"), 0.8 * one_hot + 0.2 / 3, "kl_divergence"),
    "softmax, squares": (network(3, "softmax"), one_hot, "mse"),
    "two units, binary": (network(2, "softmax"), np.eye(2)[classes % 2], "binary_crossentropy"),
    "logits": (network(3), classes, losses.SparseCategoricalCrossentropy(from_logits=True)),
    "log_softmax as logits": (
        network(3, "log_softmax"),
        classes,
        losses.SparseCategoricalCrossentropy(from_logits=True),
    ),
    "logits of one": (network(1), binary, losses.BinaryCrossentropy(from_logits=True)),
    "sigmoid": (network(1, "sigmoid"), binary, "binary_crossentropy"),
    "sigmoid, soft": (network(1, "sigmoid"), 0.9 * binary + 0.05, "binary_crossentropy"),
    "sigmoid, several labels": (network(3, "sigmoid"), labels, "binary_crossentropy"),
    "focal": (network(3, "sigmoid"), labels, losses.BinaryFocalCrossentropy()),
    "sigmoid, numbers": (network(1, "sigmoid"), 1 / (1 + np.exp(-numbers)), "mse"),
    "tanh, numbers": (network(1, "tanh"), np.tanh(numbers), "mse"),
    "relu, positive": (network(1, "relu"), np.abs(numbers), "mse"),
    "softplus, counts": (network(1, "softplus"), np.abs(np.rint(numbers)), "poisson"),
    "exponential, counts": (network(1, "exponential"), np.abs(np.rint(numbers)), "poisson"),
    "linear, numbers": (network(1), numbers, "mse"),
    "linear, flat": (network(1), numbers[:, 0], "huber"),
    "linear, classes by squares": (network(3), one_hot, "mse"),
    "own loss": (network(3, "sigmoid"), 50 * one_hot, own_loss),
    "hinge": (network(1, "tanh"), 2 * binary - 1, "hinge"),
    "cosine": (network(3, "tanh"), one_hot, "cosine_similarity"),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_what_suits_has_no_finding(name):
    model, y, loss = HEALTHY[name]
    assert found(model, y, loss) == []


def test_a_squared_error_of_classes_is_a_note():
    model = network(3, "softmax")
    model.compile("sgd", "mse")
    diagnosis = diagnose(model, x, one_hot)
    assert diagnosis.findings == ()
    (note,) = diagnosis.notes
    assert note.kind == "squared_probabilities"
    assert note.remedy.code == "model.compile(model.optimizer, 'categorical_crossentropy')"
    assert "note, squared_probabilities" in str(diagnosis)


class Head(layers.Layer):
    """Ends with a function of its own code, as `MaskedLMHead` may."""

    def __init__(self, function):
        super().__init__()
        self.function, self.inner = function, layers.Dense(3)

    def call(self, inputs):
        return self.function(self.inner(inputs))


@pytest.mark.parametrize("how", ["operation", "layer", "own layer", "activation layer", "distributed"])
def test_the_activation_is_found_wherever_it_stands(how):
    inputs = keras.Input((8,))
    ends = {
        "operation": lambda h: keras.ops.sigmoid(layers.Dense(3)(h)),
        "layer": lambda h: layers.Softmax()(layers.Dense(3)(h)),
        "own layer": lambda h: Head(keras.ops.sigmoid)(h),
        "activation layer": lambda h: layers.Activation("sigmoid")(layers.Dense(3)(h)),
        "distributed": lambda h: layers.Reshape((3,))(
            layers.TimeDistributed(layers.Dense(3, "sigmoid"))(layers.Reshape((1, 8))(h))
        ),
    }
    model = keras.Model(inputs, ends[how](inputs))
    loss = losses.CategoricalCrossentropy(from_logits=True) if how == "layer" else "categorical_crossentropy"
    (finding,) = found(model, one_hot, loss)
    assert finding.kind == "last_activation", str(finding)


def test_each_of_several_outputs_is_judged_by_its_own_loss():
    inputs = keras.Input((8,))
    outputs = {"a": layers.Dense(3, "softmax", name="a")(inputs), "b": layers.Dense(1, "sigmoid", name="b")(inputs)}
    model = keras.Model(inputs, outputs)
    model.compile("sgd", {"a": "categorical_crossentropy", "b": "mse"})
    assert found(model, {"a": one_hot, "b": binary}, None) == []
    (finding,) = found(model, {"a": one_hot, "b": 50 + numbers}, None)
    assert finding.layers == ("b",)
    assert finding.remedy.code == "model.get_layer('b').activation = keras.activations.linear"


def test_a_loss_that_layers_add_is_passed_over():
    class Adding(layers.Layer):
        def call(self, inputs):
            self.add_loss(keras.ops.mean(keras.ops.square(inputs)))
            return inputs

    inputs = keras.Input((8,))
    model = keras.Model(inputs, Adding()(layers.Dense(1)(inputs)))
    model.compile("sgd")
    assert diagnose(model, x).findings == ()


NEEDS_PARAMETERS = {activations.threshold}
PUBLIC = {function for function in vars(activations).values() if inspect.isfunction(function)}
KNOWN = sorted(
    PUBLIC - NEEDS_PARAMETERS - {activations.deserialize, activations.get, activations.serialize},
    key=lambda function: function.__name__,
)


@pytest.mark.parametrize("function", KNOWN)
def test_the_range_is_the_one_that_the_function_reaches(function):
    """Within rounding, and 0.002 of each end."""
    one = np.concatenate([np.linspace(-8, 8, 4001), [-1e4, 1e4]])
    inputs = np.stack([one, np.abs(one) if function is activations.glu else -one], -1).astype("float32")
    outputs = keras.ops.convert_to_numpy(function(inputs)).astype("float64")
    for limit, end, sign in zip(RANGES[function], (outputs.min(), outputs.max()), (1, -1), strict=True):
        assert -sign * end > 30 if sign * limit == -np.inf else 0 <= 1e-6 + sign * (end - limit) < 2e-3, (limit, end)
