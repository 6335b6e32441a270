"""Means of activations over normal inputs, and operating points, beside slow twins."""

import json
import math

import keras
import numpy as np
import pytest
from helpers.processes import BACKENDS, run_python
from keras import activations, layers

from keras_inits import initialize
from keras_inits.initializers.gains import GAINS
from keras_inits.models.signal import points as points_of
from keras_inits.models.signal.maps import DIGITS, map_of, map_of_points
from keras_inits.models.signal.points import operating_point

WITHIN = 0.5 * 10.0 ** (1 - DIGITS)
"""How far rounding to so many digits moves a number, at the most, relative to it."""


def values(function, z):
    return keras.ops.convert_to_numpy(function(z.astype("float32"))).astype("float64")


def twin(function, mean, variance, count=400_001, reach=12.0):
    """A sum over many strips; the derivative is a difference, and kinks of it are a few of the strips."""
    edges = np.linspace(-reach, reach, count)
    z = (edges[1:] + edges[:-1]) / 2
    weight = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (edges[1] - edges[0])
    f = values(function, mean + math.sqrt(variance) * z)
    return [float((weight * part).sum()) for part in (f, f**2, f**2 * z**2)]


def slope_twin(function, mean, variance, count=40_001, reach=12.0):
    edges = np.linspace(-reach, reach, count)
    z = (edges[1:] + edges[:-1]) / 2
    weight = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (edges[1] - edges[0])
    deviation, half = math.sqrt(variance), 1 / 64
    x = (mean + deviation * z).astype("float32").astype("float64")
    difference = values(function, x + half) - values(function, x - half)
    if function is activations.hard_shrink:  # whose jumps of 1/2 have a derivative of 0 or 1 at either side
        difference[difference > 0.4] = half
    slope = difference / (2 * half)
    return float((weight * slope**2).sum())


@pytest.mark.parametrize(("mean", "variance"), [(0.0, 0.25), (0.0, 1.0), (0.0, 9.0), (0.7, 2.0)])
@pytest.mark.parametrize("function", GAINS, ids=lambda one: one.__name__)
def test_the_means_are_those_of_a_sum_over_strips(function, mean, variance):
    found, (first, square, weighted) = map_of(function, mean, variance), twin(function, mean, variance)
    # The strips are summed over float32 values, whose rounding is about 6e-8 of each.
    assert found.mean == pytest.approx(first, rel=2 * WITHIN, abs=1e-6)
    assert found.square == pytest.approx(square, rel=2 * WITHIN)
    assert found.weighted == pytest.approx(weighted, rel=2 * WITHIN)
    # A difference over 1/32 is exact but for curvature, of the order (1/64)^2, and at kinks, where 1/32 of the width
    # of the law is seen as a mean of both sides.
    deviation = math.sqrt(variance)
    assert found.slope == pytest.approx(slope_twin(function, mean, variance), rel=0.02, abs=0.05 / deviation)


@pytest.mark.parametrize("function", [activations.relu, activations.tanh, activations.gelu])
def test_points_of_equal_weight_stand_for_a_law(function):
    points = np.sort(np.random.default_rng(0).gamma(2.0, 1.0, 1000)) - 1
    f = values(function, points)
    found = map_of_points(function, points)
    assert found.mean == pytest.approx(f.mean(), rel=2 * WITHIN)
    assert found.square == pytest.approx((f**2).mean(), rel=2 * WITHIN)


@pytest.mark.parametrize("function", [lambda x: x / 0.0, lambda x: keras.ops.cumsum(x), keras.activations.softmax])
def test_what_has_no_means_is_an_error(function):
    with pytest.raises((ValueError, ZeroDivisionError)):
        map_of(function)


MAPS = """
import json
from keras_inits.initializers.gains import GAINS
from keras_inits.models.signal.maps import map_of
from keras_inits.models.signal.points import operating_point
found = {}
for function in GAINS:
    for mean, variance in ((0.0, 0.25), (0.0, 1.0), (0.0, 9.51365692), (0.3, 1.5)):
        found[f"{function.__name__} {mean} {variance}"] = list(map_of(function, mean, variance))
    found[function.__name__] = [operating_point(function, depth).variance for depth in (1, 5, 20)]
print(json.dumps(found))
"""


@pytest.mark.any_backend
@pytest.mark.thorough
def test_each_backend_gives_the_same_digits():
    found = [json.loads(run_python(MAPS, backend).stdout) for backend in BACKENDS]
    assert len(found) == len(BACKENDS)
    for other in found[1:]:
        assert other == found[0]


def rule(function, depth):
    """The operating point by brute force: all points, and the rule as it is written."""
    one = map_of(function)
    allowed = []
    for step in range(points_of.LOWEST * points_of.STEPS, points_of.HIGHEST * points_of.STEPS + 1):
        variance = 2 ** (step / points_of.STEPS)
        found = map_of(function, 0.0, variance) if finite(function, variance) else None
        if found is None or not (min(0.1, one.square) <= found.square <= max(4.0, one.square)):
            continue
        gradient = abs(math.log(variance * found.slope / found.square)) if found.slope else math.inf
        error = max(0.0, math.log(found.stability)) if found.stability > 0 else 0.0
        allowed.append((0.0 if depth == 1 else (depth - 1) * max(gradient, error), abs(step), step, variance))
    good = [entry for entry in allowed if entry[0] <= points_of.CHANGE]
    if good:
        return min(good, key=lambda entry: entry[1:])[-1]
    return min(allowed)[-1]


def finite(function, variance):
    try:
        map_of(function, 0.0, variance)
    except ValueError:
        return False
    return True


@pytest.mark.thorough
@pytest.mark.parametrize("depth", [1, 5, 20, 100])
@pytest.mark.parametrize("function", GAINS, ids=lambda one: one.__name__)
def test_the_operating_point_is_that_of_the_rule(function, depth):
    assert operating_point(function, depth).variance == pytest.approx(rule(function, depth), rel=1e-12)


def test_known_points():
    point = operating_point(activations.tanh, 20)
    assert (point.variance / point.map.square) ** 0.5 == pytest.approx(1.267, abs=0.001)
    for depth in (1, 5, 20, 100, 1000):
        assert operating_point(activations.relu, depth).variance == 1
        assert operating_point(activations.linear, depth).variance == 1


@pytest.mark.parametrize(("activation", "depth", "product"), [("relu", 5, 2.0), ("tanh", 20, 1.267**2)])
def test_kernels_have_the_gain_of_their_point(activation, depth, product):
    hidden = [layers.Dense(16, activation) for _ in range(depth)]
    model = keras.Sequential([keras.Input((16,)), *hidden, layers.Dense(1)])
    rows = [row for row in initialize(model, seed=0) if row.fans]
    for row in rows[1:-1]:
        assert row.stddev**2 * row.fans[0] == pytest.approx(product, rel=0.002)


def test_a_constant_has_the_point_one():
    assert operating_point(lambda x: 0 * x + 1, 20).variance == 1
