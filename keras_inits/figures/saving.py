"""A figure, and a file of it."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 120


def saved(figure: "Figure", path: str | os.PathLike[str] | None) -> "Figure":
    """The figure, which is in a file too if there is a path."""
    if path is not None:
        figure.savefig(path, dpi=DPI)
    return figure
