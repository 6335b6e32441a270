"""The answer: which start is the best, what is said where none is, and in which words."""

import dataclasses
import math
import re

import pytest
from helpers.pages import page, without_scripts
from helpers.traces import run_of

from keras_inits.comparison import Comparison
from keras_inits.runs.name import Name

GUESS = math.log(10)
LEARNED, AT_CHANCE, DIVERGED = 0.1, 2.3, 1e12


def run(start, accuracy, loss=LEARNED, seed=0):
    history = {"loss": (loss,), "val_accuracy": (accuracy,)}
    made = dataclasses.replace(run_of("healthy"), history=history, first_loss=GUESS, guess=GUESS)
    return dataclasses.replace(made, name=Name("", start, seed), code=f"keras_inits.{start}()", findings=())


def compared(*runs):
    return Comparison(runs, len(runs))


def body_of(runs):
    return re.sub(r"<style.*?</style>", "", without_scripts(page(runs, len(runs))), flags=re.DOTALL)


def test_a_start_that_diverged_is_behind_all_others():
    """Its accuracy may be the highest: it says the most frequent class."""
    best = compared(run("far", 0.9, DIVERGED), run("he", 0.5, LEARNED), run("zeros", 0.1, AT_CHANCE)).best
    assert (best.initializer, best.equals) == ("he", ())
    one_of_three = [run("far", 0.9, loss, seed) for seed, loss in enumerate((LEARNED, DIVERGED, LEARNED))]
    others = [run("he", 0.5, LEARNED, seed) for seed in range(3)]
    assert compared(*one_of_three, *others).best.initializer == "far"
    two_of_three = [run("far", 0.9, loss, seed) for seed, loss in enumerate((LEARNED, DIVERGED, DIVERGED))]
    assert compared(*two_of_three, *others).best.initializer == "he"


def test_a_start_that_diverged_is_no_equal():
    runs = [run("he", value, LEARNED, seed) for seed, value in enumerate((0.5, 0.7))]
    far = [run("far", value, DIVERGED, seed) for seed, value in enumerate((0.6, 0.8))]
    best = compared(*runs, *far).best
    assert (best.initializer, best.equals) == ("he", ())


def test_the_range_is_what_it_is():
    comparison = compared(*(run("he", value, seed=seed) for seed, value in enumerate((0.61, 0.703, 0.71))))
    assert comparison.headline == "Best: he, val_accuracy 70.3% (61.0 to 71.0%) over 3 seeds."


def test_overlap_is_told_with_the_ranges_that_overlap():
    runs = [run("he", value, seed=seed) for seed, value in enumerate((0.61, 0.703, 0.71))]
    runs += [run("glorot", value, seed=seed) for seed, value in enumerate((0.60, 0.65, 0.66))]
    comparison = compared(*runs)
    assert comparison.headline == (
        "No difference was seen between he and glorot: their ranges of val_accuracy over 3 seeds overlap. he has "
        "the best median, 70.3% (61.0 to 71.0%)."
    )


@pytest.mark.parametrize("accuracies", [(0.1, 0.05), (math.nan, math.nan)])
@pytest.mark.parametrize("loss", [AT_CHANCE, DIVERGED])
def test_where_no_start_learned_that_is_said_first_and_none_is_praised(accuracies, loss):
    runs = tuple(run(start, value, loss) for start, value in zip(("he", "zeros"), accuracies, strict=True))
    comparison = compared(*runs)
    text = str(comparison).split("\n\n")[-1]
    assert text.startswith("No start learned.")
    assert "keras-inits diagnose" in text
    assert "keras_inits.diagnose" in text
    assert "Best" not in text
    body = body_of(runs)
    assert "No start learned." in body
    assert "keras_inits.diagnose" in body
    assert 'class="best"' not in body
    assert 'id="code"' not in body
    assert "Best:" not in body
    assert "Copy this line of code" not in body


def test_a_best_start_that_did_not_learn_where_another_did_is_told_of():
    comparison = compared(run("he", 0.9, AT_CHANCE), run("glorot", 0.5, LEARNED))
    assert comparison.headline.startswith("Best: he, val_accuracy 90.0%. None of its runs learned, but another start")
    assert "No start learned" not in comparison.headline


def test_the_page_has_a_star_and_code_for_a_start_that_learned():
    body = body_of((run("he", 0.9), run("zeros", 0.1, AT_CHANCE)))
    assert 'class="best"' in body
    assert "kernel_initializer=keras_inits.he()" in body


def test_a_program_that_prints_both_prints_no_sentence_twice():
    comparison = compared(run("he", 0.9), run("zeros", 0.1, AT_CHANCE))
    assert comparison.headline in " ".join(str(comparison).split())
    assert str(comparison.best) == "he: kernel_initializer=keras_inits.he(), val_accuracy 90.0%"
