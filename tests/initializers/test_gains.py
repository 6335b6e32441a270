"""Gains: against independent integrals and torch's table, and in networks of 100 layers."""

import importlib
import inspect
import math
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from helpers.processes import BACKENDS, run_python
from keras import activations
from scipy import stats

import keras_inits
from keras_inits.initializers.gains import GAINS, SEVERAL_UNITS
from keras_inits.initializers.quadrature import GAUSS, KRONROD, NODES, normal_mean

FLOAT32 = keras.backend.backend() == "jax"  # which has no float64, unless asked
TOLERANCE = 1e-6 if FLOAT32 else 1e-8  # TensorFlow rounds the constants of gelu to float32
KINKS = (-14, -6, -3, -2.5, -1, -0.5, 0, 0.5, 1, 2.5, 3, 6, 14)  # of Keras's activations, and ends
each_activation = pytest.mark.parametrize("function", GAINS, ids=lambda function: function.__name__)


def apply(function, z):
    dtype = "float32" if FLOAT32 else "float64"
    return keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(np.asarray(z, dtype)))).astype("float64")


def mean_power(function, power, root=1.0):
    """E[f(root z)^power] by a rule of 100 points on each piece between the kinks of Keras's activations."""
    nodes, weights = np.polynomial.legendre.leggauss(100)
    edges = np.array(KINKS) / root
    half = np.diff(edges)[:, None] / 2
    z = edges[:-1, None] + half * (1 + nodes)
    values = apply(function, root * z.ravel()).reshape(z.shape) ** power * stats.norm.pdf(z)
    return float((half * values * weights).sum())


@each_activation
def test_the_constants_are_what_the_definition_gives(function):
    """By a fixed rule, and by the adaptive one that serves functions without a constant."""
    assert 1 / math.sqrt(mean_power(function, 2)) == pytest.approx(GAINS[function], rel=TOLERANCE)
    assert keras_inits.gain(lambda z: function(z)) == pytest.approx(GAINS[function], rel=TOLERANCE)
    assert keras_inits.gain(function) == keras_inits.gain(function.__name__) == GAINS[function]


def test_each_activation_of_keras_is_known():
    needs_parameters = {activations.threshold}
    public = {function for function in vars(activations).values() if inspect.isfunction(function)}
    assert public - {activations.deserialize, activations.get, activations.serialize} == {
        *GAINS,
        *SEVERAL_UNITS,
        *needs_parameters,
    }
    assert keras_inits.gain("threshold", threshold=0.0, default_value=0.0) == pytest.approx(2**0.5, rel=1e-6)


TORCH = {"linear": (1.0,), "relu": (2**0.5,), "leaky_relu 0.01": ((2 / 1.0001) ** 0.5, 0.01)}
TORCH |= {"leaky_relu 0.2": ((2 / 1.04) ** 0.5, 0.2), "leaky_relu 1": (1.0, 1.0)}
ANOTHER_RULE = {"tanh": 5 / 3, "selu": 3 / 4}  # as the docs say


@pytest.mark.parametrize("case", TORCH)
def test_gains_are_those_of_torch_where_it_follows_the_same_rule(case):
    """By its numbers, and where it is installed by itself."""
    name, (expected, *slope) = case.split()[0], TORCH[case]
    parameters = {"negative_slope": slope[0]} if slope else {}
    assert keras_inits.gain(name, **parameters) == pytest.approx(expected, rel=1e-15)
    if slope:
        by_layer = keras_inits.gain(keras.layers.LeakyReLU(**parameters))  # layers compute in float32
        assert by_layer == pytest.approx(expected, rel=1e-6)
    if "torch" in BACKENDS:
        calculate_gain = importlib.import_module("torch").nn.init.calculate_gain
        assert calculate_gain(name, *slope) == pytest.approx(expected, rel=1e-15)
        assert {name: calculate_gain(name) for name in ANOTHER_RULE} == ANOTHER_RULE


@pytest.mark.parametrize("kink", [0.0, 0.123456789, -1.7, 3.3])
def test_kinks_and_jumps_are_found_wherever_they_are(kink):
    """Where Gauss-Hermite quadrature of any affordable order is off by a thousand times more."""
    jump = keras_inits.gain(lambda z: keras.ops.cast(z > kink, z.dtype))
    assert jump == pytest.approx(stats.norm.sf(kink) ** -0.5, rel=1e-6)
    bend = keras_inits.gain(lambda z: keras.ops.maximum(z, kink))
    tail, density = stats.norm.sf(kink), stats.norm.pdf(kink)
    exact = kink**2 * (1 - tail) + tail + kink * density
    assert bend == pytest.approx(exact**-0.5, rel=1e-6)


def test_the_quadrature_is_exact_for_polynomials():
    even, odd = NODES**12, NODES**13
    assert even @ KRONROD == pytest.approx(2 / 13, rel=1e-14)
    assert even[1::2] @ GAUSS == pytest.approx(2 / 13, rel=1e-14)
    assert abs(odd @ KRONROD) < 1e-15
    assert pytest.approx(2 / 23, rel=1e-14) == (NODES**22) @ KRONROD
    moments = normal_mean(lambda z: np.stack([z**0, z**2, z**4, z**6]))
    np.testing.assert_allclose(moments, [1, 1, 3, 15], rtol=1e-13)


@each_activation
def test_stability_is_the_slope_of_the_mean_square_map(function):
    """By a central difference of log Q over log q."""
    step = 1e-2 if FLOAT32 else 1e-3

    def log_mean_square(log_q):
        return math.log(mean_power(function, 2, math.exp(log_q / 2)))

    slope = (log_mean_square(step) - log_mean_square(-step)) / (2 * step)
    assert keras_inits.stability(function) == pytest.approx(slope, abs=step**2 * 10 + 1e-4)


WIDTH, DEPTH = 512, 100


def mean_squares(function, seed):
    """Of what enters each of 100 layers, by NumPy, with weights that `VarianceScaling` gives."""
    initializer = keras_inits.VarianceScaling(distribution="untruncated_normal", activation=function, seed=seed)
    entropy = np.random.default_rng(seed)
    h = entropy.standard_normal(WIDTH)
    found = []
    for _ in range(DEPTH):
        weights = entropy.standard_normal((WIDTH, WIDTH)) * initializer.gain / WIDTH**0.5
        with np.errstate(over="ignore", invalid="ignore"):
            h = apply(function, h) @ weights
        found.append(np.mean(h**2))
    return np.array(found) + np.finfo(float).tiny  # for its logarithm


STABLE = [function for function in GAINS if keras_inits.stability(function) <= 1 + 1e-6]
UNSTABLE = [function for function in GAINS if function not in STABLE]


@pytest.mark.thorough
@pytest.mark.parametrize("function", STABLE, ids=lambda function: function.__name__)
def test_a_hundred_layers_keep_the_mean_square_where_the_slope_is_at_most_one(function):
    """Each layer multiplies it by a random factor near 1, and the slope forgets those of layers before.

    Given q, the next q is gain^2 times a mean of f^2 over 512 units, whose own mean square is measured over 512 more:
    the logarithm's variance is (Var[f^2] / E[f^2]^2 + 2) / 512 for each layer, or half of it in the mean.
    """
    second, fourth = mean_power(function, 2), mean_power(function, 4)
    variance = (fourth / second**2 - 1 + 2) / WIDTH
    slope = min(keras_inits.stability(function), 1.0)
    accumulated = variance * sum(slope ** (2 * k) for k in range(DEPTH))
    drift = variance * sum(slope**k for k in range(DEPTH))
    for seed in range(2):
        assert np.abs(np.log(mean_squares(function, seed))).max() < 5 * accumulated**0.5 + drift


@pytest.mark.thorough
@pytest.mark.parametrize("function", UNSTABLE, ids=lambda function: function.__name__)
def test_above_one_it_runs_away(function):
    """To nothing, to infinity, or, for the exponential, to the other fixed point of exp(2 q - 2), at 0.2."""
    farthest = max(np.abs(np.log(mean_squares(function, seed))[-1]) for seed in range(3))
    assert farthest > 1.3 or np.isnan(farthest)


def test_the_table_of_the_docs():
    page = Path(__file__).parents[2] / "docs" / "explanation" / "activations.md"
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| ([\d.]+) \| ", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert {name: (float(gain), float(slope)) for name, gain, slope in rows} == {
        function.__name__: (round(GAINS[function], 4), pytest.approx(keras_inits.stability(function), abs=6e-4))
        for function in GAINS
    }


ERRORS = [
    *[(function, ValueError, ["mixes several", "Start a layer", "LecunNormal"]) for function in SEVERAL_UNITS],
    ("softmax", ValueError, ["activation='softmax'", "mixes several"]),
    (lambda z: z / keras.ops.sum(z), ValueError, ["mixes several"]),
    (lambda z: z[:2], ValueError, ["keeps the shape"]),
    ("foo", ValueError, ["Received: activation='foo'", "Expected one of celu", "Pass the function itself"]),
    (5, TypeError, ["Received: activation=5 (of type int)", "Pass a name"]),
    (lambda z: 0 * z, ValueError, ["positive and finite", "mean square 0"]),
    (lambda z: keras.ops.exp(z * z), ValueError, ["positive and finite", "Look at what it returns"]),
    (lambda z: z * float("nan"), ValueError, ["positive and finite", "mean square nan"]),
    (lambda z: keras.ops.where(z > 5, float("inf"), z), ValueError, ["positive and finite"]),
    (lambda z: z + keras.random.normal(z.shape, dtype=z.dtype), ValueError, ["mixes several"]),
]


@pytest.mark.parametrize(("activation", "error", "parts"), ERRORS)
@pytest.mark.parametrize("call", [keras_inits.gain, keras_inits.stability])
def test_errors(call, activation, error, parts):
    with pytest.raises(error) as caught:
        call(activation)
    for part in parts:
        assert part in str(caught.value)


def test_an_initializer_of_a_function_is_saved_with_it():
    initializer = keras_inits.VarianceScaling(activation=activations.silu, seed=3)
    again = keras.initializers.get(keras.initializers.serialize(initializer))
    assert again.activation is activations.silu
    assert again.gain == GAINS[activations.silu]


GAIN = "import keras, keras_inits; print(keras_inits.gain(lambda z: keras.ops.sin(z)))"


@pytest.mark.thorough
@pytest.mark.any_backend
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_function_has_nearly_the_same_gain_on_each_backend(backend):
    found = float(run_python(GAIN, backend).stdout.splitlines()[-1])
    assert found == pytest.approx(((1 - math.exp(-2)) / 2) ** -0.5, rel=1e-6)
