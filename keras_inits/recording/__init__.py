"""Recording: what `fit` trains with, seen and not computed again.

    fit -> logger          a callback: the subscription of one user (checks: of its arguments)
        -> subscription    its book, its sinks, its alerts, in the course of a fit
        -> recorder        one for a model; records the union of what its subscribers want
             compiled_steps  which recording step serves, and whether it still does what Keras's own would
             step_hook       stands in the model's training function for one step at a time
             optimizers      the optimizers that train the model
             pace            when rows are fetched
             handout         rows from the device, each to each subscriber once
             failure         what is said when recording fails
        -> backends        Keras's own training function, in which each optimizer also leaves a row on the device
        -> columns         variables -> layers in depth order
        -> reading         rows of measures -> quantities of layers, outcome and clipping of each step
        -> block           the rows on their way to a subscriber
        -> book, table     all fits so far, within bounds; blocks that wait for sinks
        -> sinks           blocks -> files and services, each once
        -> alerts          blocks -> one word of `health` a step -> warning, stop or error
        -> trace           a frozen table of steps x layers (steps) -> files, plots, frames

Nothing stays patched: the optimizer's method is swapped only while the step runs, and the model's training function
only from the moment that a step is announced to the moment that it starts.
"""

from keras_inits.recording.alerts import Alerts, GradientError
from keras_inits.recording.logger import GradientNormLogger
from keras_inits.recording.quantities import Quantity
from keras_inits.recording.sinks import Sink, Start
from keras_inits.recording.sinks.mlflow import MLflowSink
from keras_inits.recording.sinks.tensorboard import TensorBoardSink
from keras_inits.recording.sinks.wandb import WandbSink
from keras_inits.recording.trace import GradientTrace

__all__ = [
    "Alerts",
    "GradientError",
    "GradientNormLogger",
    "GradientTrace",
    "MLflowSink",
    "Quantity",
    "Sink",
    "Start",
    "TensorBoardSink",
    "WandbSink",
]
