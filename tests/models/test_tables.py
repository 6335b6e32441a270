"""How large the rows of tables are: those of words, of places, and those that are the last kernel too."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_inits import initialize

WORDS, WIDTH, STEPS = 50, 64, 16


def numbers(model, words):
    return keras.ops.convert_to_numpy(model(words, training=False))


def drawn(model):
    return {row.path.split("/")[0]: row for row in initialize(model, seed=1).rows if not row.path.endswith("bias")}


@pytest.fixture
def words():
    return np.random.default_rng(0).integers(0, WORDS, (64, STEPS))


@pytest.mark.parametrize("factor", [1.0, 0.5, WIDTH**0.5])
def test_a_kernel_is_scaled_for_the_rows_behind_their_constant(words, factor):
    inputs = keras.Input((STEPS,), dtype="int32")
    rows = layers.Embedding(WORDS, WIDTH, name="table")(inputs) * factor
    model = keras.Model(inputs, layers.Dense(256, name="kernel")(rows))
    table = drawn(model)
    assert table["table"].stddev == pytest.approx(1 / factor)
    assert table["kernel"].square_in == pytest.approx(1)
    assert np.mean(numbers(model, words) ** 2) == pytest.approx(1, abs=0.1)


def language_model(behind=lambda rows: rows, before=lambda hidden: hidden):
    inputs = keras.Input((STEPS,), dtype="int32")
    table = layers.ReversibleEmbedding(WORDS, WIDTH, name="table")
    places = layers.Embedding(STEPS, WIDTH, name="places")(inputs * 0 + keras.ops.arange(STEPS))
    hidden = layers.LayerNormalization(epsilon=1e-6)(behind(table(inputs)) + places)
    return keras.Model(inputs, table(before(hidden), reverse=True))


@pytest.mark.parametrize(
    ("behind", "before", "expected"),
    [
        (lambda rows: rows, lambda hidden: hidden, (WIDTH**-0.5, WIDTH**-0.5)),  # as in GPT-2
        (lambda rows: rows * WIDTH**0.5, lambda hidden: hidden, (WIDTH**-0.5, 1.0)),  # as in Gemma
        (lambda rows: rows, lambda hidden: hidden * WIDTH**-0.5, (1.0, 1.0)),  # as in T5
    ],
)
def test_a_tied_table_keeps_the_outputs_at_one_and_places_weigh_as_much_as_words(words, behind, before, expected):
    model = language_model(behind, before)
    table = drawn(model)
    assert (table["table"].stddev, table["places"].stddev) == pytest.approx(expected)
    outputs = numbers(model, words)  # of which that of the word itself is larger: it meets its own row
    others = np.arange(WORDS) != words[..., None]
    assert np.mean(outputs[others] ** 2) == pytest.approx(1, abs=0.15)


def test_a_table_of_another_width_is_drawn_as_it_would_be_alone():
    inputs = keras.Input((STEPS,), dtype="int32")
    narrow = layers.Dense(WIDTH)(layers.Embedding(WORDS, 8, name="narrow")(inputs))
    tied = layers.ReversibleEmbedding(WORDS, WIDTH, name="table")
    table = drawn(keras.Model(inputs, tied(layers.LayerNormalization()(tied(inputs) + narrow), reverse=True)))
    assert (table["narrow"].stddev, table["table"].stddev) == (1, pytest.approx(WIDTH**-0.5))
