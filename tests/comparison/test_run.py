"""One run: what it records, and that it repeats."""

import numpy as np
import pytest

from keras_inits.comparison import STARTS, Settings, train
from keras_inits.comparison.digits import load_digits
from keras_inits.comparison.starts import law_of

SETTINGS = Settings(epochs=1, depth=3, width=8, seed=5)


def test_the_digits_are_split_and_scaled():
    digits = load_digits(seed=3)
    assert [len(part) for part in digits] == [1347, 1347, 450, 450]
    assert abs(digits.train_images.mean(dtype="float64")) < 1e-6
    assert abs(digits.train_images.std(dtype="float64") - 1) < 1e-6
    assert digits.train_images.dtype == np.float32
    np.testing.assert_array_equal(digits.test_labels, load_digits(seed=3).test_labels)
    assert (digits.test_labels != load_digits(seed=4).test_labels).any()


def test_a_run_repeats_and_another_seed_differs():
    digits = load_digits(seed=0)
    first, again = (train("he", "relu", digits, SETTINGS) for _ in range(2))
    np.testing.assert_allclose(first.trace.norms, again.trace.norms, rtol=1e-4)
    assert first.trace.layers == ("hidden_01", "hidden_02", "hidden_03", "output")
    assert first.trace.norms.shape == (22, 4)  # 1,347 images in batches of 64
    other = train("he", "relu", digits, Settings(epochs=1, depth=3, width=8, seed=6))
    assert (first.trace.norms[0] != other.trace.norms[0]).all()


@pytest.mark.parametrize("start", STARTS)
def test_the_law_names_the_initializer_and_no_seed(start):
    law = law_of(start)
    assert law.startswith(type(STARTS[start](1)).__name__ + "(")
    assert "seed" not in law
    assert "0x" not in law


def test_epochs_are_announced():
    epochs = []
    train("zeros", "tanh", load_digits(seed=0), Settings(epochs=2, depth=1, width=4), lambda: epochs.append(1))
    assert len(epochs) == 2
