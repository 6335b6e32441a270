"""The finding `targets`: targets that are not what the loss takes, or of a size that no step reaches."""

import numpy as np
from keras import activations

from keras_inits import thresholds
from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.remedies import Remedy
from keras_inits.diagnosis.setup.seen import Array, Seen
from keras_inits.diagnosis.setup.setup import Setup

Fault = tuple[str, str, str]
"""What is seen, the line of code, and why it helps."""

MOST_CLASSES = 1000


def targets(setup: Setup) -> Finding | None:
    """The first output whose targets are at fault."""
    for one in setup.seen:
        fault = _not_whole(one) or _not_binary(setup, one) or _spread(one) or _one_class(one) or _too_large(one)
        if fault is not None:
            evidence, code, reason = fault
            single = len(setup.seen) == 1 and not isinstance(setup.y, (dict, list, tuple))
            remedy = Remedy(reason, code=code) if single and code else Remedy(f"{reason}: {code}" if code else reason)
            return Finding("targets", () if one.layer is None else (one.layer.name,), evidence, remedy)
    return None


def classes_in(y: Array) -> int | None:
    """How many different whole numbers there are; None if some are not whole, or too many are different."""
    values = np.unique(y)
    return len(values) if len(values) <= MOST_CLASSES and bool((values == np.rint(values)).all()) else None


def are_class_numbers(one: Seen) -> bool:
    """Whether the targets are two whole numbers, or few from 0 on for one unit: others are a regression's."""
    count = classes_in(one.target)
    if count is None or count > 2:
        few = count is not None and count <= len(one.target) // 2 and one.target.max() <= MOST_CLASSES
        return bool(few and one.units == 1 and one.target.min() >= 0)
    return True


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
        code = (
            f"model = keras.Sequential([*model.layers[:-1], keras.layers.Dense({high + 1}, 'softmax')]); "
            f"model.compile({type(setup.model.optimizer).__name__!r}, 'sparse_categorical_crossentropy')"
        )
    reason = f"{high + 1} classes need as many units{layer}, with softmax and sparse_categorical_crossentropy"
    return evidence, code, reason


def _spread(one: Seen) -> Fault | None:
    """One number for each example that is compared with each of several units."""
    y = one.target
    if one.family != "numbers" or y.size == one.output.size or one.units < 2 or y.ndim != one.output.ndim:
        return None
    evidence = (
        f"the targets of {one.name!r} have the shape {y.shape}, and the outputs {one.output.shape}: the loss {one.loss} "
        f"compares each target with {one.output.size // max(1, y.size)} outputs"
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

