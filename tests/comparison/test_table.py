"""The table at each width of a terminal: columns are left out, and no word or number is cut."""

import dataclasses
import io
import re

import pytest
from helpers.traces import PROFILES, run_of
from rich.console import Console

from keras_inits import Comparison
from keras_inits.comparison import STARTS
from keras_inits.comparison.table import build_table
from keras_inits.runs.name import Name
from keras_inits.text import fitted

WIDTHS = (60, 70, 80, 100, 160)
STATES = ("healthy", "vanishing", "nonfinite")
LEFT_OUT = "Left out for lack of width: "


def runs_of(seeds, starts=STARTS, metric="val_accuracy"):
    """Runs of long names and numbers, and of words that differ between seeds."""
    runs = []
    for place, start in enumerate(starts):
        for seed in range(seeds):
            history = {
                metric: (0.1 + 0.0123 * seed + 0.1 * place % 0.9,),
                "loss": (1.2345e10 * (1 + 0.11 * seed + place),),
            }
            run = run_of(STATES[(place + seed // 2) % len(STATES)])
            runs.append(dataclasses.replace(run, name=Name("", start, seed), history=history))
    return runs


def words_of(runs):
    """The word for learning of each run: two of three seeds have the same."""
    return ["at chance" if run.name.seed == 1 else "diverged" for run in runs]


def printed(runs, words, width):
    """The table as the command prints it."""
    file = io.StringIO()
    console = Console(file=file, width=width, color_system=None)
    table = build_table(runs, words, width)
    console.print(table, width=fitted(table, width), crop=False)
    return file.getvalue()


def pieces(text):
    """Words and numbers."""
    return set(re.findall(r"[^\s,|─\[\]]+", text))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_nothing_is_cut(seeds, width):
    runs = runs_of(seeds)
    text, whole = (printed(runs, words_of(runs), one) for one in (width, 400))
    assert max(map(len, text.split("\n"))) <= width
    table, _, _ = text.partition(LEFT_OUT)
    for word in (*STARTS, "start", "gradients", "learned", "healthy", "vanishing", "nonfinite", "diverged"):
        assert re.search(rf"(?<!\S){re.escape(word)}(?!\w)", table), word
    assert pieces(table) <= pieces(whole)
    lines = [line for line in table.split("\n") if line.split()[:1] in ([start] for start in STARTS)]
    assert [line.split()[0] for line in lines] == list(STARTS)
    assert all("%" in line for line in lines)
    assert LEFT_OUT not in whole
    assert "gradient norm of the first and last layer" in whole


@pytest.mark.parametrize("width", WIDTHS)
def test_long_names_are_broken_only_where_nothing_else_helps(width):
    starts = [f"a_start_of_a_long_name_{letter}" for letter in "abc"]
    runs = runs_of(3, starts)
    text = printed(runs, words_of(runs), width)
    assert max(map(len, text.split("\n"))) <= width
    for word in ("gradients", "learned", "2 healthy", "1 at chance", "2 diverged", "vanishing"):
        assert word in text
    assert all(name in text for name in starts) == (width >= 70)


@pytest.mark.parametrize(("width", "gone"), [(60, True), (80, True), (100, True), (160, False)])
def test_gradient_norms_are_left_out_first_and_that_is_said(width, gone, monkeypatch):
    runs = runs_of(5)
    monkeypatch.setenv("COLUMNS", str(width))
    text = str(Comparison(tuple(runs), len(runs)))
    in_words = " ".join(text.split())
    assert (LEFT_OUT in in_words) == gone
    assert ("gradient norms. The report's page and a wider terminal have" in in_words) == gone
    assert max(map(len, text.split("\n"))) <= width


def test_the_default_table_of_one_seed_has_all_columns_in_80():
    runs = [run_of(word, start) for word, start in zip([*PROFILES, *PROFILES], STARTS, strict=False)]
    text = printed(runs, ["at chance"] * len(runs), 80)
    assert LEFT_OUT not in text


def test_the_range_stands_behind_the_median():
    runs = [
        dataclasses.replace(run_of("healthy"), name=Name("", "he", seed), history={"val_accuracy": (value,)})
        for seed, value in enumerate((0.61, 0.703, 0.71))
    ]
    text = printed(runs, ["learned"] * 3, 100)
    assert "70.3% [61.0, 71.0]" in text
    assert "median of 3 seeds [least, largest]" in text
    assert "±" not in text
