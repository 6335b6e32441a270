"""The folder of a comparison: what is damaged, cut or another's is told by name, and trained again."""

import dataclasses
import errno
import functools
import json
import random
import shutil

import numpy as np
import pytest
from helpers import small
from helpers.traces import run_of

import keras_inits
from keras_inits import compare, whole
from keras_inits.runs import files
from keras_inits.runs.key import Key
from keras_inits.runs.store import Store
from keras_inits.runs.task import Task, Training

KEY = Key({"seed": "0"})
FLIPS, CUTS = 1000, 150


@pytest.fixture
def folder(tmp_path):
    """A folder with one run."""
    run = run_of("healthy")
    Store(tmp_path).keep(run, KEY)
    return run, tmp_path


def task_of(run):
    return Task(run.name, lambda: None, run.law, Training((None,), 1))


def told(run, directory, key=KEY):
    """What is read, and what is said."""
    said = []
    return Store(directory, said.append).find(task_of(run), key), said


def file_of(directory, suffix):
    (file,) = directory.glob(f"*-{KEY.digest}.{suffix}")
    return file


def test_a_run_comes_back_as_it_was(folder):
    run, directory = folder
    same, said = told(*folder)
    np.testing.assert_array_equal(same.trace.norms, run.trace.norms)
    assert (same.law, same.findings, same.layers, said) == (run.law, run.findings, run.layers, [])
    assert json.loads(file_of(directory, "json").read_bytes())["law"] == run.law
    assert file_of(directory, "npz").name == f"tanh-he-0-{KEY.digest}.npz"


@pytest.mark.thorough
@pytest.mark.parametrize("suffix", ["json", "npz"])
def test_no_flipped_bit_and_no_cut_is_believed(folder, suffix):
    _, directory = folder
    file = file_of(directory, suffix)
    whole_file, random_ = file.read_bytes(), random.Random(0)
    damaged = []
    for _ in range(FLIPS):
        place = random_.randrange(8 * len(whole_file))
        data = bytearray(whole_file)
        data[place // 8] ^= 1 << place % 8
        damaged.append(bytes(data))
    damaged += [whole_file[: random_.randrange(len(whole_file))] for _ in range(CUTS)]
    for data in damaged:
        file.write_bytes(data)
        found, (sentence,) = told(*folder)
        assert found is None
        assert str(file) in sentence
        assert "is trained again" in sentence


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        (lambda table, rest: table.unlink(), ".npz"),
        (lambda table, rest: rest.write_text("{}"), ".json"),
        (lambda table, rest: rest.write_text("[" * 100_000), ".json"),
        (lambda table, rest: rest.write_bytes(files._sealed(b"{}")), ".json"),
        (lambda table, rest: rest.write_bytes(files._sealed(b"[1]")), ".json"),
        (lambda table, rest: (rest.unlink(), rest.mkdir()), ".json"),
        (lambda table, rest: (table.unlink(), table.mkdir()), ".npz"),
        (lambda table, rest: shutil.copy(table, rest), ".json"),
    ],
)
def test_what_is_no_run_is_told(folder, damage, name):
    _, directory = folder
    damage(file_of(directory, "npz"), file_of(directory, "json"))
    found, (sentence,) = told(*folder)
    assert found is None
    assert f"tanh-he-0-{KEY.digest}{name}" in sentence


def test_a_run_of_other_settings_and_none_at_all_are_not_told(folder):
    assert told(*folder, Key({"seed": "1"})) == (None, [])


def test_a_run_with_something_unseen_is_not_believed(folder):
    assert told(*folder, KEY._replace(unseen=("callbacks[0] (a Spy)",))) == (None, [])


def test_a_run_is_found_whatever_its_name(folder):
    run, directory = folder
    named = dataclasses.replace(run, name=run.name._replace(network="", initializer="trial 3"), law="best")
    found, said = told(named, directory)
    assert (found.name, found.law, found.findings, said) == (named.name, "best", run.findings, [])


def test_runs_of_other_settings_lie_side_by_side(folder):
    _, directory = folder
    other = Key({"seed": "1"})
    Store(directory).keep(run_of("zero"), other)
    assert told(*folder)[0].gradients == "healthy"
    assert told(*folder, other)[0].gradients == "zero"


def test_the_table_of_another_run_is_told(folder):
    _, directory = folder
    Store(directory / "other").keep(run_of("zero"), KEY)
    shutil.copy(file_of(directory / "other", "npz"), directory)
    found, (sentence,) = told(*folder)
    assert found is None
    assert f"it is not the one of '{file_of(directory, 'json').name}'" in sentence


@pytest.mark.thorough
def test_compare_trains_again_what_is_damaged(tmp_path):
    again = functools.partial(compare, small.build, small.data(), ["he_normal"], epochs=1, output=tmp_path)
    first = again().runs[0]
    (file,) = tmp_path.glob("he_normal-0-*.npz")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.warns(UserWarning, match=r"he_normal-0-.*\.npz.* is trained again") as caught:
        second = again().runs[0]
    assert [one.filename for one in caught if "trained again" in str(one.message)] == [__file__]
    assert second.gradients == first.gradients == "healthy"
    again()  # any warning is an error


@pytest.mark.thorough
def test_a_run_that_cannot_be_written_is_told_and_written_with_the_next(tmp_path, monkeypatch):
    replace, calls = whole.replace, []

    def full(path, data):
        calls.append(path)
        if len(calls) == 2:  # the first run's .json
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(path, data)

    monkeypatch.setattr(whole, "replace", full)
    starts = {"zeros": keras_inits.Zeros(), "he": keras_inits.HeNormal()}
    with pytest.warns(UserWarning, match=r"'zeros' cannot be kept: .*No space left on device: '.*zeros-0-.*\.json'"):
        comparison = compare(small.build, small.data(), starts, epochs=1, output=tmp_path)
    assert len(comparison.runs) == 2
    stems = {f"{path.stem.rpartition('-')[0]}{path.suffix}" for path in tmp_path.iterdir()}
    assert stems == {f"{name}-0.{suffix}" for name in starts for suffix in ("npz", "json")}


def test_a_file_in_the_place_of_the_directory(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(FileExistsError, match=r"Expected a directory .* Choose another with output=: '.*runs'"):
        compare(small.build, small.data(), ["he_normal"], epochs=1, output=tmp_path / "runs")
