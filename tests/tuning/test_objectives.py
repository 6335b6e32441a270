"""The number that a run is judged by."""

import math
from dataclasses import replace

import pytest
from helpers.traces import PROFILES, run_of, trace_of

from keras_inits.tuning import best, last, steps_to
from keras_inits.tuning.objectives import UnreportedError, objective_of

pytestmark = pytest.mark.any_backend


def run(**history):
    """A run of as many epochs, of 30 steps in all where there are three."""
    return replace(run_of("healthy"), history=history, trace=trace_of(*[PROFILES["healthy"]] * 30))


RUN = run(val_loss=(0.9, 0.2, 0.4), val_accuracy=(0.1, 0.8, 0.7), loss=(1.0, 0.5, math.nan))


@pytest.mark.parametrize(
    ("objective", "value", "direction"),
    [
        ("val_loss", 0.4, "minimize"),
        ("val_accuracy", 0.7, "maximize"),
        (last("val_loss", mode="max"), 0.4, "maximize"),
        (best("val_loss"), 0.2, "minimize"),
        (best("val_accuracy"), 0.8, "maximize"),
        (best("loss"), 0.5, "minimize"),
        (steps_to("val_loss", 0.3), 20, "minimize"),
        (steps_to("val_accuracy", 0.8), 20, "minimize"),
        (steps_to("val_accuracy", 0.9), 60, "minimize"),  # never: twice its steps
    ],
)
def test_an_objective_is_a_number_of_a_run(objective, value, direction):
    objective = objective_of(objective)
    assert objective.value(RUN) == value
    assert objective.direction == direction


def test_the_last_value_of_a_training_that_diverged_is_none():
    assert math.isnan(objective_of("loss").value(RUN))


def test_a_level_that_was_missed_has_a_distance():
    assert steps_to("val_loss", 0.3).distance(RUN) == 0
    assert steps_to("val_loss", 0.1).distance(RUN) == pytest.approx(1.0)
    assert steps_to("val_accuracy", 0.9).distance(RUN) == pytest.approx(0.1 / 0.9)
    assert steps_to("loss", 0.1).distance(run(loss=(math.nan, math.inf))) == math.inf
    assert best("val_loss").distance(RUN) == 0


@pytest.mark.parametrize(
    ("make", "error", "parts"),
    [
        (lambda: objective_of("my_score"), ValueError, ["'my_score'", "mode='max'", "keras_inits.tuning"]),
        (lambda: objective_of("accuracy_loss"), ValueError, ["'accuracy_loss'", "mode='min'"]),
        (lambda: objective_of(3), TypeError, ["3 (of type int)", "objective='val_loss'"]),
        (lambda: last("my_score", mode="up"), ValueError, ["mode='up'", "'min', 'max'"]),
        (lambda: steps_to("val_loss", math.nan), ValueError, ["level=nan", "finite"]),
    ],
)
def test_an_objective_that_is_none_is_refused(make, error, parts):
    with pytest.raises(error) as caught:
        make()
    for part in parts:
        assert part in str(caught.value)


def test_a_metric_that_no_run_reports_is_named_beside_those_there_are():
    with pytest.raises(UnreportedError, match=r"'vall_loss'.*'val_loss', 'val_accuracy', 'loss'.*validation_data"):
        objective_of("vall_loss").value(RUN)
