"""What a notebook shows of each object: what `print` shows, escaped, and never an error."""

import dataclasses

import keras
import numpy as np
import pytest
from helpers.traces import full_trace, run_of

import keras_inits
from keras_inits.comparison import Comparison


def model_of():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, "relu", name="a<b>"), keras.layers.Dense(1)])


SHOWN = {
    "trace": lambda: full_trace(layers=("a<b>", "c")),
    "table": lambda: keras_inits.initialize(model_of(), seed=0),
    "diagnosis": lambda: keras_inits.diagnose(model_of(), np.ones((8, 4), "float32")),
    "comparison": lambda: Comparison((run_of("healthy", start="a<b>"),), 1),
    "spectrum": lambda: keras_inits.jacobian_spectrum(model_of(), np.ones((2, 4), "float32")),
}


@pytest.mark.parametrize("name", SHOWN)
def test_it_shows_what_print_shows(name):
    shown = SHOWN[name]()
    text = shown._repr_html_()
    assert text.startswith("<pre style=")
    assert "<b>" not in text
    assert ("a&lt;b&gt;" in text) == ("a<b>" in str(shown))
    assert name == "spectrum" or "a&lt;b&gt;" in text
    assert "\n" not in repr(shown)
    assert len(repr(shown)) < 200


@pytest.mark.parametrize("name", SHOWN)
def test_a_field_that_is_broken_is_no_error(name):
    shown = SHOWN[name]()
    for field in dataclasses.fields(shown):
        broken = object.__new__(type(shown))
        broken.__dict__.update({**vars(shown), field.name: object()})
        assert broken._repr_html_().endswith("</pre>")
