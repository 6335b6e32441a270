"""From a built model and rules to new weights."""

from typing import Any, Literal

import keras

from keras_inits.arguments import check_choice, check_whole
from keras_inits.backends.forks import computing
from keras_inits.initializers.seeds import Seed, check_seed
from keras_inits.models.auto import DISTRIBUTIONS, Distribution
from keras_inits.models.build_table import table_of
from keras_inits.models.draw import all_or_nothing, draw
from keras_inits.models.from_data import fit_to_data
from keras_inits.models.graph import Graph
from keras_inits.models.reset import Reset
from keras_inits.models.rules import plan
from keras_inits.models.sample import sample_of
from keras_inits.models.scaled import to_scale
from keras_inits.models.table import InitializationTable
from keras_inits.models.weights import weights_of


@computing("initialize")
def initialize(
    model: keras.Layer,
    rules: Any = "auto",
    seed: Seed = None,
    *,
    residual: Literal["scaled"] | None = "scaled",
    reset: bool = False,
    distribution: Distribution = "orthogonal",
    memory: int | None = None,
    data: Any = None,
    loss: Any = None,
    verbose: int = 1,
) -> InitializationTable:
    r"""Draws the weights of a built model again, with the true fans of their layers and a stream for each weight.

    The stream follows from the seed and the names of the layers around the weight (numbers that Keras puts behind
    names are counted anew in the model): another layer more does not change what the others start from, and weights
    of one shape differ, even if an initializer has a seed.

    With `"auto"`, a kernel gets the variance :math:`t / (m \, \text{fan\_in})`. The mean square m of what comes in is
    predicted, by moving the mean and mean square of a signal through the model, from inputs with the mean 0 and the
    mean square 1. The mean square t of its products is 1, or the operating point of the activation behind it: the one
    nearest to 1 at which signals and gradients keep their size over the depth of the model. Kernels that are matrices
    are orthogonal, others normal; recurrent kernels are orthogonal in each gate; rows of embeddings have the variance
    1; biases are zero, but for those of gates, by
    `memory`. See `fans_of` for the fans. Weights of layers that are not known are
    drawn again from what their layer declares, an initializer that it hands to `add_weight` or has as an attribute, or
    left as they are.

    Args:
        model: A built model or layer.
        rules: `"auto"`; an initializer for all kernels; or pairs `(pattern, initializer)` in a list or a mapping, of
            which a weight takes the first whose pattern `re.search` finds in its path in the model, such as
            "encoder/dense/kernel". An initializer is what `get` takes, or `"auto"`. Weights without a rule, and frozen
            ones, are left as they are.
        seed: See `RandomInitializer`. An initializer of `rules` with a seed of its own keeps to that.
        residual: `"scaled"` draws the last kernel of each of N residual branches for the mean square 1 / N, or 2 / N
            where the branch begins with a normalisation; those that one ends are left alone and not counted. None
            leaves all branches as they are. Kernels that a rule other than "auto" draws keep that law.
        reset: Also set the state and step count of all optimizers that the model holds, and the statistics of
            normalisation layers, to their start. They are untouched otherwise.
        distribution: Of the kernels that "auto" draws: `"orthogonal"`, which falls back to a normal one for kernels
            that are no matrices, as those of depthwise convolutions; `"untruncated_normal"`, `"truncated_normal"` or
            `"uniform"`, of the same variance. Recurrent kernels are orthogonal in any case.
        memory: Over how many steps LSTM and GRU layers are to remember; None: over the length of their sequences, where
            the model says it. Their units then forget after 2 steps to so many (Tallec & Ollivier 2018). Without
            either, forget gates have the bias 1.
        data: `(x, y)`, `(x, y, sample_weight)`, `x` alone, or a data set that yields batches of these: what the model
            is to be trained on. Features that are not standardised are, in the kernel and bias of each layer that reads
            them: what the model makes of x is what it would make of (x - mean) / deviation. Kernels are
            scaled to a batch, until they put out what is predicted of them, at most three forward passes a layer. The
            last bias is set to the best constant outputs, and the head of a regression puts out at most 0.3 of the
            targets' deviation. Kernels and biases that an explicit rule draws keep their size.
        loss: What the targets are for, as `compile` takes it; None: the loss that the model is compiled with.
        verbose: 1 for a progress bar while kernels are scaled to data, 0 for silence.

    Returns:
        A table with a row for each weight that was drawn, which prints.

    Raises:
        TypeError: If an argument is of a wrong type.
        ValueError: If the model is not built, a pattern matches nothing, an initializer does not suit a weight, or
            the model does not take the data.
        InternalError: If it takes them, and cannot be fitted to them: the fault is that of keras_inits. After each of
            these the model has the weights that it had.

    Example:
        >>> import keras
        >>> from keras_inits import initialize
        >>> layers = [keras.layers.DepthwiseConv2D(3, name="depthwise"), keras.layers.ReLU()]
        >>> model = keras.Sequential([keras.Input((8, 8, 64)), *layers])
        >>> row = initialize(model, seed=7).rows[0]
        >>> row.law, row.fans, round(row.stddev, 4)
        ('N(0, 1 / fan_in), not truncated', (9.0, 9.0), 0.3333)

    Reference:
        He, Zhang, Ren & Sun (2015), Delving deep into rectifiers. Saxe, McClelland & Ganguli (2014), Exact solutions to
        the nonlinear dynamics of learning in deep linear neural networks. Schoenholz, Gilmer, Ganguli & Sohl-Dickstein
        (2017), Deep information propagation. De & Smith (2020), Batch normalization biases residual blocks towards the
        identity function in deep networks.
    """
    if residual is not None:
        check_choice("residual", residual, ("scaled",), "Pass None to leave residual branches as they are.")
    check_choice("distribution", distribution, DISTRIBUTIONS, "Pass 'orthogonal', the default.")
    if memory is not None:
        check_whole("memory", memory, 1)
    weights, graph = weights_of(model), Graph(model, residual is not None, memory)
    planned = plan(weights, graph, rules, distribution)
    sample = None if data is None else sample_of(data)
    planned = planned if sample is None else to_scale(planned, distribution, graph)
    resetting = Reset(model) if reset else None
    with all_or_nothing(planned):
        rows, notes = draw(planned, check_seed(seed)), tuple[str, ...]()
        if sample is not None:
            notes = fit_to_data(model, planned, rows, graph, sample, loss, verbose)
        if resetting is not None:
            resetting.assign()  # after the weights: some optimizers start from them
    return table_of(weights, planned, rows, graph, notes, fitted=sample is not None)
