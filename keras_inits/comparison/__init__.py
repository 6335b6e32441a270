"""The main job: one model, trained from each starting point with each seed, and told apart by its gradients.

    build ────────┐
    data ─────────┼─> plan ─> session ─> runs ─> comparison: a table, a data frame
    initializers ─┘                                ├─> report   a self-contained HTML page
                                                   │     charts its plots: of all runs, and of one
                                                   ├─> plot     a picture: gradient norms over depth, loss
                                                   ├─ rows, columns   what table, data frame and page show
                                                   ├─ drawn     page and plot, found again or drawn
                                                   ├─ best      the start with the best metric
                                                   └─ equal     starts that do not differ

The room `runs` makes each run, or finds it again. `compare` is this from Python, `command` for the shell: `starts` and
`network` on `digits`, or a `subject` of the user's own.
"""

from keras_inits.comparison._compare import compare
from keras_inits.comparison.comparison import Comparison
from keras_inits.comparison.starts import STARTS
from keras_inits.runs.run import Run
from keras_inits.runs.verdict import verdict

__all__ = ["STARTS", "Comparison", "Run", "compare", "verdict"]
