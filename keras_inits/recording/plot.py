"""The picture of a trace: a line for each layer, with its depth as its colour."""

import os
from typing import Any

import numpy as np

MOST_LABELS = 80
"""How many layers' names the colour bar has room for; of more layers it names evenly spaced ones."""

# What a log scale cannot show: (name, test, marker, height within the axes).
MARKS = (
    ("zero", lambda norms: norms == 0, "v", 0.015),
    ("NaN", np.isnan, "x", 0.955),
    ("infinite", np.isinf, "^", 0.985),
)


def plot_trace(
    steps: np.ndarray, layers: tuple[str, ...], norms: np.ma.MaskedArray, path: str | os.PathLike[str]
) -> None:
    """Draws the norms over the steps and writes the picture."""
    try:
        import matplotlib
        from matplotlib.figure import Figure  # and not pyplot, which keeps figures and settings for the whole process
    except ImportError as error:
        raise ImportError(
            "GradientTrace.plot() found no matplotlib. It expects it to be installed. "
            'Install it with: pip install "keras_inits[report]"'
        ) from error
    labels = min(len(layers), MOST_LABELS)
    figure = Figure(figsize=(10.0, max(5.0, 1.5 + 0.16 * labels)), layout="constrained")
    axes = figure.add_subplot()
    # The light end of the map is left out: yellow on white cannot be seen.
    colours = matplotlib.colormaps["viridis"].resampled(256)(np.linspace(0.0, 0.9, max(len(layers), 1)))
    for index, colour in enumerate(colours[: len(layers)]):
        values = norms[:, index].filled(np.nan)
        drawable = np.where(np.isfinite(values) & (values > 0), values, np.nan)
        axes.plot(steps, drawable, color=colour, linewidth=1.2, marker="." if len(steps) <= 60 else "", markersize=4)
    _set_scale(axes, norms)
    _mark(axes, steps, norms, colours)
    axes.set_xlabel("step")
    axes.set_ylabel("norm of the gradient")
    axes.set_title(f"Gradient norm of {len(layers)} layers over {len(steps)} recorded steps")
    axes.grid(alpha=0.25)
    if layers:
        _add_depth_bar(figure, axes, layers, matplotlib.colors.ListedColormap(colours))
    figure.savefig(path, dpi=120)


def _set_scale(axes: Any, norms: np.ma.MaskedArray) -> None:
    values = norms.compressed()
    drawable = values[np.isfinite(values) & (values > 0)]
    low, high = (np.log10(drawable.min()), np.log10(drawable.max())) if len(drawable) else (-1.0, 1.0)
    room = max(0.08 * (high - low), 0.1)  # for the marks at the edges
    axes.set_yscale("log")
    axes.set_ylim(10.0 ** (low - room), 10.0 ** (high + room))


def _mark(axes: Any, steps: np.ndarray, norms: np.ma.MaskedArray, colours: np.ndarray) -> None:
    """Marks what the scale cannot show at the edge of the axes, in its layer's colour."""
    for name, test, marker, height in MARKS:
        rows, columns = np.nonzero(test(norms.filled(1.0)))
        if not len(rows):
            continue
        edge = axes.get_xaxis_transform()
        axes.scatter(steps[rows], [height] * len(rows), c=colours[columns], marker=marker, s=28, transform=edge)
        axes.scatter([], [], c="black", marker=marker, s=28, label=f"{name} ({len(rows)} norms)")
    if axes.get_legend_handles_labels()[1]:
        axes.figure.legend(loc="outside lower left", ncols=len(MARKS), frameon=False)


def _add_depth_bar(figure: Any, axes: Any, layers: tuple[str, ...], colours: Any) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm

    edges = BoundaryNorm(np.arange(len(layers) + 1) - 0.5, len(layers))
    bar = figure.colorbar(ScalarMappable(edges, colours), ax=axes, aspect=30, pad=0.02)
    ticks = np.unique(np.linspace(0, len(layers) - 1, min(len(layers), MOST_LABELS)).round().astype(int))
    size = 9 if len(ticks) <= 20 else 7
    bar.set_ticks(ticks, labels=[layers[tick] for tick in ticks], fontsize=size, parse_math=False)
    bar.minorticks_off()
    bar.ax.invert_yaxis()  # the first layer on top, as in `model.summary()`
    bar.ax.set_title("layer", fontsize=10)
