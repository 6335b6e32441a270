"""From a model and a batch to its diagnosis."""

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, Literal, NamedTuple

import keras
import numpy as np

from keras_inits.arguments import check_choice
from keras_inits.backends.forks import computing
from keras_inits.diagnosis.batch import batch_numbers, batch_of
from keras_inits.diagnosis.case import Case
from keras_inits.diagnosis.diagnosis import Diagnosis
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.findings import findings_of
from keras_inits.diagnosis.forward_backward import Pass, passed
from keras_inits.diagnosis.losses import Target, target_of
from keras_inits.diagnosis.numbers import LayerNumbers, is_silent
from keras_inits.diagnosis.paths import gradients_without, reached
from keras_inits.diagnosis.rows import finite_rows, rows_of
from keras_inits.diagnosis.setup import OF_THE_LOSS, checked, set_up
from keras_inits.diagnosis.trial import tried
from keras_inits.diagnosis.unread import is_read
from keras_inits.diagnosis.unseen import too_few, without_loss
from keras_inits.faults import ours
from keras_inits.models.calls import check_batch, check_call
from keras_inits.models.graph import Graph
from keras_inits.models.weights import Weight, weights_of

FLOAT16_SCALES = tuple(2.0**exponent for exponent in range(15, -46, -10))
"""What the loss is multiplied by where a layer computes in float16: as Keras's LossScaleOptimizer begins, and, as that
does, by less if the gradients overflow."""


@computing("diagnose")
def diagnose(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    loss: Any = None,
    sample_weight: Any = None,
    check: Literal["full", "layers"] = "full",
) -> Diagnosis:
    """Sends one batch forward and backward through a built model, and says why it does not learn.

    The set-up is looked at as well as the weights: the last activation beside the loss and the targets, the size of
    inputs and targets, and the learning rate, by one step on a copy.

    The model runs as it does in training, with dropout and the statistics of the batch. Afterwards its weights, its
    optimizer, the states of its random numbers and its moving statistics are what they were, to the bit. Layers inside
    of code that the backend compiles as a whole are looked at from outside.

    Args:
        model: A built model of any kind.
        x: A batch, as the model takes it; some hundred examples. Or a data set that `fit` takes and that begins anew,
            such as a `tf.data.Dataset`, a `PyDataset` or a `DataLoader`: its first batch is looked at, targets and
            sample weights included.
        y: Its targets. Without them the gradients are those of a random projection of the outputs.
        loss: A loss of Keras's, or one for each output as in `compile`; by default the one the model is compiled with.
        sample_weight: Weights of the examples, as in `fit`.
        check: `"full"`; or `"layers"` for the weights and what passes through them alone, without the set-up around
            them, the step of the optimizer, and the trial of remedies.

    Returns:
        The numbers of each layer in the order in which the batch went through them, the findings, causes first, and
        notes, which are hints. It prints.

    Raises:
        TypeError: If the model is not one of Keras's.
        ValueError: If `check` is none of these, or the model is not built, has no `call`, does not take the batch, or
            one of `y` and a loss is there without the other.

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
    check_choice("check", check, ("full", "layers"), "Pass 'full', the default.")
    weights, graph = weights_of(model), Graph(model)
    check_call(model)
    x, y, sample_weight = batch_of(x, y, sample_weight)
    check_batch(x, "diagnose")
    target = target_of(model, y, loss, sample_weight, keep_failure=check == "full")
    looked = _look(model, x, y, weights, graph, target)
    with ours("while it looked for findings"):
        found, notes = findings_of(looked.case), tuple[Finding, ...]()
    if check == "full":
        with ours("while it looked at the set-up"), np.errstate(all="ignore"):  # of targets near the end of a range
            setup = set_up(model, x, y, looked.case, target, looked.seen, looked.scale)
            found, notes = checked(setup._replace(found=found))
        if target.failure is not None and not any(one.of_data or one.kind in OF_THE_LOSS for one in found):
            raise target.failure
        with ours("while it tried the remedies on a copy"):
            found = tried(model, found, lambda: _kinds_again(model, x, y, weights, graph, target))
    quiet = (*too_few(looked.rows), *without_loss(looked.rows, looked.case.without_loss, target.unread))
    unseen = (*looked.seen.unseen, *quiet)
    found = tuple(sorted(found, key=lambda one: not one.of_data))  # the data's first, the others in their order
    loss = None if looked.seen.loss is None or y is None else looked.seen.loss / looked.scale
    return Diagnosis(looked.rows, found, unseen, looked.case.batch.inputs, target.described, notes, loss)


class _Looked(NamedTuple):
    """The results of the passes."""

    rows: tuple[LayerNumbers, ...]
    case: Case
    seen: Pass
    """The last one."""
    scale: float
    """The scale of its loss."""


def _look(model: Any, x: Any, y: Any, weights: list[Weight], graph: Graph, target: Target) -> _Looked:
    batch = batch_numbers(x, y)
    in_float16 = any(weight.layer.compute_dtype == "float16" for weight in weights)
    rows: tuple[LayerNumbers, ...] = ()
    for scale in FLOAT16_SCALES if in_float16 else (1.0,):
        seen = passed(model, x, weights, _times(scale, target))
        with ours("while it turned what the probes saw into numbers"):
            again = rows_of(seen, graph, scale)
            rows = finite_rows(rows, again) if rows else again
        if not any(row.gradient_nonfinite for row in rows):
            break
    silent = _silent_for_lack_of_loss(model, x, weights, target, rows, graph)
    batch = batch._replace(loss_is_finite=seen.loss is None or math.isfinite(seen.loss))
    reads = (
        partial(is_read, model, x),
        cache(partial(reached, model, x, weights, rows)),
        cache(partial(gradients_without, model, x, weights, _times(scale, target), rows, scale)),
    )
    case = Case(rows, batch, weights, graph, *reads, silent)
    return _Looked(rows, case, seen, scale)


def _kinds_again(model: Any, x: Any, y: Any, weights: list[Weight], graph: Graph, target: Target) -> frozenset[str]:
    """The kinds that the model has with the weights that it has now, its optimizer aside."""
    looked = _look(model, x, y, weights, graph, target)
    with np.errstate(all="ignore"):
        setup = set_up(model, x, y, looked.case, target, looked.seen, None)
        found, _ = checked(setup._replace(found=findings_of(looked.case)))
    return frozenset(finding.kind for finding in found)


def _silent_for_lack_of_loss(
    model: Any, x: Any, weights: list[Weight], target: Target, rows: Sequence[LayerNumbers], graph: Graph
) -> frozenset[str]:
    """The names of the rows that only outputs without a loss depend on: a loss of these sends them a gradient."""
    silent = {row.name for row in rows if is_silent(row)}
    if not target.unread or not silent:
        return frozenset()
    seen = passed(model, x, weights, target.of_unread)
    with ours("while it looked for layers that no loss depends on"):
        return frozenset(row.name for row in rows_of(seen, graph, 1.0) if row.name in silent and not is_silent(row))


def _times(scale: float, target: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda outputs: target(outputs) * scale
