"""The command: its options, its errors word by word, the files it writes, and what Ctrl-C leaves."""

import contextlib
import errno
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from helpers.processes import BACKENDS
from typer.testing import CliRunner

import keras_inits
import keras_inits_cli as cli
from keras_inits import backends, comparison
from keras_inits.comparison import command
from keras_inits.recording import GradientTrace
from keras_inits.runs import trainer
from keras_inits_cli import options, outcome
from keras_inits_cli.application import application

SMALL = ["--depth", "3", "--epochs", "1", "--initializer", "zeros", "--initializer", "he", "--activation", "tanh"]
# A shell that starts pytest in the background has it ignore Ctrl-C, and children inherit that.
COMMAND = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from keras_inits_cli import main; main()",
]
TIMEOUT = 300


def invoke(*arguments):
    return CliRunner().invoke(application, [str(argument) for argument in arguments])


def environment(**changes):
    return {**os.environ, "KERAS_BACKEND": keras.backend.backend(), **changes}


def in_words(text):
    return " ".join(text.split())


def test_the_names_are_those_of_the_comparison():
    assert tuple(comparison.STARTS) == options.STARTS
    assert command.ACTIVATIONS == options.ACTIVATIONS
    assert (command.REPORT_NAME, command.PLOT_NAME) == options.FILES
    assert backends.SUPPORTED == options.BACKENDS


def test_a_small_comparison(tmp_path):
    result = invoke("compare", *SMALL, "--output", tmp_path / "new" / "folder", "--backend", keras.backend.backend())
    assert result.exit_code == 0, result.output
    assert re.search(r"^ zeros +zero .* 0 ", result.output, re.MULTILINE)
    assert re.search(r"^ he +healthy +learned", result.output, re.MULTILINE)
    folder = tmp_path / "new" / "folder"
    assert {path.name for path in folder.iterdir() if "-0-" not in path.name} == {"gradient_norms.png", "report.html"}
    for start, word in (("zeros", "zero"), ("he", "healthy")):
        (table,), (rest,) = (list(folder.glob(f"tanh-{start}-0-*.{suffix}")) for suffix in ("npz", "json"))
        assert table.stem == rest.stem
        assert comparison.verdict(GradientTrace.load(table)) == word
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "--seeds 1 --initializer zeros --initializer he --activation tanh --depth 3" in page


@pytest.mark.thorough
def test_a_page_is_drawn_once_for_the_same_runs(tmp_path):
    arguments = ["compare", *SMALL, "--depth", "1", "--output", tmp_path]
    assert "Writing the report ..." in invoke(*arguments).output
    before = (tmp_path / "report.html").read_bytes()
    again = invoke(*arguments)
    assert again.output.count("(finished before)") == 2
    assert "Writing" not in again.output
    assert (tmp_path / "report.html").read_bytes() == before
    next(tmp_path.glob("*.npz")).unlink()
    assert "Writing the report ..." in invoke(*arguments).output  # of a run that was trained again
    assert "Writing" not in invoke(*arguments).output


@pytest.mark.parametrize("name", options.FILES)
def test_a_file_of_anothers_is_not_overwritten(name, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "Command", None)
    (tmp_path / name).write_bytes(b"a table of mine")
    assert invoke("compare", "--output", tmp_path).exit_code == 2
    assert (tmp_path / name).read_bytes() == b"a table of mine"


OWN = """
import keras

def build(initializer):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu", kernel_initializer=initializer),
                              keras.layers.Dense(1, kernel_initializer=initializer)])
    model.compile("sgd", "mse")
    return model

def deaf(initializer):
    return build("he_normal")

def broken(initializer):
    raise RuntimeError("no network today")

text = "no function"
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with a module of one's own, and data."""
    name = f"own_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(OWN)
    random = np.random.default_rng(0)
    arrays = {"x": random.standard_normal((32, 4)).astype("float32"), "y": np.ones((32, 1), "float32")}
    np.savez(tmp_path / "data.npz", **arrays)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return name


@pytest.mark.thorough
def test_a_network_and_data_of_ones_own(own):
    arguments = ["--build", f"{own}:build", "--data", "data.npz", "--validation", "data.npz", "--epochs", "2"]
    arguments += ["--initializer", "he", "--initializer", "zeros", "--seeds", "2", "--optimizer", "adam"]
    result = invoke("compare", *arguments, "--batch-size", "8", "--learning-rate", "0.01", "--output", "out")
    assert result.exit_code == 0, result.output
    page = pathlib.Path("out/report.html").read_text(encoding="utf-8")
    repeated = f"keras-inits compare --backend {keras.backend.backend()} --build {own}:build --data data.npz"
    assert f"{repeated} --validation data.npz --epochs 2 --batch-size 8 --optimizer adam" in page
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in pathlib.Path("out").glob("*.json")]
    assert all(len(run["history"]["val_loss"]) == 2 for run in runs)
    assert len(list(pathlib.Path("out").glob("*.npz"))) == 4
    again = invoke("compare", *arguments, "--batch-size", "8", "--learning-rate", "0.01", "--output", "out")
    assert again.output.count("(finished before)") == 4
    other = invoke("compare", *arguments, "--batch-size", "8", "--learning-rate", "0.02", "--output", "out")
    assert other.output.count("(finished before)") == 0


def test_a_function_that_ignores_its_initializer_is_told(own):
    arguments = ["--build", f"{own}:deaf", "--data", "data.npz", "--epochs", "1", "--output", "out"]
    result = invoke("compare", *arguments, "--initializer", "he", "--initializer", "zeros")
    assert "he and zeros start from equal weights" in in_words(result.output), result.output


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """A folder with models, data and a module, most of them with a fault."""
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "faulty_program.py").write_text(OWN)
    good = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax", name="head")])
    good.compile("sgd", "sparse_categorical_crossentropy")
    good.save(folder / "good.keras")
    (folder / "cut.keras").write_bytes((folder / "good.keras").read_bytes()[:500])
    (folder / "saved").mkdir()
    (folder / "saved" / "saved_model.pb").write_bytes(b"")
    keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x)]).save(folder / "lambda.keras")
    sides = [keras.Input((4,), name=name) for name in ("left", "right")]
    keras.Model(sides, keras.layers.Add()(sides)).save(folder / "two.keras")
    x = np.random.default_rng(0).standard_normal((32, 4)).astype("float32")
    np.save(folder / "x.npy", x)
    np.savez(folder / "no_y.npz", x=x)
    np.savez(folder / "left.npz", left=x)
    np.savez(folder / "data.npz", x=x, y=np.ones((32, 1), "float32"))
    np.savez(folder / "uneven.npz", x=x, y=np.ones((31, 1), "float32"))
    np.savez(folder / "labels.npz", x=x, y=np.arange(32) % 4)
    (folder / "taken" / "report.html").mkdir(parents=True)
    return folder


OWN_DATA = "compare --data data.npz --build faulty_program"
TRAINABLE = f"{OWN_DATA}:build --output out"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ("compare --epochs 0", outcome.USAGE, "Invalid value for '--epochs': "),
        ("compare --epochs ten", outcome.USAGE, "Invalid value for '--epochs': "),
        ("compare --depth -3", outcome.USAGE, "Invalid value for '--depth': "),
        ("compare --seed 4294967296", outcome.USAGE, "Invalid value for '--seed': "),
        ("compare --activation tan", outcome.USAGE, "received 'tan'; expected one of tanh, relu. Did you mean tanh?"),
        ("compare --initializer normal", outcome.USAGE, "expected one of zeros, normal-10, normal-0.01, uniform-0.05,"),
        ("compare --initializer ortogonal", outcome.USAGE, "Did you mean orthogonal?"),
        ("compare --initializer HE", outcome.USAGE, "received 'HE'; expected one of zeros, normal-10,"),
        ("compare --initializer he_normal", outcome.USAGE, "Did you mean he?"),
        ("compare --initializer GlorotUniform", outcome.USAGE, "Did you mean glorot?"),
        ("compare --initializer ?", outcome.USAGE, "orthogonal. Choose one of these."),
        ("compare --backend tensorflo", outcome.USAGE, "of tensorflow, jax, torch. Did you mean tensorflow?"),
        ("compare --build a:b", outcome.USAGE, "expected both of --build and --data, or neither."),
        ("compare --data nowhere.npz", outcome.USAGE, "ile 'nowhere.npz' does not exist."),
        ("compare --config faulty_program.py", outcome.USAGE, "expected a file of TOML ("),
        ("compare --output x.npy", outcome.USAGE, "expected a directory that can be written (File exists). Choose"),
        ("compare --output x.npy/below", outcome.USAGE, "a directory that can be written (Not a directory). Choose"),
        (f"compare --output {'x' * 300}", outcome.USAGE, "directory that can be written (File name too long). Choose"),
        ("compare --output taken", outcome.USAGE, "expected no file or folder of yours in the place of the command's."),
        ("compare --widht 3", outcome.USAGE, "No such option: --widht"),
        (OWN_DATA, outcome.USAGE, "which has no colon between module and function. It expects package.module:functi"),
        (f"{OWN_DATA}:nothing", outcome.USAGE, "which has no such function."),
        (f"{OWN_DATA}:biuld", outcome.USAGE, "Did you mean build?"),
        (f"{OWN_DATA}:text", outcome.USAGE, "which has no such function."),
        (f"{OWN_DATA}:broken --output out", outcome.FAILED, "RuntimeError: no network today. keras-inits expects a mo"),
        (f"{TRAINABLE} --build no.such:build", outcome.USAGE, "a module 'no' that is neither in this folder nor insta"),
        (f"{TRAINABLE} --build none.py:build", outcome.USAGE, "module that Python can import. Leave out .py: none."),
        (f"{TRAINABLE} --optimizer adm", outcome.USAGE, "--optimizer received 'adm', which is no optimizer of Keras."),
        (f"{TRAINABLE} --optimizer adm", outcome.USAGE, "Did you mean adam?"),
        (
            f"{TRAINABLE} --depth 3",
            outcome.USAGE,
            "received '--depth beside --build'; expected it for the digits' netw",
        ),
        (f"{TRAINABLE} --data uneven.npz", outcome.FAILED, "'x' has 32, 'y' has 31. Expected as many of each."),
        (f"{TRAINABLE} --data no_y.npz", outcome.FAILED, "'no_y.npz' with the arrays ['x']. Expected x, or one for"),
        (f"{TRAINABLE} --data x.npy", outcome.FAILED, "'x.npy', which is no .npz file of numbers: File is not a zip"),
        ("diagnose good.keras", outcome.USAGE, "expected one of --data and --shape"),
        ("diagnose none.keras --shape 4", outcome.USAGE, "'none.keras' does not exist."),
        ("diagnose good.keras --shape a,b", outcome.USAGE, "received 'a,b'; expected whole numbers from 1 up, with"),
        ("diagnose good.keras --shape 0", outcome.USAGE, "received '0'; expected whole numbers from 1 up, with"),
        ("diagnose good.keras --data labels.npz", outcome.FOUND, "the labels of 'output' go from 0 to 3"),
        ("diagnose good.keras --data x.npy", outcome.FAILED, "'x.npy', which is no .npz file of numbers: File is not"),
        ("diagnose good.keras --data left.npz", outcome.FAILED, "'left.npz' with the arrays ['left']. Expected x, or"),
        ("diagnose two.keras --data left.npz", outcome.FAILED, "one for each input of the model: ['left', 'right']."),
        ("diagnose two.keras --shape 4", outcome.FAILED, "Received: x of the shapes (128, 4). Expected a batch that"),
        ("diagnose good.keras --shape 5", outcome.FAILED, "expected axis -1 of input shape to have value 4"),
        ("diagnose cut.keras --shape 4", outcome.FAILED, "'cut.keras', which keras.models.load_model cannot open: "),
        ("diagnose saved --shape 4", outcome.FAILED, "the legacy SavedModel format is not supported"),
        ("diagnose lambda.keras --shape 4", outcome.FAILED, "with --import, write a Lambda as a registered layer, or"),
        ("diagnose good.keras --shape 4 --import no.such", outcome.USAGE, "--import received 'no.such', which names a"),
        ("diagnose good.keras --shape 4 --repair good.keras", outcome.USAGE, "expected a file of its own for each opt"),
        ("diagnose good.keras --shape 4 --repair saved/../good.keras", outcome.USAGE, "a file of its own for each opt"),
        *(
            (f"diagnose cut.keras --shape 4 --{option} no/out.{suffix}", outcome.USAGE, "there is no folder 'no'. Make")
            for option, suffix in (("report", "html"), ("json", "json"), ("plot", "png"), ("repair", "keras"))
        ),
        *(
            (f"diagnose cut.keras --shape 4 --{option} out.txt", outcome.USAGE, "expected a path that ends in .")
            for option in ("report", "json", "plot", "repair")
        ),
    ],
)
def test_a_fault_has_its_status_and_is_told(faulty, monkeypatch, arguments, status, message):
    monkeypatch.chdir(faulty)
    monkeypatch.setattr(sys, "path", [*sys.path])
    if status == outcome.USAGE:  # told before anything is trained
        monkeypatch.setattr(command, "Command", None)
    result = invoke(*arguments.split())
    assert result.exit_code == status, result.output
    assert message in in_words(result.output)
    assert ".. " not in result.stderr
    if status == outcome.FAILED:
        assert result.stderr.count("\n") == 1
        assert "above" not in result.stderr
        assert "Traceback" in invoke(*arguments.split(), "--debug").stderr


def test_options_from_a_file(own):
    lines = [f'build = "{own}:build"', 'data = "data.npz"', "epochs = 1", 'initializer = ["he"]', "batch-size = 16"]
    pathlib.Path("options.toml").write_text("\n".join(lines))
    result = invoke("compare", "--config", "options.toml", "--output", "out", "--epochs", "2")
    assert result.exit_code == 0, result.output
    assert "--epochs 2 --batch-size 16" in pathlib.Path("out/report.html").read_text(encoding="utf-8")
    pathlib.Path("options.toml").write_text("epoch = 1")
    result = invoke("compare", "--config", "options.toml")
    assert result.exit_code == 2
    assert "received 'epoch'; expected an option of this command in options.toml. Did you mean epochs?" in in_words(
        result.output
    )


FULL = "cannot be read or written: No space left on device. Expected a file that can be, and room on its disk."


@pytest.fixture
def full(monkeypatch):
    """A function that has the disk be full when this file is written, with a part of it there."""
    write, save = pathlib.Path.write_bytes, keras.Model.save

    def fill(name):
        def write_part(path, data):
            if path.name.endswith(name):
                write(path, data[:10])
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(path, data)

        def save_part(self, path, *arguments, **options):
            if str(path).endswith(name):
                write_part(pathlib.Path(path), b"half a model")
            return save(self, path, *arguments, **options)

        monkeypatch.setattr(pathlib.Path, "write_bytes", write_part)
        monkeypatch.setattr(keras.Model, "save", save_part)

    return fill


@pytest.mark.parametrize(
    ("option", "name"), [("report", "a.html"), ("json", "a.json"), ("plot", "a.png"), ("repair", "a.keras")]
)
def test_a_full_disk_is_one_line_and_leaves_each_file_whole(option, name, tmp_path, full):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="only")])
    model.save(tmp_path / "model.keras")
    (tmp_path / name).write_bytes(b"the one before")
    full(name)
    result = invoke("diagnose", tmp_path / "model.keras", "--shape", "4", f"--{option}", tmp_path / name)
    assert result.exit_code == outcome.FAILED, result.output
    (line,) = result.stderr.splitlines()
    assert f"'{tmp_path / name}', which {FULL}" in line
    assert (tmp_path / name).read_bytes() == b"the one before"
    assert {path.name for path in tmp_path.iterdir()} == {"model.keras", name}


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["report.html", "gradient_norms.png", ".json", ".npz"])
def test_a_full_disk_under_a_comparison(name, tmp_path, full):
    arguments = ["compare", *SMALL, "--depth", "1", "--output", tmp_path]
    full(name)
    result = invoke(*arguments)
    assert result.exit_code == outcome.FAILED, result.output
    assert "Traceback" not in result.output
    if name in options.FILES:
        assert f"'{tmp_path / name}', which {FULL}" in result.stderr
    else:
        assert "cannot be kept: [Errno 28] No space left on device: " in in_words(result.output)
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(name) or ".draft." in path.name]


@pytest.mark.parametrize("backend", ["numpy", "theano"])
def test_a_backend_of_the_environment_that_is_not_supported(backend, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    result = invoke("compare")
    assert result.exit_code == 2
    message = f"KERAS_BACKEND: received '{backend}'; expected one of tensorflow, jax, torch."
    assert message in in_words(result.output)


def test_a_backend_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda name: name if name == "torch" else None)
    result = invoke("compare", "--backend", "jax")
    assert result.exit_code == 2
    assert (
        "'--backend': received 'jax'; expected a backend that is installed. "
        'Install it: pip install "keras_inits[jax]"; or pass --backend torch, which is.' in in_words(result.output)
    )


def test_the_backend_that_keras_finds_by_itself_is_not_installed(tmp_path, monkeypatch):
    def missing(seed):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr("keras_inits.comparison.subject.load_digits", missing)
    result = invoke("compare", *SMALL, "--output", tmp_path)
    assert result.exit_code == 2
    assert (
        "Keras wants the backend torch, which is not installed; expected an installed one. "
        'Install it: pip install "keras_inits[torch]"; or name another with --backend.' in in_words(result.stderr)
    )


def test_a_missing_extra_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda name: None if name in ("typer", "rich") else name)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == outcome.FAILED
    assert capsys.readouterr().err == (
        'keras-inits needs rich, typer, not installed here. Expected the extra "report". Install it: '
        'pip install "keras_inits[report]"\n'
    )


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
    assert process.returncode == outcome.INTERRUPTED, errors
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
    assert result.exit_code == outcome.INTERRUPTED
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

    monkeypatch.setattr("keras_inits.comparison.subject.load_digits", dropping)
    result = invoke("compare", *SMALL, "--output", tmp_path)
    assert result.exit_code == outcome.INTERRUPTED
    assert "Interrupted before anything was finished" in result.stderr


@pytest.mark.thorough
def test_ctrl_c_waits_for_the_report(tmp_path, monkeypatch):
    show = command.Command.show

    def interrupted(self):
        signal.raise_signal(signal.SIGINT)
        show(self)

    monkeypatch.setattr(command.Command, "show", interrupted)
    result = invoke("compare", *SMALL, "--output", tmp_path)
    assert result.exit_code == outcome.INTERRUPTED
    assert "Interrupted: the 2 finished of 2 runs are kept; the same command goes on from there." in result.stderr
    assert (tmp_path / "report.html").stat().st_size > 0


def test_ctrl_c_before_the_first_run(tmp_path, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("keras_inits.runs.trainer.train", interrupted)
    result = invoke("compare", *SMALL, "--output", tmp_path)
    assert result.exit_code == outcome.INTERRUPTED
    assert "Interrupted before anything was finished; nothing is kept." in result.stderr
    assert list(tmp_path.iterdir()) == []
