"""Private names of Keras, each behind a function that says what it is for."""

import contextlib
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
from keras.src.backend.common import global_state
from keras.src.models import Functional

from keras_inits._swaps import Swap, call_with

UNINITIALIZED = "uninitialized_variables"


@contextlib.contextmanager
def variables_without_values() -> Iterator[None]:
    """Variables that are made in the block get no memory and keep their initializer; Keras forgets them afterwards.

    Keras makes such variables within a `StatelessScope`, and lists them to give them values later.
    """
    before = list(global_state.get_global_attribute(UNINITIALIZED) or ())
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute(UNINITIALIZED, before)


def initializer_of(variable: Any) -> Any:
    """The initializer that a variable without a value waits for; Keras keeps none of one that has a value."""
    return variable._initializer


def own_trainable(layer: Any) -> list[Any]:
    """The variables that a layer itself made to be trained, frozen or not; public lists hold those of sublayers too."""
    return list(layer._trainable_variables)


def own_variables(layer: Any) -> list[Any]:
    """The variables that a layer itself made, to be trained or not, without those of its sublayers."""
    return [*layer._trainable_variables, *layer._non_trainable_variables]


def unnumbered(name: str) -> str:
    """The name of a variable without the number that Keras puts behind "variable", its word for one without a name."""
    return re.sub(r"^variable_\d+$", "variable", name)


def sublayers(layer: Any) -> list[Any]:
    """The layers that lie directly in a layer; those of a functional model in the order of its graph, then others.

    What a functional model has as attributes too, Keras lists before the rest on TensorFlow and JAX, and KerasHub has
    it listed nowhere on torch.
    """
    graph = graph_layers(layer)
    known = set(map(id, graph))
    return [*graph, *(one for one in layer._layers if id(one) not in known)]


def graph_layers(layer: Any) -> list[Any]:
    """The layers in the graph of a functional model; none for other layers."""
    return list(layer.layers) if isinstance(layer, Functional) else []


def all_layers(model: Any) -> list[Any]:
    """The model and all layers in it, each once."""
    return list(model._flatten_layers())


def variable_key(variable: Any) -> Any:
    """What an optimizer knows a variable by: the same for a Keras variable and for the tensor in it."""
    return keras.optimizers.Optimizer._var_key(None, variable)


def innermost(optimizer: Any) -> Any:
    """The optimizer that a LossScaleOptimizer wraps, or else itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def calls_counter(optimizer: Any) -> Any:
    """The variable that counts the calls of an optimizer, those that only accumulate too."""
    return innermost(optimizer)._iterations


def optimized(optimizer: Any) -> list[Any]:
    """The variables that an optimizer was built for; none before it is built."""
    return list(optimizer._trainable_variables) if optimizer.built else []


def accumulators(optimizer: Any, variables: Sequence[Any]) -> list[Any]:
    """For each variable that in which its gradients accumulate; None before the optimizer is built, as good as zero."""
    inner = innermost(optimizer)
    if not inner.built:
        return [None] * len(variables)
    return [inner._accumulated_gradients[inner._get_variable_index(variable)] for variable in variables]


SUM_OVER_REPLICAS = "_all_reduce_sum_gradients"
"""The optimizer's method that adds up gradients over the replicas of a TensorFlow strategy."""


def compiled_settings(model: Any) -> tuple[Any, ...]:
    """What Keras makes a training function from; each `compile` makes a new tracker of the loss."""
    return (model.optimizer, model._loss_tracker, model.run_eagerly, model.jit_compile, model.steps_per_execution)


def train_function_of(model: Any, train_step: Callable[..., Any]) -> Any:
    """A training function as `fit` would make it now of this step; the model keeps the one that it has."""

    def made() -> Any:
        model.make_train_function(force=True)
        return model.train_function

    return call_with([Swap(model, "train_function", None), Swap(model, "train_step", train_step)], made)


def compiled_step_of(model: Any, train_step: Callable[..., Any]) -> Callable[..., Any]:
    """On JAX the step as Keras compiles it, before it is wrapped in the loop over `steps_per_execution`."""
    steps: list[Callable[..., Any]] = []
    call_with([Swap(model, "_make_function", steps.append)], train_function_of, model, train_step)
    if len(steps) != 1:
        raise NotImplementedError("The model's make_train_function does not call Keras's _make_function")
    return steps[0]


def looping(model: Any, step: Callable[..., Any]) -> Callable[..., Any]:
    """On JAX a training function that takes this step `steps_per_execution` times, with the next data each time."""
    return model._make_function(step)  # type: ignore[no-any-return]


def graph_function_of(train_function: Any) -> Any:
    """On TensorFlow the `tf.function` that Keras's training function calls with its iterator; None if there is none."""
    if not inspect.isfunction(train_function):
        return None
    found = inspect.getclosurevars(train_function).nonlocals.get("multi_step_on_iterator")
    return found if hasattr(found, "get_concrete_function") else None


def is_from_train_on_batch(arguments: Sequence[Any]) -> bool:
    """Whether a training function was called by `train_on_batch`, by the form in which that hands over its data.

    TensorFlow and JAX get a generator that the method makes; torch gets three values that are no tensors yet, of which
    the last, the sample weights, may be None.
    """
    data = arguments[-1]
    if inspect.isgenerator(data):
        return data.gi_code.co_qualname.endswith("train_on_batch.<locals>.data")
    if keras.backend.backend() != "torch" or not isinstance(data, list) or not isinstance(data[0], tuple):
        return False
    leaves = keras.tree.flatten(data[0])
    return len(data[0]) == 3 and not all(keras.ops.is_tensor(leaf) for leaf in leaves)


def hold_state(model: Any) -> None:
    """Has `fit` on JAX put the model's values back if its next step is interrupted.

    Keras takes them out of the variables before the first step of an epoch, and puts back what the step before left.
    """
    if keras.backend.backend() != "jax" or not getattr(model, "_jax_state_synced", False):
        return
    names = ("trainable_variables", "non_trainable_variables", "metrics_variables")
    state = {name: [variable.value for variable in getattr(model, name)] for name in names}
    if getattr(model, "optimizer", None) is not None:
        state["optimizer_variables"] = [variable.value for variable in model.optimizer.variables]
    model._jax_state = state


def bring_state_back(model: Any) -> None:
    """Has the variables of a model that JAX trains hold its values, between two epochs."""
    if keras.backend.backend() == "jax":
        model.jax_state_sync()
