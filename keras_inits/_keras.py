"""Private names of Keras, each behind a function that says what it is for."""

import collections
import contextlib
import functools
import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

import keras
from keras.src.backend import AutocastScope, core
from keras.src.backend.common import KerasVariable, global_state
from keras.src.backend.common.symbolic_scope import in_symbolic_scope
from keras.src.layers import layer as layer_module
from keras.src.models import Functional
from keras.src.ops.node import Node
from keras.src.ops.numpy import Einsum
from keras.src.utils import module_utils
from keras.src.utils.naming import to_snake_case

from keras_inits._swaps import Swap, call_with

UNINITIALIZED = "uninitialized_variables"
NAME_COUNTS = "object_name_uids"


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


@contextlib.contextmanager
def fresh_names() -> Iterator[None]:
    """Has Keras number the layers that it names (`dense_1`) from the beginning, and go on as before afterwards."""
    before = global_state.get_global_attribute(NAME_COUNTS)
    global_state.set_global_attribute(NAME_COUNTS, collections.defaultdict(int))
    try:
        yield
    finally:
        global_state.set_global_attribute(NAME_COUNTS, before)


def without_import_of_tensorflow(function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a function of Keras's that would import TensorFlow, which takes seconds, only to seed it or ask for types.

    Where TensorFlow is imported, the call is as without this.
    """
    missing = [] if "tensorflow" in sys.modules else [Swap(module_utils.tensorflow, "_available", False)]
    return call_with(missing, function, *arguments)


@contextlib.contextmanager
def without_remat() -> Iterator[None]:
    """In the block `keras.remat` hands functions back as they are."""
    kept = core.remat
    core.remat = lambda function: function
    try:
        yield
    finally:
        core.remat = kept


def without_autocast() -> contextlib.AbstractContextManager[Any]:
    """In the block variables are themselves: in a layer's call, torch would assign to a copy of lower precision."""
    scope: contextlib.AbstractContextManager[Any] = AutocastScope(None)
    return scope


def is_computing_shapes() -> bool:
    """Whether Keras calls layers on symbolic tensors alone."""
    return bool(in_symbolic_scope())


def device_of_tensors() -> str:
    """The device on which a backend that has no graph makes its tensors now."""
    return str(core.get_device())


def default_name(layer: Any) -> str:
    """The name that Keras gives a layer of this class, without its number."""
    return str(to_snake_case(type(layer).__name__))


def initializer_of(variable: Any) -> Any:
    """The initializer that a variable without a value waits for; Keras keeps none of one that has a value."""
    return variable._initializer


def own_trainable(layer: Any) -> list[Any]:
    """The variables that a layer itself made to be trained, frozen or not; public lists hold those of sublayers too."""
    return list(layer._trainable_variables)


def own_variables(layer: Any) -> list[Any]:
    """The variables that a layer itself made, to be trained or not, without those of its sublayers."""
    return [*layer._trainable_variables, *layer._non_trainable_variables]


def seed_generators(layer: Any) -> list[Any]:
    """The generators of random numbers that a layer itself made."""
    return list(layer._seed_generators)


class AttentionParts(NamedTuple):
    """The layers with the kernels of an attention."""

    query: Any
    key: Any
    value: Any
    output: Any


QUERY_AND_KEY = ("_query_dense", "_key_dense")
"""The attributes of the layers inside of an attention that make its scores, with `SCORES_SOFTMAX` behind them."""
SCORES_SOFTMAX = "_softmax"


def attention_parts(layer: Any) -> AttentionParts:
    """The layers inside of `MultiHeadAttention`, or of one of its kind."""
    return AttentionParts(layer._query_dense, layer._key_dense, layer._value_dense, layer._output_dense)


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
    """The key of a variable in an optimizer: the same for a Keras variable and for the tensor in it."""
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
    """The accumulator of each variable's gradient; None before the optimizer is built, which counts as zero."""
    inner = innermost(optimizer)
    if not inner.built:
        return [None] * len(variables)
    return [inner._accumulated_gradients[inner._get_variable_index(variable)] for variable in variables]


SUM_OVER_REPLICAS = "_all_reduce_sum_gradients"
"""The optimizer's method that adds up gradients over the replicas of a TensorFlow strategy."""


def compiled_settings(model: Any) -> tuple[Any, ...]:
    """The settings that Keras makes a training function from; each `compile` makes a new tracker of the loss."""
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


def functional_of(layer: Any) -> Any:
    """The graph of a functional or sequential model, or None."""
    if isinstance(layer, keras.Sequential):
        layer = layer._functional
    return layer if getattr(layer, "_nodes_by_depth", None) else None


def nodes_of(functional: Any) -> list[Any]:
    """The calls of a graph, each after those that it reads from."""
    by_depth = functional._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]


@contextlib.contextmanager
def symbolic_calls(model: Any, is_known: Callable[[Any], bool]) -> Iterator[None]:
    """Layers of the model that are called on symbolic tensors in the block forget these calls afterwards.

    Those that are not known leave the calls of the layers and operations inside of them.

    Keras keeps every such call with the layer, which then has no `input` and `output` of its own any more.
    """
    layers = [model, *model._flatten_layers(include_self=False)]
    before = [(layer, len(layer._inbound_nodes), len(layer._outbound_nodes)) for layer in layers]
    try:
        with keras.StatelessScope(), _values_left_of_symbols(), _capital_letters(), _open_layers(is_known):
            yield
    finally:
        for layer, inbound, outbound in before:
            del layer._inbound_nodes[inbound:], layer._outbound_nodes[outbound:]


@contextlib.contextmanager
def _open_layers(is_known: Callable[[Any], bool]) -> Iterator[None]:
    """Within the block calls of layers that are not known leave the calls inside of them, and none of their own.

    One that cannot be called on symbols leaves its own, as known ones and functional models do. Those may put out None
    beside symbols: subclasses of Keras's attention return None for a cache, and take arguments that its
    `compute_output_spec` does not.
    """
    closed: set[int] = set()

    def is_step(layer: Any) -> bool:
        return is_known(layer) or functional_of(layer) is not None

    def symbolic_call(self: Any, *arguments: Any, **options: Any) -> Any:
        spec = functools.partial(_spec, self)
        first, second = (spec, self.call) if is_step(self) else (self.call, spec)
        try:
            return first(*arguments, **options)
        except Exception:  # of anybody's code
            closed.add(id(self))
            return second(*arguments, **options)

    def node(operation: Any, call_args: Any, call_kwargs: Any, outputs: Any) -> None:
        if is_step(operation) or id(operation) in closed:
            found = [one for one in keras.tree.flatten(outputs) if one is not None]
            Node(operation=operation, call_args=call_args, call_kwargs=call_kwargs, outputs=found)

    before = keras.Layer.symbolic_call
    keras.Layer.symbolic_call, layer_module.Node = symbolic_call, node
    try:
        yield
    finally:
        keras.Layer.symbolic_call, layer_module.Node = before, Node


def _spec(layer: Any, *arguments: Any, **options: Any) -> Any:
    """Symbols for a layer's outputs; `EinsumDense` leaves axes open that its inputs do not, and its call tells them."""
    found = layer.compute_output_spec(*arguments, **options)
    if _has_open_axes(found) and not _has_open_axes((arguments, options)):
        return keras.Operation.compute_output_spec(layer, *arguments, **options)
    return found


def _has_open_axes(structure: Any) -> bool:
    return any(None in one.shape for one in keras.tree.flatten(structure) if keras.backend.is_keras_tensor(one))


@contextlib.contextmanager
def _values_left_of_symbols() -> Iterator[None]:
    """Within the block `value * symbol` is what `symbol * value` is: the value is asked, a variable or an array.

    Keras itself sees no symbols here: it puts tensors of the backend in their place.
    """
    as_array = keras.KerasTensor.__jax_array__  # by which JAX asks a symbol for values, and gets an error
    names = [f"__{name}__" for name in ("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "pow")]
    before = {name: getattr(KerasVariable, name) for name in names}
    for name, method in before.items():
        setattr(KerasVariable, name, _leaving_symbols(method))
    del keras.KerasTensor.__jax_array__
    try:
        yield
    finally:
        keras.KerasTensor.__jax_array__ = as_array
        for name, method in before.items():
            setattr(KerasVariable, name, method)


def _leaving_symbols(method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    @functools.wraps(method)
    def leaving_symbols(self: Any, other: Any) -> Any:
        return NotImplemented if keras.backend.is_keras_tensor(other) else method(self, other)

    return leaving_symbols


@contextlib.contextmanager
def _capital_letters() -> Iterator[None]:
    """Within the block symbols go through `einsum("BTN,BSN->BTS", ...)` too: Keras only asks the backend for it."""
    before = Einsum.compute_output_spec

    def compute_output_spec(self: Any, *operands: Any) -> Any:
        try:
            return before(self, *operands)
        except ValueError:  # it takes capital letters for sizes
            return keras.Operation.compute_output_spec(self, *operands)

    Einsum.compute_output_spec = compute_output_spec
    try:
        yield
    finally:
        Einsum.compute_output_spec = before


def nodes_between(outputs: Sequence[Any], known: Collection[int]) -> list[Any]:
    """The calls from which symbolic tensors come, each after those that it reads from.

    Args:
        outputs: The tensors.
        known: The ids of tensors behind which nothing is looked for.
    """
    found: list[Any] = []
    state: dict[int, bool] = {}  # by node: False while what it reads from is looked for, True once it is listed
    waiting = list(reversed(outputs))
    while waiting:
        tensor = waiting[-1]
        history = getattr(tensor, "_keras_history", None)
        node = None
        if history is not None and history.operation is not None and id(tensor) not in known:
            node = history.operation._inbound_nodes[history.node_index]
        if node is None or node.is_input or state.get(id(node)):
            waiting.pop()
        elif id(node) in state:
            state[id(node)] = True
            found.append(node)
            waiting.pop()
        else:
            state[id(node)] = False
            waiting += reversed(node.input_tensors)
    return found


def loss_function(loss: Any) -> tuple[Any, dict[str, Any]]:
    """The function of a loss, and the arguments that its object keeps for it."""
    return getattr(loss, "fn", loss), dict(getattr(loss, "_fn_kwargs", {}))


def is_gone_round(tensor: Any) -> bool:
    """Whether a loss of Keras's takes what went into a sigmoid or softmax, in place of this, what came out of it."""
    return hasattr(tensor, "_keras_logits")


def last_of_graph(model: Any) -> Any:
    """The layer that puts out what a model with a graph does; None for other layers, other ends, several outputs."""
    outputs = getattr(model, "outputs", None) if isinstance(model, keras.Model) else None
    last = outputs[0]._keras_history.operation if outputs and len(outputs) == 1 else None
    return last if isinstance(last, keras.Layer) else None


def compiled_loss_weights(model: Any) -> Any:
    """The weights of the losses that a model was compiled with; None without any."""
    config = getattr(model, "_compile_config", None)
    return None if config is None else config.config.get("loss_weights")


def is_scheduled(optimizer: Any) -> bool:
    """Whether a schedule, or a function, sets an optimizer's learning rate."""
    return not isinstance(optimizer._learning_rate, keras.Variable)
