"""The time before the first line: told on a terminal, without the lines that a backend's library logs."""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

CHATTER = re.compile(rb"I\d{4} |WARNING: All log messages before absl::")
COMPLAINT = re.compile(rb"[WEF]\d{4} ")
LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def keep_quiet() -> None:
    """Has TensorFlow and XLA log errors alone from their import on, unless the user said something else."""
    os.environ.setdefault(LEVEL, "3")


def tell_start() -> None:
    """Tells a person at a terminal why nothing else is seen for some seconds."""
    if sys.stderr.isatty():
        print("Starting Keras and its backend ...", file=sys.stderr, flush=True)


@contextlib.contextmanager
def without_log_lines() -> Iterator[None]:
    """Leaves out what a backend's library logs of the machine; its complaints too, unless the block fails.

    It writes to the file of the process, past Python, and in part before it reads at which level it is to log.
    """
    try:
        before = os.dup(2)
    except OSError:  # the process has no such file
        yield
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        except ValueError:  # of the user's model or data
            failed = False
            raise
        finally:
            sys.stderr.flush()
            os.dup2(before, 2)
            os.close(before)
            file.seek(0)
            for line in file:
                if not CHATTER.match(line) and (failed or not COMPLAINT.match(line)):
                    sys.stderr.write(line.decode(errors="replace"))
