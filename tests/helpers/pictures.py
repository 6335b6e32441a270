"""Traces to draw, and what a picture shows."""

import numpy as np

from keras_inits.recording import GradientTrace

NAN, INF = float("nan"), float("inf")


def example(steps=20, layers=5, **more):
    """Norms that grow with depth, so that each is told from the others."""
    norms = np.ma.MaskedArray(10.0 ** np.arange(layers) * np.linspace(1.0, 2.0, steps)[:, None])
    return GradientTrace(
        range(steps),
        [f"block_{i}/dense" for i in range(layers)],
        norms,
        {"update": norms, "zeros": norms, "own": -norms},
        **more,
    )


def odd(steps=20):
    """One of each: zero, NaN, infinite and missing."""
    norms = example(steps).norms.copy()
    norms[3, 0], norms[4, 1], norms[5, 2], norms[6, 3] = 0.0, NAN, INF, np.ma.masked
    return GradientTrace(range(steps), example().layers, norms)


def legend_of(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def lines_of(figure):
    """The points of each layer's line."""
    return [line.get_xydata() for line in figure.axes[0].lines]


def two_optimizers(steps):
    """Rows of a GAN: in each step one of the generator's layers and one of the discriminator's."""
    norms = np.ma.MaskedArray(np.arange(1.0, 4 * steps + 1).reshape(2 * steps, 2))
    norms[::2, 0] = norms[1::2, 1] = np.ma.masked
    return GradientTrace(np.arange(2 * steps) // 2, ("generator", "discriminator"), norms)


def marks_of(figure):
    """The places of each kind of mark that is drawn, in the order of their kinds."""
    offsets = [marks.get_offsets().tolist() for marks in figure.axes[0].collections]
    return [[tuple(place) for place in places] for places in offsets if places]
