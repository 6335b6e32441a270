"""From a model, and a config for it, to a new model with the same weights, or the layer that stands in the way.

Keras makes a model again from what its layers' `get_config` says. What a layer leaves out there is lost without a word.
"""

import itertools
import tempfile
from collections.abc import Iterator
from typing import Any

import keras

from keras_inits._keras import own_variables, unnumbered
from keras_inits.layers.tree import walk_layers

Config = Any
Key = tuple[Any, Any]


def classes_of(model: Any) -> dict[Key, type]:
    """The classes of the layers that are not Keras's own, by module and name, as configs name them.

    Raises:
        ValueError: If two of them have one module and one name.
    """
    found: dict[Key, type] = {}
    for path, layer in walk_layers(model):
        kind = type(layer)
        if kind.__module__.split(".")[0] == "keras":
            continue
        key = kind.__module__, kind.__name__
        if found.setdefault(key, kind) is not kind:
            raise ValueError(
                f"A config tells classes apart by module and name. Received a model with two classes that are called "
                f"{'.'.join(key)}; the layer {path!r} is of the second one. Expected one class of each name. Give one "
                "of them another name."
            )
    return found


def marked(config: Config, classes: dict[Key, type]) -> Config:
    """The config with a name of its own for each of the classes.

    Neither a bare name nor a registered one tells them apart from a class of Keras's, or from one registered later.
    """
    if isinstance(config, (list, tuple)):
        return type(config)(marked(item, classes) for item in config)
    if not isinstance(config, dict):
        return config
    result = {key: marked(value, classes) for key, value in config.items()}
    key = config.get("module") or "__main__", config.get("class_name")  # Keras says None for the module that is run
    if "registered_name" in config and key in classes:
        result["registered_name"] = _mark(*key)
    return result


def _mark(module: Any, name: Any) -> str:
    return f"{module}>{name}"


def made(model: Any, config: Config, classes: dict[Key, type], custom_objects: dict[str, Any] | None) -> Any:
    """A new model from the config, with the old one's weights, states, vocabularies and scale of LoRA."""
    objects = {**(custom_objects or {}), **{_mark(*key): kind for key, kind in classes.items()}}
    try:
        new = keras.saving.deserialize_keras_object(marked(config, classes), custom_objects=objects, safe_mode=False)
    except Exception as error:
        raise no_copy(model, error, objects) from error
    for variable, copy in paired(model, new):
        copy.assign(variable.numpy())  # into memory of its own, which training may give away
    for (_, old), (_, copy) in zip(walk_layers(model), walk_layers(new), strict=True):
        if copy.trainable != old.trainable:  # a layer that its model freezes: Keras may thaw it again
            copy.trainable = old.trainable
        if isinstance(old, keras.layers.RNN) and old.stateful:  # whose states are not among the weights
            for state, fresh in zip(*map(keras.tree.flatten, (old.states, copy.states)), strict=True):
                fresh.assign(state)
        if getattr(old, "lora_enabled", False):
            copy.lora_alpha = old.lora_alpha  # which Dense hands on to its config, and does not build with
        if hasattr(old, "save_assets") and hasattr(copy, "load_assets"):  # a vocabulary that was learned
            with tempfile.TemporaryDirectory() as folder:
                old.save_assets(folder)
                copy.load_assets(folder)
    return new


def no_copy(model: Any, error: Exception, custom_objects: dict[str, Any] | None = None) -> ValueError:
    """The error for a model that Keras does not make again, with the innermost layer that it fails for."""
    culprit = f"the model {model.name!r}"
    for path, layer in reversed(list(walk_layers(model))):
        try:
            with keras.saving.custom_object_scope(custom_objects or {}):
                type(layer).from_config(layer.get_config())
        except Exception as own:
            culprit, error = f"the layer {path!r} (of type {type(layer).__name__})", own
            break
    reason = str(error).split("\n")[0][:300]  # Keras puts the whole config behind it
    return ValueError(
        f"to_builtin has Keras make the model again from its config, and that failed for {culprit}: "
        f"{type(error).__name__}: {reason}. Expected a `get_config` that returns all arguments of the constructor, and "
        "functions and classes of one's own registered or in `custom_objects`. Correct it, or hand them over."
    )


def paired(model: Any, new: Any) -> Iterator[tuple[Any, Any]]:
    """Each variable of the layers of a model with that of its copy.

    Raises:
        ValueError: If the copy has other layers, or others of these variables.
    """
    for one, other in itertools.zip_longest(walk_layers(model), walk_layers(new)):
        pairs = None if one is None or other is None else _paired(one[1], other[1])
        if pairs is None:
            path, layer = one or other
            instead = _shapes(other[1]) if one and other and type(one[1]) is type(other[1]) else None
            received = instead or ("none there" if one else "too many")
            raise ValueError(
                f"to_builtin has Keras make the model again from its config, and the layer {path!r} (of type "
                f"{type(layer).__name__}) came out different. Received weights of the shapes {_shapes(layer)} in the "
                f"model, and in what Keras made of it: {received}. Expected the same ones: a `get_config`, of this "
                "layer or of one around it, leaves an argument out. Correct it, or keep the model as it is."
            )
        yield from pairs


def _paired(layer: Any, copy: Any) -> list[tuple[Any, Any]] | None:
    """By their names, for a layer that was quantized after it was built makes them in another order from its config."""
    variables, copies = own_variables(layer), own_variables(copy)
    ordered = [sorted(held, key=_name_of) for held in (variables, copies)]
    if [*map(_name_of, ordered[0])] == [*map(_name_of, ordered[1])]:
        variables, copies = ordered
    same = type(layer) is type(copy) and [one.shape for one in variables] == [one.shape for one in copies]
    return list(zip(variables, copies, strict=True)) if same else None


def _name_of(variable: Any) -> str:
    return unnumbered(variable.name)


def _shapes(layer: Any) -> list[tuple[int, ...]]:
    return [tuple(variable.shape) for variable in own_variables(layer)]
