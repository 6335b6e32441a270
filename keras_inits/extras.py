"""Packages that only some methods need."""

from types import ModuleType


def pandas_for(caller: str) -> ModuleType:
    """Returns pandas.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        import pandas  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise ImportError(
            f"{caller} found no pandas. It expects it to be installed. "
            'Install it with: pip install "keras_inits[report]"'
        ) from error
    return pandas  # type: ignore[no-any-return,unused-ignore]
