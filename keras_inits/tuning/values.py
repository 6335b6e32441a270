"""The values of a trial, as `build` gets them."""

from collections.abc import Iterator, Mapping
from typing import Any


class Values(Mapping[str, Any]):
    """A mapping that knows which of its names were read.

    Args:
        values: Each name with its value.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)
        self._read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        """The value of a name."""
        try:
            value = self._values[name]
        except KeyError:
            raise KeyError(
                f"build() read {name!r}, which is no dimension of the space. Expected one of "
                f"{', '.join(map(repr, self._values))}. Add it to the space, or read it from elsewhere."
            ) from None
        self._read.add(name)
        return value

    def __iter__(self) -> Iterator[str]:
        """Goes over the names."""
        return iter(self._values)

    def __len__(self) -> int:
        """How many names there are."""
        return len(self._values)

    def __repr__(self) -> str:
        """The values, as those of a dictionary."""
        return repr(self._values)

    @property
    def unread(self) -> tuple[str, ...]:
        """The names that were not read."""
        return tuple(name for name in self._values if name not in self._read)
