"""Everything shown is run: the README, the pages of the documentation, the docstrings and the examples.

In a Markdown file each fence marked `python` is run, in order and in one namespace per file. A fence marked `output`
holds what the `python` fence before it prints, whatever the line breaks. One that begins with the name of a
file, such as `# program.py`, is written to that file and run as a program.
"""

import contextlib
import doctest
import importlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import keras_inits
from keras_inits.initializers.lookup import CLASSES

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PROGRAM = re.compile(r"# (\w+\.py)\n")
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def fences(path):
    """Returns the language, the text and the first line's number of each fence of a Markdown file."""
    text = path.read_text(encoding="utf-8")
    return [(match[1], match[2], text.count("\n", 0, match.start(2))) for match in FENCE.finditer(text)]


def printed_by_program(path, text):
    path.write_text(text, encoding="utf-8")
    environment = {**os.environ, "KERAS_BACKEND": keras.backend.backend()}
    result = subprocess.run(
        [sys.executable, path.name], env=environment, cwd=path.parent, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def modules_with_examples():
    """The modules whose docstrings have examples, those for other backends left out."""
    for path in sorted((ROOT / "keras_inits").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if path.parent.parent.name == "backends" and path.parent.name != keras.backend.backend():
            continue
        if ">>> " in path.read_text(encoding="utf-8"):
            yield name


@pytest.mark.parametrize(
    "path",
    [README, *(pytest.param(path, marks=pytest.mark.thorough) for path in PAGES)],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_page(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace, printed = {"__name__": "__main__"}, None
    for language, text, line in fences(path):
        if language == "python" and (program := PROGRAM.match(text)):
            printed = printed_by_program(tmp_path / program[1], text)
        elif language == "python":
            code = compile("\n" * line + text, str(path), "exec")  # for a traceback with the page's own lines
            with contextlib.redirect_stdout(io.StringIO()) as stdout:
                exec(code, namespace)
            printed = stdout.getvalue()
        elif language == "output":
            assert printed is not None
            assert printed.split() == text.split(), f"{path}, line {line}"


@pytest.mark.parametrize("name", list(modules_with_examples()))
def test_docstrings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    public = {public: getattr(keras_inits, public) for public in keras_inits.__all__}
    finder, runner = doctest.DocTestFinder(exclude_empty=True), doctest.DocTestRunner()
    tests = [test for test in finder.find(module, globs={**public, **vars(module)}) if test.examples]
    assert tests, f"{name} has no example that doctest finds"
    with contextlib.redirect_stdout(io.StringIO()) as report:
        failed = sum(runner.run(test, out=report.write).failed for test in tests)
    assert not failed, report.getvalue()


# Building the documentation runs them all on torch.
ON_TENSORFLOW = pytest.mark.backend("tensorflow")


@pytest.mark.thorough
@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.name, marks=[ON_TENSORFLOW] * (path.name != "quickstart.py")) for path in EXAMPLES],
)
def test_example(path, tmp_path):
    environment = {**os.environ, "KERAS_BACKEND": keras.backend.backend()}
    command = [sys.executable, str(path), str(tmp_path)]
    result = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    # What an example claims it asserts itself; that it can fail is seen in its exit status.
    pictures = list(tmp_path.glob("*.png"))
    assert pictures
    assert all(picture.stat().st_size > 10_000 for picture in pictures)


def test_the_reference_is_in_the_order_of_the_public_list():
    text = (DOCS / "reference" / "initializers.md").read_text(encoding="utf-8")
    assert re.findall(r"class:: keras_inits\.([A-Z]\w+)", text) == [cls.__name__ for cls in CLASSES]


def test_the_headings_of_troubleshooting_are_texts_of_errors():
    """The heading of a section stands in what the section shows: what a block printed, or an error quoted as `text`."""
    page = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    assert len(sections) > 10
    for section in sections:
        heading, body = section.split("\n", 1)
        shown = [" ".join(match[2].split()) for match in FENCE.finditer(body) if match[1] in ("output", "text")]
        assert any(heading in text for text in shown), heading
