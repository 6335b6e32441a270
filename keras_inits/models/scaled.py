"""From drawn weights and a batch to scaled ones, with the rows of the table."""

import contextlib
import math
from collections.abc import Sequence
from typing import Any

import keras

from keras_inits.backends import swapped
from keras_inits.faults import InternalError
from keras_inits.initializers._orthogonal import Orthogonal
from keras_inits.models.auto import Distribution, scaled_law
from keras_inits.models.calls import has_call, shapes_of
from keras_inits.models.draw import row_of
from keras_inits.models.graph import Graph
from keras_inits.models.rules import Planned
from keras_inits.models.scaling import CallError, NotScaledError, Scaling, is_scaled
from keras_inits.models.standardise import Standardised
from keras_inits.models.table import DrawnWeight

NOTHING = Standardised()


def to_scale(
    planned: Sequence[Planned], distribution: Distribution = "orthogonal", graph: Graph | None = None
) -> list[Planned]:
    """The plan, in which kernels that are scaled and follow no explicit rule have the gain 1.

    Args:
        planned: The plan.
        distribution: That of these kernels.
        graph: With it, what a kernel puts out is to have the mean square that is predicted of it; without it, 1.
    """
    law = Orthogonal() if distribution == "orthogonal" else scaled_law(1.0, distribution)
    return [
        one._replace(initializer=law, factor=_factor(one, graph))
        if is_scaled(one.weight) and one.origin != "rule"
        else one
        for one in planned
    ]


def _factor(planned: Planned, graph: Graph | None) -> float:
    entered = graph.prediction.entered.get(planned.weight.stream) if graph is not None else None
    if entered is None:
        return 1.0
    role = 1.0 if planned.weight.role is None else planned.weight.role.scale
    return math.sqrt(entered.products) / role


def scale(
    model: Any,
    planned: Sequence[Planned],
    rows: list[DrawnWeight],
    graph: Graph,
    x: Any,
    standardised: Standardised,
    verbose: int,
    tolerance: float | None = None,
    iterations: int = 1,
) -> tuple[Scaling, Any]:
    """Scales the kernels of the plan, changes their rows, and returns what was done, and the model's outputs.

    Raises:
        ValueError: If a kernel cannot be scaled, or the model does not take the batch.
        InternalError: If the model takes it, and fails only here.
    """
    kernels = [one for one in planned if is_scaled(one.weight)]
    free = [one for one in kernels if one.origin != "rule"]
    folded = {id(fold.kernel.layer): fold.bias for fold in standardised.folds}
    progress = keras.utils.Progbar(len(free), verbose=verbose, unit_name="layer")
    scaling, outputs = Scaling(folded, progress, tolerance, iterations), None
    try:
        with contextlib.ExitStack() as stack:
            for one in kernels:
                operation = graph.operation_of(one.weight.layer)
                scaled_call = scaling.of(one, operation.call, one.origin != "rule")
                stack.enter_context(swapped(operation, "call", scaled_call))
            if has_call(model):
                outputs = scaling.run(model, x)
    except NotScaledError as failed:
        raise ValueError(str(failed)) from None
    except CallError as failed:
        raise _attributed(model, x, failed.error) from failed.error
    for number, one in enumerate(planned):
        factor = scaling.factors.get(one.weight.stream)
        if factor is not None:
            values = keras.ops.convert_to_numpy(one.weight.variable)
            rows[number] = row_of(one._replace(factor=one.factor * factor), values)
        elif is_scaled(one.weight) and one.origin != "rule" and one.factor:
            rows[number] = rows[number]._replace(law=f"{rows[number].law}, not scaled")
    return scaling, outputs


def _attributed(model: Any, x: Any, error: Exception) -> Exception:
    """The error of the model's call as the user's, if the model alone fails on the batch too, and as ours if not."""
    try:
        model(x, training=False)
    except Exception:  # of the user's layers, on the user's data
        return ValueError(
            f"Kernels are scaled while a batch goes through the model, and that ended with the {type(error).__name__} "
            f"above. Received: x of the shapes {shapes_of(x)}. Expected a batch that the model takes, as "
            "`model.predict` would. The model has its former weights again. Call model(x) alone to see where it fails."
        )
    return InternalError("while it scaled the kernels, though the model takes the batch", error)
