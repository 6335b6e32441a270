"""A figure, and a file of it."""

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from keras_inits import whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 120
FORMAT = "png"
"""The format of a file whose name has no suffix."""


def saved(figure: "Figure", path: str | os.PathLike[str] | None) -> "Figure":
    """The figure, which is in a file too if there is a path."""
    if path is not None:
        named = Path(path)
        named = named if named.suffix else named.with_suffix(f".{FORMAT}")
        picture = io.BytesIO()
        figure.savefig(picture, dpi=DPI, format=named.suffix[1:])
        whole.replace(named, picture.getvalue())
    return figure
