"""From a built model and a batch to weights that give each layer's outputs the variance 1."""

import contextlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers
from keras.src.backend import AutocastScope

from keras_inits import backends
from keras_inits.backends import swapped
from keras_inits.faults import InternalError
from keras_inits.initializers.arguments import check_number, check_whole
from keras_inits.initializers.orthogonal import Orthogonal
from keras_inits.initializers.seeds import Seed, check_seed
from keras_inits.layers.kinds import CONVOLUTIONS, DEPTHWISE, SEPARABLE, TRANSPOSED
from keras_inits.models.calls import check_batch, check_finite_batch, has_call, shapes_of
from keras_inits.models.draw import all_or_nothing, draw, row_of, table_of
from keras_inits.models.graph import Graph
from keras_inits.models.rules import plan
from keras_inits.models.table import InitializationTable
from keras_inits.models.weights import Weight, weights_of

SCALED = (layers.Dense, layers.EinsumDense, *CONVOLUTIONS, *TRANSPOSED, *DEPTHWISE, *SEPARABLE)


def lsuv(
    model: Any, x: Any, seed: Seed = None, tolerance: float = 0.01, iterations: int = 10, verbose: int = 1
) -> InitializationTable:
    r"""Draws a built model's weights again, and scales each kernel until its layer's outputs have the variance 1.

    `initialize` draws them, kernels as orthogonal matrices. The batch then goes through the model once. In each dense,
    einsum and convolutional layer that it reaches, :math:`W \leftarrow W / \sqrt{\operatorname{Var}(z)}` until
    :math:`|\operatorname{Var}(z) - 1|` is below the tolerance, z being what the layer puts out before its activation,
    over the whole batch; then the batch goes on. Layers inside of an attention layer are scaled too; recurrent ones and
    embeddings are not, nor are frozen weights. A layer that is called several times is scaled for its first call.
    Those that the batch does not reach, or only inside of a loop that the backend compiles (a recurrent cell of one's
    own on JAX), are drawn and not scaled, as the table says; so are all of a model that has no `call`.

    Args:
        model: A built model or layer, of any kind.
        x: A batch, as the model takes it; some hundred examples.
        seed: See `initialize`.
        tolerance: How far a variance may be from 1.
        iterations: How often a kernel is scaled at the most.
        verbose: 1 for a progress bar, 0 for silence.

    Returns:
        The table of `initialize`, with what the kernels were multiplied by.

    Raises:
        TypeError: If an argument is of a wrong type.
        ValueError: If the batch has values that are not finite; a layer's variance is zero, not finite, or not within
            the tolerance after so many iterations; the model does not take the batch, or it is not built.
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
        >>> round(float(np.var(keras.ops.convert_to_numpy(hidden @ layers[2].kernel))), 2)
        1.0

    Reference:
        Mishkin & Matas (2016), All you need is a good init.
    """
    check_number("tolerance", tolerance, above=0)
    check_whole("iterations", iterations, 1)
    check_batch(x, "lsuv")
    check_finite_batch(x, "lsuv")
    weights, graph = weights_of(model), Graph(model)
    kernels = [weight for weight in weights if _is_scaled(weight)]
    planned = [
        one._replace(initializer=Orthogonal()) if _is_scaled(one.weight) else one
        for one in plan(weights, graph, "auto")
    ]
    scaling = _Scaling(tolerance, iterations, keras.utils.Progbar(len(kernels), verbose=verbose, unit_name="layer"))
    try:
        with all_or_nothing(planned), contextlib.ExitStack() as stack:
            rows = draw(planned, check_seed(seed))
            for weight in kernels:
                operation = graph.operation_of(weight.layer)
                stack.enter_context(swapped(operation, "call", scaling.of(weight, operation.call)))
            if has_call(model):
                scaling.run(model, x)
    except _CallError as failed:
        raise _attributed(model, x, failed.error) from failed.error
    for number, one in enumerate(planned):
        if one.weight.stream in scaling.factors:
            values = keras.ops.convert_to_numpy(one.weight.variable)
            rows[number] = row_of(one._replace(factor=scaling.factors[one.weight.stream]), values)
        elif _is_scaled(one.weight):
            rows[number] = rows[number]._replace(law=f"{rows[number].law}, not scaled")
    return table_of(weights, planned, rows)


def _advice(variance: float) -> str:
    """What to do about a layer whose outputs had this variance at the last."""
    if not np.isfinite(variance):
        return (
            "The batch is finite, so a weight, a statistic or an operation before makes what is not: diagnose(model, "
            "x) says which."
        )
    if variance == 0:
        return "Pass a batch of several different examples, or see what reaches it."
    return "Pass a batch of several different examples, a larger tolerance, or see what reaches it."


class _CallError(Exception):
    """The call of the model ended with this error."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def _attributed(model: Any, x: Any, error: Exception) -> Exception:
    """The error of the model's call as the user's, if the model alone fails on the batch too, and as ours if not."""
    try:
        model(x, training=False)
    except Exception:  # of the user's layers, on the user's data
        return ValueError(
            f"lsuv calls the model on the batch, and that ended with the {type(error).__name__} above. "
            f"Received: x of the shapes {shapes_of(x)}. Expected a batch that the model takes, as `model.predict` "
            "would. The model has its former weights again. Call model(x) alone to see where it fails."
        )
    return InternalError("while lsuv scaled the kernels, though the model takes the batch", error)


def _is_scaled(weight: Weight) -> bool:
    """Whether this is a kernel whose size is that of its layer's outputs."""
    named = weight.variable.name in ("kernel", "pointwise_kernel")
    return isinstance(weight.layer, SCALED) and named and weight.variable.trainable


class _Scaling:
    """Scales the kernels of the layers that a batch goes through, each before its outputs go on."""

    def __init__(self, tolerance: float, iterations: int, progress: Any) -> None:
        self.failure = ""
        self.factors: dict[str, float] = {}
        self._tolerance, self._iterations, self._progress = tolerance, iterations, progress

    def run(self, model: Any, x: Any) -> None:
        """Sends the batch through the model, whose layers call what `of` returned."""
        try:
            model(x, training=False)
        except Exception as error:
            if self.failure:
                raise ValueError(self.failure) from None
            raise _CallError(error) from error

    def of(self, weight: Weight, call: Callable[..., Any]) -> Callable[..., Any]:
        """The layer's `call`, which scales the kernel first when it runs for the first time."""

        def scaling_call(*arguments: Any, **options: Any) -> Any:
            # Inside of code that is compiled as a whole, or mapped over examples, there are no values to look at.
            given = keras.tree.flatten((arguments, options))
            if weight.stream not in self.factors and not backends.current().is_tracing(*given):
                with swapped(weight.layer, "activation", keras.activations.linear):
                    self._scale(weight, lambda: call(*arguments, **options))
                self._progress.add(1)
            return call(*arguments, **options)

        return scaling_call

    def _scale(self, weight: Weight, outputs: Callable[[], Any]) -> None:
        factor, target = 1.0, 1.0 if weight.role is None else weight.role.scale**2
        for iteration in range(self._iterations + 1):
            with np.errstate(invalid="ignore"):  # infinite outputs have none, as the message says
                variance = float(np.var(keras.ops.convert_to_numpy(outputs()), dtype=np.float64)) / target
            if abs(variance - 1) <= self._tolerance:
                self.factors[weight.stream] = factor
                return
            if not 0 < variance < np.inf or iteration == self._iterations:
                break
            factor /= variance**0.5
            with AutocastScope(None):  # within a layer's call, torch would assign to the copy of lower precision
                weight.variable.assign(weight.variable / variance**0.5)
        self.failure = (
            f"lsuv scales the kernel of each layer until its outputs have the variance {target:g}. Those of layer "
            f"{weight.layer.name!r} ({weight.path!r}) have the variance {variance * target:g} after {iteration} of "
            f"{self._iterations} iterations, and tolerance={self._tolerance:g} was asked for. The model has its former "
            f"weights again. {_advice(variance)}"
        )
        raise RuntimeError
