"""The trials in the order of their objective."""

import optuna
from optuna.trial import FrozenTrial

from keras_inits.tuning.trials import is_feasible


def ranked(study: optuna.Study) -> list[FrozenTrial]:
    """The feasible trials, the best first."""
    good = [trial for trial in study.get_trials(deepcopy=False) if is_feasible(trial)]
    sign = -1 if study.direction == optuna.study.StudyDirection.MAXIMIZE else 1
    return sorted(good, key=lambda trial: sign * (trial.value or 0.0))
