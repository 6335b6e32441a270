"""Saved models: open in any process, with the same values and the same law, or fail; never another law."""

import copy
import json
import pickle

import keras
import numpy as np
import pytest
from helpers import families
from helpers.processes import run_python
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

import keras_inits as ki

FORMATS = ["keras", "h5"]
# Where Keras has a class of the same name and of exactly the same law, a file opens without this package, as that.
SAME_LAW_IN_KERAS = {
    "LecunUniform",
    "GlorotUniform",
    "HeUniform",
    "Orthogonal",
    "Identity",
    "Zeros",
    "Ones",
    "Constant",
}


@settings(max_examples=30)
@given(
    scale=st.floats(1e-6, 1e6),
    mode=st.sampled_from(["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]),
    distribution=st.sampled_from(["untruncated_normal", "uniform", "truncated_normal"]),
    seed=st.integers(-(2**70), 2**70),
    axes=st.sampled_from([{}, {"input_axes": (0,), "output_axes": (1,)}, {"input_axes": (1,), "output_axes": (0,)}]),
    activation=st.sampled_from([None, "relu", "gelu", "tanh"]),
)
def test_a_config_of_any_arguments_comes_back_through_json(scale, mode, distribution, seed, axes, activation):
    one = ki.VarianceScaling(scale, mode, distribution, seed, activation=activation, **axes)
    two = keras.initializers.deserialize(json.loads(json.dumps(keras.initializers.serialize(one))))
    assert type(two) is ki.VarianceScaling
    assert repr(two) == repr(one)
    assert two.get_config() == one.get_config()
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(each((3, 4))) for each in (one, two)))


def a_model(initializer=None):
    initializers = [initializer] * 2 if initializer else [ki.HeNormal(seed=1), ki.Orthogonal()]
    return keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(5, activation="relu", kernel_initializer=initializers[0]),
            layers.Dense(4, kernel_initializer=initializers[1], bias_initializer=ki.Uniform(0.1)),
        ]
    )


def a_model_for(family, initializer):
    """Of one layer, whose kernel has the rank that the initializer wants."""
    if len(family.shape) == 4:
        groups = family.kwargs.get("groups", 1)
        layer = layers.Conv2D(family.shape[-1], family.shape[:2], groups=groups, kernel_initializer=initializer)
        return keras.Sequential([keras.Input((8, 8, family.shape[-2] * groups)), layer])
    return keras.Sequential([keras.Input((6,)), layers.Dense(8, kernel_initializer=initializer)])


def a_batch():
    return np.random.default_rng(0).standard_normal((8, 6)).astype("float32")


LOAD = """
import sys
import keras, numpy as np
{imports}
model = keras.models.load_model(sys.argv[1], compile=False)
np.save(sys.argv[2], keras.ops.convert_to_numpy(model(np.load(sys.argv[3]))))
print([layer.kernel_initializer.__class__.__module__.split(".")[0] for layer in model.layers])
"""


@pytest.mark.thorough
@pytest.mark.parametrize("ending", FORMATS)
def test_a_fresh_process_predicts_the_same_bits(ending, tmp_path):
    model, x = a_model(), a_batch()
    model.save(tmp_path / f"model.{ending}")
    np.save(tmp_path / "x.npy", x)
    code = LOAD.format(imports="import keras_inits")
    paths = [str(tmp_path / name) for name in (f"model.{ending}", "y.npy", "x.npy")]
    printed = run_python(code, keras.backend.backend(), *paths).stdout
    assert "['keras_inits', 'keras_inits']" in printed
    assert np.array_equal(np.load(tmp_path / "y.npy"), keras.ops.convert_to_numpy(model(x)))


WITHOUT_THE_IMPORT = """
import json, sys
import keras

outcomes = {}
for name, (path, keys) in json.loads(sys.argv[1]).items():
    try:
        initializer = keras.models.load_model(path, compile=False).layers[0].kernel_initializer
        outcomes[name] = [type(initializer).__name__, {key: getattr(initializer, key, None) for key in keys}]
    except Exception as error:
        outcomes[name] = ["failed", f"{type(error).__name__}: {error}"]
assert "keras_inits" not in sys.modules
print(json.dumps(outcomes))
"""


@pytest.mark.thorough
def test_without_the_import_a_file_gives_the_same_law_or_fails(tmp_path):
    paths, laws = {}, {}
    for family in families.FAMILIES:
        for ending in FORMATS:
            name = f"{family.id}.{ending}"
            initializer = family.make(seed=1) if family.random else family.make()
            a_model_for(family, initializer).save(tmp_path / name)
            paths[name] = [str(tmp_path / name), list(initializer.get_config())]
            laws[name] = (family, initializer)
    outcomes = json.loads(
        run_python(WITHOUT_THE_IMPORT, keras.backend.backend(), json.dumps(paths)).stdout.splitlines()[-1]
    )
    assert outcomes.keys() == paths.keys()
    for name, (found, detail) in outcomes.items():
        family, initializer = laws[name]
        same = family.cls.__name__ in SAME_LAW_IN_KERAS or (
            family.cls is ki.VarianceScaling
            and initializer.distribution != "truncated_normal"
            and initializer.mode != "fan_geo_avg"
            and initializer.activation is None
        )
        if family.cls is ki.Identity:  # Keras's own loses its gain when it is saved again
            same = initializer.gain == 1
        assert found == (family.cls.__name__ if same else "failed"), name
        if same:
            assert detail == json.loads(json.dumps(initializer.get_config())), name
        else:
            reasons = ("keras_inits", "'truncated'", "'activation'", "fan_geo_avg")
            assert any(reason in detail for reason in reasons), (name, detail)


@pytest.mark.parametrize("name", sorted(SAME_LAW_IN_KERAS - {"Zeros", "Ones", "Constant"}))
def test_the_law_that_keras_takes_instead_is_the_same(name):
    """Spread of Keras's values over ours, from as many values as tell 5 percent apart."""
    ours, theirs = getattr(ki, name)(), getattr(keras.initializers, name)()
    shape = (300, 300)
    spreads = [float(keras.ops.std(initializer(shape))) for initializer in (ours, theirs)]
    assert spreads[0] == pytest.approx(spreads[1], rel=0.02)
    limits = [float(keras.ops.max(keras.ops.abs(initializer(shape)))) for initializer in (ours, theirs)]
    if name.endswith("Uniform"):
        assert limits[0] == pytest.approx(limits[1], rel=0.001)


@pytest.mark.parametrize(
    "duplicate",
    [
        copy.deepcopy,
        lambda model: pickle.loads(pickle.dumps(model)),
        lambda model: keras.models.model_from_json(model.to_json()),
        keras.models.clone_model,
        lambda model: keras.Sequential.from_config(model.get_config()),
    ],
    ids=["deepcopy", "pickle", "to_json", "clone_model", "from_config"],
)
def test_duplicates_have_our_initializers_and_take_the_weights(duplicate):
    model, x = a_model(), a_batch()
    again = duplicate(model)
    assert [type(layer.kernel_initializer) for layer in again.layers] == [ki.HeNormal, ki.Orthogonal]
    assert np.array_equal(again.layers[0].get_weights()[0], model.layers[0].get_weights()[0])  # the seeded one
    again.set_weights(model.get_weights())
    assert np.array_equal(keras.ops.convert_to_numpy(again(x)), keras.ops.convert_to_numpy(model(x)))


def test_the_registered_name_is_an_initializer():
    layer = layers.Dense(3, kernel_initializer="keras_inits>HeNormal")
    assert isinstance(layer.kernel_initializer, ki.HeNormal)


@pytest.mark.backend("tensorflow")
def test_an_exported_model_serves_the_same_predictions(tmp_path):
    import tensorflow as tf

    model, x = a_model(), a_batch()
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    np.testing.assert_allclose(served.serve(x).numpy(), keras.ops.convert_to_numpy(model(x)), rtol=1e-6, atol=1e-7)
