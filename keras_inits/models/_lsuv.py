"""From a built model and a batch to weights that give each layer's outputs the mean square 1."""

from typing import Any

import keras

from keras_inits.arguments import check_number, check_whole
from keras_inits.backends.forks import computing
from keras_inits.initializers.seeds import Seed, check_seed
from keras_inits.models.build_table import table_of
from keras_inits.models.calls import check_batch, check_finite_batch
from keras_inits.models.draw import all_or_nothing, draw
from keras_inits.models.graph import Graph
from keras_inits.models.rules import plan
from keras_inits.models.scaled import NOTHING, scale, to_scale
from keras_inits.models.scaling import is_scaled
from keras_inits.models.table import InitializationTable
from keras_inits.models.weights import weights_of


@computing("lsuv")
def lsuv(
    model: keras.Layer, x: Any, seed: Seed = None, *, tolerance: float = 0.01, iterations: int = 10, verbose: int = 1
) -> InitializationTable:
    r"""Draws a built model's weights again, and scales each kernel until its layer's outputs have the mean square 1.

    `initialize` draws them, kernels as orthogonal matrices. The batch then goes through the model once. In each dense,
    einsum and convolutional layer that it reaches, :math:`W \leftarrow W / \sqrt{\operatorname{E}(z^2)}` until
    :math:`|\operatorname{E}(z^2) - 1|` is below the tolerance, z being what the layer puts out before its activation,
    over the whole batch; then the batch goes on. No kernel gets more than three times as large as its fans ask for what
    comes in. Layers inside of an attention layer are scaled too; recurrent ones and embeddings are not, nor are frozen
    weights. A layer that is called several times is scaled for its first call. Those that the batch does not reach, or
    only inside of a loop that the backend compiles (a recurrent cell of one's own on JAX), are drawn and not scaled, as
    the table says; so are all of a model that has no `call`. `initialize` with `data` also looks at the means of the
    inputs, and at the targets.

    Args:
        model: A built model or layer, of any kind.
        x: A batch, as the model takes it; some hundred examples.
        seed: See `initialize`.
        tolerance: How far a mean square may be from 1.
        iterations: How often a kernel is scaled at the most.
        verbose: 1 for a progress bar, 0 for silence.

    Returns:
        The table of `initialize`, with what the kernels were multiplied by.

    Raises:
        TypeError: If an argument is of a wrong type.
        ValueError: If the batch has values that are not finite; a layer's mean square is zero, not finite, or not
            within the tolerance after so many iterations; the model does not take the batch, or it is not built.
        InternalError: If the model takes the batch, and fails while lsuv scales: the fault is that of keras_inits.
            After each of these the model has the weights that it had.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_inits import lsuv
        >>> layers = [keras.layers.Dense(64, activation="gelu") for _ in range(3)]
        >>> model = keras.Sequential([keras.Input((16,)), *layers])
        >>> x = np.random.default_rng(0).standard_normal((512, 16))
        >>> table = lsuv(model, x, seed=7, verbose=0)
        >>> hidden = keras.Sequential(model.layers[:2])(x)
        >>> before = keras.ops.convert_to_numpy(hidden @ layers[2].kernel)
        >>> round(float(np.mean(before**2)), 2)
        1.0

    Reference:
        Mishkin & Matas (2016), All you need is a good init.
    """
    check_number("tolerance", tolerance, above=0)
    check_whole("iterations", iterations, 1)
    check_batch(x, "lsuv")
    check_finite_batch(x, "lsuv")
    weights, graph = weights_of(model), Graph(model)
    planned = to_scale(plan(weights, graph, "auto"))
    with all_or_nothing(planned):
        rows = draw(planned, check_seed(seed))
        scale(model, planned, rows, graph, x, NOTHING, verbose, tolerance, iterations)
    ones = {one.weight.stream: 1.0 for one in planned if is_scaled(one.weight)}
    return table_of(weights, planned, rows, graph, targets=ones, fitted=True)
