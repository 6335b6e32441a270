"""A diagnosis as a page: what was found with the code that repairs it, the numbers of each layer, and their plots."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from keras_inits.diagnosis.charts import charts_of, histogram_charts, kinds
from keras_inits.diagnosis.histograms import Histogram
from keras_inits.diagnosis.numbers import LayerNumbers
from keras_inits.diagnosis.table import HEADERS, LEGEND, SHARES, numbers_of, verdict
from keras_inits.number import number, sortable
from keras_inits.page.glossary import GLOSSARY
from keras_inits.page.page import Page

if TYPE_CHECKING:
    from keras_inits.diagnosis.diagnosis import Diagnosis

TERMS = ("finding", "gradient norm", "deviation", "histogram")
MAX_ROWS = 2_000
"""Rows of the table: more would make the page larger than 3 MB."""


class Row(NamedTuple):
    """A row of the table."""

    name: str
    shape: str
    activation: str
    cells: list[tuple[str, str]]
    """The numbers as text, and as what they are sorted by."""
    kinds: str
    """Of the findings that name the layer."""


def render_report(diagnosis: "Diagnosis", histograms: Sequence[Histogram] = ()) -> str:
    """Returns the page as HTML.

    Args:
        diagnosis: What is shown.
        histograms: Of the model's weights and outputs.
    """
    page = Page(kinds())
    drawn = [page.add(chart) for chart in (*charts_of(diagnosis.layers), *histogram_charts(histograms))]
    return page.render(
        "diagnosis/report.html.jinja",
        diagnosis=diagnosis,
        verdict=verdict(diagnosis.findings, diagnosis.unseen),
        headers=HEADERS,
        rows=[_row(diagnosis, row) for row in diagnosis.layers[:MAX_ROWS]],
        legend=[tuple(part.split(": ", 1)) for part in LEGEND.split("; ")],
        drawn=drawn,
        glossary={term: GLOSSARY[term] for term in TERMS},
    )


def _row(diagnosis: "Diagnosis", row: LayerNumbers) -> Row:
    cells = [_cell(one, header in SHARES) for header, one in numbers_of(row).items()]
    found = [finding.kind for finding in diagnosis.findings if row.name in finding.layers]
    return Row(row.name, " x ".join(map(str, row.shape)), row.activation or "", cells, ", ".join(found))


def _cell(one: float | None, is_share: bool) -> tuple[str, str]:
    text = "" if one is None else f"{one:.0%}" if is_share else number(one)
    return text, sortable(one)
