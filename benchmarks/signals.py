"""What reaches each layer at the start: mean squares and gradients through functional models, by start.

Run: KERAS_BACKEND=tensorflow python benchmarks/signals.py [--models "gated;VGG16"] [--starts keras,initialize]
     [--write docs/explanation/signals-table.md]

A batch of 32 normal examples goes through the model in training mode, on whichever backend Keras runs. Signal: the
least and the largest log10 of the mean square of what activations, sums and products put out. Gradients: over how many
decades the norms of the kernels' gradients spread, of a loss that weights the outputs at random. `data` is
`initialize(model, data=x)` with another batch of the same law, `lsuv` has that batch too.
"""

import argparse
import inspect
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers
from study.functional import MODELS

import keras_inits
from keras_inits.backends import differentiation

ADDED = (layers.Activation, layers.ReLU, layers.Add, layers.Multiply)
SEED = 1


def examples(model: Any, seed: int) -> Any:
    """Normal values, as the model takes them."""
    shape = (32, *model.inputs[0].shape[1:])
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def _anyinit(model: Any) -> None:
    import anyinit

    anyinit.initialize(model, seed=SEED)


STARTS: dict[str, Callable[[Any], Any]] = {
    "keras": lambda model: None,
    "anyinit": _anyinit,
    "initialize": lambda model: keras_inits.initialize(model, seed=SEED),
    "data": lambda model: keras_inits.initialize(model, seed=SEED, data=examples(model, 9), verbose=0),
    "lsuv": lambda model: keras_inits.lsuv(model, examples(model, 9), seed=SEED, verbose=0),
}


class Signal(NamedTuple):
    """Log10 of the least and the largest mean square, and the decades over which gradients' norms spread."""

    least: float
    largest: float
    spread: float

    def __str__(self) -> str:
        """As the table has it."""
        return f"{self.least:.1f} to {self.largest:.1f}; {self.spread:.1f}"


def is_watched(layer: Any) -> bool:
    """An activation, a sum or a product, or a layer with an activation of its own."""
    own = getattr(layer, "activation", None)
    return isinstance(layer, ADDED) or (bool(layer.weights) and own not in (None, keras.activations.linear))


def measure(model: Any) -> Signal:
    """Takes a batch forward and backward."""
    x = examples(model, 3)
    watched = [layer.output for layer in model.layers if is_watched(layer)]
    outputs = keras.Model(model.input, [*watched, model.output])(x, training=True)
    values = [np.asarray(keras.ops.convert_to_numpy(output), "float64") for output in outputs]
    direction = np.random.default_rng(5).standard_normal(values[-1].shape) / len(x)
    weighting = keras.ops.convert_to_tensor(direction.astype("float32"))
    kernels = [variable for variable in model.trainable_variables if variable.path.endswith("kernel")]

    def loss(watch: Any) -> Any:
        return keras.ops.sum(model(x, training=True) * weighting)

    gradients = differentiation.current().gradients(loss, kernels)
    norms = [np.linalg.norm(np.asarray(keras.ops.convert_to_numpy(one), "float64")) for one in gradients]
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.log10([np.mean(np.square(value)) for value in values[:-1]])
        spread = np.log10(max(norms)) - np.log10(min(norms))
    return Signal(squares.min(), squares.max(), spread)


def available() -> list[str]:
    """The starts that this installation has."""
    missing = set() if find_spec("anyinit") else {"anyinit"}
    if "data" not in inspect.signature(keras_inits.initialize).parameters:
        missing.add("data")
    return [name for name in STARTS if name not in missing]


def row(name: str, starts: list[str]) -> list[str]:
    """A line of the table; a start that fails says with what."""
    found, shapes = [name], set()
    for start in starts:
        began = time.monotonic()
        keras.utils.clear_session()
        keras.utils.set_random_seed(0)
        model = MODELS[name]()
        try:
            STARTS[start](model)
        except Exception as error:  # the table goes on without it
            found.append(type(error).__name__)
            print(f"{start} fails on {name}: {type(error).__name__}: {error}", file=sys.stderr)
        else:
            found.append(str(measure(model)))
        shapes.add(tuple((variable.path, variable.shape) for variable in model.weights))
        print(f"{name}, {start}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    assert len(shapes) == 1, f"starts changed the architecture of {name}"
    return found


def main() -> None:
    """Measures and prints a table: a row for each model, a column for each start."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", default=";".join(MODELS), help="names, with semicolons between")
    parser.add_argument("--starts", default=",".join(available()), help=f"of {', '.join(STARTS)}")
    parser.add_argument("--write", type=Path, help="also write the table here")
    arguments = parser.parse_args()
    models, starts = arguments.models.split(";"), arguments.starts.split(",")
    for option, named, known in (("models", models, list(MODELS)), ("starts", starts, available())):
        unknown = [name for name in named if name not in known]
        if unknown:
            parser.error(f"--{option}: {', '.join(unknown)} is not here. Choose from: {', '.join(known)}.")
    lines = [["model", *starts], ["---"] * (1 + len(starts)), *(row(name, starts) for name in models)]
    shown = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    shown += f"\nLog10 mean squares; decades of gradients. {keras.backend.backend()}, seed {SEED}.\n"
    print(shown)
    if arguments.write:
        arguments.write.write_text(shown)


if __name__ == "__main__":
    main()
