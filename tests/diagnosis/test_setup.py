"""Inputs, targets, the first loss, examples that look alike, and what follows from what."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_inits
from keras_inits import Normal, diagnose, initialize
from keras_inits.diagnosis import findings
from keras_inits.diagnosis.setup import checks, order, small_weights

random = np.random.default_rng(0)
x = random.standard_normal((64, 8)).astype("float32")
classes = np.arange(64) % 3
numbers = x[:, :1] * 2 + 1
LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def network(units=3, *first):
    model = keras.Sequential([keras.Input((8,)), *first, layers.Dense(16, "relu", name="hidden"), layers.Dense(units)])
    initialize(model, seed=1)
    return model


def kinds(diagnosis):
    return [(one.kind, one.follows_from) for one in diagnosis]


def causes(diagnosis):
    return [one.kind for one in diagnosis if one.follows_from is None]


TABLE = x * np.array([1, 1, 1, 1, 1, 1, 1, 5000]) + np.arange(8)
INPUTS = {
    "large": 20 * x,
    "far from zero": x + 60,
    "offset within ten": 0.1 * x + 5,
    "a large column": TABLE,
    "columns of different sizes": x * np.array([0.01, 1, 1, 1, 1, 1, 1, 10]),
    "integers": np.rint(20 * x).astype("int64"),
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs_that_are_not_scaled_are_found(name):
    model = network()
    diagnosis = diagnose(model, INPUTS[name], classes, loss=LOGITS)
    (finding,) = [one for one in diagnosis if one.kind == "unscaled_inputs"]
    assert finding.layers == ("hidden",)
    program = {"x": INPUTS[name].astype("float32"), "keras": keras}
    exec(finding.remedy.code, program)
    assert diagnose(model, program["x"], classes, loss=LOGITS).findings == ()


@pytest.mark.parametrize("scale", [0.01, 0.3, 1, 3, 8])
def test_inputs_of_other_sizes_are_none(scale):
    assert causes(diagnose(network(), scale * x, check="full")) == []


def test_columns_that_hardly_change_are_none_where_all_are_small():
    """As in flat images of 0 to 1, whose borders are constant, or nearly so."""
    flat = np.abs(np.clip(x / 3, -1, 1)) * np.array([0, 0.0001, 0.01, 1, 1, 1, 1, 1])
    assert diagnose(network(), flat, classes, loss=LOGITS).findings == ()


@pytest.mark.parametrize("how", ["rescaling", "normalization", "batch norm", "operation", "behind the kernel"])
def test_a_model_that_scales_its_inputs_is_measured_behind_that(how):
    data = np.abs(TABLE) if how in ("normalization", "batch norm") else 100 * np.abs(x)
    inputs = keras.Input((8,))
    normalization = layers.Normalization()
    normalization.adapt(data)
    scaled = {
        "rescaling": lambda: layers.Rescaling(0.01)(inputs),
        "normalization": lambda: normalization(inputs),
        "batch norm": lambda: layers.BatchNormalization()(inputs),
        "operation": lambda: inputs / 100.0 - 0.5,
        "behind the kernel": lambda: layers.ReLU()(layers.BatchNormalization()(layers.Dense(16)(inputs))),
    }[how]()
    model = keras.Model(inputs, layers.Dense(3)(layers.Dense(16, "relu")(scaled)))
    initialize(model, seed=1)
    assert "unscaled_inputs" not in causes(diagnose(model, data, classes, loss=LOGITS))


def test_pixels_are_told_as_such():
    images = random.integers(0, 256, (32, 8, 8, 3)).astype("float32")
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(4, 3, name="conv"), layers.Flatten(), layers.Dense(3)]
    )
    finding = diagnose(model, images, classes[:32], loss=LOGITS).findings[0]
    assert (finding.kind, finding.remedy.code) == ("unscaled_inputs", "x = x / 255")


def test_words_are_names_and_no_numbers():
    model = keras.Sequential(
        [keras.Input((8,), dtype="int32"), layers.Embedding(500, 8), layers.Flatten(), layers.Dense(3)]
    )
    initialize(model, seed=1)
    assert diagnose(model, random.integers(0, 500, (64, 8)), classes, loss=LOGITS).findings == ()


TARGETS = {
    "beyond the units": (classes + 2, "sparse_categorical_crossentropy", "give the last layer 5 units"),
    "from one": (classes + 1, "sparse_categorical_crossentropy", "y = y - (1)"),
    "not whole": (classes / 255, "sparse_categorical_crossentropy", "y = (y * 255).round()"),
    "one-hot": (np.eye(3)[classes], "sparse_categorical_crossentropy", "'categorical_crossentropy'"),
    "numbers": (classes, "categorical_crossentropy", "'sparse_categorical_crossentropy'"),
    "of one class": (0 * classes, "sparse_categorical_crossentropy", "shuffle the data"),
}


@pytest.mark.parametrize("name", TARGETS)
def test_targets_that_do_not_suit_are_found(name):
    y, loss, cure = TARGETS[name]
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, "relu"), layers.Dense(3, "softmax", name="head")])
    model.compile("sgd", loss)
    finding = diagnose(model, x, y).findings[0]
    assert (finding.kind, finding.layers) == ("targets", ("head",))
    assert cure in str(finding.remedy)


@pytest.mark.parametrize(("low", "high"), [(1, 2), (-1, 1)])
def test_two_classes_are_zero_and_one(low, high):
    y = np.where(classes > 0, high, low)[:, None]
    model = keras.Sequential([keras.Input((8,)), layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    (finding,) = [one for one in diagnose(model, x, y) if one.kind == "targets"]
    program = {"y": y}
    exec(finding.remedy.code, program)
    assert set(np.unique(program["y"])) == {0, 1}


def test_classes_at_one_unit_need_as_many_units():
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, "relu"), layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    (finding,) = [one for one in diagnose(model, x, classes[:, None]) if one.kind == "targets"]
    program = {"model": model, "keras": keras, "x": x}
    exec(finding.remedy.code, program)
    assert diagnose(program["model"], x, classes[:, None]).findings == ()


def test_large_targets_are_found_and_what_they_bring_follows():
    model = network(1)
    model.compile("sgd", "mse")
    diagnosis = diagnose(model, x, 1e6 + 1e4 * numbers)
    assert causes(diagnosis) == ["targets"]
    assert {cause for _, cause in kinds(diagnosis)} <= {None, "targets"}
    assert diagnosis.findings[-1].remedy.code == ""
    model.compile("adam", "mse")
    assert causes(diagnose(model, x, 100 * numbers)) == []


def test_one_number_for_several_units_is_found():
    model = network(3)
    model.compile("sgd", "mse")
    assert causes(diagnose(model, x, numbers))[0] == "targets"


@pytest.mark.parametrize("rare", [0.0, 0.02])
def test_a_rare_class_is_no_finding(rare):
    y = (random.uniform(size=(64, 1)) < rare).astype("float32")
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, "relu"), layers.Dense(1, "sigmoid")])
    initialize(model, seed=0)
    model.compile("sgd", "binary_crossentropy")
    assert diagnose(model, x, y).findings == ()


def test_a_first_loss_far_above_the_best_constant_is_found():
    model = network(3)
    model.layers[-1].kernel.assign(300 * model.layers[-1].kernel)
    (finding,) = [one for one in diagnose(model, x, classes, loss=LOGITS) if one.kind == "first_loss"]
    assert finding.remedy.code == "keras_inits.initialize(model, data=(x, y))"
    model.compile("sgd", LOGITS)
    exec(finding.remedy.code, {"model": model, "x": x, "y": classes, "keras_inits": keras_inits})
    assert diagnose(model, x, classes).findings == ()


def test_a_first_loss_that_training_makes_up_for_is_a_note():
    """As of pixels from 0 to 16, on which networks train."""
    model = network(3)
    model.layers[-1].kernel.assign(16 * model.layers[-1].kernel)
    diagnosis = diagnose(model, x, classes, loss=LOGITS)
    assert diagnosis.findings == ()
    (note,) = [one for one in diagnosis.notes if one.kind == "far_outputs"]
    model.compile("sgd", LOGITS)
    exec(note.remedy.code, {"model": model, "x": x, "y": classes, "keras_inits": keras_inits})
    assert diagnose(model, x, classes).notes == ()


def sigmoids(depth=5):
    keras.utils.set_random_seed(0)
    hidden = [layers.Dense(64, "sigmoid", name=f"hidden_{number}") for number in range(depth)]
    return keras.Sequential([keras.Input((8,)), *hidden, layers.Dense(3, name="head")])


def test_examples_that_cannot_be_told_apart_are_found():
    """The deviation over all entries is 0.5 and more, and all of it is that between units."""
    model = sigmoids()
    (finding,) = diagnose(model, x, classes, loss=LOGITS)
    assert (finding.kind, finding.layers[-1]) == ("examples_alike", "head")
    assert finding.start in ("hidden_3", "hidden_4", "hidden_2")
    row = diagnose(model, x).layers[-1]
    values = keras.ops.convert_to_numpy(model(x))
    assert row.across == pytest.approx(np.sqrt(values.var(0).mean()), rel=1e-3)
    assert row.outputs.stddev > 100 * row.across
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    mean = (unit @ unit.T)[~np.eye(64, dtype=bool)].mean()
    assert row.alike == pytest.approx(mean, abs=1e-5)
    assert finding.remedy.tried is True
    diagnose(model, x, classes, loss=LOGITS).repair(model, seed=3)
    assert diagnose(model, x, classes, loss=LOGITS).findings == ()


def test_examples_whose_difference_is_hidden_are_found_where_the_optimizer_does_not_find_it():
    """Four sigmoid layers: the deviation across examples is above 1/1,000, and SGD stays at constant outputs."""
    model = sigmoids(4)
    initialize(model, "glorot_uniform", seed=1)
    model.compile(keras.optimizers.SGD(0.01), LOGITS)
    diagnosis = diagnose(model, x, classes)
    (finding,) = diagnosis
    assert (finding.kind, finding.layers[-1], finding.remedy.tried) == ("examples_alike", "hidden_3", True)
    row = diagnosis.layers[-2]
    assert f"is {row.across / np.hypot(row.outputs.mean, row.outputs.stddev):.2g} (at least 0.01)" in finding.evidence
    model.compile("adam", LOGITS)
    assert diagnose(model, x, classes).findings == ()  # which moves each weight by as much
    model.compile(keras.optimizers.SGD(0.01), LOGITS)
    diagnosis.repair(model, seed=3)
    assert diagnose(model, x, classes).findings == ()
    assert diagnose(sigmoids(2), x, classes, loss=LOGITS).findings == ()


def test_a_small_last_layer_that_training_enlarges_is_none():
    """As behind Keras's own embeddings, which start within 0.05, and a mean over the words."""
    keras.utils.set_random_seed(0)
    parts = [layers.Embedding(500, 16), layers.GlobalAveragePooling1D(), layers.Dense(16, "relu")]
    model = keras.Sequential([keras.Input((20,), dtype="int32"), *parts, layers.Dense(1, "sigmoid")])
    words, y = random.integers(0, 500, (64, 20)), (classes > 0)[:, None].astype("float32")
    model.compile("adam", "binary_crossentropy")
    assert diagnose(model, words, y).findings == ()


def test_layers_are_all_that_is_looked_at_if_so_asked():
    assert diagnose(sigmoids(), x, classes, loss=LOGITS, check="layers").findings == ()
    with pytest.raises(ValueError, match=r"check.*'all'.*'full'"):
        diagnose(sigmoids(), x, check="all")


def test_weights_that_training_makes_up_for_are_a_note():
    model = network(3)
    initialize(model, Normal(0.005), seed=0)
    assert causes(diagnose(model, x, classes, loss=LOGITS)) == ["vanishing_signal"]
    model.compile("adam", LOGITS)
    diagnosis = diagnose(model, x, classes)
    assert diagnosis.findings == ()
    assert [note.kind for note in diagnosis.notes] == ["small_weights"]
    model.compile(keras.optimizers.SGD(1e-4), LOGITS)
    assert "vanishing_signal" in causes(diagnose(model, x, classes))


def test_constant_columns_are_a_note():
    model = network(3)
    initialize(model, seed=0)
    numbers = np.random.default_rng(3).standard_normal((64, 8)).astype("float32")
    numbers[:, 2:5] = 0, 1, 7
    diagnosis = diagnose(model, numbers)
    assert diagnosis.findings == ()
    (note,) = diagnosis.notes
    assert (note.kind, note.layers) == ("constant_columns", (model.layers[0].name,))
    assert "1 of the 8 columns" in note.evidence
    assert "the first of them 7:" in note.evidence
    names = {"x": numbers, "keras": keras}
    exec(note.remedy.code, names)
    assert diagnose(model, names["x"]).notes == ()
    assert diagnose(model, numbers[:32]).notes == ()  # of so few, some are the same by chance
    numbers[::2, 5] = 7  # a level of other columns, as the background of images is
    assert diagnose(model, numbers).notes == ()


def test_a_linear_stack_is_a_note():
    model = keras.Sequential(
        [keras.Input((8,)), layers.Dense(9, name="a"), layers.Dropout(0.1), layers.Dense(3, name="b")]
    )
    initialize(model, seed=0)
    diagnosis = diagnose(model, x)
    assert diagnosis.findings == ()
    (note,) = diagnosis.notes
    assert (note.kind, note.layers) == ("linear_stack", ("a", "b"))
    exec(note.remedy.code, {"model": model, "keras": keras})
    assert diagnose(model, x).notes == ()


def test_what_does_not_cure_is_told_so():
    """Sigmoids that are too many for one row of weights, however they are drawn."""
    hidden = [layers.Dense(1, "sigmoid") for _ in range(14)]
    model = keras.Sequential([keras.Input((8,)), *hidden, layers.Dense(1)])
    initialize(model, Normal(0.1), seed=0)
    findings = [one for one in diagnose(model, x) if one.remedy.rules]
    for finding in findings:
        assert finding.remedy.tried is (finding.kind not in _after_repair(model, findings))
        assert ("tried: gone" if finding.remedy.tried else "tried: it stays") in str(finding)


def _after_repair(model, findings):
    weights = model.get_weights()
    initialize(model, [rule for one in findings for rule in one.remedy.rules], seed=0)
    found = {one.kind for one in diagnose(model, x, check="full")}
    model.set_weights(weights)
    return found


class Squashing(layers.Layer):
    def call(self, inputs):
        return keras.ops.sigmoid(inputs)


def test_a_sigmoid_in_a_layer_of_ones_own_is_no_silence():
    """On TensorFlow the loss takes what goes into it, and sends nothing to what comes out."""
    x, y = np.random.default_rng(0).standard_normal((64, 8)), np.arange(64).reshape(-1, 1) % 2
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, "relu"), layers.Dense(1), Squashing()])
    model.compile("adam", "binary_crossentropy")
    assert diagnose(model, x, y).findings == ()


def test_of_rare_values_the_size_is_that_of_all():
    """What divides such columns is the size of the values that are there; what goes into the kernel is mostly zero."""
    draw = np.random.default_rng(0)
    sparse = np.where(draw.random((256, 8)) < 0.06, draw.integers(15, 25, (256, 8)), 0)
    model = network(3)
    model.compile("adam", LOGITS)
    assert np.sqrt(np.mean(sparse**2)) < 10 < sparse.max()
    assert "unscaled_inputs" not in causes(diagnose(model, sparse.astype("float32"), np.arange(256) % 3))


def test_relations_between_findings_name_kinds_that_there_are():
    kinds = {*findings.KINDS, *checks.KINDS}
    following = {kind for consequences in order.CONSEQUENCES.values() for kind in consequences}
    assert {*order.CONSEQUENCES, *following, *small_weights.SIZE_KINDS, *checks.OF_THE_LOSS} <= kinds
