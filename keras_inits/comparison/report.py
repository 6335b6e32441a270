"""The report: one HTML page that needs nothing beside it."""

import platform
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import jinja2
import keras
import numpy as np
from markupsafe import Markup, escape

from keras_inits._names import printable
from keras_inits._version import __version__
from keras_inits.comparison.number import number, spread
from keras_inits.comparison.panels import Picture, picture, pictures_of
from keras_inits.comparison.plot import draw_histories, draw_plot
from keras_inits.comparison.table import NORMS, Row, metrics_of, rows_of
from keras_inits.runs.run import Run
from keras_inits.states import State

if TYPE_CHECKING:
    from keras_inits.comparison.comparison import Comparison

LONGEST_TEXT = 20_000
"""Characters of one text: a finding about many layers has a tenth of them."""
MOST_BYTES = 2_400_000
"""Largest size of the parts about single runs: with the rest the page stays below 3 MB."""


class Part(NamedTuple):
    """The part of the page about one run."""

    run: Run
    pictures: list[Picture]

    @property
    def size(self) -> int:
        """How many bytes of the page that takes, about."""
        texts = [str(text) for part in (*self.run.findings, *self.run.unseen) for text in part]
        return sum(map(len, texts)) + sum(len(one.address) for one in self.pictures)


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
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("keras_inits.comparison", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_plain,
    )
    environment.filters["breakable"] = _breakable
    metrics = metrics_of(runs)
    return environment.get_template("report.html.jinja").render(
        comparison=comparison,
        laws=dict.fromkeys((run.name.initializer, run.law) for run in runs),
        groups={
            network: [(row, _cells(row, metrics)) for row in rows]
            for network, rows in groupby(rows_of(runs, comparison.learned), key=lambda row: row.network)
        },
        metrics=metrics,
        norms=list(NORMS),
        seeds=len({run.name.seed for run in runs}),
        counts=Counter(run.gradients for run in runs),
        meanings={state.value: state.meaning for state in State},
        profiles=picture(draw_plot(runs)),
        histories=picture(draw_histories(runs)) if metrics else None,
        parts=_parts(runs),
        versions=_versions(),
        date=datetime.now(UTC).strftime("%d %B %Y"),
    )


def _plain(value: Any) -> Any:
    """Text as the page shows it: printable, in its lines, and no longer than the page bears."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return "\n".join(map(printable, value[:LONGEST_TEXT].split("\n")))


def _breakable(text: str) -> Markup:
    """A name that may be broken behind underscores."""
    return Markup(escape(_plain(text)).replace("_", "_\u200b"))


def _cells(row: Row, metrics: Sequence[str]) -> list[tuple[str, str]]:
    """The numbers of a row, each as text and as what it is sorted by."""
    values = {name: row.metric(name) for name in metrics}
    cells = [(spread(name, part), _key(np.median(part)) if part else "") for name, part in values.items()]
    return cells + [(number(norm), _key(norm)) for norm in row.norms()]


def _key(value: Any) -> str:
    """A number as JavaScript reads it; what is none is empty, and stands last."""
    if value is np.ma.masked or np.isnan(value):
        return ""
    return str(float(value)).replace("inf", "Infinity")


def _parts(runs: Sequence[Run]) -> list[Part]:
    """The runs that the page has room for, the first seed of each start before the others."""
    seeds = list(dict.fromkeys(run.name.seed for run in runs))
    parts: dict[int, Part] = {}
    room = MOST_BYTES
    for run in sorted(runs, key=lambda run: seeds.index(run.name.seed)):
        part = Part(run, list(pictures_of(run)))
        room -= part.size
        if room < 0:
            break
        parts[id(run)] = part
    return [parts[id(run)] for run in runs if id(run) in parts]


def _versions() -> str:
    """The versions that the numbers depend on, the backend's among them."""
    packages = ("keras", keras.backend.backend(), "numpy")
    texts = [f"keras_inits {__version__}", *(f"{name} {metadata.version(name)}" for name in packages)]
    return ", ".join([f"Python {platform.python_version()}", *texts])
