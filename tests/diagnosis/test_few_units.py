"""Dead units in layers of few, and kernels of few weights: what chance makes of them is counted."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_inits import diagnose, initialize, thresholds

x = np.random.default_rng(0).standard_normal((128, 12)).astype("float32")


def network(units, off):
    model = keras.Sequential([keras.Input((12,)), layers.Dense(units, "relu", name="few"), layers.Dense(3)])
    initialize(model, seed=0)
    bias = np.zeros(units, "float32")
    bias[:off] = -100
    model.get_layer("few").bias.assign(bias)
    return model


@pytest.mark.parametrize(("units", "off"), [(4, 3), (8, 5), (16, 9), (16, 15)])
def test_dead_units_are_found_in_layers_of_few(units, off):
    (finding,) = diagnose(network(units, off), x)
    assert (finding.kind, finding.layers) == ("dead_units", ("few",))
    assert f"{off / units:.0%} of the {units} units" in finding.evidence
    assert finding.remedy.tried is True


def test_narrow_layers_that_lose_units_by_chance_are_none():
    for seed in range(8):
        keras.utils.set_random_seed(seed)
        hidden = [layers.Dense((4, 8, 12, 16)[seed % 4], "relu", kernel_initializer="he_normal") for _ in range(6)]
        found = diagnose(keras.Sequential([keras.Input((12,)), *hidden, layers.Dense(3)]), x, check="layers")
        assert "dead_units" not in [finding.kind for finding in found]


@pytest.mark.parametrize("units", [4, 8, 16])
def test_half_of_few_units_may_be_off(units):
    assert diagnose(network(units, units // 2), x).findings == ()


def test_examples_that_are_alike_turn_units_off_by_chance():
    alike = x[:5] * 0.001 + 1
    model = network(4, 3)
    kernel = model.get_layer("few").kernel
    kernel.assign(np.abs(keras.ops.convert_to_numpy(kernel)))
    assert diagnose(model, alike, check="layers").findings == ()


def test_the_probability_is_that_of_simulated_units():
    random = np.random.default_rng(1)
    for cosine in (0.0, 0.5, 0.9):
        common, own = random.standard_normal((40_000, 1)), random.standard_normal((40_000, 5))
        share = (np.sqrt(cosine) * common + np.sqrt(1 - cosine) * own < 0).all(1).mean()
        error = 4 * np.sqrt(0.25 / 40_000)
        assert thresholds.off_by_chance(cosine, 5) == pytest.approx(share, abs=error)
    assert thresholds.off_by_chance(1.0, 100) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("cosine", [0.0, 0.3, 0.7, 1.0])
def test_units_are_saturated_by_chance_within_the_limit(cosine):
    """Of 400 layers of 16 hard sigmoids that get normal numbers of the variance 45, as they do in a good start."""
    random = np.random.default_rng(2)
    common, own = random.standard_normal((400, 16, 1)), random.standard_normal((400, 16, 64))
    shares = (abs(np.sqrt(cosine) * common + np.sqrt(1 - cosine) * own) > 3 / 45**0.5).mean((1, 2))
    limit = thresholds.saturated_limit(shares.mean(), 16, cosine, 64)
    assert shares.max() <= limit
    assert cosine > 0.3 or limit < 0.99  # of more alike ones all units may be


@pytest.mark.parametrize("seed", range(4))
def test_small_kernels_are_not_drawn_again_for_their_sampling_error(seed):
    model = keras.Sequential([keras.Input((5,)), *[layers.Dense(5, "sigmoid") for _ in range(11)], layers.Dense(1)])
    initialize(model, seed=seed, distribution="untruncated_normal")
    for finding in diagnose(model, x[:, :5], check="layers"):
        assert not finding.remedy.rules, str(finding)


def test_how_alike_examples_are_counts_for_few_units_alone():
    """Behind other layers pairs of examples are not equally alike: more units are judged without it."""
    assert thresholds.dead_limit(32, 0.01) == thresholds.dead_limit(32)
    assert thresholds.dead_limit(16, 0.01) < thresholds.dead_limit(16)
