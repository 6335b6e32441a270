"""The end of a command: its exit status, and one line for an error."""

import sys
import traceback
from collections.abc import Callable

from keras_inits_cli import FAILED
from keras_inits_cli.interruption import Interruption
from keras_inits_cli.options import BACKENDS

FOUND, USAGE, NOT_ALL_SEEN, INTERRUPTED = 1, 2, 4, 130
"""Exit statuses: something was found; an option is wrong; a layer was not looked at; Ctrl-C; beside `FAILED`."""
NOTHING_KEPT = "Interrupted before anything was finished; nothing is kept."


def status_of(work: Callable[[Interruption], int], debug: bool) -> int:
    """Runs a command, and returns its exit status; what it raises becomes a line, or with `debug` a traceback."""
    with Interruption() as interruption:
        try:
            return work(interruption)
        except KeyboardInterrupt:
            return told(INTERRUPTED, NOTHING_KEPT)
        except Exception as error:
            if interruption.came:
                return told(INTERRUPTED, NOTHING_KEPT)
            if debug:
                traceback.print_exc()
                return FAILED
            return told(*line_of(error))


def told(status: int, line: str) -> int:
    """Prints a line where errors go, and returns the status."""
    print(line, file=sys.stderr)
    return status


def line_of(error: Exception) -> tuple[int, str]:
    """The exit status and the line of an error."""
    if isinstance(error, ImportError) and error.name in BACKENDS:
        return USAGE, (
            f"Keras wants the backend {error.name}, which is not installed; expected an installed one. "
            f'Install it: pip install "keras_inits[{error.name}]"; or name another with --backend.'
        )
    from keras_inits._names import one_line, shown
    from keras_inits.diagnosis.files import FileError
    from keras_inits.faults import InternalError, OptionError

    text = one_line(str(error).partition("\n\nArguments received by")[0])  # Keras prints whole tensors behind it
    if isinstance(error, OptionError):
        return USAGE, text
    if isinstance(error, FileError | InternalError):
        return FAILED, text
    if isinstance(error, OSError) and error.filename is not None:
        return FAILED, (
            f"received {shown(str(error.filename))}, which cannot be read or written: "
            f"{one_line(error.strerror or '')}. Expected a file that can be, and room on its disk. "
            "Make room, correct its rights, or choose another place."
        )
    return FAILED, (
        f"{type(error).__name__}: {text.removesuffix('.')}. keras-inits expects a model and data that raise no error. "
        "Correct what it names; --debug shows where it was raised."
    )
