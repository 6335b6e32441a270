"""Anything as an argument: an error that names it, or the law that was asked for, and never a long wait."""

import json
import time

import keras
import pytest
from helpers.anything import ANYTHING, OURS, PLAIN, asked, mutated
from hypothesis import given
from hypothesis import strategies as st

import keras_inits as ki
from keras_inits.initializers.base import HostInitializer

pytestmark = [pytest.mark.fuzz, pytest.mark.thorough]

LONGEST = 5.0
"""Seconds, on a busy machine; what was `1 << 10**7` took half a minute."""


def check(make, config, names):
    """Makes an initializer and uses it, or finds that the error names what is wrong."""
    start = time.perf_counter()
    try:
        initializer = make()
    except (TypeError, ValueError) as error:
        text = str(error)
        assert any(repr(name)[1:-1][:50] in text for name in (*names, "config", "package", "identifier")), text
        assert len(text) < 5000
        assert text.isprintable() or "config" not in text
    else:
        if isinstance(initializer, HostInitializer | ki.Constant):
            kept = {name: getattr(initializer, name) for name in initializer.get_config() if name != "package"}
            assert all(asked(config[name], kept[name]) for name in kept.keys() & config.keys()), (config, kept)
            assert str(initializer)
            if initializer.get_config().get("activation") is None:
                json.dumps(initializer.get_config(), default=str)
    assert time.perf_counter() - start < LONGEST


@given(mutated(OURS))
def test_a_mutated_config(case):
    family, config, changed = case
    check(lambda: family.cls.from_config(config), config, (*config, *changed))


@given(mutated())
def test_a_mutated_config_by_name(case):
    family, config, changed = case
    identifier = {"class_name": family.cls.__name__, "config": config}
    check(lambda: ki.get(identifier), config, (*config, *changed))


@given(mutated(OURS, PLAIN))
def test_a_mutated_config_through_keras(case):
    """Keras writes the config into its own message, and so asks each value for its text."""
    family, config, _ = case
    long = keras.initializers.serialize(family.make())
    try:
        result = keras.initializers.get({**long, "config": config})
    except (TypeError, ValueError):
        return
    assert isinstance(result, family.cls)


@given(st.sampled_from(ki.initializers.lookup.CLASSES), ANYTHING)
def test_a_config_that_is_none(cls, config):
    check(lambda: ki.get({"class_name": cls.__name__, "config": config}), {}, ("config",))


@given(ANYTHING)
def test_an_identifier(identifier):
    check(lambda: ki.get(identifier), {}, ("identifier", "name"))


@given(st.dictionaries(st.sampled_from(["class_name", "config", "module", "registered_name"]), PLAIN))
def test_an_identifier_of_the_right_keys(identifier):
    check(lambda: ki.get(identifier), {}, ("identifier", "name"))
