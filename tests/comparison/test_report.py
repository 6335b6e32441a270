"""What is shown of the runs: table, plots and page."""

import dataclasses
import re

import numpy as np
import pytest
from helpers.pages import COMMAND, RUNS, Elements, page, without_scripts
from helpers.traces import PROFILES, layers_of, run_of, trace_of
from rich.console import Console

from keras_inits.comparison import STARTS, Comparison, Run
from keras_inits.comparison.charts import MAX_CELLS, MAX_LAYERS, STEPS, charts_of
from keras_inits.comparison.plot import plot_bytes
from keras_inits.comparison.table import build_table
from keras_inits.number import number, spread, spread_in_words
from keras_inits.recording import GradientTrace
from keras_inits.runs.name import Name

pytestmark = pytest.mark.any_backend


@pytest.fixture(scope="module")
def text():
    return page()


def test_the_page_needs_nothing_beside_it(text):
    elements = Elements(text)
    assert {address for address in elements.addresses if not address.startswith("#")} == {"data:,"}
    assert {address[1:] for address in elements.addresses if address.startswith("#")} <= set(elements.ids)
    assert elements.tags.count("figure") == text.count('<div class="still"><svg') == 2 + 4 + 3 * len(RUNS)
    assert not {"iframe", "object", "embed", "img"} & set(elements.tags)
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", without_scripts(text))
    assert "default-src 'none'" in text


def test_the_page_is_well_formed(text):
    elements = Elements(text)
    assert elements.open == []
    assert not elements.ids or max(elements.ids.values()) == 1


def test_the_page_escapes():
    text = page([run_of("healthy", start="<b>", law="<script>alert('&')</script>")])
    text = without_scripts(text)
    assert "<script" not in text
    assert "<b>" not in text
    assert "&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;" in text
    assert "is zero &lt;on the whole batch&gt;" in text


def test_the_page_says_what_it_must(text):
    for part in (*PROFILES, COMMAND, "1,797 scanned digits", "HeNormal()", "Python 3", "dead_layer"):
        assert part in text
    assert text.index("tanh</th>") < text.index("relu</th>")
    assert "Interrupted" not in text
    assert "the 1 finished of 16 planned runs" in re.sub(r"\s+", " ", page(RUNS[:1], planned=16))


@pytest.mark.thorough
def test_the_page_stays_small_and_shows_the_first_seed_of_each_start_first():
    trace = large_trace()
    starts = [(start, seed) for start in STARTS for seed in range(12)]
    runs = [dataclasses.replace(run_of("healthy", start, seed=seed), trace=trace) for start, seed in starts]
    text = page(runs, len(runs))
    assert len(text.encode()) < 3_000_000
    shown = text.count('<details class="run"')
    assert len(STARTS) <= shown < len(runs)
    assert f"{len(runs) - shown} more runs are in the table only" in text
    assert text.count(", seed 0</span>") == len(STARTS)


def large_trace(steps=2000, layers=300):
    norms = np.random.default_rng(0).lognormal(size=(steps, layers))
    return GradientTrace(range(steps), [f"block_{i}/a_long_name/dense" for i in range(layers)], norms)


def test_charts_of_many_steps_and_layers_are_small():
    trace = large_trace()
    run = dataclasses.replace(run_of("healthy"), trace=trace, layers=layers_of(300))
    assert len(page([run]).encode()) - len(page([run_of("healthy")]).encode()) < 400_000
    (heatmap,) = (chart for chart in charts_of(run) if chart.kind == STEPS)
    assert len(heatmap.rows) <= MAX_LAYERS
    assert len(heatmap.rows[0]["norms"]) == MAX_CELLS


def test_a_cell_of_several_steps_shows_what_is_odd_in_one():
    norms = np.ma.ones((2 * MAX_CELLS, 4))
    norms[0, 0], norms[1, 1], norms[2:4, 2], norms[4:6, 3] = np.nan, np.inf, np.ma.masked, 0.0
    trace = GradientTrace(range(len(norms)), "abcd", norms)
    heatmap = charts_of(dataclasses.replace(run_of("healthy"), trace=trace))[0]
    cells = {row["layer"]: row["norms"] for row in heatmap.rows}
    assert (cells["a"][0], cells["b"][0], cells["c"][1], cells["d"][2]) == (
        "not a number",
        "infinite",
        "no gradient",
        0.0,
    )
    assert "dark 1, light 1; black 0; orange infinite; red not a number; grey none" in heatmap.title
    assert heatmap.every["firsts"][1] == 2
    assert heatmap.every["lasts"][1] == 3


def test_numbers_keep_four_things_apart():
    assert [number(value) for value in (8.7e-22, 0.0, np.nan, np.inf, np.ma.masked)] == [
        "8.7e-22",
        "0",
        "nan",
        "inf",
        "none",
    ]


def test_the_spread_is_that_of_the_seeds():
    assert spread("accuracy", [0.5, 0.75, 0.5625]) == "56.2% [50.0, 75.0]"
    assert spread_in_words("accuracy", [0.5, 0.75, 0.5625]) == "56.2% (50.0 to 75.0%)"
    assert spread("loss", [np.nan]) == spread_in_words("loss", [np.nan]) == "nan"
    assert spread("loss", [np.nan, 1.0, np.inf]) == "nan [1, nan]"
    assert spread("loss", []) == ""
    runs = [run_of("healthy", seed=0), run_of("zero", seed=1), run_of("zero", seed=2)]
    text = page(runs, 3)
    assert re.search(r"1 <a [^>]*>healthy</a> 2 <a class=.word weak.[^>]*>zero</a>", text)
    assert "50.0% [50.0, 50.0]" in text
    assert "1 healthy, 2 zero" in str(Comparison(tuple(runs), 3))


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_table_fits_80_columns(seeds):
    starts = list(zip([*PROFILES, *PROFILES], STARTS, strict=False))
    runs = [run_of(word, start=start, seed=seed) for word, start in starts for seed in range(seeds)]
    console = Console(width=80 if seeds == 1 else 100)
    with console.capture() as capture:
        console.print(build_table(runs, ["learned"] * len(runs), console.width))
    text = capture.get()
    assert "…" not in text
    for run in runs[::seeds]:
        (line,) = [line for line in text.splitlines() if line.split()[:1] == [run.name.initializer]]
        assert re.findall(r"\d+\.\d%", line) == (["25.0%", "50.0%"])
        assert line.split()[1:3] == [run.gradients, "learned"]


EDGES = {
    "nothing": run_of("healthy").trace.norms[:0],
    "zeros": np.ma.array(np.zeros((2, 6)), mask=[[True] + [False] * 5] * 2),
    "one layer": np.ma.ones((1, 1)),
}


@pytest.mark.parametrize("norms", EDGES.values(), ids=EDGES)
def test_every_kind_of_run_can_be_drawn(norms):
    layers = [f"layer_{index}" for index in range(norms.shape[1])]
    run = dataclasses.replace(run_of("zero"), trace=GradientTrace(range(len(norms)), layers, norms))
    assert plot_bytes([run]).startswith(b"\x89PNG")
    assert len(charts_of(run)) == (3 if norms.size else 2)
    assert page([run]).count("<figure") == len(charts_of(run)) + (3 if len(norms) else 1)


@pytest.mark.parametrize("word", PROFILES)
def test_every_verdict_can_be_drawn(word):
    assert plot_bytes([run_of(word)]).startswith(b"\x89PNG")
    assert len(charts_of(run_of(word))) == 3
    assert page([run_of(word)])


def test_a_run_without_metrics_or_layers():
    run = Run(Name("", "normal[1]", 0), "Normal(1.0)", {}, (), (), (), trace_of(PROFILES["healthy"]))
    text = page([run])
    assert "normal[1] " in str(Comparison((run,), 1))
    assert text.count("<figure") == 3  # the first step, the last, and the heatmap
    assert "No findings." in text
