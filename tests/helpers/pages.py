"""The page of a comparison, and what a browser would find in it."""

import re
from collections import Counter
from html.parser import HTMLParser

from helpers.traces import PROFILES, run_of
from keras_inits.comparison import STARTS, Comparison
from keras_inits.comparison.report import render_report

RUNS = [run_of(word, start) for word, start in zip(PROFILES, STARTS, strict=False)] + [
    run_of("healthy", activation="relu")
]
COMMAND = "keras-inits compare --seed 0"


def page(runs=RUNS, planned=6) -> str:
    return render_report(Comparison(tuple(runs), planned, {"Data": "1,797 scanned digits"}, COMMAND))


class Elements(HTMLParser):
    """Collects every address that a browser would fetch or follow, what is open, and all ids."""

    EMPTY = ("meta", "link", "img", "br")

    def handle_startendtag(self, tag, attributes):
        """An element of SVG."""
        self.tags.append(tag)
        self.ids.update(value for name, value in attributes if name == "id")

    def __init__(self, text: str):
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.ids: Counter[str] = Counter()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.open += [tag] if tag not in self.EMPTY else []
        self.addresses += [value for name, value in attributes if name in ("src", "href", "srcset", "action", "data")]
        self.ids.update(value for name, value in attributes if name == "id")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def without_scripts(text):
    return re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
