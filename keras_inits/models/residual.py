"""Residual branches, found in the graph of a model, and how their number and depth scale their weights."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from keras_inits.initializers.arguments import check_choice
from keras_inits.layer_tree import walk_layers
from keras_inits.models.graph import Graph, nodes_of
from keras_inits.models.rules import Planned
from keras_inits.models.weights import Weight

RULES = ("none", "fixup")
ATTENTION = (layers.MultiHeadAttention, layers.GroupQueryAttention)

Kernels = dict[int, Weight]  # by the layer that owns it; of several, the last


def scaled(weights: Sequence[Weight], planned: Sequence[Planned], graph: Graph, residual: str) -> list[Planned]:
    """Returns the plan with the residual rule applied.

    Raises:
        ValueError: If there is no such rule, no residual branch that it could scale, or one whose last kernel is not to
            be drawn.
    """
    check_choice("residual", residual, RULES, "The scaling of residual branches is that of Zhang et al. (2019).")
    if residual == "none":
        return list(planned)
    kernels = {id(one.layer): one for one in weights if one.fans and one.variable.name != "recurrent_kernel"}
    functionals = graph.functionals if graph.whole is not None else []
    branches = [found for functional in functionals for found in _branches(functional, kernels)]
    if not branches:
        raise ValueError(
            'residual="fixup" scales the residual branches of a functional model: what leads to one input of an `Add` '
            "and starts where the other input comes from. Received a model without any, or one that is not functional. "
            'Expected one built of such blocks. Pass residual="none".'
        )
    ends = [*(branch[-1] for branch in branches), *_last(graph.whole, kernels)]
    drawn = {one.weight.stream for one in planned}
    kept = [one.path for one in ends if one.stream not in drawn]
    if kept:
        raise ValueError(
            'residual="fixup" sets the last kernel of each residual branch, and the one before the outputs, to zero. '
            f"Received a model and `rules` that leave {kept} as they are, frozen or without a rule. Expected all of "
            'them to be drawn. Unfreeze them, add a rule such as ("", "auto"), or pass residual="none".'
        )
    factors = {}
    for branch in branches:
        factors.update({one.stream: len(branches) ** (-1 / (2 * len(branch) - 2)) for one in branch[:-1]})
    factors.update(dict.fromkeys((one.stream for one in ends), 0.0))
    return [one._replace(factor=factors.get(one.weight.stream, 1.0)) for one in planned]


def _branches(functional: Any, kernels: Kernels) -> list[list[Weight]]:
    """For each residual branch the kernels that multiply in it, first to last."""
    makers = _makers(functional)
    found = []
    for node in nodes_of(functional):
        if type(node.operation).__name__ != "Add" or len(node.input_tensors) < 2:  # the layer, or what `+` makes
            continue
        befores = [_before(tensor, makers) for tensor in node.input_tensors]
        common = set.intersection(*befores)
        if not common:  # inputs of the model that are added, as tokens and places are
            continue
        paths = [
            _heaviest(tensor, before - common, makers, kernels)
            for tensor, before in zip(node.input_tensors, befores, strict=True)
        ]
        shortcut, *branches = sorted(paths, key=len)
        if len(shortcut) <= 1:
            found += [branch for branch in branches if branch]
    return found


def _makers(functional: Any) -> dict[int, Any]:
    """By tensor, the node that it comes from."""
    return {id(tensor): node for node in nodes_of(functional) for tensor in node.output_tensors}


def _before(tensor: Any, makers: dict[int, Any]) -> set[int]:
    """The nodes that this tensor depends on."""
    found: set[int] = set()
    waiting = [tensor]
    while waiting:
        node = makers.get(id(waiting.pop()))
        if node is not None and id(node) not in found:
            found.add(id(node))
            waiting += node.input_tensors
    return found


def _heaviest(tensor: Any, within: set[int], makers: dict[int, Any], kernels: Kernels) -> list[Weight]:
    """The path to a tensor, through these nodes, on which most kernels multiply; where a gate multiplies, beside it."""
    known: dict[int, list[Weight]] = {}  # by node
    waiting = [tensor]
    while waiting:  # from the tensor back, each node once all that it reads is known; no recursion, which Python bounds
        node = makers.get(id(waiting[-1]))
        if node is None or id(node) not in within or id(node) in known:
            waiting.pop()
            continue
        nodes = [makers.get(id(source)) for source in node.input_tensors]
        missing = [
            source
            for source, before in zip(node.input_tensors, nodes, strict=True)
            if before is not None and id(before) in within and id(before) not in known
        ]
        if missing:
            waiting += missing
            continue
        choose = min if type(node.operation).__name__ == "Multiply" else max
        paths = (known.get(id(before), []) for before in nodes)
        known[id(node)] = choose(paths, key=len, default=[]) + _kernels(node.operation, kernels)
        waiting.pop()
    return known.get(id(makers.get(id(tensor))), [])


def _kernels(operation: Any, kernels: Kernels) -> list[Weight]:
    if isinstance(operation, ATTENTION):  # queries and keys only say where from
        parts = [operation._value_dense, operation._output_dense]
    else:
        parts = [layer for _, layer in walk_layers(operation)] if isinstance(operation, keras.Layer) else []
    return [kernels[id(part)] for part in parts if id(part) in kernels]


def _last(functional: Any, kernels: Kernels) -> list[Weight]:
    """The kernel nearest to each output of the model."""
    makers = _makers(functional)
    found = []
    for tensor in functional.outputs:
        node = makers.get(id(tensor))
        while node is not None and not _kernels(node.operation, kernels) and len(node.input_tensors) == 1:
            node = makers.get(id(node.input_tensors[0]))
        if node is not None:
            found += _kernels(node.operation, kernels)[-1:]
    return found
