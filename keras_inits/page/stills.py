"""Charts as still pictures: SVG in the colours of the page; and Vega itself."""

import copy
import functools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import vl_convert

from keras_inits.page.charts import LINE, QUIET, TEXT, Spec

NAMES = {TEXT: "var(--text)", QUIET: "var(--quiet)", LINE: "var(--line)"}
_CELL = re.compile(r'<path (?:[a-z-]+="[^"]*" )*?(?:transform="translate\((-?[\d.]+),(-?[\d.]+)\)" )?[^>]*?/>')
_ARIA = re.compile(r' (?:role|aria-[a-z]+|class|pointer-events|stroke-miterlimit)="[^"]*"')
_RECT = re.compile(r'<path d="(M[^"]*)" fill="([^"]*)"(?: [^>]*)?/>')
_LONG = re.compile(r"(\d+\.\d)\d+")


@functools.cache
def library() -> str:
    """Vega, as one script that puts `vega` into the window."""
    return vl_convert.javascript_bundle("window.vega = vega;")


def compiled(spec: Spec) -> Spec:
    """Vega-Lite as Vega, which the browser need not translate."""
    vega: Spec = vl_convert.vegalite_to_vega(spec)
    return vega


def still(vega: Spec, columns: Mapping[str, Sequence[Any]], told: str) -> str:
    """Draws a chart as SVG, whose colours are the page's own.

    Args:
        vega: Its kind.
        columns: Its data.
        told: What it shows, for those who do not see it.
    """
    filled = copy.deepcopy(vega)
    table = next(one for one in filled["data"] if one["name"] == "table")
    table["values"] = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    svg = vl_convert.vega_to_svg(json.loads(json.dumps(filled)))
    svg = _merged(_LONG.sub(r"\1", _ARIA.sub("", svg)))
    for stand_in, name in NAMES.items():
        svg = svg.replace(f'"{stand_in}"', f'"{name}"')
    width, height = re.search(r'width="(\d+)" height="(\d+)"', svg).groups()  # type: ignore[union-attr]
    head = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{_attribute(told)}"'
    return head + svg[svg.index(">") :]


def _merged(svg: str) -> str:
    """Cells of one colour that follow one another as one path of all of them."""
    found: dict[str, list[str]] = {}
    for path, fill in _RECT.findall(svg):
        found.setdefault(fill, []).append(path)
    if sum(map(len, found.values())) < 50:
        return svg
    first = _RECT.search(svg)
    assert first is not None
    joined = "".join(f'<path d="{"".join(paths)}" fill="{fill}"/>' for fill, paths in found.items())
    return svg[: first.start()] + joined + _RECT.sub("", svg[first.start() :])


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
