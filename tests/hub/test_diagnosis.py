"""`diagnose` on KerasHub's models: it sees each layer with weights, and finds nothing after `initialize`."""

import hub_models
import pytest

from keras_inits import diagnose, initialize

pytestmark = hub_models.WARNINGS
SIZE = 8
UNSEEN = {"segment_anything": [("sam_backbone/sam_prompt_encoder/no_mask_embed", "the batch does not reach it")]}
KEPT = {"segment_anything": {"exploding_gradient"}}  # in some draws of its Fourier features, which are Keras's
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
