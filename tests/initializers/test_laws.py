"""Each random initializer follows its law: Kolmogorov-Smirnov, moments, and the tails, which the former hardly see."""

import keras
import numpy as np
import pytest
from helpers import families
from helpers.tolerances import mean_tolerance, variance_tolerance
from scipy import stats

import keras_inits
from keras_inits.initializers import sampling

LAWS = {"uniform": stats.uniform(-1, 2), "normal": stats.norm(), "truncated": stats.truncnorm(-2, 2)}
# One p-value in a million: some hundred tests with fixed seeds, which are run again and again, must not fail by chance.
SMALLEST_P = 1e-6
each_sample = pytest.mark.parametrize("family", families.SAMPLES, ids=lambda family: family.id)


def standardised(family, seed, shape=None):
    """The initializer's values over the standard deviation that they should have, as float64."""
    values = keras.ops.convert_to_numpy(family.make(seed=seed)(shape or family.shape))
    return values.astype("float64").ravel() / family.stddev


@each_sample
def test_the_values_follow_the_law(family):
    law = LAWS[family.shape_of_law]
    values = standardised(family, seed=11)
    assert stats.kstest(values * law.std(), law.cdf).pvalue > SMALLEST_P
    assert abs(values.mean()) < mean_tolerance(1, values.size)
    kurtosis = float(law.stats("k")) + 3
    assert abs(values.var() - 1) < variance_tolerance(1, kurtosis, values.size)


def test_the_checks_of_the_law_can_fail():
    """A standard deviation 3 percent off (6 for the distribution), and the truncated law in the place of the normal."""
    values = standardised(families.Family(keras_inits.Normal, {"scale": 1.0}, stddev=1.0), seed=11)
    assert stats.kstest(1.06 * values, stats.norm.cdf).pvalue < SMALLEST_P
    assert abs((1.03 * values).var() - 1) > variance_tolerance(1, 3, values.size)
    cut = standardised(families.Family(keras_inits.TruncatedNormal, {"stddev": 1.0}, stddev=1.0), seed=11)
    assert stats.kstest(cut, stats.norm.cdf).pvalue < SMALLEST_P


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_tails_of_the_normal_hold_as_many_values_as_they_should(dtype):
    size = 2**24
    values = np.abs(sampling.normal((size,), np.dtype(dtype), (0, 5)).whole())
    for deviations in (2, 3, 3.5, 4, 4.5, 5):
        expected = 2 * stats.norm.sf(deviations) * size
        assert abs((values > deviations).sum() - expected) < 5 * expected**0.5


def test_neighbours_chunks_and_shapes_are_independent():
    """Correlations of a value with the next ones, with the next chunk's, and with those of other shapes and seeds."""
    count = sampling.CHUNK
    values = sampling.normal((4, count), np.dtype("float32"), (0, 5)).whole().astype("float64")
    bound = 5 / count**0.5
    for lag in (1, 2, 3, 64, 1000):
        assert abs(np.mean(values[0, :-lag] * values[0, lag:])) < bound
    assert abs(np.mean(values[0] * values[1])) < bound
    for entropy, shape in (((0, 6), (4, count)), ((0, 5), (count, 4)), ((1, 5), (4, count))):
        other = sampling.normal(shape, np.dtype("float32"), entropy).whole().ravel()[:count]
        assert abs(np.mean(values[0] * other)) < bound


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_truncated_normal_is_cut_everywhere(dtype):
    """Keras's own reaches 3.7 standard deviations on torch."""
    values = sampling.truncated_normal((2**20,), np.dtype(dtype), (0, 5)).whole().astype("float64")
    assert 1.99 < np.abs(values).max() <= 2
    assert (np.abs(values) > 1.9).sum() == pytest.approx(2**20 * 2 * LAWS["truncated"].sf(1.9), rel=0.05)


def test_the_uniform_stays_within_its_limit_and_is_symmetric():
    values = sampling.uniform((2**20,), np.dtype("float32"), (0, 5), 1.0).whole()
    assert np.abs(values).max() < 1
    assert np.abs(values).min() > 0
    assert abs((values > 0).sum() - 2**19) < 5 * 2**9.0


def test_a_mean_moves_the_truncated_normal():
    values = keras.ops.convert_to_numpy(keras_inits.TruncatedNormal(mean=3.0, stddev=0.5, seed=1)((400, 400)))
    assert abs(values.mean() - 3) < mean_tolerance(0.5, values.size)
    assert values.min() >= 2
    assert values.max() <= 4
