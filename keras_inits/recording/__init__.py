"""Recording: what `fit` trains with, seen and not computed again.

    fit -> logger     announces each step, fetches rows in bulk, adds means to the logs
        -> recorder   hands the model a training function for one step (or group of steps) at a time: `announced`
        -> optimizers which are recorded
        -> backends   that function: Keras's own, in which each optimizer also leaves a row of measures on the device
        -> columns    variables -> layers in depth order
        -> reading    rows of measures -> quantities of layers, outcome and clipping of each step
        -> rows       all fits so far, within bounds
        -> sink       rows -> files
        -> alerts     rows -> one word of `health` each -> warning, stop or error
        -> trace      a frozen table of steps x layers -> files, plots, frames

Nothing stays patched: the optimizer's method is swapped only while the step runs, and the model's training function
only from the moment that a step is announced to the moment that it starts.
"""

from keras_inits.recording.alerts import Alerts, GradientError
from keras_inits.recording.logger import GradientNormLogger
from keras_inits.recording.trace import GradientTrace

__all__ = ["Alerts", "GradientError", "GradientNormLogger", "GradientTrace"]
