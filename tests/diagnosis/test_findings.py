"""Each finding: the disease is planted, found, and gone after the repair; a healthy model has none."""

import sys

import keras
import numpy as np
import pytest
from helpers.diseases import DISEASES, batch, deep, planted, with_biases
from keras import layers

import keras_inits
from keras_inits import Constant, Normal, diagnose, initialize, thresholds
from keras_inits.diagnosis.findings import KINDS
from keras_inits.initializers.gains import GAINS


def test_each_kind_has_a_disease():
    assert set(DISEASES) == set(KINDS)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", DISEASES)
def test_a_disease_is_found_and_repaired(kind):
    plant, expected = DISEASES[kind]
    model, x = plant()
    diagnosis = diagnose(model, x)
    assert [finding.kind for finding in diagnosis] == expected, str(diagnosis)
    assert kind in expected
    finding = next(finding for finding in diagnosis if finding.kind == kind)
    if kind == "same_examples":  # which is no layer's
        assert (finding.layers, finding.remedy.rules) == ((), ())
        return
    assert finding.layers
    assert set(finding.layers) <= {row.name for row in diagnosis.layers}
    if kind == "no_gradient":  # which no initializer repairs
        assert not finding.remedy.rules
        assert "look between hidden_01 and hidden_02" in str(finding.remedy)
        return
    diagnosis.repair(model, seed=2)
    assert diagnose(model, x).findings == (), str(diagnose(model, x))


@pytest.mark.thorough
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "selu", "softsign", "linear"])
def test_a_good_start_has_no_findings(activation):
    model, x = planted("auto", activation=activation, depth=12)
    assert diagnose(model, x).findings == ()
    assert "no findings" in str(diagnose(model, x))


@pytest.mark.thorough
def test_zeros_in_the_last_layer_alone_do_no_harm():
    model, x = planted("auto", depth=3)
    initialize(model, [("head/kernel", "zeros")])
    y = np.arange(128) % 10
    assert diagnose(model, x, y, loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)).findings == ()
    # Between the hidden layers they do: nothing comes through, and nothing of it changes.
    initialize(model, [("hidden_01/kernel", "zeros"), ("head/kernel", "zeros")])
    kinds = [finding.kind for finding in diagnose(model, x, y, loss=keras.losses.SparseCategoricalCrossentropy(True))]
    assert "symmetric_units" in kinds


@pytest.mark.parametrize(("law", "factor"), [(1.5, 1.5), (0.5, 0.5)])
def test_the_factor_per_layer_is_the_one_that_was_planted(law, factor):
    model = deep(depth=30, activation=None, outputs=64)
    initialize(model, keras_inits.Identity(law))
    signal, gradient = diagnose(model, batch(128, 64))
    assert signal.factor == pytest.approx(factor, rel=1e-4)
    assert gradient.factor == pytest.approx(factor, rel=1e-4)
    assert (signal.start, gradient.start) == ("hidden_00", "head")


def test_the_remedy_prints_as_code():
    model, x = planted(Normal(0.01), depth=4)
    finding = diagnose(model, x).findings[0]
    assert str(finding.remedy) == (
        "keras_inits.initialize(model, [\n    ('^hidden_00/kernel$', keras_inits.Orthogonal()),\n"
        '    (r"^(hidden_\\d+|head)/kernel$", keras_inits.Orthogonal(gain=1.414213562373)),\n'
        "])  # weights that keep the variance of what passes (tried: gone)"
    )


def test_the_repair_of_one_layer_leaves_the_others():
    model, x = with_biases(-1000.0, 1.0, "hidden_05")
    before = {weight.path: keras.ops.convert_to_numpy(weight.value).copy() for weight in model.weights}
    table = diagnose(model, x).repair(model)
    assert [row.path.split("/")[-2:] for row in table] == [["hidden_05", "kernel"], ["hidden_05", "bias"]]
    for weight in model.weights:
        changed = not np.array_equal(before[weight.path], keras.ops.convert_to_numpy(weight.value))
        assert changed == ("hidden_05" in weight.path)


@pytest.mark.thorough
def test_what_no_initializer_repairs_is_said():
    model, x = planted("auto", activation="squareplus", depth=40)
    (finding,) = diagnose(model, x)
    assert finding.kind == "vanishing_gradient"
    assert "add normalisation, shortcuts, or take another activation" in str(finding)
    assert diagnose(model, x).repair(model).rows == ()


@pytest.mark.thorough
def test_what_fades_until_it_is_zero_is_not_called_dead():
    model, x = planted(Normal(0.005), depth=60)
    diagnosis = diagnose(model, x)
    assert diagnosis.layers[0].output_gradient == 0
    assert diagnosis.layers[-2].outputs.largest == 0
    assert [finding.kind for finding in diagnosis] == ["vanishing_signal", "vanishing_gradient"]
    diagnosis.repair(model, seed=2)
    assert diagnose(model, x).findings == ()


def test_outputs_that_are_all_the_same_carry_no_signal():
    model, x = planted(Constant(0.001), activation="softplus", depth=8)
    diagnosis = diagnose(model, x)
    assert diagnosis.layers[6].outputs.stddev == 0 < diagnosis.layers[6].outputs.largest
    finding = next(one for one in diagnosis if one.kind == "vanishing_signal")
    assert "hidden_06" in finding.layers
    assert np.isfinite(finding.factor)


@pytest.mark.thorough
@pytest.mark.parametrize("apart", [True, False])
def test_gradients_are_not_judged_beside_those_behind_a_softmax(apart):
    """Each of 10,000 probabilities is small, and so is all that comes back through them."""
    head = [layers.Dense(10_000), layers.Softmax()] if apart else [layers.Dense(10_000, "softmax")]
    model = keras.Sequential([keras.Input((64,)), *[layers.Dense(64, "relu") for _ in range(3)], *head])
    initialize(model, seed=1)
    diagnosis = diagnose(model, batch(128, 64))
    assert diagnosis.findings == ()
    assert diagnosis.layers[3].output_gradient < 0.001


@pytest.mark.parametrize("activation", ["sigmoid", "softmax", None])
def test_a_head_may_begin_with_zeros(activation):
    model, x = planted("auto", depth=3)
    head = layers.Dense(1 if activation == "sigmoid" else 10, activation, kernel_initializer="zeros")
    found = diagnose(keras.Sequential([keras.Input((64,)), *model.layers[:-1], head]), x)
    assert "vanishing_signal" not in [finding.kind for finding in found]


def test_large_inputs_are_not_blamed_on_the_weights():
    model, x = planted("auto", activation="tanh", depth=2)
    (finding,) = diagnose(model, 10 * x, check="layers")
    assert (finding.kind, finding.layers) == ("saturated", ("hidden_00",))
    assert str(finding.remedy).startswith("divide the inputs by 10, or add keras.layers.Normalization")
    cause, finding = diagnose(model, 11 * x)
    assert (cause.kind, cause.layers) == ("unscaled_inputs", ("hidden_00",))
    assert "keras.layers.Normalization()" in cause.remedy.code
    assert (finding.kind, finding.follows_from, finding.remedy.rules) == ("saturated", "unscaled_inputs", ())


@pytest.mark.parametrize("activation", ["relu6", "hard_tanh", "sparse_sigmoid"])
def test_what_is_flat_in_a_good_start_is_not_called_saturated(activation):
    assert "saturated" not in [finding.kind for finding in diagnose(*planted("auto", activation=activation, depth=20))]
    (finding,) = diagnose(*planted(Normal(5.0), activation=activation, depth=2))
    assert finding.kind == "saturated"


HEALTHY = [function.__name__ for function in GAINS if function is not keras.activations.exponential]  # grows and grows


@pytest.mark.parametrize("depth", [5, pytest.param(20, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("activation", HEALTHY)
def test_a_good_start_has_no_finding(activation, depth):
    assert diagnose(*planted("auto", activation=activation, depth=depth)).findings == ()


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "hard_sigmoid", "sparse_sigmoid", "relu6"])
@pytest.mark.parametrize("depth", [3, 20])
def test_what_is_much_larger_than_in_a_good_start_is_called_saturated(activation, depth):
    """However large that is: there, inputs are 30 times larger still."""
    model, x = planted("auto", activation=activation, depth=depth)
    for layer in model.layers[:-1]:
        layer.kernel.assign(30 * layer.kernel)
    assert "saturated" in [finding.kind for finding in diagnose(model, x)]


@pytest.mark.parametrize("depth", [3, 7])
def test_few_units_that_saturate_are_no_chance(depth):
    """Inputs of the variance 45 leave 0.65 of hard sigmoids flat in a good start: by chance all of 16 might be."""
    for seed in range(3):
        hidden = [layers.Dense(16, "hard_sigmoid") for _ in range(depth)]
        model = keras.Sequential([keras.Input((16,)), *hidden, layers.Dense(10)])
        initialize(model, seed=seed)
        x = np.random.default_rng(seed).standard_normal((128, 16)).astype("float32")
        assert diagnose(model, x, check="layers").findings == ()
        for layer in hidden:
            layer.kernel.assign(5 * layer.kernel)
        (finding,) = diagnose(model, x, check="layers").findings
        assert finding.kind == "saturated"


def test_saturation_through_which_nothing_comes_back_is_the_cause():
    """Though examples are so alike that chance could saturate all units of one layer."""
    hidden = [layers.Dense(16, "hard_sigmoid") for _ in range(60)]
    model = keras.Sequential([keras.Input((16,)), *hidden, layers.Dense(10)])
    initialize(model, seed=0)
    for layer in hidden[1:]:
        layer.kernel.assign(8 * layer.kernel)
    x = np.random.default_rng(0).standard_normal((128, 16)).astype("float32")
    kinds = [finding.kind for finding in diagnose(model, x, check="layers")]
    assert "saturated" in kinds
    assert "no_gradient" not in kinds


def transformer():
    words = keras.Input((64,), dtype="int32")
    x = layers.Embedding(50, 64)(words)
    for _ in range(6):
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(4, 16)(y, y)])
        x = layers.Add()([x, layers.Dense(64)(layers.Dense(128, "gelu")(layers.LayerNormalization()(x)))])
    pooled = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    return keras.Model(words, layers.Dense(10)(pooled))


def test_gradients_are_not_compared_with_those_of_scores():
    """Where attention looks everywhere alike, next to nothing comes back to queries and keys, and it trains."""
    model, x = transformer(), np.random.default_rng(0).integers(0, 50, (16, 64))
    diagnosis = diagnose(model, x)
    scores = [row for row in diagnosis.layers if row.scores]
    assert {row.name.rpartition("/")[2] for row in scores} <= {"query", "key", "softmax"} | {
        f"softmax_{number}" for number in range(1, 6)
    }
    assert len([row for row in scores if row.kernels]) == 12
    embedding = next(row for row in diagnosis.layers if row.kind == "Embedding")
    queries = [row.output_gradient for row in scores if row.name.endswith("query")]
    assert embedding.output_gradient > thresholds.EXPLODING_RATIO * min(queries)
    assert diagnosis.findings == ()


def test_there_may_be_nothing_to_repair():
    model, x = planted("auto", depth=3)
    before = model.get_weights()
    table = diagnose(model, x).repair(model)
    assert (len(table), len(table.kept)) == (0, len(model.weights))
    assert all(map(np.array_equal, before, model.get_weights()))


def test_the_picture(tmp_path):
    model, x = with_biases(-1000.0, 0.9, "hidden_05")
    diagnose(model, x).plot(tmp_path / "diagnosis.png")
    assert (tmp_path / "diagnosis.png").stat().st_size > 20_000


def test_the_dataframe():
    model, x = with_biases(-1000.0, 0.9, "hidden_05")
    frame = diagnose(model, x).to_dataframe()
    assert frame.index.tolist() == [layer.name for layer in model.layers]
    assert frame.loc["hidden_05", "dead"] == pytest.approx(0.9, abs=0.02)
    rules = frame.loc["hidden_05", ["kernel_auto", "kernel_he"]].astype(float).tolist()
    assert rules == pytest.approx([(2 / 64) ** 0.5] * 2)
    assert np.isnan(frame.loc["head", "saturated"])


@pytest.mark.parametrize(("call", "module"), [("to_dataframe", "pandas"), ("plot", "matplotlib.figure")])
def test_what_is_missing_is_named(call, module, monkeypatch):
    model, x = planted("auto", depth=2)
    diagnosis = diagnose(model, x)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r'pip install "keras_inits\[report\]"'):
        getattr(diagnosis, call)(*(["x.png"] if call == "plot" else []))


@pytest.mark.thorough
def test_the_text_fits_100_columns():
    for plant, _ in DISEASES.values():
        model, x = plant()
        assert max(map(len, str(diagnose(model, x)).split("\n"))) <= 100
        keras.config.set_dtype_policy("float32")
    model = deep(depth=60)
    initialize(model, Normal(1e-9), seed=0)
    text = str(diagnose(model, batch(32, 64)))
    assert max(map(len, text.split("\n"))) <= 100
    assert "... 21 more ..." in text


def words_before_attention(seed):
    inputs = keras.Input((8,), dtype="int32")
    words = layers.Embedding(50, 16, embeddings_initializer=keras_inits.Uniform(1e-4, seed=seed), name="words")(inputs)
    seen = layers.MultiHeadAttention(2, 8, name="attention")(words, words)
    hidden = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(layers.Add()([seen, words])))
    model = keras.Model(inputs, layers.Dense(1, "sigmoid", name="head")(hidden))
    initialize(model, [("attention|head", "auto")], seed=seed)
    return model, np.random.default_rng(seed).integers(0, 50, (128, 8))


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(3))
def test_of_embeddings_that_are_too_small_table_remedy_and_repair_say_one_law(seed):
    model, x = words_before_attention(seed)
    diagnosis = diagnose(model, x)
    assert set(diagnosis.findings) != set()
    kernel = diagnosis.layers[0].kernels[0]
    assert (kernel.fans, kernel.auto) == ((1, 16), 1)
    for finding in diagnosis:
        assert "('^words/embeddings$', keras_inits.Normal(scale=1.0))" in str(finding.remedy)
    row = diagnosis.repair(model, seed=1).rows[0]
    assert (row.path, row.law, row.stddev) == ("words/embeddings", "N(0, 1^2), not truncated", 1)
    after = diagnose(model, x)
    assert after.findings == ()
    assert after.layers[0].kernels[0].moments.stddev == pytest.approx(1, rel=5 * (0.5 / 800) ** 0.5)
    assert initialize(model, seed=1).rows[0].law == row.law


@pytest.mark.thorough
def test_a_gradient_that_is_rounding_is_not_the_growth_of_another():
    inputs = keras.Input((4,))
    hidden = layers.Dense(5, "tanh")(inputs)
    places = layers.Dense(3, name="places")(layers.RepeatVector(6)(hidden))  # the same for all that softmax compares
    shares = layers.Flatten()(layers.Softmax(axis=1)(places))
    model = keras.Model(inputs, layers.Dense(2)(layers.Concatenate()([hidden, shares])))
    initialize(model, seed=3)
    (finding,) = diagnose(model, batch(64, 4))
    assert (finding.kind, finding.layers) == ("vanishing_gradient", ("places",))
    assert "adds up to nothing but rounding" in finding.evidence
    assert "take another batch" in str(finding.remedy)


@pytest.mark.thorough
def test_zeros_that_an_activation_of_all_units_makes_are_no_weights_fault():
    """Keras's sparsemax puts out zeros where more than one unit is left, and leaves out most of them by design."""
    small = 0.05 * np.random.default_rng(0).standard_normal((128, 32)).astype("float32")
    found = []
    for inputs, depth in ((small, 1), (20 * small, 8)):
        stack = [layers.Dense(32, "sparsemax", name=f"sparse_{number}") for number in range(depth)]
        model = keras.Sequential([keras.Input((32,)), *stack, layers.Dense(1, name="head")])
        initialize(model, keras_inits.LecunNormal(), seed=1)
        found += diagnose(model, inputs, inputs[:, :1], loss="mse").findings
    assert {finding.kind for finding in found} <= {"dead_layer", "no_gradient"}
    assert any(finding.kind == "dead_layer" for finding in found)
    assert all(finding.remedy.rules == () and "no weight is at fault" in str(finding.remedy) for finding in found)
