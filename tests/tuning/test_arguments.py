"""Bad input: one error in three parts, before anything starts, and nothing left half made."""

import sys

import numpy as np
import pytest
from helpers import searched

import keras_inits
from keras_inits import HeNormal, Normal
from keras_inits.tuning import choice, log

pytestmark = pytest.mark.any_backend
SPACE = {"start": choice(he=HeNormal(), small=Normal(0.01))}


def local_build(values):
    """Not of a module that a process could import: pytest imports this file under no name."""


class Unpicklable:
    def __reduce__(self):
        raise TypeError("cannot pickle a lock of one's own")


@pytest.mark.parametrize(
    ("change", "error", "parts"),
    [
        ({"trials": 0}, ValueError, ["trials=0", "at least 1", "trials=2"]),
        ({"trials": "many"}, TypeError, ["trials='many'"]),
        ({"workers": 0}, ValueError, ["workers=0"]),
        ({"epochs": 0}, ValueError, ["epochs=0"]),
        ({"seeds": []}, ValueError, ["seeds=[]", "seeds=3"]),
        ({"prune": "yes"}, TypeError, ["prune='yes'", "True or False"]),
        ({"sampler": "tpe"}, ValueError, ["sampler='tpe'", "'bayes', 'gp', 'random', 'grid'", "Optuna's"]),
        ({"objective": "my_score"}, ValueError, ["'my_score'", "mode='max'"]),
        ({"space": {}}, ValueError, ["at least one dimension"]),
        ({"space": {"rate": log(0.1, 1)}, "sampler": "grid"}, ValueError, ["rate=log(0.1, 1)", "choice"]),
        ({"data": iter([1])}, TypeError, ["can be read once"]),
        ({"data": (1, 2, 3, 4)}, ValueError, ["4 items"]),
        ({"data": (number for number in range(3))}, TypeError, ["cannot be pickled", "PyDataset"]),
        ({"build": lambda values: None}, TypeError, ["cannot be pickled", "at the top of a file"]),
        ({"space": {"a": choice(b=Unpicklable(), c=1)}}, TypeError, ["a lock of one's own", "at the top of a file"]),
        ({"n_trials": 20}, TypeError, ["n_trials=20", "Did you mean trials?"]),
        ({"seed": 3}, TypeError, ["seed=3", "Did you mean seeds?"]),
        ({"batchsize": 3}, TypeError, ["batchsize=3", "Did you mean batch_size?"]),
        ({"storage": 3}, TypeError, ["storage=3", "storage='search.journal'"]),
        ({"storage": "postgresql://host/db"}, ValueError, ["'postgresql://host/db'", "journal file"]),
    ],
)
def test_bad_input_is_told_before_anything_starts(change, error, parts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("keras_inits.tuning.session.Process", None)  # no process may start
    given = {"build": searched.build, "data": searched.data(), "space": SPACE, "output": "runs", **change}
    with pytest.raises(error) as caught:
        keras_inits.search(given.pop("build"), given.pop("data"), given.pop("space"), **given)
    for part in parts:
        assert part in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_build_of_a_notebook_is_refused(monkeypatch, tmp_path):
    class Main:
        build = searched.build

    build = type(searched.build)(searched.build.__code__, {}, "build")
    build.__module__ = "__main__"
    Main.build = staticmethod(build)
    monkeypatch.setitem(sys.modules, "__main__", Main)
    with pytest.raises(TypeError, match=r"notebook or at a prompt.*from program import build"):
        keras_inits.search(build, searched.data(), SPACE, output=tmp_path / "runs")
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"can be written.*output="):
        keras_inits.search(searched.build, searched.data(), SPACE, output=tmp_path / "file")


@pytest.mark.parametrize(("version", "found"), [(None, "found no optuna"), ("4.9.0", "found optuna 4.9.0")])
def test_optuna_is_asked_for(version, found, monkeypatch):
    fake = None if version is None else type(sys)("optuna")
    if fake is not None:
        fake.__version__ = version
    monkeypatch.setitem(sys.modules, "optuna", fake)
    with pytest.raises(ImportError, match=rf'{found}.*pip install "keras_inits\[search\]"'):
        keras_inits.search(searched.build, (np.ones(3),), SPACE)
