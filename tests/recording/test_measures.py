"""What is measured of tensors, beside NumPy: all kinds at once, of small ones that are stacked, large ones and none."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_inits.backends import measures

BACKEND = keras.backend.backend()
KINDS = ("norm", "largest", "nonzeros", "nonfinite")
SHAPES = [(3,), (3,), None, (40, 30), (0,), (70, 80), None, (3,), (2, 2)]
ODD = {"finite": (), "NaN": (np.nan,), "infinite": (-np.inf,), "both": (np.nan, np.inf), "lost squares": (1e-30,)}


def arrays(odd):
    """Half zeros, and in each a few entries of a kind."""
    random = np.random.default_rng(0)
    found = []
    for shape in SHAPES:
        one = None if shape is None else random.standard_normal(shape, dtype=np.float32)
        if one is not None and one.size:
            one.flat[::2] = 0.0
            one.flat[-len(odd) :] = odd
        found.append(one)
    return found


def expected(one):
    if one is None:
        return [measures.ABSENT] * len(KINDS)
    wide = one.astype(np.float64).ravel()
    largest = np.max(np.abs(wide), initial=0.0)
    return [np.linalg.norm(wide), largest, np.count_nonzero(wide), np.count_nonzero(~np.isfinite(wide))]


def measured(arranged, kinds):
    """As numbers of the host."""
    current = measures.current()
    tensors = [None if one is None else ops.convert_to_tensor(one) for one in arranged]
    found = {kind: np.array(value, np.float64) for kind, value in current.measured(tensors, kinds).items()}
    if BACKEND == "tensorflow" and "norm" in found:  # sums of squares and their factors, which the host makes norms of
        found |= current.parted_measures(found.pop("norm")[None], ["gradient"])
        found["norm"] = found.pop("gradient")[0]
    return found


@pytest.mark.parametrize("odd", ODD)
def test_all_kinds_at_once(odd):
    given = arrays(ODD[odd])
    with np.errstate(invalid="ignore"):
        truth = np.array([expected(one) for one in given])
    found = measured(given, KINDS)
    for place, kind in enumerate(KINDS):
        np.testing.assert_allclose(found[kind], truth[:, place], rtol=1e-5, err_msg=kind)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_alone(kind):
    given = arrays(ODD["both"])
    np.testing.assert_array_equal(measured(given, [kind])[kind], measured(given, KINDS)[kind])


@pytest.mark.backend("jax")
def test_counts_that_one_sum_cannot_hold(monkeypatch):
    from keras_inits.backends.jax import measures as jax

    given = arrays(ODD["both"])
    together = measured(given, KINDS)
    monkeypatch.setattr(jax, "IN_ONE_SUM", 1.0)
    apart = measured(given, KINDS)
    for kind in KINDS:
        np.testing.assert_array_equal(apart[kind], together[kind])
