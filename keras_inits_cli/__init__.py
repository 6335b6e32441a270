"""The command `keras-inits`: options -> one call of a room of the package.

    __init__      the entry, which says what is missing
    application   the commands and their options
    options       checks of values that typer does not have
    outcome       the exit status, and the one line of an error
    interruption  Ctrl-C
    quiet         the log lines of backends

It stands beside the package, not in it: importing anything of the package imports Keras, which then reads the
environment variable KERAS_BACKEND, once; and `--backend` must set that before.
"""

import importlib.util
import sys

MODULES = ("jinja2", "matplotlib", "pandas", "rich", "sklearn", "threadpoolctl", "typer", "vl_convert")
FAILED = 3
"""The exit status of a command that failed."""


def main() -> None:
    """Runs the command with the arguments of the process.

    Raises:
        SystemExit: Always, with one of the statuses of `outcome`; 3 with the line that installs what is missing.
    """
    missing = [module for module in MODULES if importlib.util.find_spec(module) is None]
    if missing:
        print(
            f'keras-inits needs {", ".join(missing)}, not installed here. Expected the extra "report". Install it: '
            'pip install "keras_inits[report]"',
            file=sys.stderr,
        )
        sys.exit(FAILED)
    from keras_inits_cli.application import application

    application(prog_name="keras-inits")
