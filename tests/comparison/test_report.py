"""What is shown of the runs: table, plot and page."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console
from traces import PROFILES, run_of, trace_of

from keras_inits.comparison import STARTS, Settings
from keras_inits.comparison.plot import plot_bytes
from keras_inits.comparison.report import Comparison, render_report
from keras_inits.comparison.run import Run
from keras_inits.comparison.table import build_table, number

RUNS = [
    run_of(word, start=start, activation=activation)
    for activation in ("tanh", "relu")
    for word, start in zip(PROFILES, STARTS, strict=False)
]
COMMAND = "keras-inits compare --seed 0"


def page(runs=RUNS, planned=10) -> str:
    return render_report(Comparison(runs, planned, Settings(), COMMAND), plot_bytes(runs))


class Loads(HTMLParser):
    """Collects every address that a browser would fetch or follow."""

    def __init__(self, text: str):
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "srcset", "action", "data")]


def test_the_page_needs_nothing_beside_it():
    text = page()
    loads = Loads(text)
    assert [address[:22] for address in loads.addresses] == ["data:image/png;base64,"]
    assert not {"script", "link", "iframe"} & set(loads.tags)
    assert "@import" not in text
    assert not re.search(r"url\(|https?:", text)


def test_the_page_escapes():
    text = page([run_of("healthy", start="he", law="<script>alert('&')</script>")])
    assert "<script" not in text
    assert "&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;" in text


def test_the_page_says_what_it_must():
    text = page()
    for part in (
        *PROFILES,
        COMMAND,
        "1,797 scanned digits",
        "20 hidden dense layers of 64 units",
        "HeNormal()",
        "Python 3",
    ):
        assert part in text
    assert text.index("tanh in the hidden layers") < text.index("relu in the hidden layers")
    assert "Interrupted" not in text
    assert "the 10 finished of 16 planned runs" in re.sub(r"\s+", " ", page(planned=16))


def test_numbers_keep_four_things_apart():
    assert [number(value) for value in (8.7e-22, 0.0, np.nan, np.inf, np.ma.masked)] == [
        "8.7e-22",
        "0",
        "nan",
        "inf",
        "none",
    ]


def test_the_table_fits_80_columns():
    runs = [run_of(word, start=start) for word, start in zip([*PROFILES, *PROFILES], STARTS, strict=False)]
    console = Console(width=80)
    with console.capture() as capture:
        console.print(build_table(runs))
    text = capture.get()
    assert "…" not in text
    for run in runs:
        (line,) = [line for line in text.splitlines() if line.split()[:1] == [run.start]]
        assert line.split()[1:3] == ["50.0%", "25.0%"]
        assert line.split()[-1] == run.verdict


@pytest.mark.parametrize("word", PROFILES)
def test_every_kind_of_run_can_be_drawn(word):
    assert plot_bytes([run_of(word)]).startswith(b"\x89PNG")


def test_nothing_but_zeros_can_be_drawn():
    zeros = np.ma.array(np.zeros(3), mask=[True, False, False])
    run = Run("zeros", "Zeros()", "tanh", 0.1, 0.1, trace_of(zeros))
    assert plot_bytes([run]).startswith(b"\x89PNG")
