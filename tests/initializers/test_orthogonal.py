"""Orthogonal: its columns are orthonormal, and its law is the uniform one, which a plain QR does not give."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import keras_inits
from keras_inits.initializers import haar

DRAWS = 4000


def as_matrix(values):
    return keras.ops.convert_to_numpy(values).astype("float64").reshape(-1, values.shape[-1])


def slow_twin(gaussian):
    """The same reflections, one by one, as full matrices."""
    rows, columns = gaussian.shape
    result = np.eye(rows, columns)
    for j in reversed(range(columns)):
        vector = gaussian[j:, j].astype("float64").copy()
        sign = -1.0 if vector[0] < 0 else 1.0
        vector[0] += sign * np.linalg.norm(gaussian[j:, j])
        reflection = np.eye(rows)
        reflection[j:, j:] -= 2 * np.outer(vector, vector) / (vector @ vector)
        result = reflection @ result
        result[:, j] *= -sign
    return result


@pytest.mark.thorough
@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (40, 40), (300, 257), (520, 512)])
def test_the_panels_are_the_reflections_one_by_one(shape, monkeypatch):
    gaussian = np.random.default_rng(1).standard_normal(shape)
    if shape[0] <= 40:
        monkeypatch.setattr(haar, "PANEL_COLUMNS", 3)  # several panels, the last one narrower
        monkeypatch.setattr(haar, "ROWS", 7)
    fast = gaussian.copy()
    haar.make_columns_orthonormal(fast)
    np.testing.assert_allclose(fast, slow_twin(gaussian), rtol=0, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    shape=st.lists(st.integers(1, 40), min_size=2, max_size=4).map(tuple),
    gain=st.floats(-3, 3).filter(lambda gain: abs(gain) > 0.1),
    seed=st.integers(),
)
def test_columns_or_rows_are_orthogonal_and_as_long_as_the_gain(shape, gain, seed):
    matrix = as_matrix(keras_inits.Orthogonal(gain, seed=seed)(shape))
    if matrix.shape[0] < matrix.shape[1]:
        matrix = matrix.T
    error = matrix.T @ matrix / gain**2 - np.eye(matrix.shape[1])
    # Each reflection rounds both columns of a product, by 2^-24 each, and the roundings add up as a random walk. What
    # Hypothesis looks for, the worst of many entries of many matrices, stands out by four standard deviations.
    assert np.abs(error).max() < 4 * 2 * 2.0**-24 * max(10, matrix.shape[1]) ** 0.5


def test_float64_is_computed_in_float64():
    if keras.backend.backend() == "jax":
        values = keras_inits.Orthogonal(seed=0)._draw((50, 50), np.dtype("float64"))  # JAX itself has none without x64
    else:
        values = keras.ops.convert_to_numpy(keras_inits.Orthogonal(seed=0)((50, 50), dtype="float64"))
    assert np.abs(values.T @ values - np.eye(50)).max() < 1e-14


def draws(shape, make):
    return np.array([make(seed).reshape(shape) for seed in range(DRAWS)])


def haar_draws(shape):
    return draws(shape, lambda seed: keras_inits.Orthogonal(seed=seed)._draw(shape, np.dtype("float64")))


def qr_draws(shape):
    return draws(shape, lambda seed: np.linalg.qr(np.random.default_rng(seed).standard_normal(shape))[0])


def entry_law(rows):
    """An entry of a uniformly distributed unit vector: (1 + x) / 2 is Beta((n - 1) / 2, (n - 1) / 2)."""
    return stats.beta((rows - 1) / 2, (rows - 1) / 2, loc=-1, scale=2)


def p_of_entries(matrices):
    """The smallest p-value over all entries, corrected for their number."""
    rows, columns = matrices.shape[1:]
    law = entry_law(rows)
    smallest = min(stats.kstest(matrices[:, i, j], law.cdf).pvalue for i in range(rows) for j in range(columns))
    return min(1.0, smallest * rows * columns)


def z_of_traces(matrices):
    """Mean and mean square of the trace, in standard errors: 0 and 1 for the uniform law (Diaconis & Shahshahani)."""
    traces = np.trace(matrices, axis1=1, axis2=2)
    squares = traces**2
    count = len(traces)
    return traces.mean() / (traces.std() / count**0.5), (squares.mean() - 1) / (squares.std() / count**0.5)


@pytest.mark.parametrize("shape", [(4, 4), (5, 3)])
def test_single_entries_have_the_uniform_law(shape):
    assert p_of_entries(haar_draws(shape)) > 1e-6


def test_the_trace_has_the_uniform_law():
    assert np.abs(z_of_traces(haar_draws((4, 4)))).max() < 5


def test_both_determinants_come_equally_often():
    determinants = np.linalg.det(haar_draws((3, 3)))
    assert abs((determinants > 0).sum() - DRAWS / 2) < 5 * DRAWS**0.5 / 2


def test_a_rotation_does_not_change_the_law():
    rotation = slow_twin(np.random.default_rng(5).standard_normal((4, 4)))
    assert p_of_entries(rotation @ haar_draws((4, 4))) > 1e-6
    assert p_of_entries(haar_draws((4, 4)) @ rotation) > 1e-6


def test_a_qr_without_the_signs_fails_these_tests():
    matrices = qr_draws((4, 4))
    assert p_of_entries(matrices) < 1e-6
    assert np.abs(z_of_traces(matrices)).max() > 5


def test_a_column_of_zeros_is_no_division_by_zero():
    matrix = np.random.default_rng(1).standard_normal((5, 5)).astype("float32")
    matrix[4, 4] = 0
    haar.make_columns_orthonormal(matrix)
    assert np.abs(matrix.T @ matrix - np.eye(5)).max() < 1e-5


def test_identity_is_padded_with_zeros():
    for shape in ((3, 3), (2, 5), (5, 2)):
        values = keras.ops.convert_to_numpy(keras_inits.Identity(gain=2.0)(shape))
        assert np.array_equal(values, 2 * np.eye(*shape))
