"""Starts that differ from `initialize` in one choice, to see what it is worth; not in the tables of starts."""

import math
from collections.abc import Callable
from typing import Any

import keras_inits
from keras_inits.models.weights import weights_of
from study.datasets import Data

Apply = Callable[[Any, int, Data, Any], None]


def _branches(share: Callable[[int], float]) -> Apply:
    """Each residual branch adds this mean square, a function of how many there are."""

    def apply(model: Any, seed: int, data: Data, loss: Any) -> None:
        ends = [row.path for row in keras_inits.initialize(model, seed=seed).rows if "residual branch" in row.reason]
        keras_inits.initialize(model, seed=seed, residual=None)
        _multiply(model, dict.fromkeys(ends, math.sqrt(share(len(ends)))))

    return apply


def _head(factor: float) -> Apply:
    """The weight that makes the outputs, a tied table too, is so many times as large."""

    def apply(model: Any, seed: int, data: Data, loss: Any) -> None:
        rows = keras_inits.initialize(model, seed=seed).rows
        tied = [row.path for row in rows if row.head_variance is not None]
        kernels = [row.path for row in rows if row.path.endswith("/kernel")]
        _multiply(model, {(tied or kernels)[-1]: factor})

    return apply


def _multiply(model: Any, factors: dict[str, float]) -> None:
    for weight in weights_of(model):
        if weight.path in factors:
            weight.variable.assign(weight.variable * factors[weight.path])


VARIANTS: dict[str, Apply] = {
    "branches 1": _branches(lambda count: 1.0),
    "branches 1/N": _branches(lambda count: 1 / count),
    "branches 2/N": _branches(lambda count: 2 / count),
    **{f"head x {factor:g}": _head(factor) for factor in (0.0, 0.1, 0.3, 8.0)},
}
