"""From drawn weights and data to weights that fit them: inputs standardised, kernels scaled, the last bias set."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_inits.models.calls import has_call
from keras_inits.models.draw import row_of
from keras_inits.models.graph import Graph
from keras_inits.models.last_bias import fit_outputs
from keras_inits.models.rules import Planned
from keras_inits.models.sample import Sample
from keras_inits.models.scaled import scale
from keras_inits.models.standardise import Standardised, standardise
from keras_inits.models.table import DrawnWeight

EXAMPLES = 512
"""Largest number of examples that go through the model."""


def fit_to_data(
    model: Any,
    planned: Sequence[Planned],
    rows: list[DrawnWeight],
    graph: Graph,
    sample: Sample,
    loss: Any,
    verbose: int,
) -> tuple[str, ...]:
    """Fits drawn weights to the data, changes their rows, and returns what else there is to tell.

    Raises:
        ValueError: If the model does not take the data.
        InternalError: If it takes them, and this fails.
    """
    standardised = standardise(model, planned, graph, sample) if has_call(model) else Standardised()
    x = sample.some(EXAMPLES)
    scaling, outputs = scale(model, planned, rows, graph, x, standardised, verbose)
    fitted = fit_outputs(model, planned, sample, outputs, scaling, loss)
    first = {
        fold.kernel.stream: "inputs scaled" if fold.bias is None else "inputs standardised"
        for fold in standardised.folds
    }
    means = {fold.bias.stream: "minus the inputs' means" for fold in standardised.folds if fold.bias is not None}
    for number, one in enumerate(planned):
        stream = one.weight.stream
        values = keras.ops.convert_to_numpy(one.weight.variable)
        if stream in fitted.factors:
            factor = one.factor * fitted.factors[stream] * scaling.factors.get(stream, 1.0)
            rows[number] = row_of(one._replace(factor=factor), values)
        told = [part[stream] for part in (means, fitted.biases) if stream in part]
        if stream in first:
            row = row_of(one, values)
            rows[number] = row._replace(law=f"{rows[number].law}, {first[stream]}", stddev=None)
        elif told:
            rows[number] = row_of(one, values)._replace(law=", ".join(told), stddev=None)
    return (*standardised.notes, *fitted.notes)
