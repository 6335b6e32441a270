"""The verdict: each word on a trace written by hand, and nothing but the trace decides."""

import dataclasses

import numpy as np
import pytest
from helpers import small
from helpers.traces import PROFILES, run_of, trace_of

from keras_inits import thresholds
from keras_inits.comparison import STARTS, compare, verdict
from keras_inits.recording.health import health
from keras_inits.runs.name import Name
from keras_inits.states import State

HEALTHY = PROFILES["healthy"]


@pytest.mark.parametrize("word", PROFILES)
@pytest.mark.parametrize("steps", [1, 2, 25])
def test_each_word(word, steps):
    assert verdict(trace_of(*[PROFILES[word]] * steps)) == word


def test_every_word_is_explained():
    assert set(State) == set(PROFILES)


@pytest.mark.parametrize(("factor", "word"), [(1.01, "healthy"), (0.99, "vanishing")])
def test_the_threshold_of_vanishing(factor, word):
    assert health(np.array([thresholds.VANISHING_RATIO * factor, 1.0])) == word


@pytest.mark.parametrize(("factor", "word"), [(0.99, "healthy"), (1.01, "exploding")])
def test_the_threshold_of_exploding(factor, word):
    assert health(np.array([thresholds.EXPLODING_RATIO * factor, 1.0])) == word


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("word", PROFILES)
def test_the_scale_of_the_loss_does_not_matter(word, scale):
    assert health(PROFILES[word] * scale) == word


def test_bounds_of_float32():
    level = np.ones(3)
    assert health(level * 1e35) == "exploding"
    assert health(level * 1e-25) == "vanishing"
    assert health(level * np.inf) == "nonfinite"
    assert float(np.finfo("float32").max) < (thresholds.EXPLODING_NORM * 1.01) ** 2
    assert np.float32(thresholds.VANISHING_NORM * 0.99) ** 2 < np.finfo("float32").smallest_normal


def test_constants_are_those_of_numpy():
    float32 = np.finfo("float32")
    assert float32.eps / 2 == thresholds.FLOAT32_ROUNDOFF
    assert float32.max == thresholds.FLOAT32_LARGEST
    assert float32.smallest_normal == thresholds.FLOAT32_SMALLEST


def test_an_update_below_the_threshold_is_rounded_away():
    """The derivation, done: the largest layer moves by HEALTHY_UPDATE, the other by the ratio of that."""
    weights = np.float32(1) + np.linspace(0, 0.999, 1000, dtype="float32")
    update = weights * np.float32(thresholds.HEALTHY_UPDATE) * np.float32(thresholds.VANISHING_RATIO)
    assert np.mean(weights + update * np.float32(0.49) == weights) == 1.0
    assert np.mean(weights + update * np.float32(2.1) == weights) < 0.1


def test_zeros_below_a_decay_belong_to_the_decay():
    assert health(np.array([0.0, 0.0, 1e-37, 1e-18, 1.0])) == "vanishing"


def test_layers_without_a_gradient_are_left_out():
    frozen = np.ma.array([1e-30, 1.0, 1.0], mask=[True, False, False])
    assert health(frozen) == "healthy"
    assert verdict(trace_of(frozen, frozen)) == "healthy"


def test_the_cause_counts_and_not_what_came_of_it():
    assert verdict(trace_of(PROFILES["exploding"], *[PROFILES["nonfinite"]] * 9)) == "exploding"
    assert verdict(trace_of(*[HEALTHY] * 9, *[PROFILES["nonfinite"]] * 9)) == "nonfinite"


def test_a_run_that_recovers_is_healthy_and_one_good_step_is_no_recovery():
    bad = [PROFILES["vanishing"]] * 60
    assert verdict(trace_of(*bad, *[HEALTHY] * 20)) == "healthy"
    assert verdict(trace_of(*bad, HEALTHY)) == "vanishing"
    assert verdict(trace_of(*[HEALTHY] * 60, PROFILES["zero"])) == "healthy"


def test_no_steps():
    with pytest.raises(ValueError, match=r"(?s)has no steps\. .* expects at least one recorded step\. Train with"):
        verdict(trace_of())


@pytest.mark.parametrize("word", PROFILES)
def test_the_name_of_the_start_changes_nothing(word):
    for start in STARTS:
        assert (
            dataclasses.replace(run_of(word), name=Name("", start, 0), history={"accuracy": (1.0,)}).gradients == word
        )


def test_decay_is_vanishing_where_the_last_layer_s_gradient_cancels_in_the_batch():
    assert health(np.array([1e-16, 1e-9, 6e-2, 1e-18])) == "vanishing"
    assert health(np.array([1e-2, 6e-2, 1e-18])) == "exploding"


def test_swapped_labels_leave_the_verdict_with_the_run():
    """Training itself, with the labels of two initializers exchanged: what was zeros is now called he."""
    starts = {"zeros": STARTS["he"], "he": STARTS["zeros"]}
    crossed = compare(small.build, small.data(), starts, epochs=1)
    assert {run.name.initializer: run.gradients for run in crossed.runs} == {"zeros": "healthy", "he": "zero"}
