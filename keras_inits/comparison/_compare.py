"""The comparison from Python: any model, any data."""

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
from rich.console import Console

from keras_inits._names import LONGEST, shown, stand_in, unique
from keras_inits.arguments import check_seeds, check_whole
from keras_inits.comparison.comparison import Comparison
from keras_inits.comparison.equal import equal_starts
from keras_inits.comparison.plan import Build, Plan
from keras_inits.comparison.session import Session
from keras_inits.initializers import get
from keras_inits.models.sample import is_dataset
from keras_inits.runs.data import Replayed, arguments_of, replayable
from keras_inits.runs.store import Store
from keras_inits.runs.task import Training

MAX_NUMBERS = 8


def compare(
    build: Build,
    data: Any,
    initializers: Mapping[str, Any] | Sequence[str],
    *,
    epochs: int = 10,
    seeds: int | Sequence[int] = 1,
    output: str | os.PathLike[str] | None = None,
    **fit: Any,
) -> Comparison:
    """Trains the same model from each initializer, with each seed, and tells the runs apart.

    Before each run, `keras.utils.set_random_seed` is called with its seed, and the initializer is copied: one without a
    seed of its own gives new weights in each run, and examples come in the same order for every initializer.

    With `output`, each finished run is kept there. Called again, after an interruption or with more initializers or
    seeds, `compare` trains the runs that are not there. A run is there if versions, backend, epochs, seed, initial
    weights, layers, optimizer, loss, data and arguments of `fit` are the same; runs of other settings lie beside it.
    Arrays and numbers count by their values, layers, losses and optimizers by their config, callbacks by their
    attributes, and functions and classes of one's own by their code and by what it refers to. Data sets and generators
    show no values: their runs are trained again, and the result says so. A file there that is damaged, cut or another's
    is named in a warning, and its run is trained again. A run that cannot be written, as on a full disk, is named too,
    and tried again after the next.

    Progress goes to the standard error: a bar on a terminal, lines in a file or a notebook, nothing with `verbose=0`.

    Args:
        build: A function from an initializer to a compiled model that uses it.
        data: What `fit` takes: `(x, y)` or `(x, y, sample_weight)`, of arrays; or a `tf.data.Dataset`, a
            `keras.utils.PyDataset`, a torch `DataLoader`; or a generator of batches, which are kept in memory as far
            as a run reads them, since each begins with the first.
        initializers: From names to initializers; or the names of initializers, as `keras_inits.get` takes them.
        epochs: Of each run.
        seeds: How many seeds, from 0 up; or the seeds.
        output: A directory for the runs' files, made if it is not there; None keeps nothing.
        **fit: More arguments of `model.fit`, such as `validation_data` or `batch_size`.

    Returns:
        The runs. It prints as a table, and says which initializers gave equal first weights, if any did: then `build`
        does not use what it is given.

    Raises:
        TypeError: If `build` returns something else than a compiled model, `data` is an iterator, but no generator, or
            a name of an initializer is no text.
        OSError: If `output` cannot be written.
        ValueError: If there is no initializer or seed, two have one name, or `data` is a tuple of more than three.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_inits import compare
        >>> def build(initializer):
        ...     dense = [keras.layers.Dense(16, "relu", kernel_initializer=initializer) for _ in range(10)]
        ...     model = keras.Sequential([keras.Input((8,)), *dense, keras.layers.Dense(1)])
        ...     model.compile("adam", "mse")
        ...     return model
        >>> x = np.random.default_rng(0).standard_normal((256, 8))
        >>> comparison = compare(build, (x, x[:, :1] + x[:, 1:2]), ["zeros", "he_normal"], epochs=10)
        >>> [run.gradients for run in comparison.runs]
        ['zero', 'healthy']
        >>> comparison.best.initializer
        'he_normal'
    """
    named, renamed = _named(initializers)
    check_whole("epochs", epochs, 1)
    numbers = check_seeds(seeds)
    if not named:
        raise ValueError(
            f"compare() takes at least one initializer. Received: initializers={shown(initializers)}. "
            "Pass for example ['he_normal', 'zeros']."
        )
    more = {name: replayable(value) for name, value in fit.items()}
    plan = Plan({"": build}, named, numbers, Training(arguments_of(data), epochs, more))
    store = Store(Path(output), _warn) if output is not None else None
    session = Session(plan, store, Console(stderr=True, quiet=fit.get("verbose") == 0))
    session.train_all()
    notes = renamed + equal_starts(plan, session.keys) + (_unseen(session) if store is not None else ())
    about = {**_about(plan), **({"Note": " ".join(notes)} if notes else {})}
    return Comparison(tuple(session.runs), len(plan), about, notes=notes)


def _unseen(session: Session) -> tuple[str, ...]:
    """Says what keeps a run from being found again."""
    places = dict.fromkeys(place for key in session.keys.values() for place in key.unseen)
    if not places:
        return ()
    return (
        f"The next call trains these runs again, for it cannot tell by their values whether {', '.join(places)} will "
        "be the same. Arrays, and callbacks that hold plain values, can be told apart.",
    )


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=7)  # at the call of compare()


def _named(initializers: Mapping[str, Any] | Sequence[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The initializers by their names, or by stand-ins for those that no table can show; and what is said of these."""
    given = initializers if isinstance(initializers, Mapping) else [(name, name) for name in initializers]
    named: dict[str, Any] = {}
    notes = []
    for name, initializer in given.items() if isinstance(given, Mapping) else given:
        if not isinstance(name, str):
            raise TypeError(
                f"compare() takes initializers by their names. Received: {shown(name)} (of type {type(name).__name__}) "
                'as a name. Expected text. Pass a mapping, such as {"he": keras_inits.HeNormal()}.'
            )
        plain = unique(stand_in(name), named)
        named[plain] = get(initializer)
        if plain != name:
            notes.append(
                f"The initializer {shown(name)} is called {plain!r} here: names are of at most {LONGEST} characters, "
                "all printable."
            )
    return named, tuple(notes)


def _about(plan: Plan) -> dict[str, str]:
    """The report's description of the settings."""
    (x, y, _), given = plan.training.batch, plan.training.data[0]
    kind = "generator" if isinstance(given, Replayed) else type(given).__name__ if is_dataset(given) else "arrays"
    more = {name: value for name, value in plan.training.fit.items() if isinstance(value, str | int | float)}
    seeds = ", ".join(map(str, plan.seeds[:MAX_NUMBERS])) + (", …" if len(plan.seeds) > MAX_NUMBERS else "")
    return {
        "Data": f"{kind}; a batch of inputs {_shapes(x)}, targets {_shapes(y)}",
        "Training": ", ".join([f"{plan.training.epochs} epochs", *(f"{name}={value}" for name, value in more.items())]),
        "Seeds": seeds,
    }


def _shapes(part: Any) -> str:
    return ", ".join(str(tuple(leaf.shape)) for leaf in keras.tree.flatten(part) if hasattr(leaf, "shape")) or "none"
