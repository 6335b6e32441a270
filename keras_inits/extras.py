"""Packages that only some methods need."""

from types import ModuleType

REPORT = '"keras_inits[report]"'


def missing(caller: str, package: str | None, install: str) -> ImportError:
    """The error that a package is not there.

    Args:
        caller: What needs it.
        package: Its name.
        install: What pip is to install.
    """
    return ImportError(
        f"{caller} found no {package}. It expects it to be installed. Install it with: pip install {install}"
    )


def pandas_for(caller: str) -> ModuleType:
    """Returns pandas.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        import pandas  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise missing(caller, "pandas", REPORT) from error
    return pandas  # type: ignore[no-any-return,unused-ignore]
