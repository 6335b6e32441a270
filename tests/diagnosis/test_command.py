"""The command `keras-inits diagnose`: what it prints, and its exit status."""

import contextlib
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers
from typer.testing import CliRunner

import keras_inits
from keras_inits_cli.application import application
from keras_inits_cli.quiet import without_log_lines


@pytest.fixture
def files(tmp_path):
    """A good model, a bad one, and a batch."""
    for name, law in (("good", "auto"), ("bad", keras_inits.Normal(1e-3))):
        hidden = [layers.Dense(32, "relu", name=f"hidden_{number}") for number in range(4)]
        model = keras.Sequential([keras.Input((16,)), *hidden, layers.Dense(1, name="head")])
        keras_inits.initialize(model, law, seed=0)
        model.compile("sgd", "mse")
        model.save(tmp_path / f"{name}.keras")
    random = np.random.default_rng(0)
    np.savez(tmp_path / "batch.npz", x=random.standard_normal((64, 16)), y=random.standard_normal((64, 1)))
    (tmp_path / "text.keras").write_text("no model")
    return tmp_path


def invoke(*arguments):
    return CliRunner().invoke(application, ["diagnose", *map(str, arguments)], env={"COLUMNS": "300"})


def test_a_good_model_has_the_status_0(files):
    result = invoke(files / "good.keras", "--data", files / "batch.npz")
    assert result.exit_code == 0, result.output
    assert "no findings" in result.output
    assert "gradients of: mse" in result.output


def test_a_bad_one_has_the_status_1_and_its_remedy(files):
    result = invoke(files / "bad.keras", "--shape", "16", "--backend", keras.backend.backend())
    assert result.exit_code == 1, result.output
    assert "vanishing_signal: " in result.output
    assert '(hidden_\\d+|head)/kernel$", keras_inits.Orthogonal(gain=1.414213562373)),' in result.output
    assert "a random projection" in result.output


@keras.saving.register_keras_serializable("keras_inits_tests")
class Spare(layers.Layer):
    """A layer that does not call what it holds."""

    def build(self, shape):
        self.inner = layers.Dense(4, name="inner")
        self.inner.build(shape)

    def call(self, inputs):
        return inputs


def test_one_that_is_not_seen_as_a_whole_has_the_status_4(tmp_path):
    model = keras.Sequential([keras.Input((16,)), Spare(name="outer"), layers.Dense(1, name="head")])
    keras_inits.initialize(model, seed=0)
    model.save(tmp_path / "spare.keras")
    result = invoke(tmp_path / "spare.keras", "--shape", "16")
    assert result.exit_code == 4, result.output
    assert "no findings in what was looked at" in result.output
    assert "outer/inner (Dense): the batch does not reach it" in result.output


def test_a_fault_of_ours_has_the_status_3_and_says_so(files, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("broken on purpose")

    monkeypatch.setattr("keras_inits.diagnosis.probes.output_axis", broken)
    result = invoke(files / "good.keras", "--shape", "16")
    assert result.exit_code == 3, result.output
    assert "This is a fault of keras_inits" in result.output


@pytest.mark.thorough
def test_a_process_of_its_own_prints_one_line_whatever_its_backend_logs(files):
    environment = {**os.environ, "KERAS_BACKEND": keras.backend.backend()}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    command = [sys.executable, "-m", "keras_inits_cli", "diagnose", "text.keras", "--shape", "16"]
    found = subprocess.run(command, cwd=files, env=environment, capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (3, "")
    assert found.stderr.startswith("received 'text.keras', which keras.models.load_model cannot open")
    assert found.stderr.count("\n") == 1


@pytest.mark.thorough
def test_a_terminal_is_told_of_the_start():
    shown, terminal = os.openpty()
    command = [sys.executable, "-m", "keras_inits_cli", "diagnose", __file__, "--shape", "16"]
    environment = {**os.environ, "KERAS_BACKEND": keras.backend.backend()}
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=terminal, check=False)
    os.close(terminal)
    with open(shown, "rb", buffering=0) as lines:
        assert lines.read(1000).startswith(b"Starting Keras and its backend ...\r\n")


def test_complaints_of_a_library_are_shown_where_an_import_fails(capfd):
    for error in (ValueError, ImportError):
        with contextlib.suppress(error), without_log_lines():
            os.write(2, b"I0000 of the machine\nW0000 of a driver\nof a user\n")
            raise error
    assert capfd.readouterr().err == "of a user\nW0000 of a driver\nof a user\n"


def test_findings_picture_and_repaired_model_in_files(files, monkeypatch):
    monkeypatch.chdir(files)
    outputs = ["--report", "out.html", "--json", "out.json", "--plot", "out.png", "--repair", "out.keras"]
    result = invoke("bad.keras", "--data", "batch.npz", *outputs)
    assert result.exit_code == 1, result.output
    found = json.loads((files / "out.json").read_text())
    assert found["findings"][0]["kind"] == "vanishing_signal"
    assert "keras_inits.initialize(" in found["findings"][0]["remedy"]["code"]
    assert [row["name"] for row in found["layers"]] == [*(f"hidden_{number}" for number in range(4)), "head"]
    page = (files / "out.html").read_text(encoding="utf-8")
    assert found["findings"][0]["remedy"]["code"].splitlines()[0] in page.replace("&#39;", "'")
    assert (files / "out.png").read_bytes().startswith(b"\x89PNG")
    assert result.output.endswith("Written: out.html, out.json, out.png, out.keras\n")
    repaired = invoke("out.keras", "--data", "batch.npz", "--repair", "again.keras")
    assert "vanishing_signal" not in repaired.output
    assert "No weights to repair: the model is written as it was.\n" in repaired.output


LAYER = """
import keras

@keras.saving.register_keras_serializable("own_layers")
class Doubled(keras.layers.Layer):
    def call(self, inputs):
        return inputs * 2
"""


@pytest.mark.thorough
def test_a_module_with_custom_objects(tmp_path, monkeypatch):
    """The model is saved by another process, so that this one does not know the class."""
    (tmp_path / "layers_of_ones_own.py").write_text(LAYER)
    code = "import keras, layers_of_ones_own as own; m = keras.Sequential([keras.Input((4,)), own.Doubled(), "
    code += "keras.layers.Dense(1)]); m.save('own.keras')"
    environment = {**os.environ, "KERAS_BACKEND": keras.backend.backend()}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, capture_output=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    without = invoke("own.keras", "--shape", "4")
    assert without.exit_code == 3, without.output
    assert without.output.count("\n") == 1
    found = invoke("own.keras", "--shape", "4", "--import", "layers_of_ones_own")
    assert found.exit_code in (0, 1), found.output
