"""Charts as still pictures: SVG in the colours of the page; and Vega itself."""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import vl_convert

from keras_inits.page.charts import LINE, QUIET, TEXT, Spec

NAMES = {TEXT: "var(--text)", QUIET: "var(--quiet)", LINE: "var(--line)"}
_NEEDLESS = re.compile(
    r' (?:role|aria-[a-z]+|class|pointer-events|stroke-miterlimit|font-family)="[^"]*"| font-size="12px"'
    r'| (?:stroke-width|opacity)="1"| font-weight="normal"|(?<=line) transform="translate\(0,0\)"'
)
"""Attributes that are defaults, or that stand once at the root."""
_UNSEEN = re.compile(r'<path [^>]* opacity="0"[^>]*/>|<path d="" display="none"/>')
_RECT = re.compile(r'<path d="M(-?[\d.]+),(-?[\d.]+)h([\d.]+)v([\d.]+)h-[\d.]+Z" fill="([^"]*)"(?: [^>]*)?/>')
TOUCHING = 0.3
"""Pixels by which a cell may begin beside the end of the one before."""
_TAG = re.compile("<[^>]*>")
_LONG = re.compile(r"(\d+\.\d)\d+")


@functools.cache
def library() -> str:
    """Vega, as one script that puts `vegaEmbed` into the window."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def compiled(spec: Spec) -> Spec:
    """Vega-Lite as Vega, which the browser need not translate."""
    vega: Spec = vl_convert.vegalite_to_vega(spec)
    return vega


def still(vega: Spec, rows: Sequence[Mapping[str, Any]], told: str) -> str:
    """Draws a chart as SVG, whose colours are the page's own.

    Args:
        vega: Its kind.
        rows: Its data.
        told: What it shows, for those who do not see it.
    """
    data = [{**one, "values": list(rows)} if one["name"] == "table" else one for one in vega["data"]]
    svg = vl_convert.vega_to_svg({**vega, "data": data})
    svg = _TAG.sub(lambda tag: _LONG.sub(r"\1", _NEEDLESS.sub("", tag[0])), _UNSEEN.sub("", svg))
    svg = _merged(svg)
    for stand_in, name in NAMES.items():
        svg = svg.replace(f'"{stand_in}"', f'"{name}"')
    width, height = re.search(r'width="(\d+)" height="(\d+)"', svg).groups()  # type: ignore[union-attr]
    head = f'<svg viewBox="0 0 {width} {height}" font-size="12" role="img" aria-label="{_attribute(told)}"'
    return head + svg[svg.index(">") :]


def _merged(svg: str) -> str:
    """Cells as lines as wide as a cell is high: those of one colour are one path, and neighbours in it one line."""
    first = _RECT.search(svg)
    if first is None:
        return svg
    found: dict[tuple[str, float], list[list[float]]] = {}
    for *numbers, fill in _RECT.findall(svg):
        left, top, width, height = map(float, numbers)
        lines = found.setdefault((fill, round(height, 1)), [])
        if lines and lines[-1][1] == top and abs(lines[-1][0] + lines[-1][2] - left) < TOUCHING:
            lines[-1][2] = left + width - lines[-1][0]
        else:
            lines.append([left, top, width])
    paths = (
        f'<path stroke="{fill}" stroke-width="{height:g}" d="{_path(lines, height)}"/>'
        for (fill, height), lines in found.items()
    )
    return svg[: first.start()] + "".join(paths) + _RECT.sub("", svg[first.start() :])


def _path(lines: Sequence[Sequence[float]], height: float) -> str:
    return "".join(f"M{left:.4g},{top + height / 2:.4g}h{width:.3g}" for left, top, width in lines)


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
