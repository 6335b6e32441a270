"""Attention's masks: what stands for minus infinity before a softmax is no signal, and infinity no fault there."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_inits
from keras_inits import diagnose, initialize
from keras_inits.diagnosis.reductions import reduced

SEEN = np.tril(np.ones((6, 6), bool))
x = np.random.default_rng(0).standard_normal((64, 6, 8)).astype("float32")


class Masked(layers.Layer):
    def __init__(self, value, adds=False):
        super().__init__(name="masked")
        self.value, self.adds = value, adds

    def call(self, scores):
        if self.adds:
            return scores + ops.cast(np.where(SEEN, 0.0, self.value), scores.dtype)
        return ops.where(SEEN, scores, ops.cast(self.value, scores.dtype))


def attention(mask, softmax):
    inputs = keras.Input((6, 8))
    query, key, value = (layers.Dense(8)(inputs) for _ in range(3))
    scores = mask(ops.einsum("bik,bjk->bij", query, key) / 8**0.5)
    hidden = ops.matmul(softmax(scores), value)
    model = keras.Model(inputs, layers.Dense(3)(ops.mean(hidden, 1)))
    initialize(model, seed=1)
    return model


@pytest.mark.thorough
@pytest.mark.parametrize("value", [-1e4, -1e9, -3.4e38, -np.inf])
@pytest.mark.parametrize("adds", [True, False])
@pytest.mark.parametrize("in_layer", [True, False])
def test_a_mask_before_a_softmax_is_no_finding(value, adds, in_layer):
    layer = Masked(value, adds)
    softmax = layers.Activation("softmax") if in_layer else layers.Softmax()
    diagnosis = diagnose(attention(layer if in_layer else layer.call, softmax), x)
    assert diagnosis.findings == (), str(diagnosis)
    signals = [row.outputs.stddev for row in diagnosis.layers] + [
        row.inputs.stddev for row in diagnosis.layers if row.inputs
    ]
    assert max(signals) < 10


@pytest.mark.thorough
def test_scores_that_explode_are_found_all_the_same():
    model = attention(Masked(-1e9), layers.Softmax())
    initialize(model, keras_inits.Normal(100.0), seed=1)
    assert "exploding_signal" in [one.kind for one in diagnose(model, x)]


@pytest.mark.thorough
def test_minus_infinity_that_spreads_is_found():
    finding = diagnose(attention(Masked(-np.inf), lambda scores: scores), x).findings[0]
    assert (finding.kind, finding.layers[0]) == ("nonfinite", "masked")


def test_the_moments_are_those_of_the_rest():
    values = np.random.default_rng(1).standard_normal((100, 50)).astype("float32")
    masked = np.where(np.arange(50) < 20, -1e9, values)
    found = reduced(ops.convert_to_tensor(masked.astype("float32")), masks=True)
    rest = values[:, 20:].astype("float64")
    assert found.entries == rest.size
    assert found.moments.stddev == pytest.approx(rest.std(), rel=1e-5)
    assert found.moments.mean == pytest.approx(rest.mean(), rel=1e-3)
    assert found.moments.largest == np.abs(values[:, 20:]).max()
    large = (1e6 * values).astype("float32")  # no gap: these are numbers like all others
    found = reduced(ops.convert_to_tensor(large), masks=True)
    assert found.moments.stddev == pytest.approx(large.std(dtype="float64"), rel=1e-5)


def test_two_masks_that_are_added_are_masks():
    scores = np.random.default_rng(1).standard_normal((100, 50)).astype("float32")
    padding, window = np.arange(50) >= 40, np.arange(50) < 20
    for other in (window, np.arange(50) >= 20):  # which hides places that the other one hides, or none of these
        masked = scores - 1e9 * padding.astype("float32") - 1e9 * other.astype("float32")
        found = reduced(ops.convert_to_tensor(masked.astype("float32")), masks=True)
        rest = scores[:, ~(padding | other)].astype("float64")
        assert found.entries == rest.size
        assert found.moments.stddev == pytest.approx(rest.std(), rel=1e-5)
