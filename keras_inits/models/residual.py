"""Residual branches, found in the graph of a model, and how their number and depth scale their weights."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from keras_inits.initializers.arguments import check_choice
from keras_inits.layer_tree import walk_layers
from keras_inits.models.graph import Graph, nodes_of
from keras_inits.models.rules import Planned

RULES = ("none", "fixup")
ATTENTION = (layers.MultiHeadAttention, layers.GroupQueryAttention)

Kernels = dict[int, Planned]  # by the layer that owns it; of several, the last


def scaled(planned: Sequence[Planned], graph: Graph, residual: str) -> list[Planned]:
    """Returns the plan with the residual rule applied.

    Raises:
        ValueError: If there is no such rule, or no residual branch that it could scale.
    """
    check_choice("residual", residual, RULES, "The scaling of residual branches is that of Zhang et al. (2019).")
    if residual == "none":
        return list(planned)
    kernels = {id(one.weight.layer): one for one in planned if one.weight.fans and "recurrent" not in one.weight.path}
    branches = [found for functional in graph.functionals for found in _branches(functional, kernels)]
    if not branches:
        raise ValueError(
            'residual="fixup" scales the residual branches of a functional model: what leads to one input of an `Add` '
            "and starts where the other input comes from. Received a model without any. "
            'Expected one built of such blocks. Pass residual="none".'
        )
    factors = {}
    for branch in branches:
        factors.update({one.weight.stream: len(branches) ** (-1 / (2 * len(branch) - 2)) for one in branch[:-1]})
    for last in (*(branch[-1] for branch in branches), *_last(graph.functionals[0], kernels)):
        factors[last.weight.stream] = 0.0
    return [one._replace(factor=factors.get(one.weight.stream, 1.0)) for one in planned]


def _branches(functional: Any, kernels: Kernels) -> list[list[Planned]]:
    """For each residual branch the kernels that multiply in it, first to last."""
    makers = {id(tensor): node for node in nodes_of(functional) for tensor in node.output_tensors}
    found = []
    for node in nodes_of(functional):
        if not _is_sum(node.operation) or len(node.input_tensors) != 2:
            continue
        left, right = (_before(tensor, makers) for tensor in node.input_tensors)
        if not left.keys() & right.keys():  # two inputs of the model that are added, as tokens and positions are
            continue
        paths = [
            _longest(tensor, own.keys() - other.keys(), makers, kernels)
            for tensor, own, other in zip(node.input_tensors, (left, right), (right, left), strict=True)
        ]
        shortcut, branch = sorted(paths, key=len)
        if branch and len(shortcut) <= 1:
            found.append(branch)
    return found


def _is_sum(operation: Any) -> bool:
    return type(operation).__name__ == "Add"  # the layer, or what `+` makes of symbolic tensors


def _before(tensor: Any, makers: dict[int, Any]) -> dict[int, Any]:
    """The nodes that this tensor depends on."""
    found: dict[int, Any] = {}
    waiting = [tensor]
    while waiting:
        node = makers.get(id(waiting.pop()))
        if node is not None and id(node) not in found:
            found[id(node)] = node
            waiting += node.input_tensors
    return found


def _longest(tensor: Any, within: Any, makers: dict[int, Any], kernels: Kernels) -> list[Planned]:
    """The path to a tensor, through these nodes, on which most kernels multiply."""
    known: dict[int, list[Planned]] = {}

    def path(tensor: Any) -> list[Planned]:
        node = makers.get(id(tensor))
        if node is None or id(node) not in within:
            return []
        if id(node) not in known:
            before = max((path(source) for source in node.input_tensors), key=len, default=[])
            known[id(node)] = before + _kernels(node.operation, kernels)
        return known[id(node)]

    return path(tensor)


def _kernels(operation: Any, kernels: Kernels) -> list[Planned]:
    if isinstance(operation, ATTENTION):  # queries and keys only say where from
        parts = [operation._value_dense, operation._output_dense]
    else:
        parts = [layer for _, layer in walk_layers(operation)] if isinstance(operation, keras.Layer) else []
    return [kernels[id(part)] for part in parts if id(part) in kernels]


def _last(functional: Any, kernels: Kernels) -> list[Planned]:
    """The kernel nearest to each output of the model."""
    makers = {id(tensor): node for node in nodes_of(functional) for tensor in node.output_tensors}
    found = []
    for tensor in functional.outputs:
        node = makers.get(id(tensor))
        while node is not None and not _kernels(node.operation, kernels) and len(node.input_tensors) == 1:
            node = makers.get(id(node.input_tensors[0]))
        if node is not None:
            found += _kernels(node.operation, kernels)[-1:]
    return found
