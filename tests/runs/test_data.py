"""All that `fit` takes as data, `compare` takes; and a builder that ignores what it is given is told."""

import keras
import numpy as np
import pandas
import pytest
from helpers import small

import keras_inits
from keras_inits import compare
from keras_inits.runs.data import Replayed

HE = {"he": keras_inits.HeNormal()}
OPTIONS = {"epochs": 2, "shuffle": False}


def one_unit(initializer):
    dense = keras.layers.Dense(4, "relu", kernel_initializer=initializer)
    model = keras.Sequential([keras.Input((6,)), dense, keras.layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    return model


def two_inputs(initializer):
    inputs = {name: keras.Input((3,), name=name) for name in ("a", "b")}
    hidden = keras.layers.Dense(4, "tanh", kernel_initializer=initializer)(
        keras.layers.Concatenate()([*inputs.values()])
    )
    outputs = {name: keras.layers.Dense(1, name=name)(hidden) for name in ("c", "d")}
    model = keras.Model(inputs, outputs)
    model.compile("sgd", {"c": "mse", "d": "mae"})
    return model


def numbers(examples=48):
    x, _ = small.data(examples)
    return x, (x[:, :1] > 0).astype("float32")


def norms(build, data, **options):
    (run,) = compare(build, data, HE, **{**OPTIONS, **options}).runs
    assert len(run.layers) >= 2
    return run.trace.norms


def batches(x, y, count, weights=None):
    for number in range(count):
        part = slice(16 * number % len(x), 16 * number % len(x) + 16)
        yield (x[part], y[part]) if weights is None else (x[part], y[part], weights[part])


@pytest.mark.thorough
def test_weights_of_examples_are_those_of_fit():
    """Examples that weigh nothing are as if they were others."""
    x, y = numbers()
    weights = np.repeat([1.0, 0.0], 24)
    other = np.where(np.arange(48)[:, None] < 24, x, 3 * x[::-1])
    weighted, same = (norms(one_unit, (inputs, y, weights), batch_size=48) for inputs in (x, other))
    np.testing.assert_allclose(weighted, same, rtol=1e-5)
    assert (np.abs(weighted - norms(one_unit, (x, y), batch_size=48)) > 1e-3).all()


@pytest.mark.thorough
def test_targets_without_the_last_axis():
    x, y = numbers()
    np.testing.assert_allclose(norms(one_unit, (x, y[:, 0].astype(int))), norms(one_unit, (x, y)), rtol=1e-5)


@pytest.mark.thorough
def test_dictionaries():
    x, y = numbers()
    data = {"a": x[:, :3], "b": x[:, 3:]}, {"c": y, "d": 2 * y}
    weights = {"c": np.ones(48), "d": np.zeros(48)}
    assert np.isfinite(norms(two_inputs, data)).all()
    trace = compare(two_inputs, (*data, weights), HE, **OPTIONS).runs[0].trace
    assert (trace.norms[:, trace.layers.index("d")] == 0).all()
    assert (trace.norms[:, trace.layers.index("c")] > 0).all()


@pytest.mark.thorough
def test_pandas():
    x, y = numbers()
    frames = pandas.DataFrame(x), pandas.Series(y[:, 0])
    np.testing.assert_allclose(norms(one_unit, frames), norms(one_unit, (x, y)), rtol=1e-5)


@pytest.mark.thorough
@pytest.mark.parametrize("weights", [None, np.linspace(0, 2, 48)], ids=["plain", "weighted"])
def test_every_run_reads_a_generator_from_its_first_batch(weights):
    x, y = numbers()
    data = batches(x, y, 10_000, weights)
    runs = compare(one_unit, data, HE, seeds=2, steps_per_epoch=3, **OPTIONS).runs
    arrays = (x, y) if weights is None else (x, y, weights)
    same = compare(one_unit, arrays, HE, seeds=2, batch_size=16, **OPTIONS).runs
    for run, twin in zip(runs, same, strict=True):
        np.testing.assert_allclose(run.trace.norms, twin.trace.norms, rtol=1e-5)
    assert len(list(zip(range(9_900), data, strict=False))) == 9_900  # no more of it was read than a run needs


@pytest.mark.thorough
def test_a_generator_to_validate_on():
    x, y = numbers()
    options = {**OPTIONS, "seeds": 2, "batch_size": 16}
    runs = compare(one_unit, (x, y), HE, validation_data=batches(x, y, 99), validation_steps=3, **options).runs
    same = compare(one_unit, (x, y), HE, validation_data=(x, y), **options).runs
    assert [run.history["val_loss"][0] for run in runs] == pytest.approx([run.history["val_loss"][0] for run in same])


def test_a_replayed_generator_ends_where_it_ends():
    replayed = Replayed(iter(range(3)))
    assert next(replayed.batches()) == 0
    assert [list(replayed.batches()) for _ in range(2)] == [[0, 1, 2]] * 2


@pytest.mark.thorough
def test_another_generator_is_another_run(tmp_path):
    x, y = numbers()
    options = {**OPTIONS, "output": tmp_path, "steps_per_epoch": 1}
    first, again, other = (
        compare(one_unit, batches(inputs, y, 9), HE, **options).runs[0].trace.norms for inputs in (x, x, -x)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_more_than_three_parts_are_refused():
    x, y = numbers()
    with pytest.raises(ValueError, match=r"a tuple of 4 items. Pass several inputs as a list"):
        compare(one_unit, (x, y, y, y), HE)


def ignoring(_):
    return one_unit("glorot_uniform")


@pytest.mark.thorough
def test_starts_that_are_equal_are_named(tmp_path):
    comparison = compare(ignoring, numbers(), ["he_normal", "zeros", "lecun_normal"], epochs=1, seeds=2)
    (note,) = comparison.notes
    assert note.startswith(
        "he_normal, zeros and lecun_normal start from equal weights. Either they are one law, or build"
    )
    text = str(comparison)
    assert f"Note: {note} {comparison.headline}" in " ".join(text.split())
    assert max(map(len, text.split("\n"))) <= 100
    comparison.report(tmp_path / "report.html")
    assert "start from equal weights" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.thorough
def test_starts_that_differ_are_not():
    starts = {"he": "he_normal", "kaiming": "kaiming_normal", "lecun": "lecun_normal"}
    (note,) = compare(one_unit, numbers(), starts, epochs=1).notes
    assert note.startswith("he and kaiming start from equal weights")
    assert compare(one_unit, numbers(), ["he_normal", "lecun_normal"], epochs=1, seeds=2).notes == ()
