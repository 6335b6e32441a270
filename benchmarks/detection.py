"""How many injected faults `diagnose(check="layers")` finds, and how often it sees one where there is none.

Run: KERAS_BACKEND=torch python benchmarks/detection.py [--part report] [--write docs/explanation/detection-table.md]

Models are made from two lists of architectures and two ranges of seeds: the thresholds were chosen while looking at
the part "choosing" alone; the table is of the part "report". A model is faulty by its numbers, whatever was injected:
a twin in float64, built of separate layers and differentiated by torch itself, takes the batch forward and backward
(`confirm`), and the definitions of `keras_inits/thresholds.py` are applied to it.
Every kind of finding is judged on every model: found is the share of the faulty ones that have it, false alarms are the
share of the others that have it.
"""

import argparse
import functools
import gc
import itertools
import math
import os
from pathlib import Path
from typing import Any, NamedTuple

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from generated import PARTS, Recipe, batch, build, plant, recipes
from keras import layers

import keras_inits
from keras_inits import diagnose, thresholds
from keras_inits.diagnosis.findings import KINDS
from keras_inits.diagnosis.unit_sums import SEED

FLOAT16_ORDERS = 65504 / 2**-24  # the largest number over the smallest
FLAT_OUTSIDE = {  # where the derivative is below a hundredth of its largest, at both ends
    "tanh": (-2.9932, 2.9932),
    "hard_tanh": (-1.0, 1.0),
    "sigmoid": (-5.9864, 5.9864),
    "softsign": (-9.0, 9.0),
    "relu6": (0.0, 6.0),
    "sparse_sigmoid": (-1.0, 1.0),
    "erf": (-2.1460, 2.1460),
    "arctan": (-9.9499, 9.9499),
    "hard_sigmoid": (-3.0, 3.0),
    "rectified_tanh": (0.0, 2.9932),
}
GOOD_STARTS = 8
"""Of so many the saturated share is measured: the largest of them is within what chance makes of a good start."""
GRADIENTS = {"vanishing_gradient", "exploding_gradient"}
JUDGED_ANYWAY = tuple(kind for kind in KINDS if kind not in GRADIENTS)


class Layers(NamedTuple):
    """Of each of the twin's layers with a kernel the values, or their gradients, in float64."""

    before: list[np.ndarray]  # outputs of dense and convolutional layers
    entering: list[np.ndarray]  # what their activations get of them, normalised or not
    after: list[np.ndarray]  # the same behind their activation
    kernels: list[np.ndarray]
    biases: list[np.ndarray]


def exact(recipe: Recipe, model: Any) -> tuple[Layers, Layers]:
    """The twin's values and gradients, from a batch that it takes forward and backward."""
    twin = build(recipe, "float64", split=True)
    twin.set_weights([np.asarray(keras.ops.convert_to_numpy(weight), "float64") for weight in model.get_weights()])
    value = torch.from_numpy(batch(recipe, model).astype("float64"))
    seen = Layers([], [], [], [], [])
    for layer in twin.layers:
        if isinstance(layer, layers.Dense):  # Keras 3.15 on torch multiplies matrices of float64 in float32
            value = value @ layer.kernel.value + layer.bias.value
        else:
            if isinstance(layer, layers.Activation):
                seen.entering[-1] = value
            value = layer(value, training=True)
        if hasattr(layer, "kernel"):
            for values, one in zip(seen, (value, value, value, layer.kernel.value, layer.bias.value), strict=True):
                values.append(one)
        else:
            seen.after[-1] = value
    vectors = torch.from_numpy(np.random.default_rng(SEED).standard_normal(tuple(value.shape)) / value.numel() ** 0.5)
    flat = [one for values in seen for one in values]
    found = torch.autograd.grad((value * vectors).sum(), flat, allow_unused=True, materialize_grads=True)
    gradients = iter(found)
    return (
        Layers(*([one.detach().numpy() for one in values] for values in seen)),
        Layers(*([next(gradients).numpy() for _ in values] for values in seen)),
    )


def confirm(recipe: Recipe, seen: Layers, gradients: Layers) -> set[str]:
    """The kinds of faults that the model has."""
    forward = [*seen.before, *seen.entering, *seen.after, *seen.kernels]
    backward = [*gradients.kernels, *gradients.after]
    largest = thresholds.FLOAT16_LARGEST if recipe.plant == "float16" else thresholds.FLOAT32_LARGEST
    finite = all((abs(one) <= largest).all() for one in forward)
    finite = finite and all((abs(one) <= thresholds.FLOAT32_LARGEST).all() for one in backward)
    if recipe.plant == "float16" and finite:
        # No loss scale keeps both the outputs' gradient from zero and the largest one from overflowing.
        finite = max(abs(one).max() for one in backward) <= FLOAT16_ORDERS * abs(backward[-1]).max()
    ill = set() if finite else {"nonfinite"}
    # What the model's layers put out: those of the family "normalised" have their activations apart.
    several = (seen.before, seen.entering, seen.after) if recipe.family == "normalised" else (seen.after,)
    signals = [one for kernel, *outputs in zip(seen.kernels, *several, strict=True) if kernel.any() for one in outputs]
    deviations = [float(one.std()) for one in signals if np.isfinite(one).all() and one.any()]
    if any(one < thresholds.VANISHING_SIGNAL * min(1, recipe.inputs) for one in deviations):
        ill.add("vanishing_signal")
    if any(one > thresholds.EXPLODING_SIGNAL * max(1, recipe.inputs) for one in deviations):
        ill.add("exploding_signal")
    weights = zip(seen.kernels, gradients.kernels, gradients.biases, strict=True)
    # The gradient of a kernel of zeros behind normalisation may be rounding alone.
    ill |= faded(gradients.after) | faded([np.append(*both) for kernel, *both in weights if kernel.any()])
    for number in range(len(seen.after)):
        ill |= ill_units(recipe, seen, gradients, number)
    if recipe.plant == "float16":
        largest = max(np.nanmax(abs(one)) for one in (*seen.before, *seen.after))
        if (
            largest > thresholds.FLOAT16_LARGEST / thresholds.FLOAT16_ROOM
            or min(deviations) < thresholds.FLOAT16_SMALLEST
        ):
            ill.add("dtype_range")
    return ill | (wrongly_fanned(recipe, seen) if recipe.family == "depthwise" else set())


def faded(gradients: list[np.ndarray]) -> set[str]:
    """Whether norms fade or grow towards the inputs."""
    norms = [float(np.linalg.norm(one)) for one in gradients]
    norms = [norm for norm in norms if math.isfinite(norm) and norm > 0]
    if not norms:
        return set()
    low, high = norms.index(min(norms)), norms.index(max(norms))
    if norms[high] > thresholds.EXPLODING_NORM or (
        high < low and norms[high] > thresholds.EXPLODING_RATIO * norms[low]
    ):
        return {"exploding_gradient"}
    fades = low < high and norms[low] < thresholds.VANISHING_RATIO * norms[high]
    return {"vanishing_gradient"} if fades or norms[high] < thresholds.VANISHING_NORM else set()


def ill_units(recipe: Recipe, seen: Layers, gradients: Layers, number: int) -> set[str]:
    """What is wrong with the units of one layer."""
    ill = set()
    outputs = seen.after[number]
    units = outputs.shape[-1]
    hidden = number < len(seen.after) - 1
    dead = float((outputs == 0).reshape(-1, units).all(axis=0).mean())
    zero = not outputs.any() and not gradients.before[number].any() and seen.kernels[number].any()
    if zero and all(one.any() for one in seen.after[:number]):
        ill.add("dead_layer")
    if hidden and recipe.activation != "linear" and recipe.family != "depthwise":
        if thresholds.dead_limit(units) < dead < 1:
            ill.add("dead_units")
        if recipe.activation in FLAT_OUTSIDE:
            share = flat_share(recipe, seen, number)
            if share > thresholds.SATURATED_SHARE and share > saturated_limit(recipe, number):
                ill.add("saturated")
    # Units with equal weights and an equal gradient are equal after each step of gradient descent.
    shape = (-1, units if hidden else 10)
    both = [one.reshape(shape) / (abs(one).max() or 1) for one in (seen.kernels[number], gradients.kernels[number])]
    if recipe.family != "depthwise" and all(np.isfinite(one).all() for one in both):
        _, counts = np.unique(np.round(np.concatenate(both), 12), axis=1, return_counts=True)
        if counts[counts > 1].sum() >= thresholds.SYMMETRIC_SHARE * shape[1]:
            ill.add("symmetric_units")
    return ill


def flat_share(recipe: Recipe, seen: Layers, number: int) -> float:
    """The share of a layer's units and examples where its activation is flat."""
    low, high = FLAT_OUTSIDE[recipe.activation]
    return float(((seen.entering[number] <= low) | (seen.entering[number] >= high)).mean())


def saturated_limit(recipe: Recipe, number: int) -> float:
    """Half of what good starts leave unsaturated may be saturated besides, and as much as in any of these."""
    shares = [flat_share(recipe, seen, number) for seen in good_starts(recipe)]
    mean = sum(shares) / len(shares)
    return max(mean + thresholds.SATURATED_SHARE * (1 - mean), *shares)


@functools.lru_cache(maxsize=1)
def good_starts(recipe: Recipe) -> list[Layers]:
    """The values of models of the same architecture, as `initialize` draws them, on the batch at its own scale."""
    recipe = recipe._replace(inputs=1.0)
    model = build(recipe, "float32", split=False)
    found = []
    for number in range(GOOD_STARTS):
        keras_inits.initialize(model, seed=recipe.seed + number)
        found.append(exact(recipe, model)[0])
    return found


def wrongly_fanned(recipe: Recipe, seen: Layers) -> set[str]:
    """Whether a layer makes of an input of variance 1 another variance than its rule promises, by the factor."""
    if recipe.plant != "fans":
        return set()
    window, width = 9.0, float(recipe.width)
    apparent = [(window * width, window), (window * 8, window * width)]
    true = [(window, window), (window * width / 4, window * 8)]
    for kernel, (fan_in, fan_out), (real_in, real_out) in zip(seen.kernels, apparent, true, strict=False):
        size = float((kernel**2).mean())
        rules = {"lecun": 1 / fan_in, "glorot": 2 / (fan_in + fan_out), "he": 2 / fan_in}
        promised = {"lecun": 1 / real_in, "glorot": 2 / (real_in + real_out), "he": 2 / real_in}
        rule = min(rules, key=lambda name: abs(math.log(size / rules[name])))
        if abs(math.log(promised[rule] / size)) > math.log(thresholds.WRONG_FANS_FACTOR):
            return {"wrong_fans"}
    return set()


def judge(recipe: Recipe) -> tuple[set[str], set[str]]:
    """The kinds of faults that a model has, and those that `diagnose` finds."""
    keras.utils.clear_session()
    gc.collect()  # of cycles, which hold the arrays of the last model
    keras.utils.set_random_seed(recipe.seed)
    model = build(recipe, "mixed_float16" if recipe.plant == "float16" else "float32", split=False)
    plant(model, recipe)
    found = {finding.kind for finding in diagnose(model, batch(recipe, model), check="layers")}
    with np.errstate(all="ignore"):
        return confirm(recipe, *exact(recipe, model)), found


def main() -> None:
    """Judges the models, prints each error, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--part", choices=tuple(PARTS), default="report")
    parser.add_argument(
        "--each", type=int, default=90, help="models for each injected fault, and four times that healthy"
    )
    parser.add_argument("--plant", action="append", help="models with this injected fault alone; may be repeated")
    parser.add_argument("--write", type=Path, help="a Markdown file for the table")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    counts = {kind: [0, 0, 0, 0] for kind in KINDS}  # ill, found, well, false alarms
    made = [
        recipe
        for recipe in recipes(arguments.part, arguments.each)
        if not arguments.plant or recipe.plant in arguments.plant
    ]
    for recipe in made:
        ill, found = judge(recipe)
        if "nonfinite" in ill:  # what overflowed going forward has no gradients to judge
            ill, found = ill - GRADIENTS, found - GRADIENTS
        for kind, place in itertools.product(KINDS if "nonfinite" not in ill else JUDGED_ANYWAY, (0, 1)):
            counts[kind][place + 2 * (kind not in ill)] += 1 if place == 0 else kind in found
        if ill != found:
            print(f"missed {sorted(ill - found)}, invented {sorted(found - ill)}: {recipe}", flush=True)
    lines = ["| finding | faulty | found | healthy | false alarms |", "|---|---|---|---|---|"]
    for kind, (ill, hits, well, alarms) in counts.items():
        lines.append(f"| `{kind}` | {ill} | {hits / max(1, ill):.1%} | {well} | {alarms / max(1, well):.1%} |")
    ill, hits, well, alarms = (sum(column) for column in zip(*counts.values(), strict=True))
    lines.append(f"| all | {ill} | {hits / ill:.1%} | {well} | {alarms / well:.1%} |")
    print(f"{len(made)} models of the part {arguments.part}", *lines, sep="\n")
    if arguments.write:
        arguments.write.write_text("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
