"""Imports between rooms point down their table, those inside of functions counted."""

import ast
import graphlib
import importlib
import re
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "keras_inits"
ROOMS = (
    "tuning",
    "comparison",
    "runs",
    "diagnosis",
    "models",
    "recording",
    "layers",
    "initializers",
    "page",
    "figures",
    "backends",
)
"""From the top down."""


def name_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def is_for_types(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imported(node):
    """The modules of the package that a piece of code imports; those for types alone are left out."""
    if is_for_types(node):
        return
    if isinstance(node, ast.Import):
        yield from (one.name for one in node.names if one.name in MODULES)
    elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
        for one in node.names:
            whole = f"{node.module}.{one.name}"
            yield whole if whole in MODULES else node.module
    for child in ast.iter_child_nodes(node):
        yield from imported(child)


GRAPH = {name: {*imported(ast.parse(path.read_text(encoding="utf-8")))} - {name} for name, path in MODULES.items()}


def test_the_table_has_all_rooms():
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders == set(ROOMS)
    assert "keras_inits.models._initialize" in GRAPH["keras_inits.diagnosis.diagnosis"]


@pytest.mark.any_backend
@pytest.mark.parametrize("init", sorted(PACKAGE.rglob("__init__.py")), ids=name_of)
def test_a_room_s_docstring_names_each_of_its_files(init):
    """But for a backend's four modules, which the room of the backends names once."""
    listed = {*re.findall(r"\w+", ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))))}
    if init.parent.parent.name == "backends":
        listed |= {"differentiation", "measures", "recording", "tensors"}
    files = [path.stem for path in init.parent.glob("*.py") if path.stem != "__init__"]
    rooms = [path.parent.name for path in init.parent.glob("*/__init__.py")]
    assert [name for name in (*files, *rooms) if not {name, name.lstrip("_")} & listed] == []


@pytest.mark.any_backend
def test_no_function_hides_a_module_of_its_name():
    loaded = {name: importlib.import_module(name) for name in MODULES if ".backends." not in name and "." in name}
    parts = [(*name.rpartition(".")[::2], module) for name, module in loaded.items()]
    hidden = [module.__name__ for room, own, module in parts if getattr(sys.modules[room], own) is not module]
    assert hidden == []


@pytest.mark.any_backend
def test_no_imports_go_in_a_circle():
    graphlib.TopologicalSorter(GRAPH).prepare()  # raises an error that names the circle


@pytest.mark.any_backend
@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_down(room):
    above = ROOMS[: ROOMS.index(room)]
    up = [
        f"{name} imports {other}"
        for name, others in GRAPH.items()
        if name.split(".")[1:2] == [room]
        for other in others
        if other.split(".")[1:2] and other.split(".")[1] in above
    ]
    assert up == []
