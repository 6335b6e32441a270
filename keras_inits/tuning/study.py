"""The study: Optuna's record of a search, opened where it is, for the settings that it was begun with."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from keras_inits._names import stand_in
from keras_inits.tuning.dimensions import Choice, Dimension, Floats
from keras_inits.tuning.journal import journal
from keras_inits.tuning.objectives import Objective
from keras_inits.tuning.space import DIGEST, Space

NAME, SETTINGS = "keras_inits", "settings"


@contextlib.contextmanager
def storage_at(path: Path | None) -> Iterator[optuna.storages.BaseStorage]:
    """A journal, or memory where there is no path."""
    if path is None:
        yield optuna.storages.InMemoryStorage()
    else:
        with journal(path) as storage:
            yield storage


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Has Optuna log no news in this block, such as that a study was made."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(before, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def study_in(
    storage: optuna.storages.BaseStorage, objective: Objective, settings: Mapping[str, str], place: str
) -> optuna.Study:
    """The study of a storage, made if there is none.

    Args:
        storage: Where it is.
        objective: For its direction.
        settings: All that its trials depend on.
        place: The name of the storage in an error.

    Raises:
        ValueError: If it is there with trials of other settings.
    """
    if NAME in optuna.get_all_study_names(storage):
        study = optuna.load_study(study_name=NAME, storage=storage)
        differs = _differences(study.user_attrs.get(SETTINGS, {}), settings)
        if not differs:
            return study
        if has_results(study):
            raise ValueError(
                f"The search in {place} has other settings: {'; '.join(differs)}. search() expects those that it was "
                "begun with. Pass them, or another output= for a search of its own; runs of the same settings that "
                "are kept in a folder are found from there by a new search with the same output= and storage="
            )
        optuna.delete_study(study_name=NAME, storage=storage)
    study = optuna.create_study(study_name=NAME, storage=storage, direction=objective.direction)
    study.set_user_attr(SETTINGS, dict(settings))
    return study


def in_memory(study: optuna.Study, storage: optuna.storages.BaseStorage) -> optuna.Study:
    """A copy of a study in a storage that needs no file, and that a later search does not change."""
    memory = optuna.storages.InMemoryStorage()
    optuna.copy_study(from_study_name=NAME, from_storage=storage, to_storage=memory, to_study_name=NAME)
    return optuna.load_study(study_name=NAME, storage=memory, sampler=study.sampler)


def has_results(study: optuna.Study) -> bool:
    """Whether a trial came to its end."""
    return bool(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))


def _differences(there: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    names = [name for name in {**there, **here} if _by_value(there.get(name)) != _by_value(here.get(name))]
    return [_difference(name, _words(here, name), _words(there, name)) for name in names]


def _difference(name: str, here: str, there: str) -> str:
    if here == there:
        return f"{name} is another one, by its values or its code"
    return f"{name} is {here}, and was {there}"


def _by_value(setting: str | None) -> str | None:
    """A setting's digest, if it has one: its words may have an address in them, another one in each process."""
    return setting if setting is None else setting.rpartition(DIGEST)[2]


def _words(settings: Mapping[str, str], name: str) -> str:
    """A setting without its digest."""
    text = settings.get(name, "not there")
    return stand_in(text.rpartition(DIGEST)[0].strip() if DIGEST in text else text)


def sampler_of(given: Any, seed: int) -> optuna.samplers.BaseSampler:
    """Optuna's sampler for one of our names, or the one that was given."""
    if isinstance(given, optuna.samplers.BaseSampler):
        return given
    if given == "gp":
        return optuna.samplers.GPSampler(seed=seed)
    if given == "bayes":
        return optuna.samplers.TPESampler(seed=seed)
    return optuna.samplers.RandomSampler(seed=seed)


def distributions_of(space: Space) -> dict[str, BaseDistribution]:
    """The dimensions as Optuna has them."""
    return {name: _distribution(one) for name, one in space.dimensions.items()}


def _distribution(dimension: Dimension) -> BaseDistribution:
    if isinstance(dimension, Choice):
        return CategoricalDistribution(list(dimension.options))
    kind = FloatDistribution if isinstance(dimension, Floats) else IntDistribution
    return kind(dimension.low, dimension.high, log=dimension.log)


def random_points(space: Space, count: int, seed: int) -> list[dict[str, Any]]:
    """Points of a space by chance; fewer of them are the first of more."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    return [study.ask(distributions_of(space)).params for _ in range(count)]
