"""The battery over the public list: being listed there is what gets an initializer tested."""

import contextlib
import copy
import importlib
import json
import pickle

import keras
import ml_dtypes
import numpy as np
import pytest
from helpers import families
from helpers.processes import BACKENDS
from keras import layers

import keras_inits
from keras_inits.initializers import lookup
from keras_inits.initializers.checks import check_dtype

DTYPES = ["float16", "bfloat16", "float32", "float64"]
each_family = pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.id)
each_random = pytest.mark.parametrize("family", families.RANDOM, ids=lambda family: family.id)


def values_of(initializer, shape, dtype="float32"):
    return keras.ops.convert_to_numpy(initializer(shape, dtype=dtype))


def test_no_public_class_goes_untested():
    assert not families.MISSING


def test_each_name_is_exported_and_means_the_same():
    for name, cls in lookup.NAMES.items():
        assert getattr(keras_inits, name) is cls
    assert {*lookup.NAMES, "gain", "get", "keras1", "stability"} == set(keras_inits.initializers.__all__)
    assert sorted(keras_inits.initializers.__all__) == keras_inits.initializers.__all__


NEED_ARGUMENTS = {family.cls for family in families.FAMILIES if not family.by_name}


@pytest.mark.parametrize("name", sorted(lookup.NAMES))
def test_get_finds_each_name(name):
    if lookup.NAMES[name] in NEED_ARGUMENTS:
        with pytest.raises(ValueError, match=f"{lookup.NAMES[name].__name__} cannot be made from its name alone"):
            keras_inits.get(name)
    else:
        assert type(keras_inits.get(name)) is lookup.NAMES[name]


@each_family
@pytest.mark.parametrize("dtype", DTYPES)
def test_shape_and_dtype(family, dtype):
    without_float64 = keras.backend.backend() == "jax" and dtype == "float64"  # which JAX has only with x64
    with pytest.warns(UserWarning, match="float64") if without_float64 else contextlib.nullcontext():
        tensor = family.make()(family.shape, dtype=dtype)
    assert keras.ops.is_tensor(tensor)
    assert tuple(tensor.shape) == family.shape
    assert keras.backend.standardize_dtype(tensor.dtype) == ("float32" if without_float64 else dtype)
    assert np.isfinite(keras.ops.convert_to_numpy(tensor).astype("float64")).all()


def dtypes_of_backends():
    """What people pass, with the dtype that it stands for."""
    wanted = {
        "float16": ["half", "e", np.float16, np.dtype("float16")],
        "bfloat16": [ml_dtypes.bfloat16, np.dtype(ml_dtypes.bfloat16)],
        "float32": ["float", "single", "f4", "<f4", ">f4", float, np.float32, None],
        "float64": ["double", "d", np.float64, np.double],
    }
    for module in (importlib.import_module({"jax": "jax.numpy"}.get(name, name)) for name in BACKENDS):
        for name, ways in wanted.items():
            ways.append(getattr(module, name))
    return [(way, name) for name, ways in wanted.items() for way in ways]


def test_a_dtype_goes_by_every_name_that_keras_or_its_backends_take():
    for way, name in dtypes_of_backends():
        assert check_dtype(way) == np.dtype(name), way


@pytest.mark.parametrize("dtype", ["half", np.float16])
def test_a_layer_takes_a_dtype_by_its_other_names(dtype):
    values = keras_inits.HeNormal(seed=3)((4, 2), dtype=dtype)
    assert keras.backend.standardize_dtype(values.dtype) == "float16"
    assert np.array_equal(
        keras.ops.convert_to_numpy(values), values_of(keras_inits.HeNormal(seed=3), (4, 2), "float16")
    )


@each_family
def test_dtype_defaults_to_floatx(family):
    assert keras.backend.standardize_dtype(family.make()(family.shape).dtype) == "float32"


@each_random
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_low_precision_is_the_float32_value_rounded(family, dtype):
    initializer = family.make(seed=3)
    exact = values_of(initializer, family.shape)
    assert np.array_equal(values_of(initializer, family.shape, dtype), exact.astype(dtype))


@each_family
@pytest.mark.parametrize("empty", [-2, -1])
def test_shapes_of_size_zero(family, empty):
    shape = list(family.shape)
    shape[empty] = 0
    assert values_of(family.make(), shape).shape == tuple(shape)


@each_random
def test_an_integer_seed_repeats_itself(family):
    initializer = family.make(seed=7)
    first = values_of(initializer, family.shape)
    assert np.array_equal(first, values_of(initializer, family.shape))
    assert np.array_equal(first, values_of(family.make(seed=np.int64(7)), family.shape))
    assert not np.array_equal(first, values_of(family.make(seed=-7), family.shape))


@each_random
def test_without_a_seed_each_call_is_new_and_set_random_seed_repeats_the_pair(family):
    pairs = []
    for _ in range(2):
        keras.utils.set_random_seed(7)
        initializer = family.make()
        pairs.append([values_of(initializer, family.shape) for _ in range(2)])
    assert not np.array_equal(*pairs[0])
    assert np.array_equal(pairs[0], pairs[1])


@each_random
def test_a_seed_generator_advances(family):
    generators = [keras.random.SeedGenerator(5) for _ in range(2)]
    first, second = (
        [values_of(family.make(seed=generator), family.shape) for _ in range(2)] for generator in generators
    )
    assert not np.array_equal(*first)
    assert np.array_equal(first, second)


@each_family
def test_config_survives_json_and_makes_an_equal_initializer(family):
    initializer = family.make(seed=3) if family.random else family.make()
    config = json.loads(json.dumps(initializer.get_config()))
    again = type(initializer).from_config(config)
    assert again.get_config() == initializer.get_config()
    assert np.array_equal(values_of(again, family.shape), values_of(initializer, family.shape))


@each_family
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it)), lambda it: it.clone()])
def test_copies_draw_the_same(family, duplicate):
    initializer = family.make(seed=3) if family.random else family.make()
    assert np.array_equal(values_of(duplicate(initializer), family.shape), values_of(initializer, family.shape))


@each_random
def test_clones_of_an_unseeded_one_stay_unseeded(family):
    initializer = family.make()
    clone = initializer.clone()
    assert clone.seed is None
    assert clone.get_config()["seed"] is None
    assert not np.array_equal(values_of(clone, family.shape), values_of(initializer, family.shape))


@each_random
def test_a_seed_generator_survives_the_config(family):
    initializer = family.make(seed=keras.random.SeedGenerator(5))
    again = type(initializer).from_config(json.loads(json.dumps(initializer.get_config())))
    assert isinstance(again.seed, keras.random.SeedGenerator)
    assert np.array_equal(
        values_of(again, family.shape), values_of(family.make(seed=keras.random.SeedGenerator(5)), family.shape)
    )


@each_family
def test_keras_gets_it_by_object_config_and_registered_name(family):
    initializer = family.make(seed=3) if family.random else family.make()
    assert keras.initializers.get(initializer) is initializer
    config = keras.initializers.serialize(initializer)
    for getter in (keras.initializers.get, keras_inits.get):
        assert type(getter(config)) is family.cls
        assert getter(config).get_config() == initializer.get_config()
    if family.cls.__module__.startswith("keras_inits") and family.by_name:
        assert type(keras.initializers.get(f"keras_inits>{family.cls.__name__}")) is family.cls


@pytest.mark.parametrize("name", sorted(lookup.NAMES))
def test_a_layer_takes_each_name_and_its_config_has_the_name_of_the_class(name):
    cls = lookup.NAMES[name]
    if cls in NEED_ARGUMENTS:
        with pytest.raises(TypeError, match="required positional argument"):
            layers.Dense(3, kernel_initializer=f"keras_inits>{name}")
        return
    layer = layers.Dense(3, kernel_initializer=f"keras_inits>{name}")
    assert type(layer.kernel_initializer) is cls
    written = layer.get_config()["kernel_initializer"]
    assert written == keras.initializers.serialize(cls())
    assert written["class_name"] == cls.__name__
    assert written["registered_name"] in (f"keras_inits>{cls.__name__}", None)  # None of Keras's own
    assert type(layers.Dense.from_config(layer.get_config()).kernel_initializer) is cls


@each_family
def test_a_short_config_makes_ours(family):
    config = {"class_name": family.cls.__name__, "config": family.make().get_config()}
    assert type(keras_inits.get(config)) is family.cls


@each_random
def test_the_printed_form_tells_arguments_and_law(family):
    made = family.make(seed=3)
    call, text = repr(made), str(made)
    assert call.startswith(f"{family.cls.__name__}(")
    assert "seed=3" in call
    assert text.startswith(f"{call}: ")
    assert len(text) > len(call) + 7


@pytest.mark.parametrize(
    "family", [one for one in families.FAMILIES if one.cls not in (keras_inits.Zeros, keras_inits.Ones)]
)
def test_the_representation_makes_it_again(family):
    made = family.make()
    again = eval(repr(made), vars(keras_inits))
    assert type(again) is family.cls
    assert again.get_config() == made.get_config()


def test_keras_reads_its_own_configs_through_get_too():
    """And never as ours of the same name, whose law is another one."""
    config = keras.initializers.serialize(keras.initializers.HeNormal(seed=3))
    assert type(keras_inits.get(config)) is keras.initializers.HeNormal


@pytest.mark.parametrize("name", ["keras_inits>HeNormal", "keras_inits>he_normal", "keras_inits>KaimingNormal"])
def test_get_takes_names_with_the_package(name):
    assert type(keras_inits.get(name)) is keras_inits.HeNormal
    assert keras_inits.get({"class_name": name, "config": {"seed": 3}}).seed == 3


def test_arguments_stand_where_keras_has_them():
    assert keras_inits.HeNormal(7, input_axes=(0,), output_axes=(1,)).get_config()["input_axes"] == (0,)
    assert keras_inits.GlorotUniform(7, input_axes=(0,), output_axes=(1,)).output_axes == (1,)
    assert keras_inits.VarianceScaling(2.0, "fan_out", "Uniform", 3).distribution == "uniform"
