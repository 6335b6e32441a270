"""The report: one HTML page that needs nothing beside it."""

import json
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from keras_inits.comparison.best import NONE_LEARNED, WHERE_TO_LOOK, none_learned, ranked_by
from keras_inits.comparison.charts import MOMENTS, charts_of, kinds_of, metric_chart, profile_chart, spark
from keras_inits.comparison.columns import columns_of, metrics_of
from keras_inits.comparison.rows import GOOD, Row, rows_of
from keras_inits.comparison.table import STYLES
from keras_inits.number import value
from keras_inits.page.charts import look
from keras_inits.page.glossary import GLOSSARY
from keras_inits.page.page import Drawn, Page
from keras_inits.runs import learning
from keras_inits.runs.run import Run
from keras_inits.states import State

if TYPE_CHECKING:
    from keras_inits.comparison.comparison import Comparison

MAX_BYTES = 2_700_000
"""Largest size of all but style, texts and the table of the starts: with them the page stays below 3 MB."""
MAX_POINTS = 6_000
"""Points of all charts of several runs together."""
CLASSES = {"green": "good", "yellow": "weak", "red": "bad", "": ""}


class Part(NamedTuple):
    """The part of the page about one run."""

    run: Run
    learned: str
    metric: str
    spark: str
    drawn: list[Drawn]


def render_report(comparison: "Comparison") -> str:
    """Returns the page as HTML.

    Args:
        comparison: With at least one run.

    Raises:
        ValueError: If it has none.
    """
    runs = comparison.runs
    if not runs:
        raise ValueError(
            "A report received a comparison without a finished run. It expects at least one. Call compare() again with "
            "the same output: it goes on where it was interrupted."
        )
    page = Page(kinds_of(runs))
    metrics, ranked = metrics_of(runs), ranked_by(runs)
    columns, rows = [column for column in columns_of(runs) if column.cell], rows_of(runs, comparison.learned)
    networks = list(dict.fromkeys(run.name.network for run in runs))
    traced = [name for name in networks if any(len(run.trace) for run in runs if run.name.network == name)]
    most = MAX_POINTS // (len(metrics) * len(networks) + len(MOMENTS) * len(traced) or 1)
    first = [_with_choices(page, runs, network, metrics, most) for network in networks] if metrics else []
    profiles = [
        page.add(profile_chart(runs, network, moment, most)) for network in traced for moment in range(len(MOMENTS))
    ]
    parts = _parts(page, comparison, ranked)
    return page.render(
        "comparison/report.html.jinja",
        comparison=comparison,
        best=comparison.best,
        best_row=_row_of(rows, comparison.best),
        none_learned=NONE_LEARNED if none_learned(comparison.learned) else "",
        where_to_look=WHERE_TO_LOOK,
        laws=dict.fromkeys((run.name.initializer, run.law) for run in runs),
        groups={
            network: [(row, [column.cell(row) for column in columns if column.cell]) for row in of]
            for network, of in groupby(rows, lambda row: row.network)
        },
        columns=columns,
        metrics=metrics,
        seeds=len({run.name.seed for run in runs}),
        looks=_looks(runs),
        first=first,
        profiles=profiles,
        parts=parts,
        ids=_ids(parts),
        states={**{state.value: state.meaning for state in State}, "not recorded": "No step was recorded."},
        learning={**learning.MEANINGS, learning.UNKNOWN: "No loss is known, or none of guessing."},
        glossary=GLOSSARY,
        style_of=_style_of,
    )


def _row_of(rows: Sequence[Row], best: Any) -> Row | None:
    return next(
        (row for row in rows if best and (row.network, row.initializer) == (best.network, best.initializer)), None
    )


def _ids(parts: Sequence[Part]) -> dict[tuple[str, str], int]:
    """The place of the first run of each start."""
    ids: dict[tuple[str, str], int] = {}
    for index, part in enumerate(parts):
        ids.setdefault((part.run.name.network, part.run.name.initializer), index)
    return ids


def _style_of(word: str, is_good: bool) -> str:
    """The class of a word: one that is good by itself is shown as such only where the other answer is good too."""
    return ("good" if is_good else "") if word in GOOD else CLASSES[STYLES.get(word, "")]


def _with_choices(
    page: Page, runs: Sequence[Run], network: str, metrics: Sequence[str], most: int
) -> tuple[Drawn, str]:
    """The chart of the first metric, and by the names of all the charts that can stand in its place."""
    drawn = [page.add(metric_chart(runs, network, name, most), with_still=name == metrics[0]) for name in metrics]
    return drawn[0], json.dumps({name: one.id for name, one in zip(metrics, drawn, strict=True)})


def _looks(runs: Sequence[Run]) -> list[tuple[str, str, str]]:
    """Each start with the colour and the dashes of its lines."""
    names = dict.fromkeys(run.name.initializer for run in runs)
    looks = [(name, *look(index)) for index, name in enumerate(names)]
    return [(name, colour, " ".join(map(str, dashes))) for name, colour, dashes in looks]


def _parts(page: Page, comparison: "Comparison", ranked: str | None) -> list[Part]:
    """The runs that the page has room for, the first seed of each start before the others."""
    runs = comparison.runs
    seeds = list(dict.fromkeys(run.name.seed for run in runs))
    words = {id(run): word for run, word in zip(runs, comparison.learned, strict=True)}
    parts: dict[int, Part] = {}
    texts = largest = 0
    for run in sorted(runs, key=lambda run: seeds.index(run.name.seed)):
        before = page.size + texts
        if before + largest > MAX_BYTES:
            break
        drawn = [page.add(chart) for chart in charts_of(run)]
        texts += sum(len(str(text)) for part in (*run.findings, *run.unseen) for text in part)
        largest = max(largest, page.size + texts - before)
        metric = value(ranked, run.last[ranked]) if ranked in run.last else ""
        parts[id(run)] = Part(run, words[id(run)], metric, spark(run), drawn)
    return [parts[id(run)] for run in runs if id(run) in parts]
