"""Two runs have one key if and only if nothing that they depend on differs, and what cannot be seen is said."""

import dataclasses
import functools
import operator
import os
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from helpers import small

import keras_inits
from keras_inits import compare
from keras_inits.comparison.plan import Plan
from keras_inits.runs.by_value import Digest
from keras_inits.runs.copies import copied
from keras_inits.runs.key import key_of
from keras_inits.runs.task import Training

SCALE = 1.0


class Scaled(keras.layers.Layer):
    """A layer of one's own: its config has nothing of what it does."""

    def __init__(self, factor=1.0):
        super().__init__(name="scaled")
        self.factor = factor

    def call(self, x):
        return helper(x) * self.factor


def helper(x):
    return x * SCALE


def own_loss(y, predicted):
    return keras.ops.mean(keras.ops.square(predicted)) * SCALE


def own(initializer, kind=Scaled, loss=own_loss, activation=None, factor=1.0):
    dense = keras.layers.Dense(3, activation, kernel_initializer=initializer, name="dense")
    model = keras.Sequential([keras.Input((6,)), dense, kind(factor)])
    model.compile("sgd", loss)
    return model


PLAN = Plan({"": small.build}, {"he": keras_inits.HeNormal()}, (0,), Training(small.data(), 1, {"batch_size": 16}))


def with_changes(name, value):
    def build(initializer):
        model = small.build(initializer)
        owner, _, attribute = f"model.{name}".rpartition(".")
        setattr(operator.attrgetter(owner)(SimpleNamespace(model=model)), attribute, value)
        return model

    return build


def training(**changes):
    return {"training": dataclasses.replace(PLAN.training, **changes)}


SETTINGS = {
    "epochs": training(epochs=2),
    "seed": {"seeds": (1,)},
    "weights": {"initializers": {"he": keras_inits.HeUniform()}},
    "layers": {"builds": {"": functools.partial(small.build, activation="relu")}},
    "optimizer": {"builds": {"": functools.partial(small.build, learning_rate=0.1)}},
    "rate after compile": {"builds": {"": with_changes("optimizer.learning_rate", 0.3)}},
    "clipping after compile": {"builds": {"": with_changes("optimizer.clipnorm", 0.3)}},
    "optimizer after compile": {"builds": {"": with_changes("optimizer", keras.optimizers.Adam(0.3))}},
    "values": training(data=small.data(seed=1)),
    "labels": training(data=(small.data()[0], small.data()[1][::-1])),
    "fit": training(fit={"batch_size": 8}),
    "validation": training(fit={"batch_size": 16, "validation_data": small.data()}),
    "keys": training(fit={"batch_size": 16, "class_weight": {0: 1.0, 1: 2.0}}),
    "callbacks": training(fit={"batch_size": 16, "callbacks": [keras.callbacks.EarlyStopping("loss")]}),
}


def key(plan):
    (task,) = plan
    return key_of(task, task.start())


@pytest.mark.parametrize("changes", [{}, *SETTINGS.values()], ids=["nothing", *SETTINGS])
def test_a_run_is_the_same_if_and_only_if_its_settings_are(changes):
    before, after = key(PLAN), key(dataclasses.replace(PLAN, **changes))
    assert (before == after) == (changes == {})
    assert (before.digest == after.digest) == (changes == {})
    assert after.unseen == ()


def of(**options):
    build = functools.partial(own, **options)
    return key(dataclasses.replace(PLAN, builds={"": build}, training=Training(small.data()[:1], 1)))


def test_code_of_ones_own_counts_and_what_it_refers_to(monkeypatch):
    before = of()
    assert before == of()
    assert before.unseen == ()

    class Shifted(Scaled):
        def call(self, x):
            return x + self.factor

    Shifted.__qualname__ = Scaled.__qualname__
    Shifted.__module__ = Scaled.__module__
    for options in (
        {"kind": Shifted},
        {"factor": 2.0},
        {"loss": lambda y, predicted: keras.ops.mean(predicted)},
        {"activation": lambda x: x * 2},
    ):
        assert of(**options) != before
    assert of(activation=lambda x: x * 2) != of(activation=lambda x: x * 3)
    monkeypatch.setattr(f"{__name__}.SCALE", 2.0)
    assert of() != before
    monkeypatch.undo()
    assert of() == before


class Spy(keras.callbacks.Callback):
    def __init__(self, seen=3):
        super().__init__()
        self.seen = seen


def unseen(value):
    digest = Digest()
    digest.add("it", value)
    return digest.unseen


def test_what_cannot_be_told_apart_is_named():
    assert unseen([1, "a", None, {"b": np.arange(3)}, keras_inits.HeNormal(seed=1), Spy(), keras.layers.Dense(1)]) == []
    assert unseen(small.Batches()) == ["it (a Batches)"]
    assert unseen([object()]) == ["it[0] (a object)"]
    assert unseen({"callbacks": [Spy(seen=iter([1]))]}) == ["it['callbacks'][0].seen (a list_iterator)"]
    assert unseen(np.array([object()], object)) == ["it, a list,[0] (a object)"]


def test_the_callbacks_of_keras_can_be_told_apart():
    callbacks = keras.callbacks
    assert (
        unseen(
            [
                callbacks.EarlyStopping(),
                callbacks.ModelCheckpoint("a.keras"),
                callbacks.ReduceLROnPlateau(),
                callbacks.CSVLogger("a.csv"),
                callbacks.TerminateOnNaN(),
                callbacks.LearningRateScheduler(lambda epoch, rate: rate * SCALE),
                callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
                callbacks.BackupAndRestore("b"),
                callbacks.TensorBoard("c"),
            ]
        )
        == []
    )


def test_what_differs_in_one_value_differs():
    def text(value):
        digest = Digest()
        digest.add("it", value)
        return digest.text

    values = [
        1, 1.0, True, "1", b"1", None, [1], (1, 1), [[1], 1], {"a": 1}, {"b": 1}, {1: "a"}, np.ones(1), np.ones((1, 1)),
        np.ones(1, "float32"), np.array(["a"], object), np.array(["b"], object), Spy(1), Spy(2), keras_inits.HeNormal(),
        keras_inits.HeUniform(), len, max, keras.losses.MeanSquaredError(), keras.losses.MeanAbsoluteError(),
    ]  # fmt: skip
    assert len({text(value) for value in values}) == len(values)
    assert [text(value) for value in values] == [text(value) for value in values]


@pytest.fixture
def fits(monkeypatch):
    """How many runs are trained."""
    trained, fit = [], keras.Model.fit
    monkeypatch.setattr(keras.Model, "fit", lambda self, **options: (trained.append(1), fit(self, **options))[1])
    return trained


@pytest.mark.thorough
def test_compare_trains_again_what_it_cannot_see(tmp_path, fits):
    again = functools.partial(compare, small.build, initializers=["he_normal"], epochs=1, output=tmp_path)
    for _ in range(2):
        comparison = again(small.Batches())
        assert "cannot tell by their values whether x (a Batches) will be the same" in comparison.notes[-1]
    assert len(fits) == 2
    for _ in range(2):
        comparison = again(small.data(), callbacks=[Spy()])
        assert comparison.notes == ()
    assert len(fits) == 3
    again(small.data(), callbacks=[Spy(4)])
    assert len(fits) == 4
    assert len(list(tmp_path.glob("*.json"))) == 3


def digest_of(value):
    digest = Digest()
    digest.add("value", value)
    return digest.text, digest.unseen


class Bare(keras.initializers.Initializer):
    """Whose config has nothing of its arguments."""

    def __init__(self, scale):
        self.scale = scale

    def __call__(self, shape, dtype=None):
        return self.scale * keras.ops.ones(shape)


def test_optimizers_and_initializers_without_a_config_differ_by_their_numbers():
    for make in (keras.optimizers.Adam, Bare):
        (one, unseen), (same, _), (other, _) = (digest_of(make(number)) for number in (0.1, 0.1, 0.2))
        assert (one == same, one == other, unseen) == (True, False, [])


@pytest.mark.thorough
@pytest.mark.any_backend
def test_a_set_in_a_code_is_the_same_in_each_process(tmp_path):
    code = "def build(v):\n    return v in {'relu', 'tanh', 'gelu'} or v in (1, 2)\n"
    (tmp_path / "program.py").write_text(code)
    program = "import program; from keras_inits.runs.by_value import Digest; "
    program += "digest = Digest(); digest.add('build', program.build); print(digest.text)"
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(digests) == 1


def test_a_copy_is_as_before_any_run():
    given = {"list": [keras.initializers.HeNormal(), Bare(0.5)], "adam": keras.optimizers.Adam(0.1), "plain": "relu"}
    one, other = copied(given), copied(given)
    draws = [keras.ops.convert_to_numpy(each["list"][0]((3, 3))) for each in (given, one, other)]
    assert not np.array_equal(draws[1], draws[2])
    assert [each["list"][1].scale for each in (one, other)] == [0.5, 0.5]
    one["adam"].build([keras.Variable(np.zeros(2, "float32"))])
    assert not other["adam"].built
    assert other["plain"] is given["plain"]
