"""Work shared among the cores.

NumPy lets go of the interpreter's lock while it computes, so threads are enough. They live as long as one call: none
are there when a process forks, and importing this starts none.
"""

import collections
import contextlib
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

VARIABLE = "KERAS_INITS_THREADS"
MAX_THREADS = 8
"""Threads, unless the variable says more: a tenth of a block's time is the interpreter's, which one thread has at a
time (25 of 220 us measured for a normal block), so that a ninth thread would only wait."""

Task = Callable[[int], None]


def thread_count() -> int:
    """Returns how many threads draw: what the environment variable says, or one for each core that may be used.

    Raises:
        ValueError: If the variable is not a whole number of at least 1.
    """
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return min(MAX_THREADS, cores())
    if not re.fullmatch("0*[1-9][0-9]{0,5}", wanted):
        raise ValueError(
            f"The environment variable {VARIABLE} says how many threads draw initial values. Received: "
            f"{VARIABLE}={wanted!r}. Expected a whole number of at least 1. Set it to one, or remove it for one thread "
            f"for each core, up to {MAX_THREADS}."
        )
    return int(wanted)


def cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share(count: int, worker: Callable[[], Task]) -> None:
    """Does the tasks 0 to count - 1, each once, in any order, on several threads if there are several.

    Args:
        count: How many there are.
        worker: Called once on each thread; returns what does the task of a number.
    """
    todo = collections.deque(range(count))

    def work() -> None:
        try:
            task = worker()
            while True:
                try:
                    number = todo.popleft()
                except IndexError:
                    return
                task(number)
        except BaseException:
            todo.clear()  # nobody is to go on with what will be thrown away
            raise

    helpers = min(count, thread_count()) - 1
    if helpers < 1:
        return work()
    with ThreadPoolExecutor(helpers, thread_name_prefix="keras_inits") as pool:
        helping = []
        # Where a process ends, or may not start more threads, this one does it all.
        with contextlib.suppress(RuntimeError):
            for _ in range(helpers):
                helping.append(pool.submit(work))
        work()
        for helper in helping:
            helper.result()
