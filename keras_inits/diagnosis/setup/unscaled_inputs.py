"""The finding `unscaled_inputs`: numbers that go into the first kernels as nobody scaled them."""

import math
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from keras_inits import thresholds
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.remedy import Remedy
from keras_inits.diagnosis.setup.setup import Setup
from keras_inits.layers.kinds import NORMALISATIONS
from keras_inits.models.examples import evenly_spaced
from keras_inits.models.readers import Read, follow
from keras_inits.models.statistics import Features, channel_axis_of

Array = Any  # of NumPy

MAX_NUMBERS = 1 << 22  # numbers of an input that are looked at
NORMALIZE = "normalization = keras.layers.Normalization(); normalization.adapt(x); x = normalization(x)"
PIXELS = 255
FEWEST_PIXELS = 64  # of a flat image


class Entering(NamedTuple):
    """The features that a layer reads of an input."""

    layer: Any
    means: Array
    deviations: Array
    divisors: Array
    """The deviations that standardise: a rare value does not make a feature small."""

    @property
    def size(self) -> float:
        """Their root mean square."""
        return float(np.sqrt(np.mean(self.means**2 + self.deviations**2)))


def unscaled_inputs(setup: Setup) -> Finding | None:
    """The first layer with a kernel into which large numbers go, or some that hide the others."""
    given = inputs_of(setup)
    if not any(is_number(setup.model, place) and _is_suspect(leaf) for place, leaf in enumerate(given)):
        return None
    leaves = [sample_of(leaf) for leaf in given]
    for one in entering(setup, leaves):
        evidence = _fault(setup, one)
        if evidence is not None:
            return Finding("unscaled_inputs", (one.layer.name,), evidence, _remedy(setup, leaves))
    return None


def inputs_of(setup: Setup) -> list[Any]:
    """The model's inputs, as arrays or tensors."""
    return [leaf if hasattr(leaf, "dtype") else np.asarray(leaf) for leaf in keras.tree.flatten(setup.x)]


def sample_of(leaf: Any) -> Array:
    """Some examples; integers too, which a model casts to floating-point numbers."""
    part = evenly_spaced(leaf, MAX_NUMBERS)
    values = keras.ops.convert_to_numpy(part) if keras.ops.is_tensor(part) else np.asarray(part)
    return values.astype("float32") if str(values.dtype) == "bfloat16" else values


def _is_suspect(leaf: Any) -> bool:
    """Whether any of the limits might be passed: then it is worth to see what the layers read.

    A tensor is reduced where it is.
    """
    if not leaf.shape or 0 in leaf.shape or not _has_numbers(leaf):
        return False
    tensor = keras.ops.is_tensor(leaf)
    values = keras.ops.cast(leaf, "float32") if tensor else np.asarray(leaf, "float64")
    namespace: Any = keras.ops if tensor else np
    columns = namespace.std(values, axis=0)
    found = (namespace.mean(values), namespace.std(values), namespace.mean(columns), namespace.max(columns))
    mean, spread, deviation, largest = (
        float(keras.ops.convert_to_numpy(one)) if tensor else float(one) for one in found
    )
    size = math.hypot(mean, spread)
    return math.isfinite(size) and (
        size > thresholds.LARGE_INPUTS
        or size > thresholds.INPUT_OFFSET * max(deviation, thresholds.FLOAT32_SMALLEST)
        or largest > thresholds.LARGE_COLUMN
    )


def _has_numbers(leaf: Any) -> bool:
    try:
        name = keras.backend.standardize_dtype(leaf.dtype)
    except ValueError:  # of a dtype that no backend has, such as that of text
        return False
    return name not in ("bool", "string")


def entering(setup: Setup, leaves: list[Array]) -> list[Entering]:
    """The inputs as the first layers with kernels read them, behind layers that only move, scale and shift them."""
    case = setup.case
    structure = keras.tree.pack_sequence_as(setup.x, leaves)
    features = Features(structure, channel_axis_of(setup.model))
    features.numbers = [
        which if is_number(setup.model, place) else None for place, which in enumerate(features.numbers)
    ]
    followed = follow(setup.model, case.graph, structure, features.numbers)
    features.measure()
    found = []
    for key, reads in followed.reads.items():
        layer = followed.layers[key]
        if isinstance(layer, (*NORMALISATIONS, layers.Embedding)) or _is_normalised(setup, layer):
            continue
        found += [_of(layer, features, read) for read in reads if (read.features >= 0).any()]
    return found


def _of(layer: Any, features: Features, read: Read) -> Entering:
    there = read.features >= 0
    numbers, where = np.unique(read.features[there], return_index=True)
    scale, offset = read.scale[there][where], read.offset[there][where]
    left = features.left[numbers]
    observed_means, observed_deviations = (values[numbers] for values in features.observed)
    means = np.where(left, 0.0, observed_means * scale + offset)
    deviations = np.where(left, 1.0, observed_deviations) * np.abs(scale)
    divisors = np.where(features.constant[numbers], 0.0, features.deviations[numbers]) * np.abs(scale)
    return Entering(layer, means, deviations, divisors)


def is_number(model: Any, place: int) -> bool:
    """Whether an input is a number and no name: of integers where the model itself takes floating-point numbers."""
    inputs = getattr(model, "inputs", None) or []
    return place >= len(inputs) or "float" in keras.backend.standardize_dtype(inputs[place].dtype)


def _is_normalised(setup: Setup, layer: Any) -> bool:
    """Whether a normalisation comes right behind the layer's kernel: then the size of what goes in does not matter."""
    rows = setup.case.rows
    places = [number for number, row in enumerate(rows) if setup.case.graph.layer_at(row.layer) is layer]
    behind = [setup.case.graph.layer_at(rows[place + 1].layer) for place in places if place + 1 < len(rows)]
    linear = getattr(layer, "activation", keras.activations.linear) is keras.activations.linear
    return linear and bool(behind) and all(isinstance(one, NORMALISATIONS) for one in behind)


def _fault(setup: Setup, one: Entering) -> str | None:
    varying = one.divisors[one.divisors > 0]
    centre, spread = float(np.sqrt(np.mean(one.means**2))), float(np.sqrt(np.mean(one.deviations**2)))
    where = f"the inputs that go into {one.layer.name} are not scaled: "
    if one.size > thresholds.LARGE_INPUTS:
        columns = ""
        if len(varying) > 1 and varying.max() > thresholds.COLUMN_SPREAD * varying.min():
            columns = f", with columns whose deviations go from {varying.min():.3g} to {varying.max():.3g}"
        return f"{where}their root mean square is {one.size:.3g} (at most {thresholds.LARGE_INPUTS:g}){columns}"
    if spread > 0 and centre > thresholds.INPUT_OFFSET * spread:
        return (
            f"{where}their mean is {centre:.3g}, and their deviation {spread:.3g}: all examples look alike beside it "
            f"(at most {thresholds.INPUT_OFFSET:g} deviations)"
        )
    large = len(varying) > 1 and varying.max() > thresholds.LARGE_COLUMN
    if large and varying.max() > thresholds.COLUMN_SPREAD * varying.min():
        return (
            f"{where}the deviations of their columns go from {varying.min():.3g} to {varying.max():.3g}, and the "
            f"large ones hide the others (at most {thresholds.COLUMN_SPREAD:g} times)"
        )
    return None


def _remedy(setup: Setup, leaves: list[Array]) -> Remedy:
    if len(leaves) > 1 or isinstance(setup.x, (dict, list, tuple)):
        return Remedy(
            "put keras.layers.Normalization(), adapted to the training data, behind each input of numbers: columns of "
            "the mean 0 and the deviation 1"
        )
    (leaf,) = leaves
    if _are_pixels(leaf):
        reason = "pixels from 0 to 1; in the model, keras.layers.Rescaling(1 / 255) as its first layer does the same"
        return Remedy(reason, code="x = x / 255")
    reason = (
        "columns of the mean 0 and the deviation 1; the layer in front of the model does the same, and goes with it. "
        "(Dividing all by one number leaves columns of different sizes as they are)"
    )
    return Remedy(reason, code=NORMALIZE)


def _are_pixels(leaf: Array) -> bool:
    """Whether these are images of grey values or colours: whole numbers from 0 to 255, and many of them."""
    whole = leaf.min() >= 0 and PIXELS / 2 < leaf.max() <= PIXELS and (leaf == np.rint(leaf)).all()
    return bool(whole and (leaf.ndim > 2 or leaf[0].size >= FEWEST_PIXELS))
