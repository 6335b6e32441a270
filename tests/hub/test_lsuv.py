"""`lsuv` on KerasHub's models: each kernel that it scaled gives outputs of the mean square 1."""

import keras
import numpy as np
import pytest
from helpers import hub_models
from helpers.hub_models import array, noted_calls

from keras_inits import lsuv
from keras_inits.models.weights import weights_of

pytestmark = hub_models.WARNINGS
SIZE, TOLERANCE = 8, 0.01
MODELS = [
    name if name in ("gpt2", "resnet") else pytest.param(name, marks=pytest.mark.thorough) for name in hub_models.NAMED
]


def mean_square(values):
    return np.mean(np.square(values, dtype="float64"))


def before_activation(layer, given, options, outputs):
    if getattr(layer, "activation", None) in (None, keras.activations.linear):
        return outputs[0]
    activation, layer.activation = layer.activation, keras.activations.linear
    try:
        return layer(*given, **options)
    finally:
        layer.activation = activation


@pytest.mark.thorough
@pytest.mark.parametrize("name", MODELS)
def test_each_scaled_kernel_gives_the_mean_square_one(name):
    model, x = hub_models.build(name), hub_models.MODELS[name].batch(SIZE)
    rows = {row.path: row for row in lsuv(model, x, seed=2, tolerance=TOLERANCE, verbose=0)}
    with noted_calls() as notes:
        model(x, training=False)
    first = {}
    for layer, *call in notes:
        first.setdefault(id(layer), call)
    scaled = 0
    for weight in weights_of(model):
        if weight.fans is None or weight.variable.name != "kernel" or weight.path not in rows:
            continue
        assert not rows[weight.path].law.endswith("not scaled"), weight.path
        divided = name == "t5" and "query_projector" in weight.path  # by the root of a head's size, from the start
        target = 1 / 8 if divided else 1
        call = first[id(weight.layer)]
        square = mean_square(array(before_activation(weight.layer, *call))) / target
        if square < 1 - TOLERANCE:  # a kernel of few units across what comes in is not blown up any further
            promised = weight.fans[0] * mean_square(array(weight.variable)) * mean_square(array(call[0][0]))
            assert promised == pytest.approx(9, rel=TOLERANCE), weight.path
        else:
            assert square == pytest.approx(1, abs=TOLERANCE + 1e-4), weight.path
        scaled += 1
    assert scaled >= 6


@pytest.mark.thorough
@pytest.mark.parametrize("name", MODELS)
def test_the_model_is_what_it_was_after_an_error(name):
    model, x = hub_models.build(name), hub_models.MODELS[name].batch(SIZE)
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"after 1 of 1 iterations.*The model has its former weights again"):
        lsuv(model, x, seed=2, tolerance=1e-12, iterations=1, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
