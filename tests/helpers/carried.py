"""What a process of a search does in tests of the engine: it imports neither Keras nor the package, and ends soon.

The file that it is given holds pickled results by their names; the dimension `does` of a point says which one it tells.
"""

import os
import pickle
import signal
import time


def carry(file, params, pipe):
    _carry(file, params, pipe, 60)


def carry_awake(file, params, pipe):
    """The same, but it sleeps no more."""
    _carry(file, params, pipe, 0)


def _carry(file, params, pipe, seconds):
    with open(file, "rb") as source:
        told = pickle.load(source)
    with open(told["log"], "a") as log:
        log.write(f"{params['x']} {os.getpid()}\n")
    pipe.send_bytes(told["begun"])
    does = params.get("does", "complete")
    if does == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if does == "sleeps":
        time.sleep(seconds)
    pipe.send_bytes(told[does])


def ends_early(file, params, pipe):
    raise SystemExit(1)
