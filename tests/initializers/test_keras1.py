"""Keras 1's laws: fans case by case, and what its names stood for."""

import json
import math

import keras
import numpy as np
import pytest
from helpers.processes import run_python
from helpers.tolerances import mean_tolerance, variance_tolerance
from keras import layers
from scipy import stats

import keras_inits as ki
from keras_inits import keras1

NAMES = ["uniform", "normal", "lecun_uniform", "glorot_uniform", "glorot_normal", "he_uniform", "he_normal"]
NAMES += ["orthogonal", "identity", "zero", "one"]
FANS = [  # shape, dim_ordering, fan_in, fan_out: by hand, from what each version did
    ((20, 30), "tf", 20, 30),
    ((20, 30), "th", 20, 30),
    ((3, 4, 20, 30), "tf", 240, 360),
    ((30, 20, 3, 4), "th", 240, 360),
    ((3, 4, 5, 20, 30), "tf", 240, 360),  # the third size of the window was forgotten
    ((30, 20, 3, 4, 5), "th", 1200, 1800),
    ((49,), "tf", 7, 7),
    ((2, 3, 6), "tf", 6, 6),
    ((), "tf", 1, 1),
]


def values_of(initializer, shape):
    return keras.ops.convert_to_numpy(initializer(shape)).astype("float64")


@pytest.mark.parametrize(("shape", "dim_ordering", "fan_in", "fan_out"), FANS)
def test_fans(shape, dim_ordering, fan_in, fan_out):
    assert keras1.compute_fans(shape, dim_ordering) == pytest.approx((fan_in, fan_out))


@pytest.mark.parametrize("name", NAMES[2:7])
@pytest.mark.parametrize(("shape", "dim_ordering", "fan_in", "fan_out"), [case for case in FANS if len(case[0]) > 2])
def test_rules(name, shape, dim_ordering, fan_in, fan_out):
    variance = {"lecun": 1 / fan_in, "glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in}[name.split("_")[0]]
    values = np.concatenate([values_of(keras1.get(name, dim_ordering, seed), shape).ravel() for seed in range(20)])
    uniform = name.endswith("uniform")
    law = stats.uniform(-(3**0.5), 2 * 3**0.5) if uniform else stats.norm()
    assert stats.kstest(values / variance**0.5, law.cdf).pvalue > 1e-6
    assert abs(values.mean()) < mean_tolerance(variance**0.5, values.size)
    assert abs(values.var() - variance) < variance_tolerance(variance, 1.8 if uniform else 3, values.size)


@pytest.mark.parametrize(("name", "spread"), [("uniform", 0.05 / 3**0.5), ("normal", 0.05)])
def test_plain_ones_have_the_scale_of_keras_1(name, spread):
    values = values_of(keras1.get(name, seed=3), (400, 400))
    assert abs(values.var() - spread**2) < variance_tolerance(spread**2, 3, values.size)
    assert (np.abs(values).max() <= 0.05) == (name == "uniform")


def test_orthogonal_is_larger_and_flattened_the_other_way():
    kernel = values_of(keras1.get("orthogonal", seed=3), (6, 2, 5))
    matrix = kernel.reshape(6, 10)
    np.testing.assert_allclose(matrix @ matrix.T, 1.21 * np.eye(6), atol=1e-5)
    assert np.abs(kernel.reshape(12, 5).T @ kernel.reshape(12, 5) - 1.21 * np.eye(5)).max() > 0.1
    with pytest.raises(ValueError, match=r"at least two sizes.* Received: shape=\(3,\). Use Normal"):
        keras1.get("orthogonal")((3,))


def test_the_others():
    assert np.array_equal(values_of(keras1.get("identity"), (4, 4)), np.eye(4))
    assert not values_of(keras1.get("zero"), (4,)).any()
    assert (values_of(keras1.get("one"), (4,)) == 1).all()


@pytest.mark.parametrize("name", NAMES)
def test_each_name_makes_a_layer_that_survives_its_config(name):
    model = keras.Sequential([keras.Input((5,)), layers.Dense(5, kernel_initializer=keras1.get(name))])
    again = keras.models.model_from_json(model.to_json())
    initializers = [it.layers[0].kernel_initializer for it in (model, again)]
    assert type(initializers[0]) is type(initializers[1])
    assert json.dumps(initializers[0].get_config()) == json.dumps(initializers[1].get_config())


@pytest.mark.thorough
def test_keras_does_not_open_them_as_something_else(tmp_path):
    for name in ("orthogonal", "he_normal", "glorot_uniform"):
        model = keras.Sequential([keras.Input((5,)), layers.Dense(5, kernel_initializer=keras1.get(name))])
        model.save(tmp_path / "model.keras")
        code = "import sys, keras; keras.models.load_model(sys.argv[1])"
        result = run_python(code, keras.backend.backend(), str(tmp_path / "model.keras"), check=False)
        assert result.returncode
        assert "Keras1" in result.stderr


def test_gates_take_them():
    kernel = values_of(ki.PerGate(keras1.get("orthogonal"), 4), (8, 32))
    assert math.isclose((kernel**2).sum(), 4 * 8 * 1.21, rel_tol=1e-5)


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (
            lambda: keras1.get("lecun_normal"),
            ["Received: init='lecun_normal'", "one that Keras 1 had", "'lecun_uniform'"],
        ),
        (lambda: keras1.get("uniform", "channels_last"), ["'tf', 'th'", "Received: dim_ordering='channels_last'"]),
        (lambda: keras1.Keras1Scaling("uniform"), ["Received: rule='uniform'", "Pass one such as"]),
    ],
)
def test_errors(make, parts):
    with pytest.raises(ValueError, match="Received") as caught:
        make()
    for part in parts:
        assert part in str(caught.value)
