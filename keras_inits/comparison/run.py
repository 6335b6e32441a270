"""One run: the network from one starting point, trained with the gradient norms recorded."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_inits.comparison.digits import Digits
from keras_inits.comparison.network import build_network
from keras_inits.comparison.starts import STARTS, law_of
from keras_inits.comparison.verdict import verdict
from keras_inits.recording import GradientNormLogger, GradientTrace

LEARNING_RATE = 0.001
BATCH_SIZE = 64


@dataclass(frozen=True)
class Settings:
    """What all runs of one comparison share."""

    epochs: int = 12
    seed: int = 0
    depth: int = 20
    width: int = 64


@dataclass(frozen=True)
class Run:
    """What one run left behind."""

    start: str
    law: str
    activation: str
    train_accuracy: float
    test_accuracy: float
    trace: GradientTrace

    @property
    def name(self) -> str:
        """The run's name in file names and legends."""
        return f"{self.activation}-{self.start}"

    @property
    def verdict(self) -> str:
        """One word for the recorded gradient norms."""
        return verdict(self.trace)


def train(
    start: str,
    activation: str,
    digits: Digits,
    settings: Settings,
    on_epoch_end: Callable[[], None] = lambda: None,
) -> Run:
    """Trains the network from one starting point.

    The batches come in one order, the same for every run, and the kernels' seeds follow from the seed: a run repeats.

    Args:
        start: A name of `STARTS`.
        activation: Of the hidden layers, by its Keras name.
        digits: What it is trained and tested on.
        settings: What all runs share.
        on_epoch_end: Called after each epoch.

    Example:
        >>> from keras_inits.comparison.digits import load_digits
        >>> train("zeros", "tanh", load_digits(seed=0), Settings(epochs=1, depth=3)).verdict
        'zero'
    """
    keras.utils.set_random_seed(settings.seed)
    seeds = np.random.SeedSequence(settings.seed).generate_state(settings.depth + 1)
    model = build_network(activation, settings.width, [STARTS[start](int(seed)) for seed in seeds])
    model.compile(keras.optimizers.Adam(LEARNING_RATE), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.optimizer.build(model.trainable_variables)  # else TensorFlow traces the first step twice
    logger = GradientNormLogger()
    model.fit(
        digits.train_images,
        digits.train_labels,
        batch_size=BATCH_SIZE,
        epochs=settings.epochs,
        shuffle=False,
        verbose=0,
        callbacks=[logger, keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: on_epoch_end())],
    )
    return Run(
        start,
        law_of(start),
        activation,
        _accuracy(model, digits.train_images, digits.train_labels),
        _accuracy(model, digits.test_images, digits.test_labels),
        logger.trace,
    )


def _accuracy(model: keras.Model, images: Any, labels: Any) -> float:
    """The share of images whose largest output is that of their label; NaN outputs count as class 0."""
    outputs = keras.ops.convert_to_numpy(model(images))
    return float(np.mean(np.argmax(outputs, axis=-1) == labels))
