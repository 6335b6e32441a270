"""Names of starts, networks, layers and metrics that somebody may interpret: in tables, pictures, page and files."""

import dataclasses
import io
import json
import re

import keras
import pytest
from helpers import small
from helpers.hostile import NAMES, is_plain
from helpers.pages import Elements, page, without_scripts
from helpers.traces import layers_of, run_of
from rich.console import Console

import keras_inits
from keras_inits import compare
from keras_inits._names import LONGEST, stand_in
from keras_inits.comparison import Comparison, command
from keras_inits.comparison.columns import columns_of, value_of
from keras_inits.comparison.plan import Plan
from keras_inits.comparison.plot import draw_plot, plot_bytes
from keras_inits.comparison.session import TITLE_WIDTH, Session
from keras_inits.comparison.table import NAME_WIDTH, build_table
from keras_inits.runs.name import Name
from keras_inits.runs.task import Training


def named(name):
    """A run whose start, network, layers, metrics and law have this name, as `compare` makes it."""
    plain = stand_in(name)
    run = run_of("healthy", start=plain, activation=plain, law=plain)
    trace = dataclasses.replace(run.trace, layers=(plain, *run.trace.layers[1:]))
    layers = tuple(row._replace(name=plain, layer=plain) for row in layers_of(6))
    history = {plain: (0.25, 0.5), f"{plain} loss": (1.0, 0.5)}
    finding = run.findings[0]._replace(evidence=f"{plain} is dead")
    return dataclasses.replace(run, trace=trace, layers=layers, history=history, findings=(finding,))


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_the_terminal_shows_it_as_it_is(name):
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system=None, width=1000)
    console.print(build_table([named(name)], ["learned"], 1000))
    assert is_plain(file.getvalue())
    shown = stand_in(name, NAME_WIDTH)
    assert file.getvalue().count(shown) >= 2
    assert max(map(len, str(Comparison((named(name),), 1)).split("\n"))) <= 100


@pytest.mark.thorough
@pytest.mark.any_backend
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_the_page_shows_it_as_it_is(name):
    text = page([named(name)])
    assert is_plain(without_scripts(text).replace("\u200b", ""))  # Vega's is not, and our data are ASCII
    assert len(text.encode()) < 3_000_000
    elements = Elements(text)
    assert elements.open == []
    assert elements.tags.count("script") == 4
    assert "onmouseover" not in text or "&#34; onmouseover" in text
    assert "49" not in text.split('id="table"')[1].split("</table>")[0]  # what 7 * 7 would be


@pytest.mark.thorough
@pytest.mark.any_backend
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_pictures_show_it_as_it_is(name):
    runs = [named(name)]
    assert plot_bytes(runs)
    figure = draw_plot(runs)
    figure.canvas.draw()
    texts = figure.legends[0].get_texts()
    assert [text.get_text() for text in texts] == [stand_in(name, 40)]
    assert not any(text.get_parse_math() for text in texts)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_spreadsheet_computes_nothing_of_it(name):
    run = named(name)
    cells = value_of(run, "learned", columns_of([run]))
    for text in (*cells, *(one for one in cells.values() if isinstance(one, str))):
        assert is_plain(text, lines=False)
        assert text[:1] not in tuple("=+-@")
    assert Comparison((named(name),), 1).to_dataframe().to_csv().encode()


@pytest.mark.thorough
def test_compare_with_all_of_them(tmp_path):
    starts = dict.fromkeys(NAMES.values(), keras_inits.HeNormal(seed=1))
    comparison = compare(small.build, small.data(), starts, epochs=1, output=tmp_path)
    names = [run.name.initializer for run in comparison.runs]
    assert len(set(names)) == len(NAMES)
    assert all(is_plain(name, lines=False) and len(name) <= LONGEST + 2 for name in names)
    renamed = [name for name in NAMES.values() if name not in names]
    told = " ".join(note for note in comparison.notes if "is called" in note)
    assert told.count("is called") == len(renamed) == 10
    assert r"The initializer 'a\nb\r\nc\x0b\x85\u2028d' is called 'a\\nb" in told
    assert is_plain(str(comparison))
    files = sorted(path.name for path in tmp_path.iterdir())
    assert len(files) == 2  # the runs have one key
    assert all(len(name.encode()) <= 220 and re.fullmatch(r"[\w.+=-]+", name) for name in files)
    for path in tmp_path.glob("*.json"):
        json.loads(path.read_bytes())


def test_metrics_with_names_of_their_own():
    names = ("[/a]", "\x1b[2J", "a\nb", "a\\nb", "grad_norm")

    def build(initializer):
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, kernel_initializer=initializer)])
        metrics = [keras.metrics.MeanSquaredError(name=name) for name in names]
        model.compile("sgd", "mse", metrics=metrics)
        return model

    x = small.data()[0]
    (run,) = compare(build, (x, x[:, :4]), ["he_normal"], epochs=1).runs
    assert set(run.history) == {"loss", "[/a]", r"\x1b[2J", r"a\nb", r"a\nb#2", "grad_norm"}
    assert len(set(run.last.values())) == 1  # all six are the mean squared error


def test_an_initializer_whose_own_text_fails():
    class Silent(keras.initializers.Ones):
        def __repr__(self):
            raise RuntimeError("no text")

    (run,) = compare(small.build, small.data(), {"silent": Silent()}, epochs=1).runs
    assert run.law == "Silent()"


def test_a_name_that_is_no_text():
    with pytest.raises(TypeError, match=r"Received: 1 \(of type int\) as a name. Expected text. Pass a mapping"):
        compare(small.build, small.data(), {1: "zeros"}, epochs=1)


def test_long_names_have_files_of_their_own():
    one, other = (Name("", 199 * "層" + end, 0).file_name for end in "ab")
    assert one != other
    assert len(one.encode()) <= 200
    assert one[:60] == other[:60]


def test_the_command_prints_names_of_folders_as_they_are(tmp_path):
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system=None, width=1000)
    one = command.Command(None, {"output": tmp_path / "["}, console=console)
    one._print("a [/he] :fire: \x1b[2J")
    assert file.getvalue() == "a [/he] :fire: \\x1b[2J\n"


@pytest.mark.parametrize("name", ["[/he]", "\x1b[2J", 1000 * "a"])
def test_the_progress_bar(name):
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system=None, width=200)
    plan = Plan({"": small.build}, {name: keras_inits.HeNormal()}, (0,), Training(small.data(), 1))
    Session(plan, console=console).train_all()
    assert stand_in(name, TITLE_WIDTH) in file.getvalue()
    assert "\x1b[2J" not in file.getvalue()
