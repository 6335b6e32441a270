"""A fault of ours in the diagnosis of one start ends neither its run nor the comparison, and is said everywhere."""

import keras
import pytest
from helpers import small
from typer.testing import CliRunner

from keras_inits import compare
from keras_inits.comparison.report import render_report
from keras_inits.faults import InternalError
from keras_inits.runs import trainer
from keras_inits_cli.application import application
from keras_inits_cli.outcome import FAILED


def in_words(text):
    return " ".join(text.split())


def failing(monkeypatch, times=1):
    """The first diagnoses fail as if in a step of our own."""
    diagnose = trainer.diagnose
    left = [InternalError("while it looked", ZeroDivisionError("broken <on purpose>"))] * times

    def broken(*arguments, **options):
        if left:
            raise left.pop()
        return diagnose(*arguments, **options)

    monkeypatch.setattr(trainer, "diagnose", broken)


@pytest.mark.thorough
def test_the_other_runs_are_kept_and_the_fault_is_named(monkeypatch, tmp_path):
    failing(monkeypatch)
    comparison = compare(small.build, small.data(), ["he_normal", "zeros"], epochs=1, output=tmp_path)
    bad, good = comparison.runs
    assert (len(bad.trace), bad.gradients, bad.layers, bad.findings) == (len(good.trace), "healthy", (), ())
    assert {one.reason for one in bad.unseen} == {"keras_inits failed as it looked at the model"}
    assert [finding.kind for finding in good.findings] == ["symmetric_units"]
    said = "he_normal, seed 0: keras_inits failed while it looked, with ZeroDivisionError: broken <on purpose>."
    assert len(comparison.faults) == 1
    assert said in in_words(str(comparison))
    assert "healthy, not diagnosed" in str(comparison)
    assert max(map(len, str(comparison).split("\n"))) <= 100
    table = comparison.to_dataframe()
    assert "This is a fault of keras_inits" in table["fault"][0]
    assert table["fault"].isna().tolist() == [False, True]
    page = render_report(comparison)
    assert said.replace("<on purpose>", "&lt;on purpose&gt;") in page
    assert page.count("Not diagnosed: keras_inits failed.") == 1
    assert {path.name.partition("-0-")[0] for path in tmp_path.iterdir()} == {"zeros"}
    again = compare(small.build, small.data(), ["he_normal", "zeros"], epochs=1, output=tmp_path)
    assert again.faults == ()
    assert len(again.runs[0].layers) == len(good.layers)


@pytest.mark.thorough
def test_the_command_shows_all_runs_and_ends_with_the_status_of_our_fault(monkeypatch, tmp_path):
    failing(monkeypatch)
    options = ["--depth", "3", "--epochs", "1", "--initializer", "zeros", "--initializer", "he", "--activation", "tanh"]
    options += ["--output", str(tmp_path), "--backend", keras.backend.backend()]
    result = CliRunner().invoke(application, ["compare", *options])
    assert result.exit_code == FAILED == 3
    text = in_words(result.output)
    assert "tanh from zeros, seed 0: keras_inits failed while it looked" in text
    assert "zero, not diagnosed" in text
    assert (tmp_path / "report.html").exists()
