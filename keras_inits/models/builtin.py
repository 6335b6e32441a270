"""From a model to one whose saved file needs no more than Keras."""

import functools
from typing import Any

import keras

from keras_inits.initializers._constant import Constant
from keras_inits.initializers._orthogonal import Identity, Orthogonal
from keras_inits.initializers.base import HostInitializer
from keras_inits.initializers.plain import Normal, TruncatedNormal, Uniform
from keras_inits.initializers.scaling import VarianceScaling
from keras_inits.layers.tree import walk_layers
from keras_inits.models.clone import classes_of, made, no_copy
from keras_inits.models.same import check_same


def to_builtin(model: keras.Model, *, replace: Any = None, custom_objects: dict[str, Any] | None = None) -> keras.Model:
    """Returns a new model with the same weights, in which initializers of Keras's of the same law stand for ours.

    Before it is returned, what the new model predicts is compared with what the model does, on random inputs of the
    shapes that this has (integers are 0 and 1), with weights that are zero taken for small random ones in both. Where a
    model takes no such inputs, or is random beyond Keras's seeds, its config is compared instead: what a class does
    besides that is then not seen. The model itself is not changed.

    Its saved file opens where `keras_inits` is not installed. The new model is compiled as the old one is, with an
    optimizer in its first state. Without such a twin are `fan_geo_avg`, `DeltaOrthogonal`, `Dirac`, `Sparse`,
    `PerGate`, the classes of `keras1`, an `Identity` whose gain is not 1 (Keras forgets it when it saves), and, where
    Keras's own have another law or fail, the truncated normal on torch and `Orthogonal` in low precision.

    Args:
        model: A built model that Keras can save.
        replace: What stands for those without a twin: an initializer of Keras's, or its name.
        custom_objects: Functions and classes of one's own that are not registered, by name, as `load_model` takes them.
            Classes of layers need not be named.

    Raises:
        ValueError: If an initializer has no twin and there is no `replace`, `replace` is not one of Keras's, or an
            initializer of this package is made in the code of a layer or a subclassed model, and not in its config. If
            Keras does not make the model again from its config, or makes one that predicts something else.

    Example:
        >>> import keras
        >>> from keras_inits import HeNormal, to_builtin
        >>> layer = keras.layers.Dense(3, kernel_initializer=HeNormal())
        >>> model = to_builtin(keras.Sequential([keras.Input((4,)), layer]))
        >>> model.layers[0].kernel_initializer.get_config()["distribution"]
        'untruncated_normal'
    """
    if replace is not None:
        try:
            replace = keras.initializers.get(replace)
        except ValueError as error:
            raise ValueError(
                "Argument `replace` must be an initializer of Keras's, or the name of one. "
                f"Received: replace={replace!r}. Pass one such as 'glorot_uniform'."
            ) from error
        if _is_ours(keras.initializers.serialize(replace)):
            raise ValueError(
                "Argument `replace` stands for initializers that Keras does not have. "
                f"Received: replace={replace!r}, of this package. Pass one of keras.initializers."
            )
    missing: list[str] = []
    classes = classes_of(model)
    try:
        serialized = keras.saving.serialize_keras_object(model)
    except Exception as error:
        raise no_copy(model, error) from error
    config = _replaced(serialized, model.name, None, replace, missing)
    if missing:
        raise ValueError(
            f"to_builtin puts initializers of Keras's in the place of those of keras_inits, and these have none of "
            f"their law: {'; '.join(missing)}. Pass replace='glorot_uniform' or another of Keras's to stand for them. "
            "The weights stay as they are."
        )
    new = made(model, config, classes, custom_objects)
    left = [
        path
        for path, layer in walk_layers(new)
        for x in vars(layer).values()
        if isinstance(x, HostInitializer | Constant)
    ]
    if left:
        raise ValueError(
            "to_builtin replaces the initializers that a model's config names. Received a model whose code makes "
            f"others of keras_inits, in the layers {left}. Expected them as arguments that `get_config` returns. "
            "Hand them over as arguments, or take Keras's there."
        )
    check_same(model, new, lambda: (_core(config), _core(keras.saving.serialize_keras_object(new))))
    return new


def _core(config: Any) -> Any:
    """The part of a config that decides what a model computes."""
    if isinstance(config, (list, tuple)):
        return [_core(item) for item in config]
    if not isinstance(config, dict):
        return config
    besides = ("build_config", "compile_config", "shared_object_id")
    return {key: _core(value) for key, value in config.items() if key not in besides}


def _is_ours(config: Any) -> bool:
    return isinstance(config, dict) and str(config.get("registered_name")).startswith("keras_inits>")


def _replaced(config: Any, name: str, policy: Any, replace: Any, missing: list[str]) -> Any:
    """The config with other initializers; of a layer's, its name and its dtype policy are handed down."""
    if isinstance(config, (list, tuple)):
        return type(config)(_replaced(item, name, policy, replace, missing) for item in config)
    if not isinstance(config, dict):
        return config
    if _is_ours(config):
        initializer = keras.saving.deserialize_keras_object(config)
        found = twin(initializer, keras.dtype_policies.get(policy).variable_dtype) or replace
        if found is None:
            missing.append(f"{initializer!r} in {name!r}")
        return keras.initializers.serialize(found)
    name, policy = config.get("name", name), config.get("dtype") or policy
    return {key: _replaced(value, name, policy, replace, missing) for key, value in config.items()}


def twin(initializer: HostInitializer | Constant, dtype: str) -> Any:
    """Returns the initializer of Keras's that has the same law for weights of this dtype, or None."""
    seed = getattr(initializer, "seed", None)
    seed = seed % 2**31 if isinstance(seed, int) else seed  # Keras takes no negative and no larger ones
    match initializer:
        case Uniform(scale=scale):
            return keras.initializers.RandomUniform(-scale, scale, seed)
        case Normal(scale=scale):
            return keras.initializers.RandomNormal(0.0, scale, seed)
        case TruncatedNormal(mean=mean, stddev=stddev) if _keras_truncates():
            return keras.initializers.TruncatedNormal(mean, stddev, seed)
        case VarianceScaling(mode=mode, distribution=law, input_axes=inputs, output_axes=outputs):
            if mode != "fan_geo_avg" and (law != "truncated_normal" or _keras_truncates()):
                scale = initializer.scale * initializer.gain**2
                return keras.initializers.VarianceScaling(scale, mode, law, seed, inputs, outputs)
        case Orthogonal(gain=gain) if _keras_orthogonalises(dtype):
            return keras.initializers.Orthogonal(gain, seed)
        case Identity(gain=1.0):
            return keras.initializers.Identity()
        case Constant(value=value):
            return keras.initializers.Constant(value)
    return None


@functools.cache
def _keras_truncates() -> bool:
    """Whether Keras's truncated normal is cut everywhere.

    On torch it draws four times at the most: 0.0455**4 of the values, 9 of these, lie beyond two standard deviations.
    """
    values = keras.initializers.TruncatedNormal(0.0, 1.0, seed=0)((2**21,), dtype="float32")
    return bool(keras.ops.max(keras.ops.abs(values)) <= 2.001)


@functools.cache
def _keras_orthogonalises(dtype: str) -> bool:
    """Whether Keras's orthogonal initializer works in this dtype, without which its file could not be opened."""
    try:
        keras.initializers.Orthogonal(seed=0)((2, 2), dtype=dtype)
    except Exception:  # each backend has its own
        return False
    return True
