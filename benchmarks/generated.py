"""Models that follow from a recipe, some with an injected fault: what `detection`, `alerts` and `faults` look at.

Two lists of architectures and two ranges of seeds have none in common: thresholds are chosen while looking at the part
"choosing" alone, and what is reported is of the part "report".
"""

import math
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

import keras_inits
from keras_inits import initialize

PARTS = {  # architectures and seeds, of which the two have none in common
    "choosing": {
        "depths": (2, 3, 4, 5, 10, 15, 30, 40, 80, 100),
        "widths": (20, 32, 48, 96, 112),
        "convolutions": (2, 3, 4, 5, 10, 15, 20),
        "channels": (20, 24),
        "activations": ("relu", "tanh", "gelu", "elu", "selu", "silu", "softsign", "hard_tanh", "linear", "relu6"),
        "switching": ("relu", "relu6"),
        "saturating": ("tanh", "hard_tanh", "sigmoid", "relu6", "sparse_sigmoid"),
        "inputs": (1.0, 0.3, 0.5, 3.0),
        "seed": 1_000,
    },
    "report": {
        "depths": (1, 7, 22, 60, 99),
        "widths": (16, 40, 80, 128),
        "convolutions": (1, 7, 12, 25),
        "channels": (12, 28),
        "activations": ("leaky_relu", "celu", "mish", "hard_silu", "softplus", "log_sigmoid", "erf", "arctan"),
        "switching": ("hard_silu", "rectified_tanh"),
        "saturating": ("erf", "arctan", "hard_sigmoid"),
        "inputs": (0.2, 0.7, 2.0),
        "seed": 9_000_000,
    },
}
PLANTS = ("small", "large", "zeros", "constant", "copies", "dead", "saturated", "nan", "fans", "float16")
HEALTHY_STARTS = ("auto", "orthogonal", "keras")
EXAMPLES = 128
OWN = {
    "erf": keras.ops.erf,
    "arctan": keras.ops.arctan,
    "rectified_tanh": lambda inputs: keras.ops.tanh(keras.ops.relu(inputs)),
}  # activations that Keras has no name for


class Recipe(NamedTuple):
    """All that a model follows from."""

    family: str
    depth: int
    width: int
    activation: str
    plant: str
    inputs: float
    seed: int


def recipes(part: str, each: int) -> list[Recipe]:
    """So many models for each plant, and four times as many without."""
    choice = PARTS[part]
    found = []
    for number, plant in enumerate([*PLANTS, *["healthy"] * 4] * each):
        seed = choice["seed"] + number
        random = np.random.default_rng(seed)
        family = str(random.choice(["dense", "dense", "normalised", "convolution"]))
        if plant == "fans":
            family = "depthwise"
        activation = str(random.choice(choice["activations"]))
        if plant == "dead":
            activation, family = str(random.choice(choice["switching"])), "dense"
        if plant == "saturated":
            activation, family = str(random.choice(choice["saturating"])), "dense"
        depth = int(random.choice(choice["depths"]))
        width, inputs = int(random.choice(choice["widths"])), float(random.choice(choice["inputs"]))
        if family == "convolution":
            depth, width = int(random.choice(choice["convolutions"])), int(random.choice(choice["channels"]))
        if family == "depthwise":
            depth = 1
        found.append(Recipe(family, depth, width, activation, plant, inputs, seed))
    return found


def activation_of(recipe: Recipe) -> Any:
    """The activation as Keras takes it."""
    return OWN.get(recipe.activation, recipe.activation)


def build(recipe: Recipe, dtype: Any, split: bool) -> Any:
    """The model; `split`: with each activation in a layer of its own."""
    keras.config.set_dtype_policy(dtype)
    image = recipe.family in ("convolution", "depthwise")
    parts: list[Any] = [keras.Input((8, 8, recipe.width) if image else (recipe.width,))]
    for _ in range(recipe.depth):
        apart = split or recipe.family == "normalised"
        own = None if apart else activation_of(recipe)
        if recipe.family == "convolution":
            parts.append(layers.Conv2D(recipe.width, 3, padding="same", activation=own))
        elif recipe.family == "depthwise":
            parts += [layers.DepthwiseConv2D(3, padding="same"), layers.Conv2DTranspose(8, 3, strides=2)]
        else:
            parts.append(layers.Dense(recipe.width, activation=own))
        if recipe.family == "normalised":
            parts.append(layers.BatchNormalization())
        if apart and recipe.family != "depthwise":
            parts.append(layers.Activation(activation_of(recipe)))
    parts += [layers.GlobalAveragePooling2D()] if image else []
    return keras.Sequential([*parts, layers.Dense(10)])


def plant(model: Any, recipe: Recipe) -> None:
    """Gives the model its weights."""
    random = np.random.default_rng(recipe.seed + 1)
    initialize(model, seed=recipe.seed)
    kernels = [layer for layer in model.layers if hasattr(layer, "kernel") and layer is not model.layers[-1]]
    some = kernels[int(random.integers(len(kernels)))]
    start = str(random.choice(HEALTHY_STARTS))
    if recipe.plant == "healthy" and start == "orthogonal":
        initialize(model, [("kernel", keras_inits.Orthogonal(keras_inits.gain(activation_of(recipe))))], recipe.seed)
    elif recipe.plant == "healthy" and start == "keras" and recipe.depth <= 7:
        initialize(model, "glorot_uniform", recipe.seed)
    elif recipe.plant in ("small", "large", "saturated", "float16"):
        low, high = {"small": (0.03, 0.8), "large": (1.3, 8), "saturated": (2, 12), "float16": (1.5, 20)}[recipe.plant]
        factor = math.exp(random.uniform(math.log(low), math.log(high)))
        for layer in kernels:
            layer.kernel.assign(layer.kernel * factor)
    elif recipe.plant in ("zeros", "constant"):
        value = 0.0 if recipe.plant == "zeros" else float(random.uniform(0.001, 0.1))
        for layer in kernels if random.uniform() < 0.5 else [some]:
            layer.kernel.assign(keras.ops.full(layer.kernel.shape, value))
    elif recipe.plant == "copies":
        values = keras.ops.convert_to_numpy(some.kernel).copy()
        count = math.ceil(random.uniform(0.15, 1.0) * values.shape[-1])
        values[..., :count] = values[..., :1]
        some.kernel.assign(values)
    elif recipe.plant == "dead":
        values = np.zeros(some.bias.shape, "float32")
        share = 1.0 if random.uniform() < 0.4 else random.uniform(0.75, 1.0)
        values[: round(share * values.size)] = -100.0 * recipe.inputs
        some.bias.assign(values)
    elif recipe.plant == "nan":
        values = keras.ops.convert_to_numpy(some.kernel).copy()
        values.flat[int(random.integers(values.size))] = random.choice([np.nan, np.inf])
        some.kernel.assign(values)
    elif recipe.plant == "fans":
        rule = str(random.choice(["glorot_uniform", "he_normal", "lecun_normal"]))
        for layer in kernels[:2]:
            layer.kernel.assign(
                keras.initializers.get({"class_name": rule, "config": {"seed": recipe.seed}})(layer.kernel.shape)
            )


def batch(recipe: Recipe, model: Any) -> np.ndarray:
    """The examples that a model is judged on."""
    random = np.random.default_rng(recipe.seed + 3)
    return (recipe.inputs * random.standard_normal((EXAMPLES, *model.input_shape[1:]))).astype("float32")


def labels(recipe: Recipe, x: np.ndarray) -> np.ndarray:
    """The classes, of ten, that a random linear map gives the examples."""
    map_ = np.random.default_rng(recipe.seed).standard_normal((x[0].size, 10))
    return (x.reshape(len(x), -1) @ map_).argmax(1)
