"""A page and a plot that are drawn once: the same runs find them again, for drawing takes longer than all else."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from keras_inits import whole
from keras_inits._version import __version__

_SEAL = "<!-- keras_inits {} -->\n"


class Drawn(NamedTuple):
    """The files in which something is shown.

    The last line of the page is a checksum of what is shown, of the plot and of the rest of the page: both files are
    what was drawn of this, or they are drawn again.
    """

    page: Path
    plot: Path
    shown: Any
    """What JSON can hold, and what differs where page or plot would."""

    def is_there(self) -> bool:
        """Whether both files are there as they were drawn."""
        try:
            page, plot = self.page.read_bytes(), self.plot.read_bytes()
        except OSError:
            return False
        seal = self._seal(b"", b"")
        return page[-len(seal) :] == self._seal(page[: -len(seal)], plot)

    def write(self, page: Callable[[], str], plot: Callable[[], bytes]) -> None:
        """Draws and writes both.

        Raises:
            OSError: If one of them cannot be written; it is then as it was.
        """
        picture = plot()
        whole.replace(self.plot, picture)
        text = page().encode()
        whole.replace(self.page, text + self._seal(text, picture))

    def _seal(self, page: bytes, plot: bytes) -> bytes:
        digest = hashlib.sha256(json.dumps([__version__, self.shown]).encode())
        digest.update(hashlib.sha256(plot).digest())
        digest.update(page)
        return _SEAL.format(digest.hexdigest()).encode()
