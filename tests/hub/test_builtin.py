"""`to_builtin` on KerasHub's models: equal predictions where Keras makes them again, else a layer is named."""

import keras
import numpy as np
import pytest
from helpers import hub_models

from keras_inits import initialize, to_builtin

pytestmark = [*hub_models.WARNINGS, pytest.mark.filterwarnings("ignore:`compile.*` was not called:UserWarning")]
# Their configs leave an argument out: whether embeddings are tied, and how many features there are.
NOT_AGAIN = {"llama3": "llama3_backbone/token_embedding", "efficientnet": "efficient_net_backbone/top_conv"}


@pytest.mark.thorough
@pytest.mark.parametrize("name", [name for name in hub_models.FIT if name not in NOT_AGAIN])
def test_a_copy_predicts_the_same(name):
    model = hub_models.build(name)
    new = to_builtin(model)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), new.get_weights(), strict=True))
    trained = [[any(w is v for v in one.trainable_weights) for w in one.weights] for one in (model, new)]
    assert trained[0] == trained[1]  # by place: Keras numbers the names of layers in a process, not in a model
    if name in hub_models.NAMED:
        x = hub_models.MODELS[name].batch(3)
        both = [keras.tree.flatten(one.predict(x, verbose=0)) for one in (model, new)]
        for expected, received in zip(*both, strict=True):
            assert np.allclose(expected, received, rtol=1e-5, atol=1e-5 * np.max(np.abs(expected)))


@pytest.mark.thorough
@pytest.mark.parametrize("name", NOT_AGAIN)
def test_the_layer_that_cannot_be_made_again_is_named(name):
    with pytest.raises(ValueError, match="came out different") as error:
        to_builtin(hub_models.build(name))
    assert f"the layer {NOT_AGAIN[name]!r}" in str(error.value)
    assert "Expected the same ones: a `get_config`" in str(error.value)


@pytest.mark.parametrize("name", hub_models.NAMED)
def test_after_initialize_too(name):
    model = hub_models.build(name)
    initialize(model, seed=3)
    to_builtin(model)
