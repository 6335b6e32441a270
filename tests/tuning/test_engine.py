"""The engine: which trials run, how often, and what is told of each. Its processes train nothing."""

import functools
import logging
import math
import os
import pickle
import signal
import threading

import optuna
import pytest
from helpers import carried
from helpers.processes import has_ended
from optuna.trial import TrialState
from rich.console import Console

from keras_inits import HeNormal, Normal
from keras_inits.runs.task import Training
from keras_inits.tuning import choice, integers, log, steps_to
from keras_inits.tuning.loop import BuildError
from keras_inits.tuning.objectives import objective_of
from keras_inits.tuning.results import Begun, Complete, Crashed, Failed, Pruned, Refused
from keras_inits.tuning.session import Session
from keras_inits.tuning.space import space_of
from keras_inits.tuning.study import NAME, quiet, random_points, storage_at, study_in
from keras_inits.tuning.trials import CELL, RETRY_OF, Trials
from keras_inits.tuning.work import Work

pytestmark = pytest.mark.any_backend

COMPLETE = Complete((3.0, 1.0, 2.0), 0.0, {"gradients": "healthy"})
PRUNED = Pruned("exploding", "dense_3", 0, "the norm is 1e30", 4.5, 1.386)
TOLD = {"complete": COMPLETE, "pruned": PRUNED, "failed": Failed("LookupError: no such start", "Traceback ...")}
TOLD["refused"] = Refused(ValueError("no run reports it"))


class Search:
    """A search whose processes tell what the dimension `does` says."""

    def __init__(self, folder, dimensions, carry=carried.carry, objective="val_loss", told=TOLD):
        self.folder, self.carry, self.told = folder, carry, told
        self.space = space_of(dimensions)
        work = Work(print, Training((), 1), self.space, objective_of(objective), (0,), True, None)
        self.warned = []
        self.make = functools.partial(Session, work, console=Console(quiet=True), warn=self.warned.append)

    def run(self, sampler="grid", budget=40, workers=1, settings=()):
        cells = self.space.cells(budget) if sampler == "grid" else None
        session = self.make(sampler=sampler, cells=cells, budget=budget, workers=workers, carry=self.carry)
        values = {name: pickle.dumps(one) for name, one in {"begun": Begun(), **self.told}.items()}
        file = pickle.dumps({**values, "log": str(self.folder / "log")})
        return session.search(self.folder / "search.journal", dict(settings), file)

    @property
    def began(self):
        """The values of x, in the order in which processes began."""
        return [int(line.split()[0]) for line in (self.folder / "log").read_text().splitlines()]

    @property
    def running(self):
        """The processes that still run."""
        processes = [int(line.split()[1]) for line in (self.folder / "log").read_text().splitlines()]
        return [process for process in processes if not has_ended(process)]


def test_each_point_of_a_grid_runs_exactly_once_with_four_workers(tmp_path):
    search = Search(tmp_path, {"x": integers(0, 39)})
    found = search.run(workers=4)
    assert sorted(search.began) == list(range(40))
    assert len(found.study.trials) == 40
    assert {trial.state for trial in found.study.trials} == {TrialState.COMPLETE}
    assert {trial.value for trial in found.study.trials} == {2.0}  # the median
    search.run(workers=4)
    assert len(search.began) == 40


@pytest.mark.parametrize("sampler", ["random", "bayes"])
def test_there_are_never_more_trials_than_asked(tmp_path, sampler):
    search = Search(tmp_path, {"x": integers(0, 1000)})
    assert len(search.run(sampler, 5, 3).study.trials) == 5
    assert len(search.run(sampler, 5, 2).study.trials) == 5
    found = search.run(sampler, 8, 2)
    assert len(found.study.trials) == len(search.began) == 8
    assert len(set(search.began)) == 8  # a search that goes on draws no point again


def test_the_set_of_random_points_is_the_same_for_any_number_of_workers(tmp_path):
    points = []
    for workers in (1, 3):
        folder = tmp_path / str(workers)
        folder.mkdir()
        search = Search(folder, {"x": integers(0, 10**6), "rate": log(1e-4, 1.0)})
        points.append({(t.params["x"], t.params["rate"]) for t in search.run("random", 6, workers).study.trials})
    assert points[0] == points[1]
    assert len(points[0]) == 6


def test_a_killed_process_is_tried_again_twice_at_most(tmp_path):
    search = Search(tmp_path, {"x": integers(0, 1), "does": choice(["killed", "complete"])})
    found = search.run(workers=2)
    assert sorted(search.began) == [0, 0, 0, 0, 1, 1, 1, 1]
    killed = [trial for trial in found.study.trials if trial.state == TrialState.FAIL]
    assert len(killed) == 6
    assert {trial.user_attrs["error"] for trial in killed} == {"its process was killed (SIGKILL)"}
    first = [trial.number for trial in killed if RETRY_OF not in trial.user_attrs]
    assert len(first) == 2  # of the budget, each point counts once
    assert "failed: its process was killed (SIGKILL)" in str(found)


def test_an_exception_is_not_tried_again_and_is_told(tmp_path):
    search = Search(tmp_path, {"x": integers(0, 1), "does": choice(["complete", "failed"])})
    found = search.run()
    assert len(found.study.trials) == 4
    failed = [trial for trial in found.study.trials if trial.state == TrialState.FAIL]
    assert len(failed) == 2
    assert "failed: LookupError: no such start" in str(found)
    assert found.to_dataframe()["state"].tolist() == ["complete", "failed"] * 2


def test_a_search_whose_first_trials_all_raise_ends_and_leaves_no_study(tmp_path):
    search = Search(tmp_path, {"x": integers(0, 39)}, told={"complete": TOLD["failed"]})
    with pytest.raises(BuildError, match=r"LookupError: no such start.*Call build"):
        search.run()
    assert len(search.began) == 3
    with quiet(), storage_at(tmp_path / "search.journal") as storage:
        assert optuna.get_all_study_names(storage) == []


def test_an_objective_that_no_run_reports_ends_the_search(tmp_path):
    search = Search(tmp_path, {"x": integers(0, 39)}, told={"complete": TOLD["refused"]})
    with pytest.raises(ValueError, match="no run reports it"):
        search.run(settings={"objective": "val_los"})
    assert len(search.began) == 1
    search.told = TOLD
    search.run(budget=40, settings={"objective": "val_loss"})  # no trace of the first is in the way


def test_a_process_that_cannot_import_the_program_ends_the_search(tmp_path):
    search = Search(tmp_path, {"x": integers(0, 39)}, carry=carried.ends_early)
    with pytest.raises(RuntimeError, match=r"exit status 1.*__name__ == '__main__'"):
        search.run()


def test_a_pruned_point_is_infeasible_with_the_objective_of_guessing(tmp_path):
    search = Search(tmp_path, {"x": integers(0, 1), "does": choice(["pruned", "complete"])})
    found = search.run()
    pruned = found.study.trials[0]
    assert pruned.state == TrialState.COMPLETE  # the state that all samplers learn from
    assert pruned.value == 1.386
    assert pruned.constraints == {"gradient": 4.5}
    assert (pruned.user_attrs["finding"], pruned.user_attrs["layer"], pruned.user_attrs["step"]) == (
        "exploding",
        "dense_3",
        0,
    )
    assert found.study.trials[1].constraints == {"gradient": 0.0}
    assert found.best.params["does"] == "complete"  # though guessing has the smaller loss
    assert found.best.objective == 2.0
    assert found.study.best_trial.number == found.best.number
    assert "pruned: exploding at step 0, layer dense_3" in str(found)


def test_the_objective_of_a_pruned_point_is_the_worst_where_guessing_is_not_known(tmp_path):
    unknown = Pruned("nonfinite", "", None, "the loss is nan", 38.0, None)
    told = {**TOLD, "pruned": unknown}
    for objective, worst in (("val_loss", 2.0), ("val_accuracy", 2.0)):
        folder = tmp_path / objective
        folder.mkdir()
        search = Search(
            folder, {"x": integers(0, 1), "does": choice(["complete", "pruned"])}, objective=objective, told=told
        )
        found = search.run()
        assert [trial.value for trial in found.study.trials] == [worst] * 4
        assert all(math.isfinite(trial.value) for trial in found.study.trials)
        assert found.best.params["does"] == "complete"


def test_without_a_feasible_trial_there_is_no_best(tmp_path):
    search = Search(tmp_path, {"x": integers(0, 1)}, told={"complete": PRUNED})
    found = search.run()
    assert found.best is None
    assert repr(found) == "<Found by a search: no trial of 40 came to its end with healthy gradients>"


def test_a_level_that_was_not_reached_is_infeasible(tmp_path):
    told = {"complete": Complete((60.0,), 0.5, {"gradients": "healthy"}), "pruned": PRUNED}
    search = Search(
        tmp_path,
        {"x": integers(0, 1), "does": choice(["complete", "pruned"])},
        objective=steps_to("val_loss", 0.3),
        told=told,
    )
    found = search.run()
    assert found.study.trials[0].constraints == {"gradient": 0.0, "level": 0.5}
    assert found.study.trials[1].constraints == {"gradient": 4.5, "level": 0.0}
    assert found.best is None
    assert found.to_dataframe()["state"].tolist() == ["not reached", "pruned"] * 2


@pytest.mark.parametrize("sampler", ["bayes", pytest.param("gp", marks=pytest.mark.needs("torch", "scipy"))])
def test_a_sampler_learns_from_infeasible_points(tmp_path, sampler):
    search = Search(tmp_path, {"x": integers(0, 99), "does": choice(["pruned", "complete"])})
    search.run(sampler, 24, 2)
    found = search.run(sampler, 30, 2)
    later = [trial.params["does"] for trial in found.study.trials[14:]]
    assert later.count("complete") > 0.7 * len(later)


def test_other_settings_on_one_storage_are_refused_with_what_differs(tmp_path):
    search = Search(tmp_path, {"x": integers(0, 1)})
    search.run(settings={"build": "1", "space['x']": "integers(0, 1)"})
    with pytest.raises(
        ValueError, match=r"build is 2, and was 1; space\['x'\] is log\(1, 2\), and was integers\(0, 1\)"
    ):
        search.run(settings={"build": "2", "space['x']": "log(1, 2)"})
    assert len(search.began) == 2


def test_what_was_in_flight_runs_again_and_nothing_else(tmp_path):
    """As a search leaves its study that was killed: in a trial, and between the two lines that enqueue it again."""
    search = Search(tmp_path, {"x": integers(0, 9)})
    with quiet(), storage_at(tmp_path / "search.journal") as storage:
        study = optuna.create_study(study_name=NAME, storage=storage)
        study.set_user_attr("settings", {})
        trials = Trials(study, search.space, 40)
        trials.enqueue(search.space.cells(40)[:4])
        study.tell(trials.next(False), 1.0)
        running = [trials.next(False), trials.next(False)]
        study.enqueue_trial({"x": 1}, {CELL: 1, RETRY_OF: running[0].number})
    found = search.run(workers=2)
    assert sorted(search.began) == list(range(1, 10))
    done = [trial for trial in found.study.trials if trial.state == TrialState.COMPLETE]
    assert sorted(trial.params["x"] for trial in done) == list(range(10))
    assert len(found.study.trials) == 12


def test_an_interrupted_search_ends_its_processes_and_goes_on(tmp_path):
    # A shell that starts pytest in the background has it ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        check_an_interrupted_search(tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)


def check_an_interrupted_search(tmp_path):
    search = Search(tmp_path, {"x": integers(0, 3), "does": choice(["sleeps", "complete"])})
    threading.Timer(3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        search.run(workers=2)
    assert 2 <= len(search.began) <= 8
    assert search.running == []
    with quiet(), storage_at(tmp_path / "search.journal") as storage:
        states = {trial.state.name for trial in optuna.load_study(study_name=NAME, storage=storage).trials}
    assert "RUNNING" not in states
    search.told = {**TOLD, "sleeps": COMPLETE}
    search.carry = carried.carry_awake
    found = search.run(workers=2)
    done = [trial for trial in found.study.trials if trial.state == TrialState.COMPLETE]
    points = [tuple(trial.params.items()) for trial in done]
    assert len(points) == len(set(points)) == 8


def test_names_that_build_does_not_read_are_told_once(tmp_path):
    told = {"complete": Complete((1.0,), 0.0, {"gradients": "healthy"}, ("start",))}
    search = Search(tmp_path, {"x": integers(0, 5), "start": choice(he=HeNormal(), small=Normal(0.01))}, told=told)
    search.run()
    assert len(search.warned) == 1
    assert "'start'" in search.warned[0]


def test_nothing_of_optuna_s_is_logged_and_its_verbosity_is_left(tmp_path):
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = logging.getLogger("optuna")
    logger.addHandler(handler)
    before = optuna.logging.get_verbosity()
    Search(tmp_path, {"x": integers(0, 1)}).run()
    logger.removeHandler(handler)
    assert optuna.logging.get_verbosity() == before
    assert records == []


def test_fewer_trials_than_an_earlier_call_enqueued_are_no_more_than_asked(tmp_path):
    search = Search(tmp_path, {"x": integers(0, 10**6)})
    with quiet(), storage_at(tmp_path / "search.journal") as storage:
        study = study_in(storage, objective_of("val_loss"), {}, "a file")
        Trials(study, search.space, 9).enqueue(random_points(search.space, 9, 0))
    assert len(search.run("random", 4).to_dataframe()) == len(search.began) == 4
    assert len(search.run("random", 9).to_dataframe()) == len(set(search.began)) == 9


def test_a_name_that_is_read_in_some_cases_alone_is_not_told(tmp_path):
    told = {
        "first": Complete((1.0,), 0.0, {"gradients": "healthy"}, ("x",)),
        "complete": Complete((1.0,), 0.0, {"gradients": "healthy"}),
    }
    search = Search(tmp_path, {"does": choice(["first", "complete"]), "x": integers(0, 3)}, told=told)
    search.run()
    assert search.warned == []


def test_a_search_that_goes_on_is_not_ended_by_its_next_exceptions(tmp_path):
    search = Search(tmp_path, {"x": integers(0, 10**6)})
    search.run("random", 2)
    search.told = {"complete": TOLD["failed"]}
    found = search.run("random", 6)
    assert found.to_dataframe()["state"].tolist() == ["complete"] * 2 + ["failed"] * 4


def test_a_study_with_pruned_trials_stays_when_a_later_call_fails(tmp_path):
    search = Search(tmp_path, {"x": integers(0, 10**6)}, told={"complete": PRUNED})
    search.run("random", 2)
    search.told = {"complete": TOLD["refused"]}
    with pytest.raises(ValueError, match="no run reports it"):
        search.run("random", 3)
    with quiet(), storage_at(tmp_path / "search.journal") as storage:
        assert optuna.get_all_study_names(storage) == [NAME]


def test_a_sampler_that_stops_its_study_ends_the_search(tmp_path):
    search = Search(tmp_path, {"x": integers(0, 3)})
    found = search.run(optuna.samplers.GridSampler({"x": [0, 1, 2, 3]}), 40)
    assert sorted(search.began) == [0, 1, 2, 3]
    assert found.best is not None


def test_what_is_found_needs_no_file(tmp_path):
    found = Search(tmp_path, {"x": integers(0, 3)}).run()
    (tmp_path / "search.journal").unlink()
    assert len(found.to_dataframe()) == 4
    assert found.best.objective == 2.0
    assert "4 running" not in str(found)


def test_dimensions_may_have_the_names_of_columns(tmp_path):
    names = ("trial", "state", "layer", "steps", "val_loss", "params")
    found = Search(tmp_path, {"x": integers(0, 1), **{name: choice([7, 8]) for name in names}}).run("random", 3)
    frame = found.to_dataframe()
    assert frame["trial"].tolist() == [0, 1, 2]
    assert set(frame["state"]) == {"complete"}
    assert set(frame["val_loss"]) == {2.0}
    assert all(set(frame[f"params_{name}"]) <= {7, 8} for name in names)
    assert "7" in str(found)


def test_want_of_memory_is_tried_again(tmp_path):
    told = {"complete": Crashed(1, True, "MemoryError: no room")}
    found = Search(tmp_path, {"x": integers(0, 1), "y": choice([1, 2])}, told=told).run("random", 1)
    assert found.to_dataframe()["error"].tolist() == ["MemoryError: no room"] * 3
