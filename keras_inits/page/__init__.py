"""A page of HTML that needs nothing beside it: plots that answer to the pointer, and the same as still pictures.

    numbers ─> charts   Vega-Lite, and their data in columns
                 ├─> stills   SVG, in the page's own colours, for print and where there is no JavaScript
                 │  series    the lines of charts
                 └─> page     template, style, script and Vega itself, in one text

Vega draws them, by `vl-convert`. Of the libraries that can be embedded whole its bundle is the smallest (0.90 MB; Bokeh
3.9 has 1.27 MB, and plotly's wheel only its whole bundle); it draws SVG, sharp on any screen, which takes the page's
colours in the light and in the dark and is read out by a screen reader; and it alone draws the same pictures without a
browser. Its licence is BSD's. A comparison and a diagnosis, and whatever comes later, hand over their own template;
the terms stand in `glossary`.
"""
