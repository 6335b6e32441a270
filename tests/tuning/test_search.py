"""A search with models that train, in processes of their own."""

import math
import os
import signal
import subprocess
import sys
import time

import optuna
import pytest
from helpers import searched
from helpers.processes import TESTS, has_ended

import keras_inits
from keras_inits import Normal, Orthogonal
from keras_inits.tuning import choice, log
from keras_inits.tuning.study import NAME, quiet, storage_at

STARTS = {"orthogonal": Orthogonal(), "small": Normal(0.001)}
FIT = {"epochs": 2, "batch_size": 8, "verbose": 0, "validation_data": searched.data(32)}


def search(space, **options):
    return keras_inits.search(options.pop("build", searched.build), searched.data(), space, **{**FIT, **options})


def test_a_search_finds_the_better_start_and_goes_on_where_it_was(tmp_path):
    space = {"start": choice(**STARTS)}
    found = search(space, sampler="grid", trials=2, workers=2, output=tmp_path, seeds=2)
    assert found.best.params == {"start": "orthogonal"}
    assert found.best.code == "kernel_initializer=keras_inits.Orthogonal()"
    assert isinstance(found.best.values["start"], Orthogonal)
    assert math.isfinite(found.best.objective)
    least, largest = sorted(found.best.of_seeds)
    assert found.best.objective == pytest.approx((least + largest) / 2)
    row = found.to_dataframe().set_index("trial").loc[found.best.number]
    assert (row["least"], row["largest"]) == (least, largest)
    assert f"{found.best.objective:.4g} ({least:.4g} to {largest:.4g})" in repr(found)
    small = next(trial for trial in found.study.trials if trial.params["start"] == "small")
    assert small.user_attrs["finding"] == "vanishing"
    assert small.user_attrs["layer"].startswith("dense")
    assert small.user_attrs["step"] == 0
    assert small.constraints["gradient"] > 1
    assert small.value == pytest.approx(math.log(4), abs=0.1)  # of guessing one of four classes
    assert "kernel_initializer=keras_inits.Orthogonal()" in str(found)
    assert len(found.best.runs) == 2
    assert all((tmp_path / f"{run}.npz").exists() for run in found.best.runs)
    assert not list(tmp_path.glob("*small*"))  # a run that ended early is no run of these settings

    again = search(space, sampler="grid", trials=2, output=tmp_path, seeds=2)
    assert len(again.study.trials) == 2  # nothing was run
    assert again.best.objective == found.best.objective
    with pytest.raises(ValueError, match=r"space\['start'\] is .*0\.002.*, and was .*0\.001.*output="):
        search({"start": choice(**{**STARTS, "small": Normal(0.002)})}, sampler="grid", output=tmp_path, seeds=2)
    with pytest.raises(ValueError, match=r"build is another one, by its values or its code"):
        search(space, build=searched.build_unread, sampler="grid", output=tmp_path, seeds=2)
    with pytest.raises(ValueError, match=r"data or arguments of fit is another one"):
        search(space, sampler="grid", output=tmp_path, seeds=2, batch_size=16)


@pytest.mark.thorough
def test_a_run_of_compare_is_found_and_one_of_a_search_by_compare(tmp_path):
    def build(start):
        return searched.build({"start": start})

    options = {**FIT, "output": tmp_path}
    keras_inits.compare(build, searched.data(), STARTS, **options)
    space = {"start": choice(**STARTS, he=keras_inits.HeNormal())}
    found = search(space, sampler="grid", output=tmp_path)
    outcomes = {t.params["start"]: (t.user_attrs.get("found"), t.user_attrs.get("finding")) for t in found.study.trials}
    assert outcomes == {"orthogonal": (1, None), "he": (0, None), "small": (None, "vanishing")}  # as if it were trained
    assert all((tmp_path / f"{run}.npz").exists() for run in found.best.runs)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")}
    keras_inits.compare(build, searched.data(), {"he": keras_inits.HeNormal()}, **options)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")} == before


@pytest.mark.thorough
def test_an_objective_that_is_not_finite_never_becomes_the_best():
    """Without the gradients ending it: of adam at this rate the loss is soon no number, or larger than guessing's."""
    space = {"start": choice(**STARTS), "learning_rate": choice([0.01, 1e38])}
    found = search(space, sampler="grid", prune=False, objective="loss")
    diverged = [trial for trial in found.study.trials if trial.params["learning_rate"] > 1]
    assert {trial.user_attrs["finding"] for trial in diverged} == {"nonfinite"}
    assert all(math.isfinite(trial.value) and trial.constraints["gradient"] > 0 for trial in diverged)
    assert found.best.params["learning_rate"] == 0.01


@pytest.mark.thorough
def test_an_accuracy_is_maximised_and_that_of_guessing_told():
    found = search({"start": choice(**STARTS)}, sampler="grid", objective="val_accuracy")
    small = next(trial for trial in found.study.trials if trial.params["start"] == "small")
    assert 0.2 < small.value < 0.5
    assert found.best.params["start"] == "orthogonal"


@pytest.mark.thorough
def test_an_objective_that_no_run_reports_is_told_with_those_there_are(tmp_path):
    with pytest.raises(ValueError, match=r"'val_auc'.*'accuracy', 'loss', 'val_accuracy', 'val_loss'"):
        search({"start": choice(**STARTS)}, trials=2, objective="val_auc", output=tmp_path)
    search({"start": choice(**STARTS)}, trials=1, objective="val_accuracy", output=tmp_path)  # nothing is in the way


@pytest.mark.thorough
def test_an_exception_of_build_is_told_with_its_traceback(tmp_path):
    with pytest.raises(RuntimeError, match=r"LookupError: no such start as") as caught:
        search({"start": choice(**STARTS)}, trials=1, build=searched.build_nothing, output=tmp_path)
    assert "searched.py" in str(caught.value)


@pytest.mark.thorough
def test_names_that_build_does_not_read_are_warned_of():
    with pytest.warns(UserWarning, match=r"does not read 'learning_rate', 'start'") as told:
        search({"start": choice(**STARTS), "learning_rate": log(1e-3, 1e-2)}, trials=1, build=searched.build_unread)
    assert [one.filename for one in told] == [__file__]


@pytest.mark.thorough
def test_a_process_that_is_killed_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setenv("SEARCHED", str(tmp_path))
    space = {"start": choice(["a", "b"])}
    found = search(space, sampler="grid", workers=2, build=searched.build_killed_once, output=tmp_path / "runs")
    assert sorted(found.to_dataframe()["state"]) == ["complete", "complete", "failed", "failed"]
    assert {trial.user_attrs.get("error") for trial in found.study.trials} == {None, "its process was killed (SIGKILL)"}


PROGRAM = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell that starts pytest in the background ignores
sys.path.insert(0, {tests!r})
from helpers import searched
import keras_inits
from keras_inits.tuning import choice

if __name__ == "__main__":
    space = {{"start": choice([1, 2, 3, 4])}}
    found = keras_inits.search(
        searched.build_slowly, searched.data(), space, sampler="grid", workers=2, output="runs", epochs=1,
        validation_data=searched.data(32),
    )
    print(found)
"""


def start_program(folder, seconds, **options):
    environment = {**os.environ, "SEARCHED": str(folder), "SEARCHED_SECONDS": str(seconds)}
    (folder / "program.py").write_text(PROGRAM.format(tests=str(TESTS)))
    return subprocess.Popen([sys.executable, "program.py"], cwd=folder, env=environment, text=True, **options)


def wait_for_processes(folder, count):
    """The numbers of processes that began to build, when there are so many."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        began = sorted(folder.glob("*.began"))
        if len(began) >= count:
            return [int(path.stem) for path in began]
        time.sleep(0.1)
    raise AssertionError("the processes do not begin")


def assert_they_end(processes):
    end = time.monotonic() + 10
    while not all(map(has_ended, processes)):
        assert time.monotonic() < end, "processes outlive the search"
        time.sleep(0.1)


@pytest.mark.thorough
@pytest.mark.parametrize("end", ["kill -9", "Ctrl-C"])
def test_a_search_that_is_ended_goes_on(tmp_path, end):
    """By a kill in mid-trial, with a torn line behind; or by Ctrl-C, which a terminal sends to all its processes."""
    first = start_program(tmp_path, 100, stderr=subprocess.PIPE, start_new_session=True)
    processes = wait_for_processes(tmp_path, 2)
    if end == "kill -9":
        first.kill()
        first.communicate()
        with open(tmp_path / "runs" / "search.journal", "ab") as journal:
            journal.write(b'{"op_code":4,"worker_id":"z","study_')
    else:
        os.killpg(first.pid, signal.SIGINT)
        begin = time.monotonic()
        _, errors = first.communicate(timeout=20)
        assert time.monotonic() - begin < 10
        assert errors.count("KeyboardInterrupt") == 1  # of the search alone
    assert_they_end(processes)

    second = start_program(tmp_path, 0, stdout=subprocess.PIPE)
    printed, _ = second.communicate(timeout=200)
    assert second.returncode == 0
    assert "Best: " in printed
    with quiet(), storage_at(tmp_path / "runs" / "search.journal") as storage:
        trials = optuna.load_study(study_name=NAME, storage=storage).trials
    complete = [trial.params["start"] for trial in trials if trial.state.name == "COMPLETE"]
    assert sorted(complete) == [1, 2, 3, 4]
    assert sorted(trial.state.name for trial in trials) == ["COMPLETE"] * 4 + ["FAIL"] * 2


@pytest.mark.thorough
def test_a_call_without_a_guard_says_what_to_do(tmp_path):
    (tmp_path / "program.py").write_text(
        PROGRAM.format(tests=str(TESTS)).replace('if __name__ == "__main__":', "if True:")
    )
    result = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.count("`if __name__ == '__main__':`") >= 2  # of the process, and of the search
    assert "ended before it began: its process ended with the exit status 1" in result.stderr
