"""What somebody may hand over in the place of an argument, and configs with such things in them."""

import decimal
import enum
import fractions
import math
import types

import keras
import numpy as np
from hypothesis import strategies as st

import keras_inits
from helpers.families import FAMILIES
from keras_inits.initializers.base import HostInitializer

OURS = [family for family in FAMILIES if issubclass(family.cls, (HostInitializer, keras_inits.Constant))]


class Word(enum.StrEnum):
    MODE = "fan_in"
    LAW = "uniform"


class Mixed(str, enum.Enum):  # noqa: UP042 - whose str() is another word than its value
    MODE = "fan_in"
    LAW = "uniform"


class Silent:
    """An object whose own code fails."""

    def __repr__(self):
        raise RuntimeError("no repr")

    __str__ = __eq__ = __hash__ = __len__ = __call__ = __repr__


TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=20),
    st.sampled_from(["fan_in", "FAN_OUT", "fan_geo_avg", "uniform", "untruncated_normal", "truncated_normal", "relu"]),
    st.sampled_from(["keras_inits", "leaky_relu", "softmax", "keras_inits>HeNormal", "\x1b[2J"]),
    st.sampled_from([1000, 200_000]).map(lambda many: many * "a"),
)
NUMBERS = st.one_of(
    st.booleans(),
    st.integers(-3, 3),
    st.integers(),
    st.floats(),
    st.sampled_from([1328, 14_284, 16_600, 10**7]).map(lambda bits: 1 << bits),  # Hypothesis writes what it samples
    st.sampled_from([5e-324, 1.7e308, -0.0, 2**63, 1j]),
    st.fractions(),
    st.decimals(),
    st.sampled_from([np.float16(2), np.float32(0.5), np.int64(3), np.uint8(2), np.bool_(True), np.longdouble("1e400")]),
)
OBJECTS = st.sampled_from(
    [
        *(b"fan_in", Ellipsis, NotImplemented, math, int, dict, object(), Silent, len, print),
        *(Word.MODE, Word.LAW, Mixed.MODE, Mixed.LAW, decimal.Decimal("sNaN"), fractions.Fraction(1, 10**400)),
        *(range(2), iter([0, 1]), {0, 1}, frozenset("a"), memoryview(b"01"), types.SimpleNamespace(seed=1)),
        *(np.array(["fan_in"]), np.array([0]), np.array([[0]]), np.array(1.0), np.zeros(0), np.array([None])),
        *(keras.initializers.Zeros(), keras.initializers.HeNormal, keras.layers.Dense(1), keras.layers.ReLU()),
        *(keras.KerasTensor((2,)), keras_inits.HeNormal(seed=1), keras_inits.Orthogonal, keras.activations.softmax),
        *(lambda x: None, lambda x: x[:1], lambda x: 1e-170 * x, lambda x: x / 0, lambda: 0, np.tanh),
    ]
)
SERIALIZED = st.sampled_from(
    [
        keras.saving.serialize_keras_object(one)
        for one in (
            *(keras_inits.HeNormal(seed=2), keras.initializers.Zeros(), keras.activations.gelu, keras.layers.Dense(2)),
            *(keras.random.SeedGenerator(3), keras_inits.PerGate(keras_inits.Orthogonal(), 2)),
        )
    ]
)
CONFIGS = st.builds(
    lambda base, key, value: {**base, key: value},
    SERIALIZED,
    st.sampled_from(["class_name", "config", "module", "registered_name", "build_config"]),
    st.one_of(st.none(), TEXTS, NUMBERS, st.dictionaries(TEXTS, NUMBERS, max_size=2)),
)
PLAIN = st.recursive(
    st.one_of(st.none(), NUMBERS, TEXTS, SERIALIZED, CONFIGS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3), st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=6,
)
ANYTHING = st.one_of(PLAIN, OBJECTS, st.builds(Silent))


@st.composite
def mutated(draw, families=FAMILIES, values=ANYTHING):
    """A class of the public list, a config with up to three changes, and the names of what was changed."""
    family = draw(st.sampled_from(families))
    config = dict(family.make().get_config()) if hasattr(family.make(), "get_config") else {}
    changed = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["replace", "replace", "replace", "add", "drop"]))
        name = draw(st.sampled_from(sorted(config))) if config and kind != "add" else draw(TEXTS)
        changed.append(name)
        if kind == "drop":
            config.pop(name, None)
        else:
            config[name] = draw(values)
    return family, config, changed


def asked(given, got):
    """Whether an argument that was kept is the one that was given."""
    if got is given:
        return True
    if isinstance(given, dict):
        return True  # another object's config, which that object checks
    if isinstance(given, str):
        return (isinstance(got, str) and str.__str__(got) == str.lower(given)) or got == given or callable(got)
    if isinstance(given, (list, tuple, range, np.ndarray)):
        return isinstance(got, tuple) and list(got) == list(given)
    if isinstance(got, bool) or got is None:
        return got is given
    if isinstance(got, (int, float)):
        return not isinstance(given, bool) and got == float(given) if isinstance(got, float) else got == given
    return got is given
