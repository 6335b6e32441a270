"""What the kinds are trained on: scikit-learn's data sets and generated ones, the same at each call."""

import hashlib
from typing import Any, NamedTuple

import numpy as np
from sklearn import datasets

Array = np.ndarray[Any, Any]


class Data(NamedTuple):
    """Inputs and targets to train on, and to judge by."""

    x: Array
    y: Array
    x_validation: Array
    y_validation: Array

    def digest(self) -> str:
        """A few digits that tell this data from any other."""
        digest = hashlib.sha256()
        for array in self:
            digest.update(f"{array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:12]


def split(x: Array, y: Array, validation: int) -> Data:
    """Puts so many examples aside, always the same ones; inputs of floats are float32."""
    order = np.random.default_rng(0).permutation(len(y))
    x = x if x.dtype.kind == "i" else x.astype("float32")
    judged, trained = order[:validation], order[validation:]
    return Data(x[trained], y[trained], x[judged], y[judged])


def digits(*shape: int) -> Data:
    """Handwritten digits of 8 x 8 pixels between 0 and 1, in this shape."""
    found = datasets.load_digits()
    return split((found.data / 16).reshape(-1, *shape), found.target.astype("int32"), 450)


def reproduced_digits() -> Data:
    """The digits, with themselves as the targets."""
    x = (datasets.load_digits().data / 16).astype("float32")
    return split(x, x, 450)


def wine() -> Data:
    """Three sorts of wine by 13 columns as they come, from a tenth to thousands."""
    found = datasets.load_wine()
    return split(found.data, found.target.astype("int32"), 50)


def cancer() -> Data:
    """Two sorts of tumour by 30 columns as they come, from thousandths to thousands."""
    found = datasets.load_breast_cancer()
    return split(found.data, found.target.astype("float32")[:, None], 150)


def diabetes(standardised: bool) -> Data:
    """How a disease went on, from 25 to 346, by ten standardised columns; or that, standardised too."""
    found = datasets.load_diabetes()
    x, y = found.data / found.data.std(0), found.target[:, None]
    y = (y - y.mean()) / y.std() if standardised else y
    return split(x, y.astype("float32"), 120)


def friedman(count: int = 1500) -> Data:
    """Friedman's first function of five of ten uniform columns, with noise, standardised."""
    x, y = datasets.make_friedman1(count, 10, noise=0.5, random_state=3)
    return split(x, ((y - y.mean()) / y.std()).astype("float32")[:, None], 300)


def rare(count: int = 4000) -> Data:
    """Two classes, of which one has three examples in a hundred."""
    x = np.random.default_rng(8).standard_normal((count, 20)).astype("float32")
    score = np.tanh(x[:, :5]).sum(1) + x[:, 5] * x[:, 6]
    return split(x, (score > np.quantile(score, 0.97)).astype("float32")[:, None], 1000)


def adding(count: int = 2000, length: int = 50) -> Data:
    """The adding problem: the sum of two marked numbers of a sequence, one in each half (Hochreiter, 1997)."""
    random = np.random.default_rng(5)
    values, marks, every = random.uniform(0, 1, (count, length)), np.zeros((count, length)), np.arange(count)
    marks[every, random.integers(0, length // 2, count)] = 1
    marks[every, random.integers(length // 2, length, count)] = 1
    return split(np.stack([values, marks], -1), (values * marks).sum(1, keepdims=True).astype("float32"), 400)


def counted_tokens(count: int = 2400, length: int = 16, vocabulary: int = 12) -> Data:
    """Sequences of tokens; the target is how often the first one comes again, at most four times."""
    tokens = np.random.default_rng(6).integers(0, vocabulary, (count, length)).astype("int32")
    again = (tokens[:, 1:] == tokens[:, :1]).sum(1)
    return split(tokens, np.minimum(again, 4).astype("int32"), 400)
