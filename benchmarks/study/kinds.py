"""The kinds of networks: what is trained, on what, how long, and at which rates."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

from study import datasets, networks
from study.datasets import Data

SGD, ADAM = (0.001, 0.003, 0.01, 0.03, 0.1), (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
SGD_SHORT, ADAM_SHORT = (0.003, 0.01, 0.03, 0.1), (3e-4, 1e-3, 3e-3)


class Kind(NamedTuple):
    """Build takes the initializer of all kernels by the name `kernels`."""

    build: Callable[..., Any]
    data: Callable[[], Data]
    loss: str
    steps: int
    batch: int
    rates: dict[str, tuple[float, ...]]


LOSSES: dict[str, Callable[[], Any]] = {
    "classes": lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "binary": lambda: keras.losses.BinaryCrossentropy(from_logits=True),
    "squares": keras.losses.MeanSquaredError,
}


def constant_loss(kind: Kind, data: Data) -> float:
    """The validation loss of the best constant outputs that the training targets tell."""
    y, judged = data.y, data.y_validation
    if kind.loss == "squares":
        return float(np.mean(np.square(judged - y.mean(0))))
    if kind.loss == "binary":
        share = float(y.mean())
        return float(-np.mean(np.where(judged == 1, np.log(share), np.log(1 - share))))
    shares = np.bincount(y) / len(y)
    return float(-np.mean(np.log(shares[judged])))


def _kind(build: Any, data: Any, loss: str, steps: int, batch: int = 64, short: bool = False) -> Kind:
    rates = {"sgd": SGD_SHORT, "adam": ADAM_SHORT} if short else {"sgd": SGD, "adam": ADAM}
    return Kind(build, data, loss, steps, batch, rates)


def _deep(activation: str, depth: int) -> Kind:
    build = functools.partial(networks.perceptron, 64, 10, activation, depth)
    return _kind(build, functools.partial(datasets.digits, 64), "classes", 300)


def _small(inputs: int, outputs: int, data: Any, loss: str, steps: int = 300, batch: int = 32) -> Kind:
    return _kind(functools.partial(networks.perceptron, inputs, outputs, "relu", 3), data, loss, steps, batch)


def _image(build: Any, *arguments: Any) -> Kind:
    data = functools.partial(datasets.digits, 8, 8, 1)
    return _kind(functools.partial(build, *arguments), data, "classes", 105, 32, short=True)


def _rows(build: Any, *arguments: Any, steps: int = 150) -> Kind:
    data = functools.partial(datasets.digits, 8, 8)
    return _kind(functools.partial(build, *arguments), data, "classes", steps, 32, short=True)


KINDS: dict[str, Kind] = {
    "relu, 10 deep": _deep("relu", 10),
    "relu, 30 deep": _deep("relu", 30),
    "tanh, 20 deep": _deep("tanh", 20),
    "silu, 20 deep": _deep("silu", 20),
    "gelu, 20 deep": _deep("gelu", 20),
    "sigmoid, 5 deep": _deep("sigmoid", 5),
    "autoencoder": _kind(networks.autoencoder, datasets.reproduced_digits, "squares", 400),
    "wine, raw": _small(13, 3, datasets.wine, "classes"),
    "cancer, raw": _small(30, 1, datasets.cancer, "binary"),
    "rare class": _small(20, 1, datasets.rare, "binary", 200, 64),
    "diabetes": _small(10, 1, functools.partial(datasets.diabetes, True), "squares"),
    "diabetes, raw targets": _small(10, 1, functools.partial(datasets.diabetes, False), "squares"),
    "friedman": _small(10, 1, datasets.friedman, "squares"),
    "VGG, 12 convolutions": _image(networks.convolutions, ((8, 3), (16, 4), (24, 5))),
    "CNN, batch norm": _image(networks.convolutions, ((8, 2), (16, 2), (24, 2)), True),
    "residual, 12 blocks": _image(networks.residual, 12, 10),
    "residual, batch norm": _image(networks.residual, 12, 10, True),
    "transformer, post-norm": _rows(networks.transformer, 6, False),
    "transformer, pre-norm": _rows(networks.transformer, 6, True),
    "transformer, tokens": _kind(
        functools.partial(networks.transformer, 4, True, 12, 5), datasets.counted_tokens, "classes", 200, 32, True
    ),
    "LSTM": _rows(networks.recurrent, "LSTM", (8, 8), 10, steps=300),
    "GRU": _rows(networks.recurrent, "GRU", (8, 8), 10, steps=300),
    "LSTM, adding": _kind(
        functools.partial(networks.recurrent, "LSTM", (50, 2), 1), datasets.adding, "squares", 450, 32, True
    ),
}
HANDED = (
    "relu, 10 deep",
    "relu, 30 deep",
    "tanh, 20 deep",
    "silu, 20 deep",
    "sigmoid, 5 deep",
    "autoencoder",
    "wine, raw",
    "rare class",
    "VGG, 12 convolutions",
    "residual, 12 blocks",
    "transformer, post-norm",
    "LSTM, adding",
)
