"""Charts as Vega-Lite: lines over a number, and cells of layers beside a number. Names are data in them, never code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]

TEXT, QUIET, LINE = "#010203", "#040506", "#070809"
"""Stand-ins, which the page's style replaces by its colours, light or dark."""
# Okabe and Ito's colours, told apart with every kind of colour blindness, the black one by the page's text.
COLOURS = (TEXT, "#d55e00", "#cc79a7", "#e69f00", "#56b4e9", "#0072b2", "#009e73", "#a39800")
DASHES = ([1, 0], [6, 3], [2, 2])  # the next eight have the same colours
CELLS = ("#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#d8e219", "#fde725")
SIZE = (560, 250)
LIT = "lit === null || lit === datum.series"


@dataclass(frozen=True)
class Chart:
    """A chart of the page."""

    kind: str
    """The name of its specification: charts of one kind share it."""
    title: str
    told: str
    """What it shows, for those who do not see it."""
    columns: Mapping[str, Sequence[Any]]
    """Its data."""


def lines(x: str, y: str, series: Sequence[str], log: bool, percent: bool = False) -> Spec:
    """Lines of several series: `x`, `y` (null where there is no such number), `edge`, `shown` and `place` by `series`.

    What has no place on the scale stands at an edge: zero of a logarithm below, what is not finite above.

    Args:
        x: The title of the horizontal axis.
        y: That of the vertical one.
        series: The names, in the order of their looks.
        log: Whether the vertical scale is logarithmic.
        percent: Whether values are shares.
    """
    axis: Spec = {"title": y, "grid": True, "format": ".0%" if percent else "~g"}
    if log:
        axis |= {"format": ".0e", "tickCount": 6, "labelOverlap": True}
    scale: Spec = {"type": "log" if log else "linear", "zero": False, "nice": not log}
    colour = {
        "field": "series",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": list(series), "range": [COLOURS[i % len(COLOURS)] for i in range(len(series))]},
    }
    dash = {
        "field": "series",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": list(series), "range": [DASHES[i // 8 % 3] for i in range(len(series))]},
    }
    opacity = {"condition": {"test": LIT, "value": 1}, "value": 0.12}
    horizontal = {
        "field": "x",
        "type": "quantitative",
        "axis": {"title": x, "tickMinStep": 1, "grid": False, "format": "~g"},
        "scale": {"zero": False, "nice": False, "padding": 8},
    }
    tooltip = [{"field": "series", "title": "run"}, {"field": "place", "title": x}, {"field": "shown", "title": y}]
    place = {"x": horizontal, "y": {"field": "y", "type": "quantitative", "axis": axis, "scale": scale}}
    known, edge = [{"filter": "isValid(datum.y)"}], [{"filter": "isValid(datum.edge)"}]
    if log:
        known = [{"filter": "isValid(datum.y) && datum.y > 0"}]
    zoom = {"type": "interval", "zoom": "wheel![event.ctrlKey || event.metaKey]"}
    return _plot(
        [
            {
                "mark": {"type": "line", "strokeWidth": 1.8, "invalid": None, "aria": False},
                "transform": known,
                "encoding": {**place, "color": colour, "strokeDash": dash, "opacity": opacity, "detail": [
                    {"field": "run"}, {"field": "part"}
                ]},
            },
            {
                "mark": {"type": "circle", "size": 160, "opacity": 0, "aria": False},
                "transform": known,
                "encoding": {**place, "tooltip": tooltip},
                "params": [{"name": "zoom", "select": zoom, "bind": "scales"}],
            },
            {
                "mark": {"type": "point", "size": 40, "filled": True, "aria": False},
                "transform": edge,
                "encoding": {
                    "x": horizontal,
                    "y": {"condition": {"test": "datum.edge === 'zero'", "value": {"expr": "height"}}, "value": 0},
                    "shape": {
                        "field": "edge",
                        "type": "nominal",
                        "legend": None,
                        "scale": {"domain": ["zero", "nonfinite"], "range": ["triangle-down", "cross"]},
                    },
                    "color": colour,
                    "opacity": opacity,
                    "tooltip": tooltip,
                },
            },
        ]
    )  # fmt: skip


def cells(x: str, value: str) -> Spec:
    """Cells of layers beside a number: `low` to `high` across, `layer` down, `level` from 0 to 1 as colour, or `odd`.

    Args:
        x: The title of the horizontal axis.
        value: That of what `shown` holds.
    """
    across: Spec = {
        "field": "low",
        "type": "quantitative",
        "axis": {"title": x, "grid": False, "format": "~g", "tickCount": 5},
        "scale": {"zero": False, "nice": False},
    }
    colour = {
        "condition": [
            {"test": "datum.odd === 'zero'", "value": "#000000"},
            {"test": "datum.odd === 'infinite'", "value": "#ff8c00"},
            {"test": "datum.odd === 'not a number'", "value": "#cc0000"},
            {"test": "datum.odd === 'no gradient'", "value": LINE},
        ],
        "field": "level",
        "type": "quantitative",
        "legend": None,
        "scale": {"type": "quantize", "domain": [0, 1], "range": list(CELLS)},
    }
    tooltip = [
        {"field": "layer", "title": "layer"},
        {"field": "place", "title": x},
        {"field": "shown", "title": value},
    ]
    return _plot(
        [
            {
                "mark": {"type": "rect", "aria": False, "strokeWidth": 0},
                "encoding": {
                    "x": across,
                    "x2": {"field": "high"},
                    "y": {
                        "field": "layer",
                        "type": "nominal",
                        "sort": None,
                        "axis": {"title": None, "labelLimit": 110, "labelOverlap": True, "ticks": False},
                    },
                    "fill": colour,
                    "tooltip": tooltip,
                },
                "params": [
                    {
                        "name": "zoom",
                        "select": {
                            "type": "interval",
                            "encodings": ["x"],
                            "zoom": "wheel![event.ctrlKey || event.metaKey]",
                        },
                        "bind": "scales",
                    }
                ],
            }
        ]
    )


def _plot(layer: list[Spec]) -> Spec:
    axis = {
        **{"labelColor": QUIET, "titleColor": QUIET, "domainColor": QUIET, "tickColor": QUIET, "gridColor": LINE},
        **{"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
    }
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"name": "table"},
        "width": SIZE[0],
        "height": SIZE[1],
        "autosize": {"type": "fit", "contains": "padding"},
        "background": None,
        "padding": 4,
        "params": [{"name": "lit", "value": None}],
        "config": {"axis": axis, "view": {"stroke": None}, "font": "system-ui, sans-serif"},
        "layer": layer,
    }
