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
    known = [{"filter": "isValid(datum.y) && datum.y > 0" if log else "isValid(datum.y)"}]
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
            *(_at_edge(edge, shape, {"x": horizontal, "color": colour, "opacity": opacity, "tooltip": tooltip})
              for edge, shape in (("zero", "triangle-down"), ("nonfinite", "cross"))),
        ]
    )  # fmt: skip


def _at_edge(edge: str, shape: str, encoding: Spec) -> Spec:
    """Marks at the lower edge for zeros, at the upper one for what is not finite."""
    return {
        "mark": {"type": "point", "shape": shape, "size": 40, "filled": True, "aria": False},
        "transform": [{"filter": f"datum.edge === '{edge}'"}],
        "encoding": {**encoding, "y": {"value": "height" if edge == "zero" else 0}},
    }


def heatmap(x: str, value: str) -> Spec:
    """Layers down, steps across: `norms` from `firsts` to `lasts`, of a `layer` a row; colours from `low` to `high`.

    A norm is a number, or in words why it is none.

    Args:
        x: The title of the horizontal axis.
        value: That of the norms.
    """
    return _cells(
        x,
        value,
        [
            {"flatten": ["norms", "firsts", "lasts"]},
            {"calculate": "datum.firsts", "as": "left"},
            {"calculate": "datum.lasts + 1", "as": "right"},
            {"calculate": "isNumber(datum.norms) ? (datum.norms == 0 ? 'zero' : null) : datum.norms", "as": "odd"},
            {
                "calculate": "datum.odd ? 0 : (log(datum.norms) / LN10 - datum.low) / max(datum.high - datum.low, 1e-9)",
                "as": "level",
            },
            {"calculate": "datum.odd ? datum.odd : format(datum.norms, '.2~e')", "as": "shown"},
            {
                "calculate": "datum.firsts == datum.lasts ? '' + datum.firsts : datum.firsts + ' to ' + datum.lasts",
                "as": "place",
            },
        ],
    )


def histograms(x: str, value: str) -> Spec:
    """Layers down, values across: `shares` of bins, in thousandths, from `low` on by `width`, of a `layer` and `when`.

    Args:
        x: The title of the horizontal axis.
        value: That of the shares.
    """
    spec = _cells(
        x,
        value,
        [
            {"flatten": ["shares"]},
            {"window": [{"op": "row_number", "as": "bin"}], "groupby": ["layer", "when"]},
            {"filter": "datum.shares > 0"},
            {"calculate": "datum.low + (datum.bin - 1) * datum.width", "as": "left"},
            {"calculate": "datum.left + datum.width", "as": "right"},
            {"calculate": "datum.shares / datum.peak", "as": "level"},
            {"calculate": "null", "as": "odd"},
            {"calculate": "format(datum.shares / 1000, '.1%') + ', ' + datum.when", "as": "shown"},
            {"calculate": "format(datum.left, '.3~g') + ' to ' + format(datum.right, '.3~g')", "as": "place"},
        ],
    )
    spec["layer"][0]["encoding"]["yOffset"] = {"field": "when", "type": "nominal", "sort": ["before", "after"]}
    return spec


def _cells(x: str, value: str, transform: list[Spec]) -> Spec:
    across: Spec = {
        "field": "left",
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
                "transform": transform,
                "encoding": {
                    "x": across,
                    "x2": {"field": "right"},
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
