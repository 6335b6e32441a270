"""The loss and targets of each output, as `fit` matches them: by keys, by places, or one loss for all."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import keras

from keras_inits.faults import ModelError

Tensor = Any
Path = tuple[str | int, ...]


class Part(NamedTuple):
    """One output with what is compared with it."""

    name: str
    output: Tensor
    target: Any
    losses: tuple[Any, ...]
    """As they were given; empty for an output that no loss reads."""


def parts_of(outputs: Any, names: list[str], y: Any, loss: Any) -> list[Part]:
    """Finds for each output its losses and its targets.

    Args:
        outputs: What the model put out: a tensor, or lists, tuples and dictionaries of them.
        names: The names of the outputs, which stand for lists' places.
        y: The targets, in the outputs' structure, as a flat list, or by name.
        loss: The losses, in one of the same forms, or one for all outputs.

    Raises:
        ModelError: If a key or a count is none of the outputs', or an output has a loss and no targets.
    """
    places = leaves_of(outputs)
    losses = _spread(loss, outputs, names, "loss")
    read = [path for path, _ in places if losses[path]]
    if not read:
        raise ModelError(
            f"No output has a loss. Received: loss={loss!r}, for the outputs {_listed(places, names)}. Expected a loss "
            "for one of them at least. Name one, such as loss='mse'."
        )
    if len(read) < len(places) and _count(y, outputs) == len(read):  # only those that have a loss
        targets = dict(zip(read, y if _is_list(y) else [y], strict=True))
    else:
        targets = _spread(y, outputs, names, "y")
    parts = [Part(label(path, names), one, targets.get(path), losses[path]) for path, one in places]
    for part in parts:
        if part.losses and part.target is None:
            raise ModelError(
                f"The output {part.name!r} has a loss and no targets. Received: y with targets for "
                f"{', '.join(repr(one.name) for one in parts if one.target is not None) or 'none'}. Expected targets "
                "for each output that has a loss. Add them to y, or give this output the loss None."
            )
    return parts


def weights_of(given: Any, parts: Sequence[Part]) -> list[Any]:
    """The sample weights of each output, by its name, in the outputs' order, or the same for all, as `fit` takes them.

    Raises:
        ModelError: If their number is another than that of the outputs.
    """
    if isinstance(given, dict):
        _check_keys(given, [part.name for part in parts], "sample_weight", "")
        return [given.get(part.name) for part in parts]
    if not _is_list(given):
        return [given] * len(parts)
    if len(given) not in (1, len(parts)):
        raise ModelError(
            f"Sample weights are those of one output each. Received: {len(given)} for {len(parts)} outputs. Expected "
            "one array for all outputs, or one for each. Pass an array, or a dictionary by the outputs' names."
        )
    return list(given) * (len(parts) // len(given))


def leaves_of(outputs: Any, path: Path = ()) -> list[tuple[Path, Tensor]]:
    """Each output with the keys and places that lead to it."""
    if isinstance(outputs, dict) or _is_list(outputs):
        return [leaf for key, one in _children(outputs) for leaf in leaves_of(one, (*path, key))]
    return [(path, outputs)] if outputs is not None else []


def label(path: Path, names: list[str]) -> str:
    """The name of the output at a path."""
    if len(path) == 1 and isinstance(path[0], int) and path[0] < len(names):
        return names[path[0]]
    return "/".join(map(str, path)) if path else names[0]


def _spread(given: Any, outputs: Any, names: list[str], what: str) -> dict[Path, Any]:
    """For each output's path what is given for it: losses as tuples, and targets, or None for lack of any."""
    if isinstance(given, dict) and not isinstance(outputs, dict):
        _check_keys(given, names, what, "")
        flat = [given.get(name) for name in names]
        given = keras.tree.pack_sequence_as(outputs, flat) if _is_list(outputs) else flat[0]
    return dict(_matched(given, outputs, (), names, what))


def _matched(given: Any, outputs: Any, path: Path, names: list[str], what: str) -> Iterator[tuple[Path, Any]]:
    if given is None or not (isinstance(outputs, dict) or _is_list(outputs)):
        for leaf, _ in leaves_of(outputs, path):
            yield leaf, _of_leaf(given, path, names, what)
        return
    if _is_list(given) and not (_is_list(outputs) and len(given) == len(outputs)):
        count = len(keras.tree.flatten(outputs))
        if len(given) != count:
            raise _miscounted(len(given), outputs, path, names, what)
        given = keras.tree.pack_sequence_as(outputs, list(given))
    if isinstance(given, dict):
        known = list(outputs) if isinstance(outputs, dict) else list(range(len(outputs)))
        _check_keys(given, known, what, "/".join(map(str, path)))
    elif not _is_list(given):
        if what == "y":
            raise _miscounted(1, outputs, path, names, what)
        given = {key: given for key, _ in _children(outputs)}
    items = given if isinstance(given, dict) else dict(enumerate(given))
    for key, one in _children(outputs):
        yield from _matched(items.get(key), one, (*path, key), names, what)


def _of_leaf(given: Any, path: Path, names: list[str], what: str) -> Any:
    if isinstance(given, dict):
        _check_keys(given, [], what, label(path, names))
    if what == "loss":
        if _is_list(given) and len(given) > 1 and not path:
            raise ModelError(
                f"The model has one output. Received: {len(given)} losses, loss={list(given)!r}. Expected one. Pass "
                "one loss, or a function that adds what they give."
            )
        several = tuple(given) if _is_list(given) else (given,)
        return tuple(one for one in several if one is not None)
    is_wrapped = _is_list(given) and len(given) == 1 and (hasattr(given[0], "shape") or _is_list(given[0]))
    return given[0] if is_wrapped and getattr(given[0], "shape", True) != () else given


def _check_keys(given: dict[Any, Any], known: list[Any], what: str, where: str) -> None:
    unknown = [key for key in given if key not in known]
    if unknown:
        kind = {"loss": "The losses'", "y": "The targets'"}.get(what, "The sample weights'")
        inside = f" of the output {where!r}" if where else ""
        expected = f"keys of {known}" if known else f"no dictionary, for {where!r} is one tensor"
        raise ModelError(
            f"{kind} keys are the outputs'. Received: {what} with the key{'s' if len(unknown) > 1 else ''} "
            f"{', '.join(map(repr, unknown))}{inside}. Expected {expected}. Rename or leave out what is no output."
        )


def _miscounted(count: int, outputs: Any, path: Path, names: list[str], what: str) -> ModelError:
    places = leaves_of(outputs, path)
    noun = "loss" if what == "loss" else "target array"
    nouns = "losses" if what == "loss" else "target arrays"
    return ModelError(
        f"Each output has its own {nouns}. Received: {what} with {count} {noun if count == 1 else nouns} for "
        f"{len(places)} outputs, {_listed(places, names)}. Expected {len(places)}, in the outputs' order, or a "
        "dictionary by their names. Pass one for each"
        + (", or None as the loss of those without targets." if what == "y" else ", None for those without one.")
    )


def _listed(places: list[tuple[Path, Tensor]], names: list[str]) -> str:
    return ", ".join(repr(label(path, names)) for path, _ in places)


def _count(y: Any, outputs: Any) -> int | None:
    """How many targets there are, in a flat list or as one array; None for other forms."""
    if isinstance(y, dict):
        return None
    return len(y) if _is_list(y) else 1


def _children(outputs: Any) -> list[tuple[Any, Any]]:
    return list(outputs.items() if isinstance(outputs, dict) else enumerate(outputs))


def _is_list(given: Any) -> bool:
    return isinstance(given, (list, tuple))
