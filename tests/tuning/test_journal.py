"""The journal: mended where a search was killed, and written by one search at a time."""

import os
import time

import optuna
import pytest

from keras_inits.tuning import journal as module
from keras_inits.tuning.journal import journal
from keras_inits.tuning.study import quiet

pytestmark = pytest.mark.any_backend


def trials_in(path):
    with quiet(), journal(path) as storage:
        return optuna.create_study(study_name="a", storage=storage, load_if_exists=True).trials


def add_trial(path, value):
    with quiet(), journal(path) as storage:
        study = optuna.create_study(study_name="a", storage=storage, load_if_exists=True)
        study.add_trial(optuna.trial.create_trial(value=value))


@pytest.mark.parametrize("torn", [b'{"op_code":4,"worker_id":"z","study_', b"x" * 10_000])
def test_a_last_line_without_an_end_is_cut_off(tmp_path, torn):
    path = tmp_path / "search.journal"
    add_trial(path, 1.0)
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    add_trial(path, 2.0)  # behind the torn line no reader could go on
    assert [trial.value for trial in trials_in(path)] == [1.0, 2.0]
    assert path.read_bytes().startswith(whole)
    assert torn not in path.read_bytes()


def test_a_file_of_one_torn_line_is_empty_again(tmp_path):
    path = tmp_path / "search.journal"
    path.write_bytes(b'{"op_')
    assert trials_in(path) == []


def test_a_lock_that_a_killed_search_left_is_released(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SECONDS_OF_A_WRITE", 0.2)
    path = tmp_path / "search.journal"
    (tmp_path / "search.journal.lock").touch()
    begin = time.monotonic()
    add_trial(path, 1.0)
    assert time.monotonic() - begin < 3
    assert len(trials_in(path)) == 1


def test_a_relative_path_is_made_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    add_trial(module.Path("deep/runs/search.journal"), 1.0)
    assert (tmp_path / "deep/runs/search.journal").exists()


def test_a_journal_that_another_search_writes_is_refused(tmp_path):
    path = tmp_path / "search.journal"
    lock = tmp_path / ".search.journal.lock"
    lock.write_text(f"{os.uname().nodename} {os.getppid()}")
    with (
        pytest.raises(RuntimeError, match=r"Another search writes .*search\.journal.*Wait for it.*output="),
        journal(path),
    ):
        pass
    lock.write_text("")
    with journal(path):
        assert lock.exists()
    assert not lock.exists()


def test_a_journal_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(OSError, match=r"journal that can be written.*storage="),
        journal(tmp_path / "file" / "a.journal"),
    ):
        pass
