"""Bad arguments: each message says what was received, what is expected and how to fix it, at the earliest moment."""

import enum
import json
import re

import keras
import numpy as np
import pytest

import keras_inits as ki

AT_CONSTRUCTION = [
    (lambda: ki.Uniform(scale=-1), ValueError, ["`scale`", "of at least 0", "Received: scale=-1", "Look at how"]),
    (lambda: ki.Normal(scale=float("nan")), ValueError, ["a finite number", "Received: scale=nan"]),
    (lambda: ki.Normal(scale=float("inf")), ValueError, ["a finite number", "Received: scale=inf"]),
    (lambda: ki.Normal(scale="1"), TypeError, ["Received: scale='1' (of type str)", "Pass a Python or NumPy number"]),
    (lambda: ki.Normal(scale=True), TypeError, ["Received: scale=True (of type bool)"]),
    (lambda: ki.TruncatedNormal(mean=None), TypeError, ["`mean`", "Received: mean=None"]),
    (lambda: ki.TruncatedNormal(stddev=-0.1), ValueError, ["`stddev`", "Received: stddev=-0.1"]),
    (lambda: ki.VarianceScaling(scale=-1), ValueError, ["greater than 0", "Received: scale=-1"]),
    (lambda: ki.VarianceScaling(scale=0), ValueError, ["greater than 0", "Received: scale=0"]),
    (lambda: ki.VarianceScaling(scale=float("nan")), ValueError, ["Received: scale=nan"]),
    (
        lambda: ki.VarianceScaling(mode="fan"),
        ValueError,
        ["'fan_in', 'fan_out', 'fan_avg'", "Received: mode='fan'", "Glorot"],
    ),
    (
        lambda: ki.VarianceScaling(distribution="normal"),
        ValueError,
        ["Received: distribution='normal'", "'untruncated_normal', 'truncated_normal'", "Keras calls 'normal'"],
    ),
    (lambda: ki.VarianceScaling(distribution=None), ValueError, ["Received: distribution=None"]),
    (
        lambda: ki.HeNormal(input_axes=(0,)),
        ValueError,
        ["belong together", "input_axes=(0,), output_axes=None", "Pass both"],
    ),
    (
        lambda: ki.HeNormal(input_axes=3, output_axes=(1,)),
        TypeError,
        ["sequences of integers", "input_axes=3", "Pass the axes"],
    ),
    (lambda: ki.HeNormal(input_axes=(0.5,), output_axes=(1,)), TypeError, ["input_axes=(0.5,)"]),
    (lambda: ki.Normal(scale=10**400), ValueError, ["a finite number", "Received: scale=1000"]),
    (lambda: ki.HeNormal(truncated=1), TypeError, ["`truncated`", "Received: truncated=1 (of type int)", "Pass True"]),
    (lambda: ki.HeNormal(seed="7"), TypeError, ["`seed`", "Received: seed='7' (of type str)", "Pass an integer"]),
    (lambda: ki.Orthogonal(seed=1.5), TypeError, ["Received: seed=1.5 (of type float)", "or None"]),
    (lambda: ki.Uniform(seed=True), TypeError, ["Received: seed=True (of type bool)"]),
    (lambda: ki.Orthogonal(gain=float("nan")), ValueError, ["`gain`", "Received: gain=nan"]),
    (lambda: ki.Identity(gain="big"), TypeError, ["`gain`", "Received: gain='big'"]),
    (
        lambda: ki.get("he_norml"),
        ValueError,
        ["Received: 'he_norml'", "Did you mean 'he_normal'?", "Expected one of Uniform"],
    ),
    (
        lambda: ki.get("keras_inits>HeNorml"),
        ValueError,
        ["Received: 'keras_inits>HeNorml'", "Did you mean 'HeNormal'?"],
    ),
    (lambda: ki.get({"class_name": ["a"]}), ValueError, ["Received: ['a']"]),
    (lambda: ki.get({"class_name": "Kaimig"}), ValueError, ["Received: 'Kaimig'", "keras.initializers.get"]),
    (lambda: ki.HeNormal.from_config(None), TypeError, ["`config` of HeNormal", "config=None", "what `get_config`"]),
    (lambda: ki.HeNormal.from_config({"sed": 1}), TypeError, ["`config` of HeNormal", "['sed']", "unexpected keyword"]),
    (lambda: ki.Normal.from_config({1: 1}), TypeError, ["`config` of Normal", "Received: [1]"]),
    (lambda: ki.Sparse.from_config({}), TypeError, ["`config` of Sparse", "missing a required argument: 'sparsity'"]),
    (
        lambda: ki.Normal.from_config({"package": "other"}),
        ValueError,
        ["one of keras_inits", "package='other'", "Expected 'keras_inits'"],
    ),
    (lambda: ki.get({"class_name": "HeNormal", "config": [1]}), TypeError, ["`config` of HeNormal", "config=[1]"]),
    (lambda: ki.get({"class_name": "Constant", "config": {"x": 1}}), TypeError, ["`config` of Constant", "['x']"]),
    (lambda: ki.Constant.from_config({"x": 1}), TypeError, ["`config` of Constant", "['x']"]),
    (lambda: ki.Constant("a"), TypeError, ["`value`", "Received: value='a' (of type str)", "Pass a Python or NumPy"]),
    (lambda: ki.Constant(1j), TypeError, ["`value`", "Received: value=1j (of type complex)"]),
    (lambda: ki.Constant(range(2)), TypeError, ["`value`", "Received: value=range(0, 2) (of type range)"]),
    (lambda: ki.Constant([1j]), TypeError, ["`value`", "Received: value=[1j] (of type list)"]),
    (lambda: ki.Constant.from_config({"value": {"class_name": "X"}}), TypeError, ["`value`", "{'class_name': 'X'}"]),
    (
        lambda: ki.get({"class_name": "HeNormal", "registered_name": "keras_inits>HeUniform"}),
        ValueError,
        ["`identifier`", "`class_name` and `registered_name` are two laws", "Pass one of these"],
    ),
    (lambda: ki.get(int), ValueError, ["`identifier`", "<class 'int'>", "cannot be called"]),
    (lambda: ki.get(1.5), ValueError, ["`identifier`", "identifier=1.5", "Expected a name, a config"]),
    (lambda: ki.VarianceScaling(mode=np.array(["fan_in"])), ValueError, ["`mode`", "mode=array(['fan_in']"]),
    (lambda: ki.HeNormal(input_axes=[True], output_axes=[False]), TypeError, ["input_axes=[True]"]),
    (lambda: ki.HeNormal(input_axes=b"0", output_axes=(1,)), TypeError, ["input_axes=b'0'"]),
    (lambda: ki.HeNormal(input_axes={0: 1}, output_axes=(1,)), TypeError, ["input_axes={0: 1}"]),
    (lambda: ki.HeNormal(seed=1 << 10**7), ValueError, ["`seed`", "4,300 digits", "<an int of 10000001 bits>"]),
    (lambda: ki.HeNormal(seed={"a": 1}), TypeError, ["`seed`", "seed={'a': 1}"]),
    (lambda: ki.HeNormal(seed={"class_name": "X", "config": {}}), ValueError, ["`seed`", "of which Keras makes no"]),
    (lambda: ki.Normal(10**5000), ValueError, ["`scale`", "<an int of 16610 bits>"]),
    (lambda: ki.Dirac(depthwise=1), ValueError, ["depthwise=1"]),
    (lambda: ki.Dirac(groups=2**63), ValueError, ["`groups`", "no larger than a size", "groups=9223372036854775808"]),
    (lambda: ki.PerGate({"class_name": "X"}, 4), TypeError, ["`initializer`", "{'class_name': 'X'}"]),
    (lambda: ki.VarianceScaling(activation=iter), TypeError, ["`activation`", "fails with TypeError", "to see why"]),
    (lambda: ki.VarianceScaling(activation=lambda x: 1 / 0), ValueError, ["`activation`", "with ZeroDivisionError"]),
    (
        lambda: ki.gain("leaky_relu", negative_slope="1"),
        TypeError,
        ["`negative_slope`", "Received: negative_slope='1'"],
    ),
    (lambda: ki.Normal(scale="\x1b[2J" + "a" * 10**6), TypeError, [r"scale='\x1b[2Jaaa", "aa...aa"]),
]
AT_THE_CALL = [
    (
        ki.HeNormal(),
        ((3, 3),),
        {"dtype": "int32"},
        ValueError,
        ["Received: dtype='int32'", "float16, bfloat16", "keras.ops.cast"],
    ),
    (ki.Uniform(), ((3, 3),), {"dtype": "complex64"}, ValueError, ["Received: dtype='complex64'"]),
    (ki.Identity(), ((3, 3),), {"dtype": "bool"}, ValueError, ["Received: dtype='bool'"]),
    (ki.Normal(), ((3, 3),), {"dtype": "foo"}, ValueError, ["Received: dtype='foo'", "Expected one of"]),
    (
        ki.Normal(2e4),
        ((3, 3),),
        {"dtype": "float16"},
        ValueError,
        ["infinite", "dtype='float16'", "6.55e+04", "Choose"],
    ),
    (ki.Normal(1e39), ((3, 3),), {}, ValueError, ["values of 6.4e+39", "dtype='float32'"]),
    (ki.Orthogonal(1e5), ((3, 3),), {"dtype": "float16"}, ValueError, ["values of 1e+05", "dtype='float16'"]),
    (ki.VarianceScaling(1e80), ((3, 3),), {}, ValueError, ["dtype='float32'"]),
    (
        ki.HeNormal(input_axes=(0, 5), output_axes=(1,)),
        ((3, 4),),
        {},
        ValueError,
        ["shape=(3, 4)", "axes from -2 to 1"],
    ),
    (ki.Orthogonal(), ((3,),), {}, ValueError, ["at least two sizes", "Received: shape=(3,)", "Use Normal"]),
    (ki.Orthogonal(), ((),), {}, ValueError, ["Received: shape=()"]),
    (ki.Identity(), ((3, 3, 2, 2),), {}, ValueError, ["two sizes", "Received: shape=(3, 3, 2, 2)", "Use Orthogonal"]),
    (ki.Normal(), (5,), {}, TypeError, ["Received: shape=5", "Pass integers alone"]),
    (ki.Normal(), ((None, 3),), {}, TypeError, ["Received: shape=(None, 3)", "fully defined"]),
    (ki.Normal(), ((2.0, 3),), {}, TypeError, ["Received: shape=(2.0, 3)"]),
    (ki.Normal(), ((-1, 3),), {}, ValueError, ["at least 0", "Received: shape=(-1, 3)"]),
]


@pytest.mark.parametrize(("make", "error", "parts"), AT_CONSTRUCTION)
def test_at_construction(make, error, parts):
    with pytest.raises(error) as caught:
        make()
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(("initializer", "arguments", "kwargs", "error", "parts"), AT_THE_CALL)
def test_at_the_call(initializer, arguments, kwargs, error, parts):
    with pytest.raises(error) as caught:
        initializer(*arguments, **kwargs)
    for part in parts:
        assert part in str(caught.value)


class Mode(str, enum.Enum):  # noqa: UP042 - whose str() is "Mode.IN"
    IN = "fan_in"


def test_a_choice_that_is_text_of_a_class_of_its_own_is_the_law_of_its_letters():
    law = ki.VarianceScaling(mode=Mode.IN, seed=1)
    assert type(law.mode) is str
    np.testing.assert_array_equal(law((64, 4)), ki.VarianceScaling(mode="fan_in", seed=1)((64, 4)))


def test_the_longest_seed_goes_through_json():
    config = json.loads(json.dumps(ki.HeNormal(seed=-(2**14_284) + 1).get_config()))
    assert ki.HeNormal.from_config(config).seed == -(2**14_284) + 1


def test_numbers_of_numpy_are_numbers():
    assert ki.Normal(scale=np.float32(0.5)).get_config()["scale"] == 0.5
    assert type(ki.Normal(scale=np.float32(0.5)).scale) is float
    assert ki.Orthogonal(gain=np.int64(2)).gain == 2.0


def test_vectors_and_scalars_are_drawn_where_the_law_has_a_meaning():
    for initializer in (ki.Uniform(), ki.Normal(), ki.TruncatedNormal(), ki.HeNormal(), ki.GlorotUniform()):
        assert tuple(initializer((7,)).shape) == (7,)
        assert tuple(initializer(()).shape) == ()


def test_very_large_fans_give_small_finite_values():
    values = keras.ops.convert_to_numpy(ki.VarianceScaling(input_axes=(0, 0, 0), output_axes=(1,), seed=0)((2**20, 1)))
    assert values.std() == pytest.approx(2.0**-30, rel=0.01)


def test_an_error_leaves_the_initializer_usable():
    initializer = ki.Orthogonal(seed=3)
    before = keras.ops.convert_to_numpy(initializer((4, 4)))
    with pytest.raises(ValueError, match=re.escape("shape=(4,)")):
        initializer((4,))
    assert np.array_equal(keras.ops.convert_to_numpy(initializer((4, 4))), before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": -1}, "Argument `scale` must be positive float."),
        ({"mode": "fan"}, "Invalid `mode` argument:"),
        ({"distribution": "normal_"}, "Invalid `distribution` argument:"),
    ],
)
def test_what_tests_of_keras_look_for_is_there(arguments, message):
    for package in (keras.initializers, ki):
        with pytest.raises(ValueError, match=message):
            package.VarianceScaling(**arguments)
