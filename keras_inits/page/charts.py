"""Charts as Vega-Lite: lines over a number, and cells of layers beside a number. Names are data in them, never code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keras_inits.figures.palette import BLUE, GREEN, OLIVE, ORANGE, PURPLE, SKY_BLUE, VERMILION

Spec = dict[str, Any]

TEXT, QUIET, LINE = "#010203", "#040506", "#070809"
"""Stand-ins, which the page's style replaces by its colours, light or dark."""
COLOURS = (TEXT, VERMILION, PURPLE, ORANGE, SKY_BLUE, BLUE, GREEN, OLIVE)
DASHES = ([1, 0], [6, 3], [2, 2])
CELLS = ("#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#d8e219", "#fde725")
SIZE = (560, 250)
LABELS = 46
"""Pixels for the labels beside the vertical axis: the still pictures measure them with another font than the page."""
PLAIN = (
    "datum.value == 0 || abs(datum.value) >= 0.001 && abs(datum.value) < 10000 ? format(datum.value, '.4~r')"
    " : replace(format(datum.value, '.2~e'), 'e+', 'e')"
)
"""Numbers on an axis, with a power of ten where they are far from 1."""
ZOOM = {"type": "interval", "zoom": "wheel![event.ctrlKey || event.metaKey]"}
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
    every: Mapping[str, Any] = field(default_factory=dict)
    """The data that all rows have in common."""

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Its data, row by row."""
        cells = zip(*self.columns.values(), strict=True)
        return [{**self.every, **dict(zip(self.columns, row, strict=True))} for row in cells]


def look(index: int) -> tuple[str, list[int]]:
    """The colour and the dashes of a series: when the colours are used up, they come again with other dashes."""
    return COLOURS[index % len(COLOURS)], DASHES[index // len(COLOURS) % len(DASHES)]


def lines(x: str, y: str, series: Sequence[str], log: bool, *, percent: bool = False, legend: bool = False) -> Spec:
    """Lines of several series: `x`, `y` (null where there is no such number), `edge`, `shown` and `place` by `series`.

    What has no place on the scale stands at an edge: zero of a logarithm below, what is not finite above.

    Args:
        x: The title of the horizontal axis.
        y: That of the vertical one.
        series: The names, in the order of their looks.
        log: Whether the vertical scale is logarithmic.
        percent: Whether values are shares.
        legend: Whether the names stand above; a page has one legend for all charts of its starts.
    """
    axis: Spec = {
        "title": y,
        "grid": True,
        "minExtent": LABELS,
        **({"format": ".0%"} if percent else {"labelExpr": PLAIN}),
    }
    scale: Spec = {"type": "linear", "zero": False, "nice": True}
    if percent:
        scale["domain"] = {"unionWith": [0, 0.1]}  # else shares that are all zero have an axis of one number
    if log:
        axis |= {"tickCount": 6, "labelOverlap": True}
        scale = {"type": "log", "nice": False, "padding": 6}
    names = {"orient": "top", "title": None, "symbolType": "stroke"} if legend else None
    looks = [look(index) for index in range(len(series))]
    colour, dash = (
        {"field": "series", "type": "nominal", "legend": names, "scale": {"domain": list(series), "range": ranged}}
        for ranged in ([colour for colour, _ in looks], [dashes for _, dashes in looks])
    )
    opacity = {"condition": {"test": LIT, "value": 1}, "value": 0.12}
    horizontal = {
        "field": "x",
        "type": "quantitative",
        "axis": {"title": x, "tickMinStep": 1, "grid": False, "labelExpr": PLAIN},
        "scale": {"zero": False, "nice": False, "padding": 8},
    }
    tooltip = [{"field": "series", "title": "run"}, {"field": "place", "title": x}, {"field": "shown", "title": y}]
    place = {"x": horizontal, "y": {"field": "y", "type": "quantitative", "axis": axis, "scale": scale}}
    known = [{"filter": "isValid(datum.y) && datum.y > 0" if log else "isValid(datum.y)"}]
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
                "mark": {"type": "point", "filled": True, "size": 30, "aria": False},
                "transform": [
                    *known,
                    {"joinaggregate": [{"op": "count", "as": "together"}], "groupby": ["run", "part"]},
                    {"filter": "datum.together == 1"},
                ],
                "encoding": {**place, "color": colour, "opacity": opacity},
            },
            {
                "mark": {"type": "circle", "size": 160, "opacity": 0, "aria": False},
                "transform": known,
                "encoding": {**place, "tooltip": tooltip},
                "params": [{"name": "zoom", "select": ZOOM, "bind": "scales"}],
            },
            *(_at_edge(edge, shape, {"x": horizontal, "color": colour, "opacity": opacity, "tooltip": tooltip})
              for edge, shape in (("zero", "triangle-down"), ("nonfinite", "cross")) if log or edge == "nonfinite"),
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
                "calculate": "datum.odd ? 0 : (log(datum.norms)/LN10 - datum.low) / max(datum.high - datum.low, 1e-9)",
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
    spec["layer"][0]["encoding"]["yOffset"] = {"field": "when", "type": "nominal", "sort": ["before", "after", "now"]}
    return spec


def _cells(x: str, value: str, transform: list[Spec]) -> Spec:
    across: Spec = {
        "field": "left",
        "type": "quantitative",
        "axis": {"title": x, "grid": False, "labelExpr": PLAIN, "tickCount": 5},
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
                "params": [{"name": "zoom", "select": {**ZOOM, "encodings": ["x"]}, "bind": "scales"}],
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
        "config": {
            "axis": axis,
            "legend": {"labelColor": QUIET, "labelFontSize": 12, "offset": 4},
            "view": {"stroke": None},
            "font": "system-ui, sans-serif",
        },
        "layer": layer,
    }
