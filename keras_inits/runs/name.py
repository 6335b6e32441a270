"""The name of a run."""

import hashlib
import re
from typing import NamedTuple

MAX_BYTES = 200
"""Largest size of a file's name: systems take 255, and some are needed for its ending, and while it is written."""


class Name(NamedTuple):
    """Names of a network and of an initializer, and a seed."""

    network: str
    initializer: str
    seed: int

    @property
    def file_name(self) -> str:
        """The name in the names of files: letters, digits and a few signs, and a digest in the place of many."""
        name = re.sub(r"[^\w.+=-]+", "_", "-".join(str(part) for part in self if part != ""))
        if len(name.encode()) <= MAX_BYTES:
            return name
        whole = hashlib.sha256("\0".join(map(str, self)).encode()).hexdigest()
        return f"{name.encode()[: MAX_BYTES - 17].decode(errors='ignore')}-{whole[:16]}"

    @property
    def title(self) -> str:
        """The name for people."""
        return f"{self.network} from {self.initializer}" if self.network else self.initializer
