"""Tables at each width of a terminal: names are broken, numbers are not."""

import re
from collections import Counter

import keras
import numpy as np
import pytest
from helpers.traces import run_of
from keras import layers

from keras_inits import Comparison, Normal, diagnose, initialize

WIDTHS = (60, 80, 100, 160)
LONG = "global_average_pooling2d_of_the_last_of_several_towers"


def model():
    names = [f"{LONG}_{number}" for number in range(3)]
    hidden = [layers.Dense(64, "leaky_relu", kernel_initializer=Normal(0.7, seed=1), name=name) for name in names]
    return keras.Sequential([keras.Input((64,)), *hidden])


def numbers_of(text):
    """What stands behind the names: numbers, and what else a cell may hold of them."""
    return re.findall(r"(?<![\w.])-?\d[\d.e+%-]*(?![\w])", text)


def shown(subject, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    return str(subject)


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_diagnosis_shows_each_number_whole(columns, monkeypatch):
    diagnosis = diagnose(model(), np.random.default_rng(0).standard_normal((64, 64)).astype("float32"), check="layers")
    text = shown(diagnosis, columns, monkeypatch)
    widest = shown(diagnosis, 200, monkeypatch)
    table, wide = (one.split("\n\n")[0] for one in (text, widest))
    assert "…" not in table
    assert sorted(numbers_of(table)) == sorted(numbers_of(wide))
    assert len(numbers_of(wide)) >= 3 * 6
    assert max(map(len, table.split("\n"))) <= max(columns, 80)


@pytest.mark.parametrize("columns", WIDTHS)
def test_an_initialization_shows_each_number_whole(columns, monkeypatch):
    table = initialize(model(), seed=1)
    text = shown(table, columns, monkeypatch)
    assert "…" not in text
    for row in table:
        assert f"{row.measured:.4g}" in text
    assert max(map(len, text.split("\n"))) <= max(columns, 80)


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_comparison_shows_each_number_whole(columns, monkeypatch):
    runs = tuple(run_of(word, start=f"{LONG} {word}") for word in ("healthy", "vanishing", "exploding"))
    text = shown(Comparison(runs, 3), columns, monkeypatch)
    widest = shown(Comparison(runs, 3), 200, monkeypatch)
    numbers, wide = (Counter(numbers_of(one.split("\n\n", 1)[1])) for one in (text, widest))
    assert numbers <= wide  # columns may be left out, which is said
    assert (numbers == wide) == ("Left out for lack of width" not in " ".join(text.split()))
    assert "Left out" not in widest
    assert "exploding" in text
