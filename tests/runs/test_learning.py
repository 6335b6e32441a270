"""Whether a run learned: each word planted beside each word of gradients, and neither decides the other."""

import dataclasses
import math

import keras
import numpy as np
import pytest
from helpers import small
from helpers.traces import PROFILES, run_of

import keras_inits
from keras_inits import compare, thresholds
from keras_inits.comparison import Comparison
from keras_inits.comparison.rows import rows_of
from keras_inits.runs.guess import loss_of_guessing
from keras_inits.runs.learning import MEANINGS, learned
from keras_inits.runs.name import Name

GUESS = math.log(10)
LOSSES = {"learned": 0.1, "slow": 1.0, "at chance": 2.3, "diverged": 3e12}


def run(gradients, loss, start="he", seed=0, accuracy=0.5):
    history = {"loss": (loss,), "val_accuracy": (accuracy,)}
    name = Name("", start, seed)
    return dataclasses.replace(run_of(gradients), name=name, history=history, first_loss=GUESS, guess=GUESS)


BEST = run("healthy", 0.05, "best", accuracy=0.9)


@pytest.mark.parametrize("gradients", PROFILES)
@pytest.mark.parametrize("word", LOSSES)
@pytest.mark.parametrize("start", ["he", "zeros"])
def test_each_combination(gradients, word, start):
    """And the names are swapped: neither word knows them."""
    comparison = Comparison((BEST, run(gradients, LOSSES[word], start)), 2)
    assert (comparison.runs[1].gradients, comparison.learned) == (gradients, ("learned", word))
    row = rows_of(comparison.runs, comparison.learned)[1]
    assert row.is_good == (gradients == "healthy" and word == "learned")


@pytest.mark.parametrize("loss", [math.nan, math.inf, GUESS * thresholds.DIVERGED_LOSS * 1.01])
def test_what_diverged(loss):
    assert learned([BEST, run("healthy", loss)])[1] == "diverged"


@pytest.mark.parametrize(("factor", "word"), [(0.99, "slow"), (1.01, "at chance")])
def test_the_threshold_of_chance(factor, word):
    assert learned([BEST, run("healthy", GUESS * (1 - thresholds.AT_CHANCE_SHARE) * factor)])[1] == word


@pytest.mark.parametrize(("share", "word"), [(0.91, "learned"), (0.89, "slow")])
def test_the_threshold_of_slow(share, word):
    assert learned([BEST, run("healthy", GUESS - share * (GUESS - 0.05))])[1] == word


def test_where_no_run_leaves_chance_none_learned():
    assert set(learned([run("healthy", 2.30), run("healthy", 2.29)])) == {"at chance"}


def test_where_guessing_is_not_known_the_best_first_loss_stands_for_it():
    one, two = (dataclasses.replace(run("healthy", loss), guess=None) for loss in (0.1, 2.3))
    assert learned([one, two]) == ("learned", "at chance")
    assert learned([dataclasses.replace(one, first_loss=None)]) == ("not known",)


def test_every_word_is_explained():
    assert set(MEANINGS) == set(LOSSES)


def test_the_best_has_its_range_and_what_overlaps_is_no_difference():
    runs = [run("healthy", 0.1, start, seed, accuracy) for start, seed, accuracy in [
        ("he", 0, 0.9), ("he", 1, 0.8), ("glorot", 0, 0.85), ("glorot", 1, 0.6), ("zeros", 0, 0.1), ("zeros", 1, 0.2),
    ]]  # fmt: skip
    comparison = Comparison(tuple(runs), 6)
    best = comparison.best
    assert (best.initializer, best.metric, best.values, best.equals) == ("he", "val_accuracy", (0.9, 0.8), ("glorot",))
    assert comparison.headline == (
        "No difference was seen between he and glorot: their ranges of val_accuracy over 2 seeds overlap. he has the "
        "best median, 85.0% (80.0 to 90.0%)."
    )
    alone = Comparison((*runs[:2], *runs[4:]), 4)
    assert alone.headline == "Best: he, val_accuracy 85.0% (80.0 to 90.0%) over 2 seeds."


@pytest.mark.parametrize(
    ("history", "metric", "winner"),
    [
        ({"loss": (1.0, 2.0), "val_loss": (3.0, 1.0)}, "val_loss", 1),
        ({"loss": (1.0, 2.0), "accuracy": (0.1, 0.2)}, "accuracy", 1),
        ({"loss": (1.0, 2.0), "own": (0.1, 0.2)}, "loss", 0),
        ({"loss": (1.0, 2.0), "val_mae": (0.3, 0.2), "val_loss": (1.0, 3.0)}, "val_mae", 1),
    ],
)
def test_the_metric_that_ranks(history, metric, winner):
    runs = []
    for number in range(2):
        values = {name: (pair[number],) for name, pair in history.items()}
        runs.append(dataclasses.replace(run("healthy", 1.0, "ab"[number]), history=values))
    best = Comparison(tuple(runs), 2).best
    assert (best.metric, best.initializer) == (metric, "ab"[winner])


def dense(units, loss, activation=None):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, activation)])
    model.compile("sgd", loss)
    return model


@pytest.mark.parametrize(
    ("units", "loss", "activation", "y", "expected"),
    [
        (3, "sparse_categorical_crossentropy", "softmax", np.arange(300) % 3, math.log(3)),
        (3, keras.losses.SparseCategoricalCrossentropy(from_logits=True), None, np.arange(300) % 3, math.log(3)),
        (1, "binary_crossentropy", "sigmoid", np.arange(1000) % 2, math.log(2)),
        (1, "mse", None, np.array([0.0, 2.0] * 50), 1.0),
        (2, "mse", None, np.array([[0.0, 4.0], [2.0, 4.0]] * 50), 0.5),
        (1, "mae", None, np.array([0.0, 2.0] * 50), 1.0),
        (1, lambda y, output: keras.ops.mean(y - output), None, np.ones(10), None),
    ],
)
def test_the_loss_of_guessing(units, loss, activation, y, expected):
    found = loss_of_guessing(dense(units, loss, activation), y)
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-3))


@pytest.mark.thorough
def test_words_of_real_runs():
    """Labels swapped: what is called zeros draws by He's rule."""
    starts = {"zeros": keras_inits.HeNormal(seed=1), "he": keras_inits.Zeros(), "far": keras_inits.Normal(30.0)}
    comparison = compare(small.build, small.data(400), starts, epochs=25, batch_size=16)
    words = dict(zip(starts, comparison.learned, strict=True))
    assert words == {"zeros": "learned", "he": "at chance", "far": "diverged"}
    assert comparison.best.initializer == "zeros"
    assert comparison.best.code == "kernel_initializer=keras_inits.HeNormal(seed=1)"


@pytest.mark.thorough
def test_equal_starts_are_no_difference():
    comparison = compare(lambda _: small.build("he_normal"), small.data(), ["he_normal", "zeros"], epochs=1)
    assert comparison.best.equals == ("zeros",)
    assert "start from equal weights" in str(comparison)
    assert "No start learned." in str(comparison)


@pytest.mark.thorough
def test_data_at_fault_come_first_and_are_called_so():
    x, y = small.data()
    x[3, 1] = np.nan
    comparison = compare(small.build, (x, y), ["he_normal", "glorot_normal"], epochs=1)
    assert [finding.of_data for finding in comparison.runs[0].findings] == [True]
    (said,) = comparison.data_findings
    assert said.startswith(
        "The data: 1 values of the inputs are infinite or not a number, in example 3 (nonfinite): no"
    )
    assert str(comparison).count("The data: ") == 1
