"""The package as it is installed: what the wheel holds, what importing it imports, what it needs."""

import configparser
import importlib.metadata
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from helpers.processes import BACKENDS, run_python

import keras_inits

ROOT = Path(__file__).parents[1]


def test_the_version_stands_in_one_place():
    assert importlib.metadata.version("keras_inits") == keras_inits.__version__
    assert f"## {keras_inits.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_public_list_is_what_the_package_shows():
    shown = {name for name in vars(keras_inits) if not name.startswith("_")}
    modules = {"backends", "comparison", "diagnosis", "figures", "initializers", "layers", "models", "page", "runs"}
    modules |= {
        "arguments",
        "extras",
        "faults",
        "notebook",
        "number",
        "recording",
        "states",
        "text",
        "thresholds",
        "tuning",
        "whole",
    }
    assert shown - modules == set(keras_inits.__all__)
    assert dir(keras_inits) == sorted(keras_inits.__all__)
    with pytest.raises(AttributeError, match="module 'keras_inits' has no attribute 'diagnosys'"):
        keras_inits.diagnosys  # noqa: B018


def test_keras_and_numpy_are_the_only_hard_dependencies():
    required = importlib.metadata.requires("keras_inits")
    assert sorted(line for line in required if "extra ==" not in line) == ["keras<3.16,>=3.15", "numpy>=1.26"]


@pytest.mark.thorough
@pytest.mark.any_backend
def test_the_wheel_holds_the_package_and_nothing_else(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", tmp_path, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    found = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    data = {
        f"{package.replace('.', '/')}/{name}"
        for package, names in parser["options.package_data"].items()
        for name in names.split()
    }
    code = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("keras_inits*/**/*.py")}
    assert found == code | data
    dist_info = {name.split(".dist-info/")[1] for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" in name}
    assert {"METADATA", "entry_points.txt", "licenses/LICENSE"} <= dist_info


@pytest.mark.thorough
@pytest.mark.any_backend
@pytest.mark.parametrize("backend", BACKENDS)
def test_importing_it_imports_no_other_backend_and_nothing_heavy(backend):
    """TensorFlow alone has Keras import others of these, so the list is what Keras itself leaves out."""
    code = """
import sys
import keras
before = set(sys.modules)
import keras_inits
heavy = {"tensorflow", "jax", "torch", "matplotlib", "pandas", "sklearn", "scipy", "rich", "typer", "jinja2"}
heavy |= {"pyarrow", "tensorboard", "optuna"}
heavy.remove(keras.backend.backend())
print(sorted({name.split(".")[0] for name in set(sys.modules) - before} & heavy))
"""
    assert run_python(code, backend).stdout.splitlines()[-1] == "[]"


@pytest.mark.thorough
@pytest.mark.any_backend
def test_a_backend_that_is_not_supported_is_named():
    code = "import keras; keras.backend.backend = lambda: 'numpy'; import keras_inits"
    result = run_python(code, BACKENDS[0], check=False)
    for part in ("ImportError: Keras runs on the backend 'numpy'", "one of tensorflow, jax, torch", "KERAS_BACKEND"):
        assert part in result.stderr
