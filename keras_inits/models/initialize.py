"""From a built model and rules to new weights."""

from typing import Any

from keras_inits.initializers.seeds import Seed, check_seed
from keras_inits.layer_tree import walk_layers
from keras_inits.models.draw import all_or_nothing, draw, table_of
from keras_inits.models.graph import NORMALISATIONS, Graph
from keras_inits.models.residual import scaled
from keras_inits.models.rules import plan
from keras_inits.models.table import InitializationTable
from keras_inits.models.weights import weights_of


def initialize(
    model: Any, rules: Any = "auto", seed: Seed = None, residual: str = "none", reset: bool = False
) -> InitializationTable:
    r"""Draws the weights of a built model again, with the true fans of their layers and a stream for each weight.

    The stream follows from the seed and the names of the layers around the weight (numbers that Keras puts behind
    names are counted anew in the model): another layer more does not change what the others start from, and weights
    of one shape differ, even if an initializer has a seed.

    With `"auto"`, a kernel gets :math:`\mathcal N(0, g^2 / \text{fan\_in})`, with the `gain` g of the activation that
    its layer's outputs run into; recurrent kernels are orthogonal in each gate; embeddings have the variance 1; biases
    are zero, those of forget gates one. See `fans_of` for the fans.

    Args:
        model: A built model or layer.
        rules: `"auto"`; an initializer for all kernels; or a list of pairs `(pattern, initializer)`, of which a weight
            takes the first whose pattern `re.search` finds in its path. An initializer is what `get` takes, or
            `"auto"`. Weights without a rule, and frozen ones, are left as they are.
        seed: See `RandomInitializer`. An initializer of `rules` with a seed of its own keeps to that.
        residual: `"fixup"` scales the kernels of residual branches by :math:`L^{-1/(2m-2)}`, for L branches of m
            layers, and sets the last of each branch, and the layer before the outputs, to zero. `"none"` does not.
        reset: Also set the optimizer's state and step count, and the statistics of normalisation layers, to their
            start. They are untouched otherwise.

    Returns:
        A table with a row for each weight that was drawn, which prints.

    Raises:
        TypeError: If an argument is of a wrong type.
        ValueError: If the model is not built, a pattern matches nothing, an initializer does not suit a weight, or
            there are no residual branches to scale. Nothing was drawn then.

    Example:
        >>> import keras
        >>> from keras_inits import initialize
        >>> layers = [keras.layers.DepthwiseConv2D(3, name="depthwise"), keras.layers.ReLU()]
        >>> model = keras.Sequential([keras.Input((8, 8, 64)), *layers])
        >>> row = initialize(model, seed=7).rows[0]
        >>> row.law, row.fans, round(row.stddev, 4)
        ('N(0, 2 / fan_in), not truncated', (9.0, 9.0), 0.4714)

    Reference:
        Zhang, Dauphin & Ma (2019), Fixup initialization: residual learning without normalization.
    """
    weights, graph = weights_of(model), Graph(model)
    planned = scaled(weights, plan(weights, graph, rules), graph, residual)
    starts = _starts(model) if reset else []
    with all_or_nothing(planned):
        rows = draw(planned, check_seed(seed))
    for variable, start in starts:
        variable.assign(start)
    return table_of(weights, planned, rows)


def _starts(model: Any) -> list[tuple[Any, Any]]:
    """The optimizers' variables, and the statistics of normalisation layers that are not frozen, with their starts."""
    starts: list[tuple[Any, Any]] = []
    for _, layer in walk_layers(model):
        for variable in layer._non_trainable_variables if isinstance(layer, NORMALISATIONS) and layer.trainable else ():
            initializer = getattr(layer, f"{variable.name}_initializer", None)
            if initializer is not None:
                starts.append((variable, initializer(variable.shape, dtype=variable.dtype)))
        optimizer = getattr(layer, "optimizer", None)
        if optimizer is not None and optimizer.built:
            starts += zip(optimizer.variables, _fresh(optimizer).variables, strict=True)
    return starts


def _fresh(optimizer: Any) -> Any:
    try:
        fresh = type(optimizer).from_config(optimizer.get_config())
    except Exception as error:
        raise ValueError(
            f"reset=True makes the optimizer again from its config. Received: {optimizer!r}, for which that fails: "
            f"{error}. Expected one whose get_config has all arguments of its constructor. Correct it, or compile the "
            "model again instead of reset=True. Nothing was drawn."
        ) from error
    fresh.build(optimizer._trainable_variables)
    return fresh
