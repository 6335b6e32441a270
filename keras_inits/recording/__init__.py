"""Recording: what `fit` trains with, seen and not computed again.

    fit -> logger    announces each step, fetches rows in bulk, writes logs and file
        -> recorder  hands the model a training function for one step (or group of steps) at a time
        -> backends  that function: Keras's own, in which the optimizer also leaves a row of norms on the device
        -> columns   variables -> layers in depth order
        -> rows      rows of all fits so far -> trace
        -> trace     a frozen table of steps x layers -> files, frames (for pandas), plots

Nothing stays patched: the optimizer's method is swapped only while the step runs, and the model's training function
only from the moment that a step is announced to the moment that it starts.
"""

from keras_inits.recording.alerts import Alerts, GradientError
from keras_inits.recording.logger import GradientNormLogger
from keras_inits.recording.trace import GradientTrace

__all__ = ["Alerts", "GradientError", "GradientNormLogger", "GradientTrace"]
