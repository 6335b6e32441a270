"""The search: the start, and what is around it, chosen by experiment on an Optuna storage.

    space, sampler ──> session   opens the journal, enqueues points, runs the loop
                         ├─> study      Optuna's, of these settings; its sampler and distributions
                         │     └─ journal   the file it is in: locked, mended
                         ├─> trials     which comes next; what is told of each; tried again or not
                         └─> loop       as many processes at once as there are workers (progress: told)
                               └─> process   one trial, apart: killed, crashed or done (results: its words)
                                     └─> work    build, data, objective -> the runs of a point, by `runs`
    study ───────────> found     best and all trials: ranking, rows, table

`dimensions`, `space` and `objectives` are what a user writes; `values` is what `build` reads. One process alone writes
the journal: the others tell it their results. `search` is this from Python.
"""

from keras_inits.tuning._search import search
from keras_inits.tuning.dimensions import choice, integers, log, uniform
from keras_inits.tuning.found import BestTrial, Found
from keras_inits.tuning.objectives import Objective, best, last, steps_to

__all__ = [
    "BestTrial",
    "Found",
    "Objective",
    "best",
    "choice",
    "integers",
    "last",
    "log",
    "search",
    "steps_to",
    "uniform",
]
