"""Outputs of every structure, losses for some of them, and what is said of keys, counts and labels that are none."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_inits import diagnose, initialize
from keras_inits.faults import InternalError

x = np.random.default_rng(0).standard_normal((32, 16)).astype("float32")
NESTED = {"p": [x[:, :3], x[:, :2]], "q": x[:, :1]}


def nested(loss=None):
    inputs = keras.Input((16,))
    hidden = layers.Dense(8, "relu", name="hidden")(inputs)
    first = [layers.Dense(3, name="one")(hidden), layers.Dense(2, name="two")(hidden)]
    model = keras.Model(inputs, {"p": first, "q": layers.Dense(1, name="three")(hidden)})
    initialize(model, seed=1)
    model.compile(keras.optimizers.SGD(1.0), loss)
    return model


def two(loss=None):
    inputs = keras.Input((16,))
    hidden = layers.Dense(8, "relu", name="hidden")(inputs)
    side = layers.Dense(1, name="b")(layers.Dense(4, name="before_b")(hidden))
    model = keras.Model(inputs, [layers.Dense(3, name="a")(hidden), side])
    initialize(model, seed=1)
    model.compile(keras.optimizers.SGD(1.0), loss)
    return model


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:Gradients do not exist")  # which Keras says in fit of what has no loss
@pytest.mark.parametrize(
    ("make", "loss", "y"),
    [
        (nested, {"p": ["mse", "mae"], "q": "mse"}, NESTED),
        (nested, "mse", NESTED),
        (nested, ["mse", "mae", "mse"], [x[:, :3], x[:, :2], x[:, :1]]),
        (nested, {"p": ["mse", "mae"]}, {"p": NESTED["p"]}),
        (two, ["mse", None], [x[:, :3], x[:, :1]]),
        (two, {"a": "mse", "b": "mae"}, {"a": x[:, :3], "b": x[:, :1]}),
    ],
)
def test_each_output_meets_the_loss_and_the_targets_that_fit_gives_it(make, loss, y):
    model = make(loss)
    found = {row.name: row.gradient for row in diagnose(model, x, y).layers}
    before = {layer.name: [ops.convert_to_numpy(one) for one in layer.weights] for layer in model.layers}
    model.fit(x, y, batch_size=32, verbose=0)
    for name, norm in found.items():
        after = [ops.convert_to_numpy(one) for one in model.get_layer(name).weights]
        steps = [np.linalg.norm(a - b) for a, b in zip(before[name], after, strict=True)]
        assert norm == pytest.approx(np.linalg.norm(steps), rel=1e-4), name


@pytest.mark.thorough
def test_without_targets_nested_outputs_are_projected():
    assert all(row.gradient for row in diagnose(nested(), x).layers)


@pytest.mark.parametrize(
    ("make", "y", "loss", "said"),
    [
        (nested, NESTED, {"p": "mse", "r": "mse"}, r"Received: loss with the key 'r'.*Expected keys of \['p', 'q'\]"),
        (nested, {**NESTED, "r": x}, "mse", r"Received: y with the key 'r'.*Expected keys of"),
        (nested, {"p": NESTED["p"]}, "mse", r"The output 'q' has a loss and no targets.*Expected targets"),
        (nested, {"p": [x], "q": x}, "mse", r"y with 1 target array for 2 outputs, 'p/0', 'p/1'\. Expected 2"),
        (two, [x[:, :3]], "mse", r"y with 1 target array for 2 outputs, 'a', 'b'\. Expected 2"),
        (two, [x[:, :3], x[:, :1]], ["mse"] * 3, r"loss with 3 losses for 2 outputs, 'a', 'b'\. Expected 2"),
        (two, [x[:, :3], x[:, :1]], {"c": "mse"}, r"loss with the key 'c'.*Expected keys of \['a', 'b'\]"),
        (two, [x[:, :3], x[:, :1]], [None, None], r"No output has a loss.*Name one"),
        (two, [x[:, :3], x[:, :1]], "msee", r"Keras makes no loss of what was given for the output 'a'.*loss='msee'"),
        (two, [np.array(["a"] * 32), x[:, :1]], "mse", r"targets of the output 'a' become no tensor.*Expected numbers"),
        (two, [x[:, :7], x[:, :1]], "mse", r"loss mse of the output 'a'.*targets of the shape \(32, 7\) and outputs"),
    ],
)
def test_what_does_not_suit_is_named(make, y, loss, said):
    with pytest.raises(ValueError, match=said) as caught:
        diagnose(make(), x, y, loss=loss)
    assert "no part of keras_inits" not in str(caught.value)


def test_a_failure_of_the_matching_is_called_ours(monkeypatch):
    def broken(*_):
        raise IndexError("list index out of range")

    monkeypatch.setattr("keras_inits.diagnosis.losses.parts_of", broken)
    with pytest.raises(InternalError, match=r"while it matched the targets and the losses.*a fault of keras_inits"):
        diagnose(two("mse"), x, [x[:, :3], x[:, :1]])


@pytest.mark.parametrize("loss", [["mse", None], {"a": "mse"}])
def test_of_an_output_without_a_loss_that_is_the_reason(loss):
    diagnosis = diagnose(two(), x, {"a": x[:, :3]}, loss=loss)
    assert diagnosis.findings == ()
    assert [one.name for one in diagnosis.unseen] == ["before_b", "b"]
    assert all("no loss reads the output 'b'" in one.reason for one in diagnosis.unseen)


def test_a_lost_gradient_is_found_beside_an_output_without_a_loss():
    inputs = keras.Input((16,))
    closed = layers.Dense(8, name="closed")(inputs)
    outputs = [layers.Dense(3, name="a")(ops.round(closed)), layers.Dense(1, name="b")(inputs)]
    (finding,) = diagnose(keras.Model(inputs, outputs), x, x[:, :3], loss=["mse", None])
    assert (finding.kind, finding.layers) == ("no_gradient", ("closed",))


def test_of_a_layer_that_nothing_reads_that_is_the_reason():
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.side, self.head = layers.Dense(8), layers.Dense(4, name="side"), layers.Dense(3)

        def call(self, inputs):
            hidden = self.first(inputs)
            self.side(hidden)
            return self.head(hidden)

    model = Model()
    model(x)
    (finding,) = diagnose(model, x)
    assert (finding.kind, finding.layers) == ("no_gradient", ("side",))
    assert "nothing reads its outputs" in finding.evidence
    assert "rounding" not in str(finding.remedy)


def test_a_loss_that_is_no_number_is_one_finding():
    (finding,) = diagnose(two(), x, [x[:, :3], x[:, :1]], loss=lambda y, p: ops.log(ops.mean(y) * 0 - 1))
    assert finding.kind == "nonfinite"


@pytest.mark.parametrize(
    "loss", ["sparse_categorical_crossentropy", "crossentropy", keras.losses.SparseCategoricalCrossentropy()]
)
@pytest.mark.parametrize(("shift", "said"), [(10, "labels from 10 to 12"), (-1, "labels from -1 to 1")])
def test_labels_that_are_no_classes_are_named(loss, shift, said):
    model = keras.Sequential([keras.Input((16,)), layers.Dense(3, "softmax")])
    labels = np.arange(32) % 3
    assert diagnose(model, x, labels, loss=loss).layers[0].gradient
    told = rf"{said} for 3 classes, out of range, in examples 0, .*\. Expected labels from 0 to 2"
    with pytest.raises(ValueError, match=told):
        diagnose(model, x, labels + shift, loss=loss, check="layers")
    (finding,) = [one for one in diagnose(model, x, labels + shift, loss=loss) if one.kind == "targets"]
    assert f"the labels of 'output' go from {shift} to {shift + 2}" in finding.evidence
    assert finding.remedy.code == ("y = y - (-1)" if shift == -1 else "")


def test_a_label_that_the_loss_ignores_is_none_of_these():
    model = keras.Sequential([keras.Input((16,)), layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    assert diagnose(model, x, np.arange(32) % 4 - 1, loss=loss).layers[0].gradient


ENDS = {
    "last": lambda: [],
    "reshaped": lambda: [layers.Reshape((1, 1)), layers.Flatten()],
    "passed on": lambda: [layers.Activation("linear")],
}


@pytest.mark.thorough
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    "loss", ["binary_crossentropy", lambda y, p: -ops.mean(ops.log(p) * y + ops.log(1 - p) * (1 - y))]
)
def test_a_sigmoid_that_the_loss_undoes_makes_no_gradient_large(loss, end):
    head = layers.Dense(1, "sigmoid", name="head")
    model = keras.Sequential([keras.Input((16,)), layers.Dense(64, "relu"), head, *ENDS[end]()])
    initialize(model, seed=1)
    y = np.random.default_rng(1).integers(0, 2, (32, 1)).astype("float32")
    diagnosis = diagnose(model, x * 2.5, y, loss=loss)
    row = next(row for row in diagnosis.layers if row.name == "head")
    outputs = ops.convert_to_numpy(model(x * 2.5))
    assert row.output_gradient == pytest.approx(np.linalg.norm((outputs - y) / 32), rel=1e-3)
    assert "vanishing_gradient" not in [finding.kind for finding in diagnosis]


WRAPPED = {
    "layer": lambda: layers.Dense(1, "sigmoid"),
    "model": lambda: keras.Sequential([keras.Input((16,)), layers.Dense(1), layers.Activation("sigmoid")]),
}


@pytest.mark.thorough
@pytest.mark.parametrize("wrapped", WRAPPED)
def test_a_sigmoid_within_time_distributed_counts_as_one_alone(wrapped):
    head = layers.TimeDistributed(WRAPPED[wrapped](), name="head")
    model = keras.Sequential([keras.Input((4, 16)), layers.Dense(16, "relu"), head])
    initialize(model, seed=1)
    steps = np.random.default_rng(0).standard_normal((32, 4, 16)).astype("float32")
    y = np.random.default_rng(1).integers(0, 2, (32, 4, 1)).astype("float32")
    row = diagnose(model, steps, y, loss="binary_crossentropy").layers[-1]
    outputs = ops.convert_to_numpy(model(steps))
    logits = np.log(outputs / (1 - outputs))
    assert (row.name, row.activation) == ("head", "sigmoid")
    assert row.inputs.stddev == pytest.approx(logits.std(), rel=1e-3)
    assert row.output_gradient == pytest.approx(np.linalg.norm((outputs - y) / y.size), rel=1e-3)


@pytest.mark.thorough
def test_a_softmax_within_time_distributed_counts_as_one_alone():
    head = layers.TimeDistributed(layers.Dense(5, "softmax"), name="head")
    model = keras.Sequential([keras.Input((4, 16)), layers.Dense(16, "relu"), head])
    steps = np.random.default_rng(0).standard_normal((32, 4, 16)).astype("float32")
    y = np.eye(5, dtype="float32")[np.random.default_rng(1).integers(0, 5, (32, 4))]
    row = diagnose(model, steps, y, loss="categorical_crossentropy").layers[-1]
    outputs = ops.convert_to_numpy(model(steps))
    assert row.output_gradient == pytest.approx(np.linalg.norm((outputs - y) / 128), rel=1e-3)


@pytest.mark.thorough
@pytest.mark.parametrize("cast", [layers.Activation("linear", dtype="float32"), None], ids=["layer", "operation"])
def test_a_sigmoid_in_low_precision_whose_outputs_are_cast_counts_as_one_alone(cast):
    inputs = keras.Input((16,))
    head = layers.Dense(1, "sigmoid", name="head", dtype="mixed_bfloat16")
    hidden = head(layers.Dense(64, "relu")(inputs))
    model = keras.Model(inputs, ops.cast(hidden, "float32") if cast is None else cast(hidden))
    initialize(model, seed=1)
    y = np.random.default_rng(1).integers(0, 2, (32, 1)).astype("float32")
    diagnosis = diagnose(model, x * 2.5, y, loss="binary_crossentropy")
    row = next(row for row in diagnosis.layers if row.name == "head")
    outputs = ops.convert_to_numpy(model(x * 2.5))
    assert row.output_gradient == pytest.approx(np.linalg.norm((outputs - y) / 32), rel=0.02)


def test_a_sigmoid_inside_of_the_model_keeps_the_gradient_of_its_outputs():
    model = keras.Sequential(
        [keras.Input((16,)), layers.Dense(8, "sigmoid", name="inner"), layers.Dense(1, name="head")]
    )
    diagnosis = diagnose(model, x, x[:, :1], loss="mse")
    errors = 2 * (ops.convert_to_numpy(model(x)) - x[:, :1]) / 32
    expected = np.linalg.norm(errors @ ops.convert_to_numpy(model.layers[1].kernel).T)
    assert diagnosis.layers[0].output_gradient == pytest.approx(expected, rel=1e-4)
