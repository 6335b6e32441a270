"""The models themselves: what the other tests stand on."""

import keras
import numpy as np
import pytest
from helpers import hub_models

pytestmark = [*hub_models.WARNINGS, pytest.mark.thorough]


@pytest.mark.parametrize("name", hub_models.MODELS)
def test_each_is_small_is_made_alike_each_time_and_predicts(name):
    model, twin = hub_models.build(name), hub_models.build(name)
    assert model.count_params() < 200_000
    assert [v.path for v in model.variables] == [v.path for v in twin.variables]
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), twin.get_weights(), strict=True))
    x, y = hub_models.batch(name, model, 2)
    if name not in hub_models.FIT:
        return
    predicted = model.predict(x, verbose=0)
    keras.tree.assert_same_structure(predicted, y)
    for output, target in zip(keras.tree.flatten(predicted), keras.tree.flatten(y), strict=True):
        assert output.shape == target.shape
        assert np.all(np.isfinite(output))


def test_there_are_as_many_as_promised():
    assert len(hub_models.MODELS) >= 27
    assert set(hub_models.NAMED) <= set(hub_models.MODELS)
