"""Packages that only some methods need."""

from types import ModuleType

REPORT = '"keras_inits[report]"'
SEARCH = '"keras_inits[search]"'
OPTUNA = 5
"""The first version of Optuna that has constraints in its core, and whose TPE is multivariate by default."""


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


def optuna_for(caller: str) -> ModuleType:
    """Returns Optuna.

    Raises:
        ImportError: If it is not installed, or is too old.
    """
    try:
        import optuna
    except ImportError as error:
        raise missing(caller, "optuna", SEARCH) from error
    if int(optuna.__version__.split(".")[0]) < OPTUNA:
        raise ImportError(
            f"{caller} found optuna {optuna.__version__}. It expects optuna {OPTUNA} or newer. Install it with: pip "
            f"install {SEARCH}"
        )
    return optuna
