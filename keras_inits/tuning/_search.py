"""The search from Python: a space, a model for each of its points, and their trials."""

import difflib
import importlib.util
import inspect
import os
import pickle
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import keras
from rich.console import Console

from keras_inits._names import shown
from keras_inits.arguments import check_choice, check_flag, check_seeds, check_whole
from keras_inits.extras import missing, optuna_for
from keras_inits.runs.by_value import Digest
from keras_inits.runs.data import arguments_of, replayable
from keras_inits.runs.store import Store
from keras_inits.runs.task import Training
from keras_inits.tuning.dimensions import Dimension
from keras_inits.tuning.found import Found
from keras_inits.tuning.objectives import Objective, objective_of
from keras_inits.tuning.process import imports_the_program
from keras_inits.tuning.space import DIGEST, space_of
from keras_inits.tuning.work import Build, Work, keras_settings

if TYPE_CHECKING:
    import optuna

SamplerName = Literal["bayes", "gp", "random", "grid"]
SAMPLERS: tuple[SamplerName, ...] = get_args(SamplerName)
JOURNAL = "search.journal"
CLOSE = 0.75
"""Share of letters in common of a misspelt name and the one that was meant."""


def search(
    build: Build,
    data: Any,
    space: Mapping[str, Dimension],
    *,
    sampler: "SamplerName | optuna.samplers.BaseSampler" = "bayes",
    trials: int = 40,
    workers: int = 1,
    storage: str | os.PathLike[str] | None = None,
    output: str | os.PathLike[str] | None = None,
    seeds: int | Sequence[int] = 1,
    objective: str | Objective = "val_loss",
    epochs: int = 10,
    prune: bool = True,
    verbose: int = 1,
    **fit: Any,
) -> Found:
    """Looks for the start, and what is around it, that trains best: the engine is Optuna's.

    Each trial runs in a process of its own. One that is killed, crashes or runs out of memory is tried again, at most
    twice; an exception of `build` or of `fit` is not. Call `search` below `if __name__ == "__main__":`, since each
    process imports the program that calls it.

    A trial whose gradients vanish, explode or are no numbers ends there (`prune`), with the finding, the layer and the
    step. The sampler is told that its point is infeasible.

    With `output`, the search and each finished run are kept there, and the same call goes on after an interruption of
    any kind. A run of the same settings that is there, from `compare` or another search, is not trained again.

    Args:
        build: A function of the top of a module, from a mapping of the names of the space to values, to a compiled
            model.
        data: What `fit` takes, as in `compare`; it is pickled.
        space: From names to `choice`, `log`, `uniform` or `integers` of `keras_inits.tuning`.
        sampler: `"bayes"` (Optuna's multivariate TPE), `"gp"` (its Gaussian process, which needs torch and SciPy),
            `"random"`, `"grid"` (each point once), or a sampler of Optuna's. The points of `"random"` and `"grid"` are
            the same for any number of workers; those of the others depend on the order in which trials end.
        trials: How many trials there are at the most, earlier calls counted.
        workers: How many processes run at once.
        storage: A journal file of Optuna's, by default `search.journal` in `output`; without both it is in memory.
        output: A directory for the runs' files.
        seeds: How many seeds each trial is trained from, from 0 up, or the seeds; the objective is the median.
        objective: The name of a metric, whose last value counts; or `last`, `best` or `steps_to` of
            `keras_inits.tuning`.
        epochs: Of each run.
        prune: Whether a trial with useless gradients ends early.
        verbose: 0 for no progress on the standard error.
        **fit: More arguments of `model.fit`, such as `validation_data` or `batch_size`.

    Returns:
        The trials. It prints as a table.

    Raises:
        ImportError: If Optuna, or what its Gaussian process needs, is not installed.
        TypeError: If an argument is of a wrong type, or cannot be pickled.
        ValueError: If an argument has a value that does not serve, no run reports the objective, or the storage has a
            search of other settings.
        OSError: If the storage or the output cannot be written.
        RuntimeError: If the first trials all end in an exception, another search writes the same journal, or no
            process begins.

    Example:
        >>> from keras_inits import HeNormal, Normal, search
        >>> from keras_inits.tuning import choice, log
        >>> space = {"start": choice(he=HeNormal(), small=Normal(0.01)), "learning_rate": log(1e-4, 1.0)}
        >>> found = search(build, (x, y), space, validation_data=(x_val, y_val))  # doctest: +SKIP
        >>> print(found.best.values)  # doctest: +SKIP
    """
    _check_process()
    optuna_for("search()")
    check_whole("trials", trials, 1)
    check_whole("workers", workers, 1)
    check_whole("epochs", epochs, 1)
    check_flag("prune", prune)
    _check_names(fit)
    checked = space_of(space)
    goal = objective_of(objective)
    _check_sampler(sampler)
    more = {name: replayable(value) for name, value in fit.items()}
    place = Path(output) if output is not None else None
    training = Training(arguments_of(data), epochs, more)
    work = Work(build, training, checked, goal, check_seeds(seeds), prune, place, keras_settings())
    pickled = _pickled(work)
    cells = checked.cells(trials) if sampler == "grid" else None
    journal = _journal(storage, place)
    if place is not None:
        Store(place)  # which says whether it can be written
    from keras_inits.tuning.session import Session

    budget = trials if cells is None else len(cells)
    session = Session(work, sampler, cells, budget, workers, Console(stderr=True, quiet=not verbose), _warn)
    return session.search(journal, _settings(work, sampler), pickled)


def _check_process() -> None:
    """Raises a RuntimeError in a process that imports the user's program, which calls `search` again."""
    if imports_the_program():
        raise RuntimeError(
            "search() was called while a process of a search imported the program. It expects its call below "
            "`if __name__ == '__main__':`. Put it there; functions and classes stay above."
        )


def _check_names(fit: Mapping[str, Any]) -> None:
    """Refuses a misspelt argument; one of another name may be that of a `fit` of the user's own."""
    own, theirs = (list(inspect.signature(one).parameters) for one in (search, keras.Model.fit))
    for name in fit:
        meant = [] if name in theirs else difflib.get_close_matches(name, {*own, *theirs}, 1, CLOSE)
        if meant:
            raise TypeError(
                f"search() got an argument that neither it nor model.fit has. Received: {name}={shown(fit[name])}. "
                f"Expected an argument of either. Did you mean {meant[0]}?"
            )


def _check_sampler(sampler: object) -> None:
    import optuna

    if isinstance(sampler, optuna.samplers.BaseSampler):
        return
    check_choice("sampler", sampler, SAMPLERS, "Pass sampler='bayes', or a sampler of Optuna's.")
    if sampler == "gp":
        for package in ("torch", "scipy"):
            if importlib.util.find_spec(package) is None:
                raise missing("search(sampler='gp')", package, package)


def _pickled(work: Work) -> bytes:
    """The work as each process reads it.

    Raises:
        TypeError: If it cannot be pickled, or could not be read again.
    """
    try:
        data = pickle.dumps(work)
    except Exception as error:
        raise TypeError(
            "search() hands `build`, the data, the arguments of fit and the options of the space to other processes. "
            f"Received what cannot be pickled: {type(error).__name__}: {error}. Define functions and classes at the "
            "top of a file, and pass arrays or a keras.utils.PyDataset in the place of generators."
        ) from error
    program = sys.modules["__main__"]
    if (
        b"__main__" in data
        and getattr(program, "__file__", None) is None
        and getattr(program, "__spec__", None) is None
    ):
        raise TypeError(
            "search() hands `build` to other processes, which import it. Received one that was defined in a notebook "
            f"or at a prompt: build={shown(work.build)}. Expected one of a module. Put it, with the classes it uses, "
            "into a file such as program.py, and write: from program import build"
        )
    return data


def _journal(storage: Any, output: Path | None) -> Path | None:
    if storage is None:
        return None if output is None else output / JOURNAL
    if not isinstance(storage, str | os.PathLike):
        raise TypeError(
            f"Argument `storage` must be the path of a journal file. Received: storage={shown(storage)} (of type "
            f"{type(storage).__name__}). Pass for example storage='search.journal'."
        )
    if "://" in os.fspath(storage):
        raise ValueError(
            f"Argument `storage` must be the path of a journal file. Received a URL: storage={shown(storage)}. Pass "
            "for example storage='search.journal'; all workers of a search run on one machine."
        )
    return Path(storage)


def _settings(work: Work, sampler: Any) -> dict[str, str]:
    """All that trials depend on, in words and by their values."""
    build = Digest()
    build.add("build", work.build)
    return {
        **dict(work.space.settings()),
        "build": f"{DIGEST}{build.text}",
        "data or arguments of fit": f"{DIGEST}{work.training.digest.text}",
        "objective": f"{work.objective}, {work.objective.mode}",
        "epochs": str(work.training.epochs),
        "seeds": str(work.seeds),
        "prune": str(work.prune),
        "sampler": sampler if isinstance(sampler, str) else type(sampler).__name__,
        **{name: str(work.settings[name]) for name in ("backend", "floatx", "dtype_policy")},
    }


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=7)  # at the call of search()
