"""What a name of a space may be."""

import math

import pytest

from keras_inits import HeNormal, Normal
from keras_inits.tuning import choice, integers, log, uniform
from keras_inits.tuning.space import space_of
from keras_inits.tuning.values import Values

pytestmark = pytest.mark.any_backend


@pytest.mark.parametrize(
    ("make", "error", "parts"),
    [
        (lambda: log(1.0, 1e-4), ValueError, ["log(1.0, 0.0001)", "Pass log(0.0001, 1.0)"]),
        (lambda: log(0.1, 0.1), ValueError, ["log(0.1, 0.1)", "belongs in build"]),
        (lambda: log(0, 1), ValueError, ["low=0", "greater than 0"]),
        (lambda: log("1e-4", 1), TypeError, ["low='1e-4'", "low=1.0"]),
        (lambda: uniform(0, math.inf), ValueError, ["high=inf", "finite"]),
        (lambda: uniform(2, 1), ValueError, ["uniform(2.0, 1.0)", "Pass uniform(1.0, 2.0)"]),
        (lambda: integers(1.5, 3), TypeError, ["low=1.5", "whole number"]),
        (lambda: integers(0, 3, log=True), ValueError, ["low=0", "at least 1"]),
        (lambda: integers(9, 3), ValueError, ["integers(9, 3)", "Pass integers(3, 9)"]),
        (lambda: choice([32]), ValueError, ["[32]", "at least two", "belongs in build"]),
        (lambda: choice(he=1), ValueError, ["{'he': 1}", "at least two"]),
        (lambda: choice(), ValueError, ["at least two"]),
        (lambda: choice([1, 2], he=3), ValueError, ["all named or all in one list"]),
        (lambda: choice([1, True]), ValueError, ["[1, True]", "two are equal"]),
        (lambda: choice([HeNormal(), 1]), TypeError, ["HeNormal", "plain", "first=..."]),
        (lambda: choice("he"), ValueError, ["at least two"]),
    ],
)
def test_a_dimension_that_is_none_is_refused(make, error, parts):
    with pytest.raises(error) as caught:
        make()
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("space", "error", "part"),
    [
        ({}, ValueError, "at least one dimension"),
        ([("units", 3)], TypeError, "must be a mapping"),
        ({"units": [32, 64]}, TypeError, "'units': [32, 64] (of type list)"),
        ({3: choice([1, 2])}, TypeError, "3: "),
    ],
)
def test_a_space_that_is_none_is_refused(space, error, part):
    with pytest.raises(error) as caught:
        space_of(space)
    assert part in str(caught.value)


def test_a_point_becomes_values_and_code():
    given = HeNormal()
    space = space_of({"start": choice(he=given, small=Normal(0.01)), "rate": log(1e-4, 1.0), "units": integers(1, 3)})
    params = {"start": "he", "rate": 0.0123, "units": 2}
    values = space.values(params)
    assert values["rate"] == 0.0123
    assert values["units"] == 2
    assert isinstance(values["start"], HeNormal)
    assert values["start"] is not given  # a copy that has given no values yet
    assert space.title(params) == "start=he, rate=0.0123, units=2"
    assert space.code(params) == "kernel_initializer=keras_inits.HeNormal()"


def test_the_code_of_several_starts_says_which_is_which():
    space = space_of({name: choice(he=HeNormal(), small=Normal(0.01)) for name in ("hidden", "head")})
    assert space.code({"hidden": "he", "head": "small"}).split("\n") == [
        "kernel_initializer=keras_inits.HeNormal()  # hidden",
        "kernel_initializer=keras_inits.Normal(scale=0.01)  # head",
    ]


def test_a_grid_has_each_point_once():
    space = space_of({"a": choice(["x", "y"]), "b": integers(1, 3)})
    cells = space.cells(6)
    assert len(cells) == len({tuple(cell.items()) for cell in cells}) == 6


@pytest.mark.parametrize(
    ("space", "parts"),
    [
        ({"rate": log(1e-4, 1.0)}, ["rate=log(0.0001, 1)", "rate=choice([0.001, 0.01, 0.1])"]),
        ({"units": integers(1, 9)}, ["has 9", "trials=8", "trials=9"]),
    ],
)
def test_a_grid_without_an_end_or_with_too_many_points_is_refused(space, parts):
    with pytest.raises(ValueError, match="sampler='grid'") as caught:
        space_of(space).cells(8)
    for part in parts:
        assert part in str(caught.value)


def test_the_settings_of_a_choice_follow_the_values_behind_its_names():
    def settings(start):
        return dict(space_of({"start": choice(a=start, b=Normal(1.0))}).settings())

    assert settings(Normal(0.1)) == settings(Normal(0.1)) != settings(Normal(0.2))


def test_values_know_what_was_read():
    values = Values({"a": 1, "b": 2})
    assert values["a"] == 1
    assert values.unread == ("b",)
    assert values.get("missing", 3) == 3
    assert dict(**values) == {"a": 1, "b": 2}
    assert values.unread == ()
    with pytest.raises(KeyError, match=r"no dimension of the space.*'a', 'b'"):
        values["c"]
