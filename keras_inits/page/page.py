"""The page: charts, their kinds and a template put together in one text."""

import functools
import json
import platform
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib import metadata, resources
from typing import Any, NamedTuple

import jinja2
import keras
from markupsafe import Markup, escape

from keras_inits._names import printable
from keras_inits._version import __version__
from keras_inits.page.charts import Chart, Spec
from keras_inits.page.stills import compiled, library, still

LONGEST_TEXT = 20_000
"""Characters of one text: a finding about many layers has a tenth of them."""


class Kind(NamedTuple):
    """What charts of one kind have in common: a scale for each name, and the one that they begin with."""

    scale: str
    specs: Mapping[str, Spec]


class Drawn(NamedTuple):
    """A chart in the page."""

    id: str
    title: str
    still: Markup


class Page:
    """A page in the making.

    Args:
        kinds: Of charts, by their names.
    """

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self._kinds = {
            name: Kind(kind.scale, {scale: compiled(spec) for scale, spec in kind.specs.items()})
            for name, kind in kinds.items()
        }
        self._charts: dict[str, str] = {}  # as JSON
        self.size = len(library()) + len(json.dumps(self._kinds))
        """Characters of the library, and of the charts with their pictures."""

    def add(self, chart: Chart, with_still: bool = True) -> Drawn:
        """Takes a chart in, and draws it.

        Args:
            chart: Of one of the kinds.
            with_still: Whether there is a picture of it; one that stands in for another has none.
        """
        name = f"c{len(self._charts)}"
        columns = {key: [_plain(value) for value in values] for key, values in chart.columns.items()}
        chart = replace(chart, title=_plain(chart.title), told=_plain(chart.told), columns=columns)
        self._charts[name] = json.dumps(asdict(chart), separators=(",", ":"))
        kind = self._kinds[chart.kind]
        picture = still(kind.specs[kind.scale], chart.rows, chart.told) if with_still else ""
        self.size += len(self._charts[name]) + len(picture)
        return Drawn(name, chart.title, Markup(picture))

    def render(self, template: str, **values: Any) -> str:
        """Returns the page as HTML.

        Args:
            template: Its name, below the package.
            values: That the template shows.
        """
        kinds = {name: {"scale": kind.scale, **kind.specs} for name, kind in self._kinds.items()}
        charts = ",".join(f'"{name}":{chart}' for name, chart in self._charts.items())
        data = f'{{"kinds":{json.dumps(kinds, separators=(",", ":"))},"charts":{{{charts}}}}}'.replace("<", "\\u003c")
        fixed = {
            "style": _file("page.css"),
            "script": _file("page.js"),
            "library": Markup(re.sub("</(?=script)", r"<\\/", library(), flags=re.IGNORECASE)),
            "data": Markup(data),
            "versions": _versions(),
            "date": datetime.now(UTC).strftime("%d %B %Y"),
        }
        return _environment().get_template(template).render(**fixed, **values)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("keras_inits", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_plain,
    )
    environment.filters["breakable"] = _breakable
    return environment


def _file(name: str) -> Markup:
    return Markup(resources.files("keras_inits.page").joinpath(name).read_text(encoding="utf-8"))


def _plain(value: Any) -> Any:
    """Text as the page shows it: printable, in its lines, and no longer than the page bears."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return "\n".join(map(printable, value[:LONGEST_TEXT].split("\n")))


def _breakable(text: str) -> Markup:
    """A name that may be broken behind underscores."""
    return Markup(escape(_plain(text)).replace("_", "_\u200b"))


def _versions() -> str:
    """The versions that the numbers depend on, the backend's among them."""
    packages = ("keras", keras.backend.backend(), "numpy")
    texts = [f"keras_inits {__version__}", *(f"{name} {metadata.version(name)}" for name in packages)]
    return ", ".join([f"Python {platform.python_version()}", *texts])
