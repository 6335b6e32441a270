"""The finding `targets`: targets that are not what the loss takes, or of a size that no step reaches."""

import numpy as np
from keras import activations

from keras_inits import thresholds
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.remedy import Remedy
from keras_inits.diagnosis.setup.changes import change
from keras_inits.diagnosis.setup.outputs import Array, Seen
from keras_inits.diagnosis.setup.setup import Setup

Fault = tuple[str, str, str]
"""The evidence, the line of code, and the reason."""

MAX_CLASSES = 1000


def targets(setup: Setup) -> Finding | None:
    """The first output whose targets are at fault."""
    for one in setup.seen:
        fault = (
            _of_another_form(setup, one)
            or _not_whole(one)
            or _beyond(one)
            or _not_binary(setup, one)
            or _spread(one)
            or _one_class(one)
            or _too_large(one)
        )
        if fault is not None:
            evidence, code, reason = fault
            single = len(setup.seen) == 1 and not isinstance(setup.y, (dict, list, tuple))
            remedy = Remedy(reason, code=code) if single and code else Remedy(f"{reason}: {code}" if code else reason)
            layers = () if one.layer is None else (one.layer.name,)
            return Finding("targets", layers, evidence, remedy, of_data=True)
    return None


def classes_in(y: Array) -> int | None:
    """How many different whole numbers there are; None if some are not whole, or too many are different."""
    values = np.unique(y)
    return len(values) if len(values) <= MAX_CLASSES and bool((values == np.rint(values)).all()) else None


def are_class_numbers(one: Seen) -> bool:
    """Whether the targets are two whole numbers, or few from 0 on for one unit: others are a regression's."""
    count = classes_in(one.target)
    if count is None or count > 2:
        few = count is not None and count <= len(one.target) // 2 and one.target.max() <= MAX_CLASSES
        return bool(few and one.units == 1 and one.target.min() >= 0)
    return True


def _of_another_form(setup: Setup, one: Seen) -> Fault | None:
    """One-hot targets where class numbers belong, and the reverse."""
    y, units = one.target, one.units
    numbers = y.ndim < one.output.ndim or (y.shape[-1] == 1 and units > 1)
    evidence = f"the targets of {one.name!r} have the shape {y.shape}, and the outputs {one.output.shape}: "
    if one.family == "sparse" and one.sums_to_one:
        evidence += f"they are one-hot, or shares of classes, and the loss {one.loss} takes the numbers of classes"
        reason = "the loss for one-hot targets"
        return evidence, change(setup.model, one, None, "categorical_crossentropy", one.takes_logits), reason
    if one.family == "categorical" and numbers and units > 1 and classes_in(y) is not None and y.min() >= 0:
        evidence += f"they are class numbers, and the loss {one.loss} takes one-hot targets"
        reason = "the loss for class numbers"
        return evidence, change(setup.model, one, None, "sparse_categorical_crossentropy", one.takes_logits), reason
    if one.family == "binary" and numbers and units > 2 and (classes_in(y) or 0) > 2 and y.min() >= 0:
        evidence += f"they are class numbers, and the loss {one.loss} takes 0 or 1 for each unit"
        code = change(setup.model, one, "softmax", "sparse_categorical_crossentropy")
        return evidence, code, "the last activation and the loss for class numbers"
    return None


def _beyond(one: Seen) -> Fault | None:
    """Class numbers that no unit stands for."""
    if one.family != "sparse":
        return None
    ignored = one.arguments.get("ignore_class")
    labels = one.target if ignored is None else one.target[one.target != ignored]
    if not labels.size or (labels.min() >= 0 and labels.max() < one.units):
        return None
    low, high = labels.min(), labels.max()
    evidence = (
        f"the loss {one.loss} takes class numbers from 0 to {one.units - 1}, as many as the last layer has units, "
        f"and the labels of {one.name!r} go from {low:g} to {high:g}"
    )
    if low in (-1, 1) and high - low + 1 <= one.units:
        reason = "classes are numbered from 0; labels of none are told to the loss by ignore_class"
        return evidence, f"y = y - ({low:g})", reason
    return evidence, "", f"give the last layer {max(int(high) + 1, 2)} units, or number the classes from 0"


def _not_whole(one: Seen) -> Fault | None:
    """Class numbers that were scaled, as inputs are."""
    if one.family != "sparse":
        return None
    labels = np.unique(one.target)
    if (labels == np.rint(labels)).all():
        return None
    step = np.diff(np.append(0.0, labels[labels > 0])).min()
    whole = labels / step
    scaled = bool(np.allclose(whole, np.rint(whole), atol=1e-2)) and whole.max() < one.units
    evidence = (
        f"the loss {one.loss} takes the numbers of classes, 0 to {one.units - 1}, and the labels are not whole: "
        f"{labels.size} different ones from {labels.min():.4g} to {labels.max():.4g}, all of which count as class "
        f"{int(labels.min())} to {int(labels.max())}"
    )
    code = f"y = (y * {1 / step:.6g}).round().astype('int32')" if scaled else ""
    return evidence, code, "class numbers are names, and are not scaled: leave the labels whole"


def _not_binary(setup: Setup, one: Seen) -> Fault | None:
    """Class numbers for a loss that takes 0 and 1."""
    y, count = one.target, classes_in(one.target)
    if one.family != "binary" or not are_class_numbers(one) or (y.min() >= 0 and y.max() <= 1):
        return None
    low, high = int(y.min()), int(y.max())
    evidence = (
        f"the loss {one.loss} takes targets of 0 and 1, and the labels of {one.name!r} are {count} class numbers from "
        f"{low} to {high}"
    )
    if count == 2:
        return evidence, f"y = (y - {low}) / {high - low}", "two classes are 0 and 1"
    layer = "" if one.layer is None else f" in place of {one.layer.name}"
    code = ""
    if type(setup.model).__name__ == "Sequential" and one.layer is setup.model.layers[-1]:
        parts = f"keras.Input(x.shape[1:]), *model.layers[:-1], keras.layers.Dense({high + 1}, 'softmax')"
        optimizer = type(setup.model.optimizer).__name__ if setup.model.optimizer is not None else "adam"
        compiled = f"model.compile({optimizer!r}, 'sparse_categorical_crossentropy')"
        code = f"model = keras.Sequential([{parts}]); {compiled}"
    reason = f"{high + 1} classes need as many units{layer}, with softmax and sparse_categorical_crossentropy"
    return evidence, code, reason


def _spread(one: Seen) -> Fault | None:
    """One number for each example that is compared with each of several units."""
    y = one.target
    if one.family != "numbers" or one.units < 2 or y.shape != (*one.output.shape[:-1], 1):
        return None
    evidence = (
        f"the targets of {one.name!r} have the shape {y.shape}, and the outputs {one.output.shape}: the loss "
        f"{one.loss} compares each target with {one.units} outputs"
    )
    return evidence, "", "give the last layer one unit for each number of a target"


def _one_class(one: Seen) -> Fault | None:
    """Labels of one class alone, in so many examples that chance does not make it so."""
    if one.family not in ("sparse", "categorical", "binary") or one.target.ndim > 2:
        return None
    y, count = one.target, len(one.target)
    is_label = one.family == "sparse" or one.units == 1
    several = max(2, one.units)
    enough = count >= (thresholds.ONE_OF_SEVERAL if several > 2 else thresholds.ONE_OF_TWO)
    if not enough or not (y == y[:1]).all() or not (is_label or one.sums_to_one):
        return None
    evidence = f"all {count} targets of {one.name!r} are of one class: what is learned of them is this class alone"
    return evidence, "", "shuffle the data, and look whether all of it is of one class"


def _too_large(one: Seen) -> Fault | None:
    """Targets of a regression that are far from what weights reach in some hundred steps."""
    size = float(np.sqrt(np.mean(one.target**2)))
    reached = one.activation in (activations.linear, activations.relu, None)
    if one.family != "numbers" or not reached or size <= thresholds.LARGE_TARGETS:
        return None
    if float(np.sqrt(np.mean((one.target - one.output) ** 2))) <= size / 2:  # which has been learned, or is in a bias
        return None
    evidence = (
        f"the targets of {one.name!r} are not scaled: their root mean square is {size:.3g} (at most "
        f"{thresholds.LARGE_TARGETS:g}), and that of the outputs {np.sqrt(np.mean(one.output**2)):.3g}"
    )
    reason = "targets of the mean 0 and the deviation 1; what is predicted is scaled back"
    return evidence, "y = (y - y.mean(axis=0)) / y.std(axis=0)", reason
