"""The main job: one deep network on real digits, trained from each starting point, and told apart by its gradients.

    digits ─┐
    starts ─┼─> network ─> run ─> Run: accuracies and a GradientTrace ─> verdict: one word
            ┘                       │
                                    ├─> table   in the terminal
                                    ├─> plot    gradient norms over depth, a PNG
                                    └─> report  a self-contained HTML page, with table and plot in it

`session` goes through the flow once, with a progress bar, and keeps what was finished when Ctrl-C comes. The verdict
sees the recorded norms and nothing else: neither the name of the start nor the accuracy.
"""

from keras_inits.comparison.run import Run, Settings, train
from keras_inits.comparison.session import Session
from keras_inits.comparison.starts import STARTS
from keras_inits.comparison.verdict import verdict

__all__ = ["STARTS", "Run", "Session", "Settings", "train", "verdict"]
