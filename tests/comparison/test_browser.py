"""The report in a browser: nothing in its console or from the network, sorted by a click, no wider than a phone."""

import html
import json
import re
import subprocess

import pytest
from helpers.traces import PROFILES, run_of

from keras_inits.comparison import STARTS, Comparison
from keras_inits.comparison.report import render_report

pytestmark = [pytest.mark.any_backend, pytest.mark.chromium, pytest.mark.thorough]

RUNS = [run_of(word, start) for word, start in zip(PROFILES, STARTS, strict=False)]
PHONE = 375

PROBE = """
<script>
addEventListener("load", () => {
  const starts = () => [...document.querySelectorAll("tbody th[scope=row]")].map((cell) => cell.textContent);
  const heads = [...document.querySelectorAll("thead tr:last-child th")];
  const head = heads.find((one) => one.textContent === COLUMN);
  const found = {asRun: starts()};
  head.querySelector("button").click();
  found.rising = starts();
  found.sorted = head.getAttribute("aria-sort");
  head.querySelector("button").click();
  found.falling = starts();
  found.width = document.documentElement.scrollWidth;
  found.dark = getComputedStyle(document.body).backgroundColor;
  found.pictures = [...document.images].filter((image) => image.complete && image.naturalWidth > 100).length;
  const loaded = performance.getEntriesByType("resource").map((one) => one.name);
  found.requests = loaded.filter((name) => !name.startsWith("data:"));
  parent.document.body.textContent = JSON.stringify(found);
});
</script>
"""


@pytest.fixture(scope="module")
def page():
    return render_report(Comparison(tuple(RUNS), len(RUNS)))


def browse(path, *options):
    """Opens a file, and returns what stands in the browser then, and what its console said."""
    command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command += ["--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr"]
    command += [f"--user-data-dir={path.parent / 'profile'}", "--virtual-time-budget=10000", *options, "--dump-dom"]
    result = subprocess.run([*command, path.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    return result.stdout, [line for line in result.stderr.splitlines() if ":CONSOLE" in line]


@pytest.mark.parametrize(
    ("addition", "messages"),
    [
        ("", 0),
        ("<img src='http://localhost:9/picture.png' alt=''>", 1),  # the check sees a request,
        ("<script>undefinedName</script>", 1),  # and an error
    ],
    ids=["the page", "a request", "an error"],
)
def test_nothing_stands_in_the_console(page, tmp_path, addition, messages):
    (tmp_path / "report.html").write_text(page.replace("</main>", f"{addition}</main>"), encoding="utf-8")
    dom, console = browse(tmp_path / "report.html")
    assert dom.count("<section>") == len(RUNS)
    assert len(console) == messages, console


def test_on_a_phone_in_the_dark(page, tmp_path):
    """In a frame as wide as a phone, with a probe in the page that clicks, measures and tells."""
    column = "first layer, first step"
    inner = html.escape(page.replace("</main>", "</main>" + PROBE.replace("COLUMN", json.dumps(column))))
    frame = f'<iframe srcdoc="{inner}" width="{PHONE}" height="800" style="border:0"></iframe>'
    (tmp_path / "phone.html").write_text(f"<!doctype html><body>{frame}</body>", encoding="utf-8")
    dom, console = browse(tmp_path / "phone.html", "--blink-settings=preferredColorScheme=0")
    assert console == []
    found = json.loads(html.unescape(re.search(r"<body>(.*)</body>", dom, re.DOTALL).group(1)))
    assert found["asRun"] == list(STARTS)[: len(RUNS)]
    order = sorted(RUNS, key=lambda run: run.trace.norms[0, 0])
    assert found["rising"] == [run.name.initializer for run in order]
    assert found["falling"] == found["rising"][::-1]
    assert found["sorted"] == "ascending"
    assert found["width"] <= PHONE
    assert found["requests"] == []
    assert found["pictures"] == 2 + 4 * len(RUNS)
    assert found["dark"] == "rgb(13, 17, 23)"
