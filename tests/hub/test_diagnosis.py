"""`diagnose` on KerasHub's models: it sees each layer with weights, and finds nothing after `initialize`."""

import keras
import pytest
from helpers import hub_models

from keras_inits import diagnose, initialize

pytestmark = hub_models.WARNINGS
SIZE = 8
UNSEEN = {"segment_anything": [("sam_backbone/sam_prompt_encoder/no_mask_embed", "the batch does not reach it")]}
KEPT = {"segment_anything": {"exploding_gradient"}}  # in some draws of its Fourier features, which are Keras's
OUT_OF_RANGE = {"electra": {"last_activation"}}  # its pooled outputs end with tanh, and the test's targets are normal
AS_BUILT = {  # on torch, with the starts of KerasHub
    "electra": {"last_activation"},
    "gemma": {"wrong_fans"},
    "mixtral": {"wrong_fans"},
    "diffusion_transformer": {"wrong_fans"},
    "xception": {"wrong_fans"},
    "mit": {"wrong_fans"},
    "segformer": {"wrong_fans"},
}
QUICK = ("gpt2", "resnet")
MODELS = [name if name in QUICK else pytest.param(name, marks=pytest.mark.thorough) for name in hub_models.MODELS]


def count_of_weights(model):
    """How many variables were made to be trained, each once."""
    waiting, seen, found = [model], set(), set()
    while waiting:
        layer = waiting.pop()
        if id(layer) not in seen:
            seen.add(id(layer))
            found |= {id(variable) for variable in layer._trainable_variables}
            waiting += layer._layers
    return len(found)


@pytest.mark.thorough
@pytest.mark.parametrize("name", MODELS)
def test_all_is_seen_and_nothing_is_wrong_after_initialize(name):
    model, x = hub_models.build(name), hub_models.MODELS[name].batch(SIZE)
    before = diagnose(model, x)
    initialize(model, seed=1)
    after = diagnose(model, x)
    for diagnosis in (before, after):
        weights = [path for row in diagnosis.layers for path in row.weights]
        assert len({row.name for row in diagnosis.layers}) == len(diagnosis.layers)
        assert [(one.name, one.reason) for one in diagnosis.unseen] == UNSEEN.get(name, [])
        assert len(set(weights)) == len(weights) == count_of_weights(model) - len(diagnosis.unseen)
    assert [row.name for row in before.layers] == [row.name for row in after.layers]
    assert {finding.kind for finding in after} <= KEPT.get(name, set()), [str(finding) for finding in after]


def whole(name, start):
    """The full diagnosis, of a compiled model with targets for each output."""
    model = hub_models.build(name)
    x, y = hub_models.batch(name, model, SIZE)
    if start == "initialize":
        initialize(model, seed=1)
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    return {finding.kind for finding in diagnose(model, x, y)}


@pytest.mark.thorough
@pytest.mark.parametrize("name", hub_models.MODELS)
def test_the_full_check_finds_nothing_after_initialize(name):
    assert whole(name, "initialize") <= KEPT.get(name, set()) | OUT_OF_RANGE.get(name, set())


@pytest.mark.thorough
@pytest.mark.backend("torch")
@pytest.mark.parametrize("name", hub_models.MODELS)
def test_what_the_full_check_finds_in_the_starts_of_kerashub(name):
    assert whole(name, "keras") == AS_BUILT.get(name, set())


@pytest.mark.thorough
def test_xlnet_does_not_tell_places_apart_in_some_batches():
    """It reshapes its encodings of places where it should transpose them: with twice as many rows as a row has tokens,
    each row gets one encoding for all of its places, of which a softmax takes no notice."""
    model = hub_models.build("xlnet")
    initialize(model, seed=1)
    (finding,) = diagnose(model, hub_models.MODELS["xlnet"].batch(2 * hub_models.hub_text.LENGTH))
    assert finding.kind == "vanishing_gradient"
    assert finding.layers == tuple(f"xlnet_encoder_{number}/rel_attn/encoding" for number in (0, 1))
    assert "adds up to nothing but rounding" in finding.evidence
    assert "take another batch" in str(finding.remedy)
