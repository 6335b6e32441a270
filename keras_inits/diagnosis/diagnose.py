"""From a model and a batch to its diagnosis."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_inits.backends import differentiation
from keras_inits.backends.differentiation import Watch
from keras_inits.diagnosis.diagnosis import Diagnosis
from keras_inits.diagnosis.findings import findings_of
from keras_inits.diagnosis.kernels import kernel_numbers
from keras_inits.diagnosis.looks import Look
from keras_inits.diagnosis.losses import target_of
from keras_inits.diagnosis.numbers import LayerNumbers, Moments
from keras_inits.diagnosis.reductions import Total, equal_share, pieces
from keras_inits.diagnosis.remedies import Case
from keras_inits.diagnosis.watched import Watched, name_of, watched_layers
from keras_inits.models.graph import Graph
from keras_inits.models.weights import Weight, weights_of

FLOAT16_SCALES = tuple(2.0**exponent for exponent in range(15, -46, -10))
"""What the loss is multiplied by where a layer computes in float16: as Keras's LossScaleOptimizer begins, and, as that
does, by less if the gradients overflow."""

Gradients = dict[int, np.ndarray]  # by the variable


def diagnose(model: Any, x: Any, y: Any = None, loss: Any = None) -> Diagnosis:
    """Sends one batch forward and backward through a built model, and says what is wrong with its weights.

    The model runs as it does in training, with dropout and the statistics of the batch. Afterwards its weights, its
    optimizer, the states of its random numbers and its moving statistics are what they were, to the bit. Layers inside
    of a loop that the backend compiles are looked at from outside.

    Args:
        model: A built model of any kind.
        x: A batch, as the model takes it; some hundred examples.
        y: Its targets. Without them the gradients are those of a random projection of the outputs.
        loss: A loss of Keras's, or one for each output as in `compile`; by default the one the model is compiled with.

    Returns:
        The numbers of each layer in the order in which the batch went through them, and the findings. It prints.

    Raises:
        TypeError: If the model is not one of Keras's.
        ValueError: If it is not built, does not take the batch, or one of `y` and a loss is there without the other.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_inits import diagnose
        >>> model = keras.Sequential([keras.Input((64,))])
        >>> for _ in range(20):
        ...     model.add(keras.layers.Dense(64, "relu", kernel_initializer=keras.initializers.RandomNormal(0, 0.01)))
        >>> diagnosis = diagnose(model, np.random.default_rng(0).standard_normal((128, 64)))
        >>> [finding.kind for finding in diagnosis.findings]
        ['vanishing_signal', 'vanishing_gradient']
        >>> table = diagnosis.repair(model)
        >>> diagnose(model, np.random.default_rng(0).standard_normal((128, 64))).findings
        ()
    """
    weights, graph = weights_of(model), Graph(model)
    target, described = target_of(model, y, loss)
    watched = watched_layers(model, weights)
    in_float16 = any(one.layer.compute_dtype == "float16" for one in watched)
    rows: tuple[LayerNumbers, ...] = ()
    for scale in FLOAT16_SCALES if in_float16 else (1.0,):
        order, gradients = _passed(model, x, watched, lambda outputs: target(outputs) * scale)  # noqa: B023 - called now
        pairs = zip(order, [None, *order], strict=False)
        again = [_numbers(look, before, graph, gradients, scale) for look, before in pairs]
        rows = _finite(rows, again) if rows else tuple(again)
        if not any(row.gradient_nonfinite for row in rows):
            break
    inputs = _moments(x)
    return Diagnosis(rows, findings_of(Case(rows, inputs, weights, graph)), inputs, described)


def _passed(model: Any, x: Any, watched: list[Watched], loss: Callable[[Any], Any]) -> tuple[list[Look], Gradients]:
    """Sends the batch through: looks at the layers, in the order in which they ran, and the weights' gradients."""
    order: list[Look] = []
    looks = [Look(one, order) for one in watched]
    trained = [weight.variable for one in watched for weight in one.weights if _is_trained(weight)]

    def total(watch: Watch) -> Any:
        with contextlib.ExitStack() as stack:
            for look in looks:
                stack.enter_context(look.open(watch))
            return loss(_called(model, x))

    backend = differentiation.current()
    with backend.preserved(model):
        found = backend.gradients(total, trained)
    arrays = [np.asarray(keras.ops.convert_to_numpy(gradient)) for gradient in found]
    return order, {id(variable): array for variable, array in zip(trained, arrays, strict=True)}


def _is_trained(weight: Weight) -> bool:
    return weight.variable.trainable and "float" in weight.variable.dtype


def _called(model: Any, x: Any) -> Any:
    try:
        return model(x, training=True)
    except Exception as error:
        shapes = keras.tree.map_structure(lambda leaf: getattr(leaf, "shape", type(leaf).__name__), x)
        raise ValueError(
            f"diagnose calls the model on the batch, and that ended with the {type(error).__name__} above. Received: x "
            f"of the shapes {shapes}. Expected a batch that the model takes, as `model.predict` would. The model is "
            "what it was. Call model(x, training=True) alone to see where it fails."
        ) from error


def _moments(x: Any) -> Moments | None:
    """Those of all inputs that are floating-point numbers."""
    total, found = Total(), False
    for leaf in keras.tree.flatten(x):
        values = np.asarray(keras.ops.convert_to_numpy(leaf))
        if "float" in values.dtype.name:
            found = True
            for piece in pieces(values, (-1,)):
                total.add(piece)
    return total.moments if found else None


def _numbers(look: Look, before: Look | None, graph: Graph, gradients: Gradients, scale: float) -> LayerNumbers:
    watched, outputs = look.watched, look.outputs.moments
    kernels = tuple(
        kernel_numbers(weight, graph, gradients.get(id(weight.variable)))
        for weight in watched.weights
        if weight.fans is not None
    )
    total = _gradient(watched.weights, gradients)
    identical = max([equal_share(look.units, alive=True), *(kernel.identical for kernel in kernels)])
    earlier = before.outputs.moments.stddev if before is not None else 0.0
    return LayerNumbers(
        name=watched.name,
        kind=type(watched.layer).__name__,
        shape=look.shape[1:],
        dtype=watched.layer.compute_dtype,
        activation=name_of(look.activation),
        inputs=look.inputs.moments if look.entered else None,
        outputs=outputs,
        ratio=outputs.stddev / earlier if earlier else None,
        saturated=look.flat / look.entered if look.slope is not None and look.entered else None,
        saturated_limit=look.slope.saturated_limit(look.units.alive.size) if look.slope is not None else None,
        dead=look.units.dead,
        units=look.units.alive.size,
        identical=identical,
        gradient=total.norm / scale if total is not None else None,
        output_gradient=look.gradient.norm / scale if look.had_gradient else None,
        gradient_nonfinite=look.gradient.moments.nonfinite + (total.moments.nonfinite if total is not None else 0),
        kernels=kernels,
        weights=tuple(weight.path for weight in watched.weights),
    )


def _finite(larger: Sequence[LayerNumbers], smaller: Sequence[LayerNumbers]) -> tuple[LayerNumbers, ...]:
    """Of each layer the numbers of the larger loss scale if its gradient is finite there, and else of the smaller one.

    Unless the smaller one has lost to zero what comes back from the layers behind: then no scale has room for both.
    """
    found, lost = [], False
    for large, small in zip(reversed(larger), reversed(smaller), strict=True):
        if large.gradient_nonfinite:
            found.append(large if lost and not small.output_gradient else small)
        else:
            lost = lost or (bool(large.output_gradient) and not small.output_gradient)
            found.append(large)
    return tuple(reversed(found))


def _gradient(weights: tuple[Weight, ...], gradients: Gradients) -> Total | None:
    present = [gradients[id(weight.variable)] for weight in weights if id(weight.variable) in gradients]
    total = Total()
    for gradient in present:
        for piece in pieces(gradient, (-1,)):
            total.add(piece)
    return total if present else None
