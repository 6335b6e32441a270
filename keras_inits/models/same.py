"""Whether a copy of a model predicts what the model does, on inputs that are made up."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np

from keras_inits._keras import seed_generators
from keras_inits.layers.tree import walk_layers
from keras_inits.models.clone import paired

EXAMPLES = 2
LENGTHS = (8, 32, 128)  # for axes whose length the model leaves open, tried in this order
TOLERANCES = {"bfloat16": 2.0**-6, "float16": 2.0**-8}  # relative: two calls of one model may sum in another order


def check_same(model: Any, new: Any, configs: Callable[[], tuple[Any, Any]]) -> None:
    """Raises ValueError if the models differ in what they predict without training.

    Zero weights are taken for small random ones in both: behind a kernel of zeros, as LoRA has, all models look the
    same. No variable of either is changed. For a model that takes no made-up inputs, or whose predictions are random
    beyond Keras's seeds, configs are compared instead.

    Args:
        model: The model.
        new: Its copy, with the same weights.
        configs: Returns the config that the copy was to have, and the one that it has.
    """
    states = _state(model, ((one, one) for one, _ in paired(model, new))), _state(new, paired(model, new))
    for inputs in _made_up(model):
        try:
            expected = _predicted(model, states[0], inputs)
        except Exception:  # the model's own: it does not take these
            continue
        try:
            received = _predicted(new, states[1], inputs)
        except Exception as error:
            raise _differs(model, new, f"a {type(error).__name__} instead of predictions ({error})") from error
        far = _distance(expected, received, model)
        if far is None:
            return
        if _distance(expected, _predicted(model, states[0], inputs), model) is None:
            raise _differs(model, new, f"predictions that are off by {far}")
    wanted, has = configs()
    if wanted != has:
        raise _differs(model, new, "another config, and a model that could not be called on made-up inputs")


def _differs(model: Any, new: Any, what: str) -> ValueError:
    culprit = _culprit(model, new)
    return ValueError(
        f"to_builtin compares what it made with the model, on random inputs. Received {what}; {culprit}. Expected the "
        "same predictions: what a layer does must follow from its class, its weights and its `get_config`. Let "
        "`get_config` return what is missing, or keep the model as it is."
    )


def _culprit(model: Any, new: Any) -> str:
    for (path, one), (_, other) in zip(walk_layers(model), walk_layers(new), strict=False):
        if type(one) is not type(other):
            return f"the layer {path!r} is of type {type(one)!r} in the model and {type(other)!r} in its copy"
        for name, value in _settings(one).items():
            copied = getattr(other, name, None)  # which may be of the class
            if value != copied:
                return f"the layer {path!r} has {name}={value!r} in the model and {copied!r} in its copy"
    return "no layer has other settings than its copy"


def _settings(layer: Any) -> dict[str, Any]:
    plain = (bool, int, float, str, tuple, type(None))
    return {key: x for key, x in vars(layer).items() if isinstance(x, plain) and key != "name" and key[0] != "_"}


def _made_up(model: Any) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Arguments of a call, in the shapes that the model was made or built with."""
    recorded = getattr(getattr(model, "_functional", None) or model, "_inputs_struct", None)
    for length in LENGTHS:
        random = np.random.default_rng(0)
        if recorded is not None:
            yield (keras.tree.map_structure(lambda x: _random(x.shape, x.dtype, length, random), recorded),), {}  # noqa: B023
            continue
        built = (model.get_build_config() if hasattr(model, "get_build_config") else None) or {}
        shapes = built.get("shapes_dict") or {"_shape": built.get("input_shape")}
        arrays = {name.removesuffix("_shape"): _of_shapes(shape, length, random) for name, shape in shapes.items()}
        yield ((arrays.pop(""),) if "" in arrays else ()), arrays


def _of_shapes(shapes: Any, length: int, random: np.random.Generator) -> Any:
    if isinstance(shapes, dict):
        return {name: _of_shapes(shape, length, random) for name, shape in shapes.items()}
    if isinstance(shapes, (list, tuple)) and any(isinstance(shape, (list, tuple, dict)) for shape in shapes):
        return [_of_shapes(shape, length, random) for shape in shapes]
    return None if shapes is None else _random(shapes, "float32", length, random)


def _random(shape: Any, dtype: str, length: int, random: np.random.Generator) -> Any:
    sizes = [(length if axis else EXAMPLES) if size is None else size for axis, size in enumerate(shape)]
    if dtype == "string":
        return np.array(["a", "b"])[random.integers(0, 2, sizes)]
    if keras.backend.is_int_dtype(dtype) or dtype == "bool":  # every embedding has these two
        return keras.ops.convert_to_tensor(random.integers(0, 2, sizes), dtype)
    return keras.ops.convert_to_tensor(random.standard_normal(sizes), dtype)


def _state(model: Any, pairs: Iterable[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Values that stand in for variables during the call: one state for all seeds, small weights for zeros."""
    seeds = [seed.state for _, layer in walk_layers(model) for seed in seed_generators(layer)]
    state = [(seed, keras.ops.ones(tuple(seed.shape), seed.dtype)) for seed in seeds]
    random = np.random.default_rng(1)
    for first, variable in pairs:
        # Of the original, whose values the copy has: so both have the same places filled.
        if keras.backend.is_float_dtype(first.dtype) and not np.any(keras.ops.convert_to_numpy(first)):
            values = random.uniform(0.01, 0.1, tuple(first.shape))
            state.append((variable, keras.ops.convert_to_tensor(values, variable.dtype)))
    return state


def _predicted(model: Any, state: list[tuple[Any, Any]], inputs: tuple[tuple[Any, ...], dict[str, Any]]) -> list[Any]:
    with keras.StatelessScope(state_mapping=state):  # what is assigned in it is forgotten
        outputs = model(*inputs[0], training=False, **inputs[1])
    wide = [keras.ops.convert_to_numpy(keras.ops.cast(output, "float32")) for output in keras.tree.flatten(outputs)]
    return [values.astype("float64") for values in wide]


def _distance(expected: list[np.ndarray], received: list[np.ndarray], model: Any) -> float | None:
    """How far the worst value is off; None if all are the same up to rounding."""
    dtypes = {layer.compute_dtype for _, layer in walk_layers(model)}
    tolerance = max(TOLERANCES.get(dtype, 2.0**-17) for dtype in dtypes)
    if [values.shape for values in expected] != [values.shape for values in received]:
        return np.inf
    for one, other in zip(expected, received, strict=True):
        size = np.max(np.abs(one), initial=0.0, where=np.isfinite(one))
        if not np.allclose(one, other, rtol=tolerance, atol=tolerance * size, equal_nan=True):
            return float(np.nanmax(np.abs(one - other)))
    return None
