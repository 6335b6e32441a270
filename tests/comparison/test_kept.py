"""The folder of a comparison: what is damaged, cut or another's is told by name, and trained again."""

import errno
import functools
import json
import random
import shutil

import numpy as np
import pytest
import small
from traces import run_of

import keras_inits
from keras_inits import compare
from keras_inits.comparison import kept
from keras_inits.recording.files import whole

SETTINGS = {"seed": "0"}
FLIPS, CUTS = 1000, 150


@pytest.fixture
def folder(tmp_path):
    """A folder with one run."""
    run = run_of("healthy")
    kept.keep(run, SETTINGS, tmp_path)
    return run, tmp_path


def told(run, directory):
    """What is read, and what is said."""
    said = []
    return kept.load(run.cell, SETTINGS, directory, said.append), said


def test_a_run_comes_back_as_it_was(folder):
    run, directory = folder
    same, said = told(*folder)
    np.testing.assert_array_equal(same.trace.norms, run.trace.norms)
    assert (same.law, same.findings, same.layers, said) == (run.law, run.findings, run.layers, [])
    assert json.loads((directory / f"{run.cell.file_name}.json").read_bytes())["law"] == run.law


@pytest.mark.thorough
@pytest.mark.parametrize("suffix", ["json", "npz"])
def test_no_flipped_bit_and_no_cut_is_believed(folder, suffix):
    run, directory = folder
    file = directory / f"{run.cell.file_name}.{suffix}"
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
        (lambda table, rest: rest.write_bytes(kept._sealed(b"{}")), ".json"),
        (lambda table, rest: rest.write_bytes(kept._sealed(b"[1]")), ".json"),
        (lambda table, rest: (rest.unlink(), rest.mkdir()), ".json"),
        (lambda table, rest: (table.unlink(), table.mkdir()), ".npz"),
        (lambda table, rest: shutil.copy(table, rest), ".json"),
    ],
)
def test_what_is_no_run_is_told(folder, damage, name):
    run, directory = folder
    damage(directory / f"{run.cell.file_name}.npz", directory / f"{run.cell.file_name}.json")
    found, (sentence,) = told(*folder)
    assert found is None
    assert f"{run.cell.file_name}{name}" in sentence


def test_a_run_of_other_settings_and_none_at_all_are_not_told(folder):
    run, directory = folder
    assert kept.load(run.cell, {"seed": "1"}, directory, pytest.fail) is None
    assert kept.load(run.cell._replace(seed=9), SETTINGS, directory, pytest.fail) is None


def test_the_table_of_another_run_is_told(folder):
    run, directory = folder
    (directory / "other").mkdir()
    kept.keep(run_of("zero"), SETTINGS, directory / "other")
    shutil.copy(directory / "other" / f"{run.cell.file_name}.npz", directory)
    found, (sentence,) = told(*folder)
    assert found is None
    assert f"it is not the one of '{run.cell.file_name}.json'" in sentence


@pytest.mark.thorough
def test_compare_trains_again_what_is_damaged(tmp_path):
    again = functools.partial(compare, small.build, small.data(), ["he_normal"], epochs=1, output=tmp_path)
    first = again().runs[0]
    (tmp_path / "he_normal-0.npz").write_bytes((tmp_path / "he_normal-0.npz").read_bytes()[:-100])
    with pytest.warns(UserWarning, match=r"he_normal-0\.npz.* is trained again") as caught:
        second = again().runs[0]
    assert [one.filename for one in caught if "trained again" in str(one.message)] == [__file__]
    assert second.verdict == first.verdict == "healthy"
    again()  # any warning is an error


def test_a_run_that_cannot_be_written_is_told_and_written_with_the_next(tmp_path, monkeypatch):
    replace, calls = whole.replace, []

    def full(path, data):
        calls.append(path)
        if len(calls) == 2:  # the first run's .json
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(path, data)

    monkeypatch.setattr(whole, "replace", full)
    starts = {"zeros": keras_inits.Zeros(), "he": keras_inits.HeNormal()}
    with pytest.warns(UserWarning, match=r"'zeros' cannot be kept: .*No space left on device: '.*zeros-0\.json'"):
        comparison = compare(small.build, small.data(), starts, epochs=1, output=tmp_path)
    assert len(comparison.runs) == 2
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}-0.{x}" for name in starts for x in ("npz", "json")}


def test_a_file_in_the_place_of_the_directory(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(FileExistsError, match=r"expects a directory .* Choose another with output=: '.*runs'"):
        compare(small.build, small.data(), ["he_normal"], epochs=1, output=tmp_path / "runs")
