"""The runs of the command: their data, and that they repeat."""

import numpy as np
import pytest

from keras_inits.comparison import STARTS, compare
from keras_inits.comparison.digits import load_digits
from keras_inits.comparison.network import build_network
from keras_inits.runs.run import law_of


def test_the_digits_are_split_and_scaled():
    digits = load_digits(seed=3)
    assert [len(part) for part in digits] == [1347, 1347, 450, 450]
    assert abs(digits.train_images.mean(dtype="float64")) < 1e-6
    assert abs(digits.train_images.std(dtype="float64") - 1) < 1e-6
    assert digits.train_images.dtype == np.float32
    np.testing.assert_array_equal(digits.test_labels, load_digits(seed=3).test_labels)
    assert (digits.test_labels != load_digits(seed=4).test_labels).any()


@pytest.mark.thorough
def test_a_run_repeats_and_another_seed_differs():
    digits = load_digits(seed=0)

    def build(initializer):
        return build_network(initializer, "relu", depth=3)

    train = digits.train_images, digits.train_labels
    start = {"he": STARTS["he"]}
    first, other, again = (
        compare(build, train, start, epochs=1, seeds=[seed], batch_size=64).runs[0] for seed in (5, 6, 5)
    )
    np.testing.assert_allclose(first.trace.norms, again.trace.norms, rtol=1e-4)
    assert first.trace.layers == ("hidden_01", "hidden_02", "hidden_03", "output")
    assert first.trace.norms.shape == (22, 4)  # 1,347 images in batches of 64
    assert (first.trace.norms[0] != other.trace.norms[0]).all()


@pytest.mark.parametrize("start", STARTS)
def test_the_law_names_the_initializer_and_no_seed(start):
    law = law_of(STARTS[start])
    assert law.startswith(type(STARTS[start]).__name__ + "(")
    assert "seed" not in law
    assert "0x" not in law
