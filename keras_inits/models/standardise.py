"""From inputs that are not standardised to kernels and biases that take them as if they were."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_inits.layers.kinds import NORMALISATIONS
from keras_inits.models.folding import Reader, by_channel, divided, made_of_means, reader_of
from keras_inits.models.graph import Graph
from keras_inits.models.readers import OTHER, ZERO, Followed, Read, follow
from keras_inits.models.rules import Planned
from keras_inits.models.sample import Sample
from keras_inits.models.statistics import Features, channel_axis_of
from keras_inits.models.weights import Weight

ADVICE = (
    "for a model that is yet to be built: keras.layers.Normalization in front of it, adapted to the training data, "
    "does the same for every start, and keeps the features alike to the optimizer"
)


class Fold(NamedTuple):
    """A kernel that took deviations in, and the bias that took the means, or why none did."""

    kernel: Weight
    bias: Weight | None
    why: str = ""


class Standardised(NamedTuple):
    """The changes that were made for the inputs."""

    folds: tuple[Fold, ...] = ()
    notes: tuple[str, ...] = ()


def standardise(model: Any, planned: Sequence[Planned], graph: Graph, sample: Sample) -> Standardised:
    """Folds (x - mean) / deviation of each feature into the kernels and biases of the layers that read the inputs.

    Features that are standardised already, or are of two values within -1 and 1, such as one-hot ones, are left alone.
    """
    features = Features(sample.x, channel_axis_of(model))
    followed = follow(model, graph, sample.x, features.numbers)
    if followed.failure:
        features.measure()
        return (
            Standardised() if features.standard.all() else Standardised(notes=(_not_followed(followed.failure), ADVICE))
        )
    readers = {key: found for key, layer in followed.layers.items() if (found := reader_of(layer)) is not None}
    for key, reader in readers.items():
        _share(features, reader, followed.reads.get(key, []))
    features.measure()
    drawn = {(id(one.weight.layer), one.weight.variable.name): one.weight for one in planned}
    folds, refused = list[Fold](), list[str]()
    for key, reads in followed.reads.items():
        layer = followed.layers[key]
        if _all_standard(features, reads) or isinstance(layer, NORMALISATIONS):
            continue
        try:
            folds.append(_folded(features, readers.get(key), reads, drawn))
        except _RefusedError as why:
            refused.append(f"{layer.name!r} reads inputs that are not standardised, {why}")
    notes = (*_told(folds), *refused, *_unread(features, followed))
    return Standardised(tuple(folds), (*notes, ADVICE) if notes else ())


class _RefusedError(Exception):
    """Why a layer goes on reading the inputs as they are."""


def _told(folds: Sequence[Fold]) -> list[str]:
    whole = [fold.kernel.path for fold in folds if fold.bias is not None]
    parts: dict[str, list[str]] = {}
    for fold in folds:
        if fold.bias is None:
            parts.setdefault(fold.why, []).append(fold.kernel.path)
    told = [f"inputs standardised, in the kernel and the bias: {', '.join(whole)}"] if whole else []
    return told + [f"inputs scaled, not centred, for {why}: {', '.join(paths)}" for why, paths in parts.items()]


def _not_followed(why: str) -> str:
    return f"inputs are not standardised, and stay so, for {why}"


def _share(features: Features, reader: Reader, reads: Sequence[Read]) -> None:
    """Has all features that one row of a kernel multiplies share their mean and deviation."""
    columns = np.concatenate([by_channel(reader.layer, read.features) for read in reads]) if reads else np.empty((0, 0))
    if not len(columns):
        return
    known = np.where(columns >= 0, columns, columns.max(0))
    for channel in np.flatnonzero((known != known[0]).any(0)):
        features.share(columns[columns[:, channel] >= 0, channel])


def _all_standard(features: Features, reads: Sequence[Read]) -> bool:
    for read in reads:
        there = read.features >= 0
        numbers = read.features[there]
        means = features.means[numbers] * read.scale[there] + read.offset[there]
        deviations = features.deviations[numbers] * np.abs(read.scale[there])
        if not (features.near(means, deviations) | features.left[numbers]).all():
            return False
    return True


def _folded(features: Features, reader: Reader | None, reads: Sequence[Read], drawn: dict[Any, Weight]) -> Fold:
    """Folds into one layer."""
    if reader is None:
        raise _RefusedError("as they are")
    kernel, bias = (drawn.get((id(reader.layer), name)) for name in (reader.kernel, "bias"))
    if kernel is None:
        raise _RefusedError("and its kernel was not drawn")
    channels = _channels(features, reader, reads)
    if channels is None:
        raise _RefusedError("and other numbers with the same kernel")
    means, deviations, zeros = channels
    rank = reads[0].features.ndim + 1
    old, made = _values(kernel), None
    if bias is not None and reader.even and not zeros:
        made = made_of_means(reader.layer, divided(reader.layer, old, deviations, rank), means, rank)
    if bias is None or made is None:
        # What stays in is its mean too, and this is what the kernel meets then.
        _assign(kernel, divided(reader.layer, old, np.sqrt(means**2 + deviations**2), rank))
        return Fold(kernel, None, "no bias of the layer was drawn" if bias is None else "zeros stand around them")
    _assign(kernel, divided(reader.layer, old, deviations, rank))
    before = _values(bias)
    made = np.stack([made, np.zeros_like(made)]) if before.ndim == made.ndim + 1 else made  # GRU: input, state
    _assign(bias, before - made)
    return Fold(kernel, bias)


def _channels(features: Features, reader: Reader, reads: Sequence[Read]) -> tuple[np.ndarray, np.ndarray, bool] | None:
    """Mean and deviation of each channel of a kernel, and whether zeros come in too; None if others come in."""
    columns = [
        np.concatenate([by_channel(reader.layer, getattr(read, part)) for read in reads])
        for part in ("features", "scale", "offset")
    ]
    numbers, scale, offset = columns
    inputs = numbers >= 0
    if (inputs.any(0) & (numbers == OTHER).any(0)).any():
        return None
    at = np.where(inputs, numbers, 0)
    left = features.left[at]
    means = np.where(inputs, np.where(left, 0.0, features.means[at] * scale + offset), np.nan)
    deviations = np.where(inputs, np.where(left, 1.0, features.deviations[at] * np.abs(scale)), np.nan)
    with np.errstate(all="ignore"):
        first = inputs.argmax(0)
        mean, deviation = means[first, np.arange(means.shape[1])], deviations[first, np.arange(means.shape[1])]
        close = np.isclose(means, mean, rtol=1e-3, atol=1e-6) & np.isclose(deviations, deviation, rtol=1e-3)
        if not (close | ~inputs).all():
            return None
    zeros = bool(((numbers == ZERO) & inputs.any(0) & (np.nan_to_num(mean) != 0)).any())
    return np.nan_to_num(mean), np.where(np.isnan(deviation), 1.0, deviation), zeros


def _unread(features: Features, followed: Followed) -> list[str]:
    """Tells of inputs that no layer was seen to read."""
    seen = np.zeros(features.count, bool)
    for reads in followed.reads.values():
        for read in reads:
            seen[read.features[read.features >= 0]] = True
    missing = [
        number
        for number, (which, leaf) in enumerate(zip(features.numbers, features.leaves, strict=True))
        if which is not None
        and np.issubdtype(leaf.dtype, np.floating)
        and not (seen[which] | features.standard[which]).all()
    ]
    if not missing:
        return []
    return [f"inputs {missing} are not standardised, and no layer was seen to read all of them"]


def _values(weight: Weight) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(weight.variable), "float64")


def _assign(weight: Weight, values: np.ndarray) -> None:
    weight.variable.assign(values.astype("float32") if weight.variable.dtype == "bfloat16" else values)
