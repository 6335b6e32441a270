"""The pages in a browser: they answer to pointer and keys, ask nothing of the network, and anybody can read them."""

import os
import re
from pathlib import Path

import pytest
from helpers.browser import DESKTOP, PHONE, Browser
from helpers.traces import PROFILES, layers_of, run_of

from keras_inits.comparison import STARTS, Comparison
from keras_inits.comparison.report import render_report
from keras_inits.diagnosis.diagnosis import Diagnosis
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.histograms import Histogram
from keras_inits.diagnosis.remedy import Remedy
from keras_inits.diagnosis.report import render_report as render_diagnosis

pytestmark = [pytest.mark.any_backend, pytest.mark.chromium, pytest.mark.thorough]

SHARES = (0.1, 0.4, 0.4, 0.1)
PAPER = (703, 1000)
"""A4 without its margins."""
SCREENS = 4
"""At most so many of 1400 x 900 pixels for 16 runs, with all of them folded."""


def full_run(word, start, activation):
    """A run with one of everything."""
    run = run_of(word, start, activation=activation)
    history = {**run.history, "loss": (2.0, 1.0), "val_loss": (2.0, 1.5), "val_accuracy": (0.2, 0.25)}
    histograms = tuple(
        Histogram(layer, what, when, -1.0, 1.0, SHARES)
        for layer in run.trace.layers
        for what in ("weights", "outputs")
        for when in ("before", "after")
    )
    values = {"history": history, "histograms": histograms, "first_loss": 2.3, "guess": 2.3, "code": "HeNormal()"}
    return type(run)(**{**vars(run), **values})


RUNS = [
    full_run(word, start, activation)
    for activation in ("tanh", "relu")
    for word, start in zip([*PROFILES, *PROFILES], STARTS, strict=False)
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    comparison = Comparison(tuple(RUNS), len(RUNS), {"Data": "digits"}, "keras-inits compare --seed 0")
    (folder / "comparison.html").write_text(render_report(comparison), encoding="utf-8")
    remedy = Remedy("why", code="keras_inits.initialize(model)")
    finding = Finding("vanishing_signal", ("layer_0", "layer_1"), "the outputs shrink", remedy)
    diagnosis = Diagnosis(layers_of(6), (finding, finding.following("vanishing_signal")), (), None, "mse")
    (folder / "diagnosis.html").write_text(render_diagnosis(diagnosis), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def opened(browser, page, **options):
    browser.open(page, **options)
    return browser


def middle(browser, selector):
    """The middle of an element that is in sight."""
    x, y, width, height = browser.run(
        "(({x, y, width, height}) => [x, y, width, height])"
        f"(document.querySelector({selector!r}).getBoundingClientRect())"
    )
    return x + width / 2, y + height / 2


NAMES = ("comparison.html", "diagnosis.html")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_opens_quietly_and_fits(browser, pages, name, size, dark):
    opened(browser, pages / name, size=size, dark=dark)
    assert browser.console == []
    assert browser.requests == [(pages / name).as_uri()]
    assert browser.run("document.documentElement.scrollWidth") <= size[0]
    assert browser.run("getComputedStyle(document.body).backgroundColor") == (
        "rgb(13, 17, 23)" if dark else "rgb(255, 255, 255)"
    )
    browser.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert browser.run("document.documentElement.scrollWidth") <= size[0]


@pytest.mark.parametrize(
    "addition", ["<img src='http://localhost:9/picture.png' alt=''>", "<script>undefinedName</script>"]
)
def test_the_check_sees_a_request_and_an_error(browser, pages, tmp_path, addition):
    page = (pages / "diagnosis.html").read_text(encoding="utf-8").replace("</main>", f"{addition}</main>")
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    assert opened(browser, tmp_path / "page.html").console


def test_all_runs_folded_are_a_few_screens(browser, pages):
    opened(browser, pages / "comparison.html")
    assert browser.run("document.querySelectorAll('details.run').length") == 16
    assert browser.run("document.querySelectorAll('details.run[open]').length") == 0
    assert browser.run("document.documentElement.scrollHeight") <= SCREENS * DESKTOP[1]
    for selector in (".winner button[data-copy]", "#table", "#first figure"):  # on the first screen
        assert browser.run(f"document.querySelector({selector!r}).getBoundingClientRect().top") < DESKTOP[1] / 2
    browser.run("scrollTo(0, 1200)")
    assert browser.run("document.querySelector('nav').getBoundingClientRect().top") == 0


def test_a_plot_tells_the_number_under_the_pointer(browser, pages):
    opened(browser, pages / "comparison.html")
    browser.run("document.querySelector('#gradients').scrollIntoView()")
    browser.settle()
    browser.move(*middle(browser, "figure[data-title='tanh, first step'] .layer_2_marks path"))
    text = browser.run("document.querySelector('#tip').innerText")
    assert re.search(r"layer, from the input: 1, layer_0\ngradient norm: ", text), text
    browser.move(2, 500)
    assert browser.run("document.querySelector('#tip').hidden")


def test_the_heatmap_tells_layer_step_and_value(browser, pages):
    opened(browser, pages / "comparison.html")
    browser.run("location.hash = '#run-0'")
    browser.settle()
    browser.move(*middle(browser, "#run-0 .mark-rect path"))
    lines = browser.run("document.querySelector('#tip').innerText").split("\n")
    assert [line.split(":")[0] for line in lines] == ["layer", "step", "gradient norm"]


DOMAIN = "[...document.querySelectorAll('#first figure .mark-line path')].map(one => one.getAttribute('d')).join(' ')"


def test_wheel_drag_and_buttons_zoom(browser, pages):
    opened(browser, pages / "comparison.html")
    seen = [browser.run(DOMAIN)]
    place = middle(browser, "#first figure .live")

    def changed():
        browser.settle()
        seen.append(browser.run(DOMAIN))
        return seen[-1] != seen[-2]

    browser.wheel(*place, by=-200)
    assert not changed()  # the wheel alone scrolls the page
    browser.run("scrollTo(0, 0)")
    browser.wheel(*place, by=-200, control=True)
    assert changed()
    browser.drag(place, (place[0] + 120, place[1]))
    assert changed()
    browser.run("document.querySelector('#first [aria-label^=\"Show all\"]').click()")
    assert changed()
    assert seen[-1] == seen[0]
    browser.run("document.querySelector('#first [aria-label^=\"Zoom into\"]').click()")
    assert changed()


def test_scale_and_metric_can_be_chosen(browser, pages):
    opened(browser, pages / "comparison.html")
    browser.run("document.querySelector('select').value = 'loss'")
    browser.run("document.querySelector('select').dispatchEvent(new Event('change'))")
    browser.settle()
    button = "document.querySelector('#first [aria-label^=\"Scale of loss\"]')"
    assert browser.run(f"{button}.textContent") == "linear"
    before = browser.run(DOMAIN)
    browser.run(f"{button}.click()")
    browser.settle()
    assert browser.run(f"{button}.textContent") == "log"
    assert browser.run(DOMAIN) != before


def test_a_run_is_lit_up_in_all_plots_and_in_the_table(browser, pages):
    opened(browser, pages / "comparison.html")
    browser.move(*middle(browser, "tr[data-series=glorot]"))
    browser.settle()
    shown = "[...document.querySelectorAll('#first .mark-line path')].map(one => one.getAttribute('opacity') ?? '1')"
    opacities = browser.run(shown)
    assert set(opacities) == {"1", "0.12"}
    assert opacities.count("1") == 2  # one in each network's plot
    browser.move(2, 2)
    assert set(browser.run(shown)) == {"1"}
    browser.run("document.querySelector('.keys button[data-series=glorot]').click()")
    browser.run("document.querySelector('#gradients').scrollIntoView()")
    browser.settle()
    lit = (
        "[...document.querySelectorAll('.charts.small .mark-line path')].map(one => one.getAttribute('opacity') ?? '1')"
    )
    assert set(browser.run(lit)) == {"1", "0.12"}


def test_the_code_and_the_command_are_copied(browser, pages):
    opened(browser, pages / "comparison.html")
    for name in ("code", "command"):
        browser.run(f"document.querySelector('[data-copy={name}]').click()")
        browser.run("new Promise(done => setTimeout(done, 100))")
        assert browser.run("navigator.clipboard.readText()") == browser.run(
            f"document.getElementById('{name}').textContent"
        )
        assert browser.run("document.querySelector('#done').textContent").startswith("Copied: ")


def test_a_click_on_a_start_opens_its_run(browser, pages):
    opened(browser, pages / "comparison.html")
    browser.run("document.querySelector('#table tbody a').click()")
    browser.settle()
    assert browser.run("document.querySelector('#run-0').open")
    assert 0 < browser.run("document.querySelector('#run-0').getBoundingClientRect().top") < DESKTOP[1] / 2
    assert browser.run("document.querySelectorAll('#run-0 figure.has-live').length") >= 3
    browser.run("document.querySelector('#table a.word').click()")  # a word of the glossary
    assert browser.run("document.querySelector('#glossary + details').open")


def test_a_click_on_a_heading_sorts(browser, pages):
    opened(browser, pages / "comparison.html")
    rows = "[...one.querySelectorAll('th[scope=row]')].map(cell => cell.textContent)"
    names = f"[...document.querySelectorAll('#table tbody')].map(one => {rows})"
    sort = "document.querySelector('#table thead th button').click()"
    as_run = browser.run(names)
    browser.run(sort)
    rising = browser.run(names)
    assert rising == [sorted(part) for part in as_run] != as_run
    assert browser.run("document.querySelector('#table thead th').getAttribute('aria-sort')") == "ascending"
    browser.run(sort)
    assert browser.run(names) == [part[::-1] for part in rising]


def test_the_keyboard_alone_reaches_and_opens_all(browser, pages):
    opened(browser, pages / "comparison.html")
    reached = set()
    for _ in range(150):
        browser.press("Tab", 9)
        reached.add(browser.run("document.activeElement.closest('[id]')?.id + ' ' + document.activeElement.tagName"))
        if browser.run("document.activeElement.tagName") == "SUMMARY":
            break
    assert {"table BUTTON", "table A", "first BUTTON", "table DIV"} <= reached
    browser.press("Enter", 13, "\r")
    assert browser.run("document.activeElement.parentElement.open")
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") != "none"


@pytest.mark.parametrize("name", NAMES)
def test_without_a_script_table_and_pictures_remain(browser, pages, name):
    browser.open(pages / name, javascript=False)
    # The protocol's own evaluation goes on working.
    tall = "one.querySelector('.still svg').getBoundingClientRect().height > 50 && !one.closest('details')"
    assert browser.run(f"[...document.querySelectorAll('figure')].filter(one => {tall}).length") >= 2
    assert browser.run("document.querySelector('#table').getBoundingClientRect().height") > 100
    assert browser.run("document.querySelectorAll('.live svg').length") == 0


def test_it_prints_still_pictures(browser, pages):
    opened(browser, pages / "comparison.html", size=PAPER)
    browser.media("print")
    assert browser.run("document.querySelector('#table table').getBoundingClientRect().width") <= PAPER[0]
    shown = "[...document.querySelectorAll('{}')].filter(one => one.getBoundingClientRect().height > 50).length"
    assert browser.run(shown.format(".live svg")) == 0
    assert browser.run(shown.format(".still svg")) >= 6
    assert browser.printed().startswith(b"%PDF")


@pytest.mark.axe
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_no_violation(browser, pages, name, size, dark):
    opened(browser, pages / name, size=size, dark=dark)
    browser.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    browser.run("new Promise(done => setTimeout(done, 500))")
    browser.run(f"{Path(os.environ['AXE_CORE']).read_text(encoding='utf-8')}; 0")
    found = browser.run(
        "axe.run().then(found => found.violations.map(one => [one.id, one.nodes[0].html.slice(0, 200)]))"
    )
    assert found == []
