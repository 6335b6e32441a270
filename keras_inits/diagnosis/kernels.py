"""The numbers of kernels: their moments, what the rules give, and which units start and stay equal."""

import contextlib
from typing import Any

from keras_inits.diagnosis.numbers import KernelNumbers
from keras_inits.diagnosis.reductions import reduced
from keras_inits.diagnosis.unit_sums import equal_share
from keras_inits.layers.axes import kernel_axes
from keras_inits.models.auto import auto_law
from keras_inits.models.graph import Graph
from keras_inits.models.weights import Weight


def kernel_numbers(weight: Weight, graph: Graph, gradient: Any) -> KernelNumbers:
    """Looks at one kernel, and at its gradient, a tensor, or None if it has none."""
    assert weight.fans is not None
    axes = kernel_axes(weight.layer, weight.variable.name)
    values = reduced(weight.variable.value, axes)
    shape = tuple(weight.variable.shape)
    judged = not values.moments.nonfinite  # or units would be equal by what stands for the numbers that are none
    return KernelNumbers(
        path=weight.path,
        shape=shape,
        fans=weight.fans,
        moments=values.moments,
        auto=_stddev(auto_law(weight, graph), shape, weight),
        identical=equal_share(values.units) if judged else 0.0,
        symmetric=equal_share(values.units, reduced(gradient, axes).units) if judged and gradient is not None else 0.0,
        trainable=weight.variable.trainable,
    )


def _stddev(initializer: Any, shape: tuple[int, ...], weight: Weight) -> float | None:
    with contextlib.suppress(AttributeError):  # of Keras's own, which promise none
        return initializer._stddev(shape, weight.fans)  # type: ignore[no-any-return]
    return None
