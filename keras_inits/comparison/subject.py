"""The subject of the command `keras-inits compare`: the digits and a deep network, or a user's own."""

import contextlib
import difflib
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras

from keras_inits._names import one_line, shown
from keras_inits.comparison.digits import load_digits
from keras_inits.comparison.network import LEARNING_RATE, WIDTH, build_network
from keras_inits.comparison.plan import Build
from keras_inits.diagnosis.files import FileError, load_arrays, load_module
from keras_inits.faults import OptionError
from keras_inits.runs.task import Training

Options = Mapping[str, Any]
"""The values of the command's options, by their names."""


class Subject(NamedTuple):
    """What is compared."""

    networks: Mapping[str, Build]
    training: Training
    about: Mapping[str, str]
    """The report's description."""


def digits(options: Options, names: list[str]) -> Subject:
    """The scanned digits, and one deep network for each activation."""
    seed, depth = options["seed"], options["depth"]
    data = load_digits(seed)
    more = {
        "batch_size": options["batch_size"],
        "shuffle": False,
        "validation_data": (data.test_images, data.test_labels),
        "validation_batch_size": len(data.test_labels),
    }
    networks = {
        name: compiled_anew(functools.partial(build_network, activation=name, depth=depth), options) for name in names
    }
    about = {
        "Data": "The 1,797 scanned digits of 8 x 8 pixels that ship with scikit-learn: three quarters to train on, "
        "one to validate on, scaled to mean 0 and deviation 1. Guessing gives 10% accuracy.",
        "Network": f"{depth} hidden dense layers of {WIDTH} units ({' or '.join(names)}), and an "
        "output of 10 classes. Biases start at zero.",
        "Training": f"{_epochs(options)} of {_optimizer(options, 'adam', LEARNING_RATE)}, batches of "
        f"{options['batch_size']}, in the same order for every run. {_seeds(options)}",
    }
    return Subject(networks, Training((data.train_images, data.train_labels), options["epochs"], more), about)


def own(options: Options) -> Subject:
    """A user's function and data.

    Raises:
        FileError: If a file is not what it should be.
        OptionError: If there is no such function.
    """
    build, data = function_of(options["build"]), training_data(options["data"])
    more: dict[str, Any] = {"batch_size": options["batch_size"]}
    if options["validation"] is not None:
        more["validation_data"] = training_data(options["validation"])
    files = [shown(options[name].name) for name in ("data", "validation") if options[name] is not None]
    about = {
        "Data": ", validated on ".join(files),
        "Network": shown(options["build"]),
        "Training": f"{_epochs(options)} of {_optimizer(options, 'its own optimizer', None)}, batches of "
        f"{options['batch_size']}. {_seeds(options)}",
    }
    networks = {"": compiled_anew(build, options)}
    return Subject(networks, Training(data, options["epochs"], more), about)


def function_of(text: str) -> Build:
    """The function `package.module:function`, of a module that Python finds.

    Raises:
        OptionError: If there is none.
    """
    name, _, attribute = text.partition(":")
    found, why, meant = None, "has no colon between module and function", []
    if name and attribute:
        module = load_module("--build", name)
        found, why = getattr(module, attribute, None), "has no such function"
        meant = difflib.get_close_matches(attribute, [one for one in dir(module) if callable(getattr(module, one))], 1)
    if not callable(found):
        raise OptionError(
            f"--build received {shown(text)}, which {why}. It expects package.module:function, a function from an "
            f"initializer to a compiled model. {f'Did you mean {meant[0]}?' if meant else 'Correct the name.'}"
        )
    build: Build = found
    return build


def training_data(path: Path) -> tuple[Any, ...]:
    """The arrays x, y and sample_weight of a file; without x, the others are inputs by their names.

    Raises:
        FileError: If it has no y, or no inputs, or not as many of one as of another.
    """
    arrays = load_arrays(path)
    y, weight = arrays.pop("y", None), arrays.pop("sample_weight", None)
    if y is None or not arrays:
        raise FileError(
            f"received {shown(str(path))} with the arrays {shown(sorted(arrays))}{'' if y is None else ' and y'}. "
            "Expected x, or one for each input under its name, and y. Write it with numpy.savez(path, x=x, y=y)."
        )
    each = {**arrays, "y": y, **({} if weight is None else {"sample_weight": weight})}
    counts = {name: one.shape[0] if one.ndim else 0 for name, one in each.items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{shown(name)} has {count}" for name, count in counts.items())
        raise FileError(
            f"received {shown(str(path))}, whose arrays differ in their number of examples: {told}. Expected as many "
            "of each. Write the file again."
        )
    x = arrays.get("x") if len(arrays) == 1 and "x" in arrays else arrays
    return (x, y) if weight is None else (x, y, weight)


def compiled_anew(build: Build, options: Options) -> Build:
    """The function, whose models get the optimizer of the options; as it is if there is none."""
    name, rate = options["optimizer"], options["learning_rate"]
    return build if name is None and rate is None else functools.partial(_built, build, name, rate)


def _built(build: Build, name: str | None, rate: float | None, initializer: Any) -> keras.Model:
    model = build(initializer)
    if name is not None:
        optimizer = keras.optimizers.get(name)
        if isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        model.optimizer = optimizer
    if rate is not None:
        model.optimizer.learning_rate = rate
    return model


def checked_optimizer(name: str | None) -> None:
    """Raises an error if Keras has no optimizer of this name.

    Raises:
        OptionError: If there is none.
    """
    if name is None:
        return
    with contextlib.suppress(Exception):  # whatever Keras says of a name that it does not know
        keras.optimizers.get(name)
        return
    meant = difflib.get_close_matches(name.lower(), map(str.lower, dir(keras.optimizers)), 1)
    raise OptionError(
        f"--optimizer received {shown(one_line(name))}, which is no optimizer of Keras. It expects a name such as "
        f"adam, sgd or rmsprop. {f'Did you mean {meant[0]}?' if meant else 'Correct it, or leave it out.'}"
    )


def _epochs(options: Options) -> str:
    return f"{options['epochs']} {'epoch' if options['epochs'] == 1 else 'epochs'}"


def _optimizer(options: Options, name: str, rate: float | None) -> str:
    own_rate = rate if options["optimizer"] is None else None
    given = options["learning_rate"] if options["learning_rate"] is not None else own_rate
    shown_name = options["optimizer"] or name
    return shown_name if given is None else f"{shown_name}, learning rate {given:g}"


def _seeds(options: Options) -> str:
    first, count = options["seed"], options["seeds"]
    return f"Seed {first}." if count == 1 else f"Seeds {first} to {first + count - 1}."
