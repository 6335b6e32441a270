"""The command: its options, its errors word by word, the files it writes, and what Ctrl-C leaves."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time

import keras
import pytest
from support import BACKENDS
from typer.testing import CliRunner

import keras_inits
import keras_inits_cli as cli
from keras_inits import comparison
from keras_inits.comparison import command
from keras_inits.recording import GradientTrace
from keras_inits.runs import trainer

SMALL = ["--depth", "3", "--epochs", "1", "--initializer", "zeros", "--initializer", "he", "--activation", "tanh"]
# A shell that starts pytest in the background has it ignore Ctrl-C, and children inherit that.
COMMAND = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from keras_inits_cli import main; main()",
]
TIMEOUT = 300


def invoke(*arguments):
    return CliRunner().invoke(cli.application(), [str(argument) for argument in arguments])


def environment(**changes):
    return {**os.environ, "KERAS_BACKEND": keras.backend.backend(), **changes}


def in_words(text):
    return " ".join(text.split())


def test_the_names_are_those_of_the_comparison():
    assert tuple(comparison.STARTS) == cli.STARTS
    assert (command.REPORT_NAME, command.PLOT_NAME) == cli.FILES


def test_a_small_comparison(tmp_path):
    result = invoke("compare", *SMALL, "--output", tmp_path / "new" / "folder", "--backend", keras.backend.backend())
    assert result.exit_code == 0, result.output
    assert re.search(r"zeros .* 0 .* zero\b", result.output)
    assert re.search(r"he .* healthy\b", result.output)
    folder = tmp_path / "new" / "folder"
    assert {path.name for path in folder.iterdir() if "-0-" not in path.name} == {"gradient_norms.png", "report.html"}
    for start, word in (("zeros", "zero"), ("he", "healthy")):
        (table,), (rest,) = (list(folder.glob(f"tanh-{start}-0-*.{suffix}")) for suffix in ("npz", "json"))
        assert table.stem == rest.stem
        assert comparison.verdict(GradientTrace.load(table)) == word
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "--depth 3 --activation tanh --initializer zeros --initializer he" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--epochs", "0"],
            "'--epochs': received '0'; expected a whole number from 1 up. Choose one within these bounds",
        ),
        (["--epochs", "ten"], "'--epochs': received 'ten'; expected a whole number from 1 up. Write it in digits, for"),
        (
            ["--depth", "-3"],
            "'--depth': received '-3'; expected a whole number from 1 up. Choose one within these bounds",
        ),
        (
            ["--seed", "1.5"],
            "'--seed': received '1.5'; expected a whole number from 0 to 4294967295. Write it in digits",
        ),
        (
            ["--seed", "4294967296"],
            "'--seed': received '4294967296'; expected a whole number from 0 to 4294967295. Choose",
        ),
        (["--activation", "tan"], "'--activation': received 'tan'; expected one of tanh, relu. Did you mean tanh?"),
        (
            ["--initializer", "normal"],
            "expected one of zeros, normal-10, normal-0.01, uniform-0.05, lecun, glorot, he,",
        ),
        (["--initializer", "ortogonal"], "Did you mean orthogonal?"),
        (
            ["--backend", "tensorflo"],
            "received 'tensorflo'; expected one of tensorflow, jax, torch. Did you mean tensorflow?",
        ),
        (["--initializer", "HE"], "received 'HE'; expected one of zeros, normal-10,"),
        (["--initializer", "HE"], "Did you mean he?"),
        (["--initializer", "?"], "orthogonal. Choose one of these."),
        (["--output", __file__], "expected a directory that can be written (File exists). Choose another with"),
        (["--output", f"{__file__}/below"], "expected a directory that can be written (Not a directory). Choose"),
        (["--output", "x" * 300], "expected a directory that can be written (File name too long). Choose another"),
        (["--output", ""], "received ''; expected the name of a directory. Leave --output out for keras-inits-report."),
        (["--widht", "3"], "No such option: --widht"),
    ],
)
def test_a_bad_option_is_refused_before_anything_is_trained(arguments, message, monkeypatch):
    monkeypatch.setattr(command, "Command", None)
    result = invoke("compare", *arguments)
    assert result.exit_code == 2
    assert message in in_words(result.output)


def test_a_folder_in_the_place_of_the_report_is_seen_before_anything_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "Command", None)
    (tmp_path / "report.html").mkdir()
    result = invoke("compare", "--output", tmp_path)
    assert result.exit_code == 2
    assert "expected a directory that has no folder report.html. Choose another" in in_words(result.output)


@pytest.mark.parametrize("backend", ["numpy", "theano"])
def test_a_backend_of_the_environment_that_is_not_supported(backend, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    result = invoke("compare")
    assert result.exit_code == 2
    assert f"received '{backend}'; expected one of tensorflow, jax, torch." in in_words(result.output)


def test_a_backend_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda name: None)
    result = invoke("compare", "--backend", "jax")
    assert result.exit_code == 2
    assert (
        "'--backend': received 'jax'; expected a backend that is installed. "
        'Install it: pip install "keras_inits[jax]"' in in_words(result.output)
    )


def test_the_backend_that_keras_finds_by_itself_is_not_installed(tmp_path, monkeypatch):
    def missing(seed):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr("keras_inits.comparison.command.load_digits", missing)
    result = invoke("compare", *SMALL, "--output", tmp_path)
    assert result.exit_code == 2
    assert (
        "Keras wants the backend torch, which is not installed; expected an installed one. "
        'Install it: pip install "keras_inits[torch]"; or name another with --backend.' in in_words(result.stderr)
    )


def test_a_missing_extra_is_one_line(monkeypatch):
    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda name: None if name in ("typer", "rich") else name)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 'keras-inits needs rich, typer, not installed here: pip install "keras_inits[report]"'


def test_version_and_help():
    assert invoke("--version").output == f"keras-inits {keras_inits.__version__}\n"
    text = in_words(invoke("compare", "--help").output)
    for option in ("backend", "epochs", "seed", "initializer", "activation", "depth", "output"):
        assert f"--{option}" in text


def test_help_and_bad_options_import_no_keras():
    code = "import sys; from keras_inits_cli import main; sys.argv[1:] = {}; "
    code += "exec('try: main()\\nexcept SystemExit: pass'); print('keras' in sys.modules)"
    for arguments in (["--help"], ["compare", "--help"], ["compare", "--epochs", "0"]):
        command = [sys.executable, "-c", code.format(arguments)]
        result = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
        assert result.stdout.splitlines()[-1] == "False"


@pytest.mark.thorough
@pytest.mark.any_backend
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_backend_of_the_option_is_the_one_that_runs(backend, tmp_path):
    arguments = ["compare", *SMALL, "--backend", backend, "--output", str(tmp_path)]
    result = subprocess.run(
        [*COMMAND, *arguments], env=environment(), capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    assert f"keras-inits compare --backend {backend} " in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.thorough
def test_ctrl_c_keeps_the_finished_runs(tmp_path):
    arguments = ["compare", "--depth", "10", "--epochs", "3", "--output", str(tmp_path)]
    process = subprocess.Popen(
        [*COMMAND, *arguments], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + TIMEOUT
    while len(list(tmp_path.glob("*.npz"))) < 1 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == cli.INTERRUPTED, errors
    assert "Traceback" not in errors
    finished = int(re.search(r"the (\d+) finished of 16 runs are kept; the same command goes on", errors).group(1))
    assert 1 <= finished < 16
    assert len(list(tmp_path.glob("*.npz"))) == finished
    assert "zeros" in output
    assert f"the {finished} finished of 16 planned runs" in in_words(
        (tmp_path / "report.html").read_text(encoding="utf-8")
    )
    assert (tmp_path / "gradient_norms.png").stat().st_size > 0


class Dropping:
    """Python drops what is raised while this is let go."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_is_not_lost_where_python_drops_it(tmp_path, monkeypatch):
    """As in a callback of the garbage collector: nothing is printed of it, and the next end of an epoch raises it."""
    train = trainer.train

    def dropping(*arguments, **options):
        Dropping()
        return train(*arguments, **options)

    monkeypatch.setattr(trainer, "train", dropping)
    before = signal.getsignal(signal.SIGINT), sys.unraisablehook
    result = invoke("compare", *SMALL, "--output", tmp_path)
    assert result.exit_code == cli.INTERRUPTED
    assert "Exception ignored" not in result.output
    assert (signal.getsignal(signal.SIGINT), sys.unraisablehook) == before


@pytest.mark.parametrize("error", [None, ImportError("initialization failed")])
def test_ctrl_c_is_not_lost_before_training(tmp_path, monkeypatch, error):
    """While modules are imported, where it is dropped, or comes out as something else."""

    def dropping(seed):
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        if error is not None:
            raise error

    monkeypatch.setattr(command, "load_digits", dropping)
    result = invoke("compare", *SMALL, "--output", tmp_path)
    assert result.exit_code == cli.INTERRUPTED
    assert "Interrupted before the first run was finished" in result.stderr


def test_ctrl_c_waits_for_the_report(tmp_path, monkeypatch):
    show = command.Command.show

    def interrupted(self):
        signal.raise_signal(signal.SIGINT)
        show(self)

    monkeypatch.setattr(command.Command, "show", interrupted)
    result = invoke("compare", *SMALL, "--output", tmp_path)
    assert result.exit_code == cli.INTERRUPTED
    assert "Interrupted: the 2 finished of 2 runs are kept; the same command goes on from there." in result.stderr
    assert (tmp_path / "report.html").stat().st_size > 0


def test_ctrl_c_before_the_first_run(tmp_path, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("keras_inits.runs.trainer.train", interrupted)
    result = invoke("compare", *SMALL, "--output", tmp_path)
    assert result.exit_code == cli.INTERRUPTED
    assert "Interrupted before the first run was finished; there is nothing to report." in result.stderr
    assert list(tmp_path.iterdir()) == []
