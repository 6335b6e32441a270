"""The initializers that a layer of which nothing else is known declares for its weights."""

import inspect
import random
from collections.abc import Callable
from typing import Any

import keras

from keras_inits._keras import (
    fresh_names,
    initializer_of,
    own_trainable,
    sublayers,
    unnumbered,
    variables_without_values,
)
from keras_inits.initializers._orthogonal import Orthogonal
from keras_inits.initializers.plain import Normal, TruncatedNormal, Uniform
from keras_inits.initializers.scaling import VarianceScaling

OF_ALL_LAYERS = ("name", "dtype", "trainable", "activity_regularizer", "autocast")
Given = list[tuple[Any, Any]]  # variables, each with the initializer that it was given, or None


class Declared:
    """One layer's declarations: the initializers that it hands to `add_weight`, or has as attributes.

    Keras forgets the first once a variable has its value. So the layer is made a second time from its config, or built
    a second time with the attributes that it has, where variables get no values, and asked for what they wait for.

    Args:
        layer: A built layer.
    """

    def __init__(self, layer: Any) -> None:
        self._layer = layer
        self._given, self._failure = _made_again(layer)

    def initializer(self, variable: Any) -> tuple[Any, str]:
        """The initializer of one of the weights, or None; and in words where it is from, or why there is none."""
        found = self._given_to(variable)
        if found is not None:
            return ours(found), "which its layer hands to add_weight"
        names = [name for name, value in vars(self._layer).items() if value is variable]
        for name in dict.fromkeys([variable.name, *(name.lstrip("_") for name in names)]):
            found = getattr(self._layer, f"{name}_initializer", None)
            if callable(found):
                return ours(found), f"its layer's {name}_initializer"
        return None, self._failure or "its layer declares no initializer"

    def _given_to(self, variable: Any) -> Any:
        """The initializer of the variable at the same place: one with its name and shape."""
        mine = [one for one in own_trainable(self._layer) if _alike(one, variable)]
        others = [initializer for one, initializer in self._given if _alike(one, variable)]
        places = [place for place, one in enumerate(mine) if one is variable]
        return others[places[0]] if places and len(mine) == len(others) else None


def _made_again(layer: Any) -> tuple[Given, str]:
    """The initializers that a copy of the layer gives to its variables, or the reason why there are none."""
    state = random.getstate()  # from which Keras takes seeds
    try:
        with fresh_names():
            return _first_that_works(layer)
    finally:
        random.setstate(state)


def _first_that_works(layer: Any) -> tuple[Given, str]:
    try:
        return _waiting(lambda: _copy(layer, type(layer))), ""
    except Exception:
        pass
    given: Given = []
    try:
        _copy(layer, _listening(type(layer), given))
    except Exception as error:  # of the user's layer, in any of its methods
        reason = f"its layer cannot be made again from its config ({type(error).__name__})"
    else:
        return given, ""
    try:
        return _waiting(lambda: _built_again(layer)), ""
    except Exception:
        return [], reason


def _waiting(make: Callable[[], Any]) -> Given:
    """The variables of a layer that is made here, without values, with the initializers that they wait for."""
    with variables_without_values():
        return [(one, initializer_of(one)) for one in own_trainable(make())]


def _built_again(layer: Any) -> Any:
    """An object of the layer's class with the layer's attributes, built: its constructor may keep no argument.

    Raises:
        ValueError: If the layer has layers inside, which `build` may build; those of the layer are built already.
    """
    if sublayers(layer):
        raise ValueError("a layer with layers inside")
    kind: Any = type(layer)
    again = kind.__new__(kind)
    (keras.Model if isinstance(layer, keras.Model) else keras.Layer).__init__(again, dtype=layer.dtype_policy)
    for name, value in vars(layer).items():
        if not name.startswith("_") and name not in vars(again) and not _holds_state(value):
            setattr(again, name, value)
    again.build_from_config(layer.get_build_config())
    return again


def _copy(layer: Any, kind: Any) -> Any:
    """The layer made again and built, without the values of its weights."""
    try:
        config = layer.get_config()
        if _holds_state(config):
            raise ValueError("the config holds a layer or a variable itself")
        copy = kind.from_config(config)
    except Exception:  # of a config that is missing, or that its constructor does not take
        arguments = _arguments(layer)
        if arguments is None:
            raise
        copy = kind(**arguments)
    if not copy.built:
        copy.build_from_config(layer.get_build_config())
    return copy


def _arguments(layer: Any) -> dict[str, Any] | None:
    """The arguments of the constructor, which most layers keep under their names; None if one is not to be had."""
    found = {}
    for name, parameter in inspect.signature(type(layer).__init__).parameters.items():
        if name in ("self", *OF_ALL_LAYERS) or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        value = getattr(layer, name, parameter.empty)
        if value is parameter.empty or _holds_state(value):
            return None
        found[name] = value
    return found


def _holds_state(value: Any) -> bool:
    """Whether a copy that is handed this would build a part of the original a second time."""
    return any(isinstance(part, (keras.Layer, keras.Variable)) for part in keras.tree.flatten(value))


def _listening(kind: Any, given: Given) -> Any:
    """The class, noting what is handed to `add_weight`."""

    def add_weight(self: Any, *arguments: Any, initializer: Any = None, **options: Any) -> Any:
        if len(arguments) > 1:
            arguments, initializer = (arguments[0], "zeros", *arguments[2:]), arguments[1]
            variable = kind.add_weight(self, *arguments, **options)
        else:
            variable = kind.add_weight(self, *arguments, initializer="zeros", **options)
        law = "glorot_uniform" if initializer is None else initializer  # as Keras has it
        given.append((variable, keras.initializers.get(law)))
        return variable

    return type(kind.__name__, (kind,), {"add_weight": add_weight})


def _alike(one: Any, other: Any) -> bool:
    """Whether two variables may be the same of two copies of a layer: numbers that Keras puts behind names differ."""
    return unnumbered(one.name) == unnumbered(other.name) and tuple(one.shape) == tuple(other.shape)


def ours(initializer: Any) -> Any:
    """For an initializer of Keras's the same law of ours, if there is one: its values are those of every backend."""
    kind = type(initializer)
    if not kind.__module__.startswith("keras."):
        return initializer
    if isinstance(initializer, keras.initializers.VarianceScaling):
        return _scaling(initializer)
    laws = keras.initializers
    if kind is laws.RandomNormal and initializer.mean == 0:
        return Normal(initializer.stddev, _seed(initializer))
    if kind is laws.TruncatedNormal:
        return TruncatedNormal(initializer.mean, initializer.stddev, _seed(initializer))
    if kind is laws.RandomUniform and initializer.minval == -initializer.maxval and initializer.maxval >= 0:
        return Uniform(initializer.maxval, _seed(initializer))
    if kind is laws.Orthogonal:
        return Orthogonal(initializer.gain, _seed(initializer))
    return initializer


def _scaling(initializer: Any) -> VarianceScaling:
    distribution = {"normal": "truncated_normal"}.get(initializer.distribution, initializer.distribution)
    axes = {name: getattr(initializer, name) for name in ("input_axes", "output_axes")}
    return VarianceScaling(initializer.scale, initializer.mode, distribution, _seed(initializer), **axes)


def _seed(initializer: Any) -> Any:
    """The seed that it was made with: Keras's own put a number in the place of None."""
    return initializer._init_seed
