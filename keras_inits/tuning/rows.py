"""The rows of a search: what data frame and table say of each trial."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optuna.trial import FrozenTrial, TrialState

from keras_inits.tuning.trials import LEFT_OUT, RETRY_OF, is_feasible

if TYPE_CHECKING:
    from keras_inits.tuning.found import Found

ATTRIBUTES = ("gradients", "finding", "layer", "step", "steps", "seconds", "why", "error", "runs")
PARAMS = "params"
"""The key of a trial's point, a name of which may be that of another key."""
STATES = {TrialState.FAIL: "failed", TrialState.WAITING: "waiting", TrialState.RUNNING: "running"}


def rows_of(found: "Found") -> list[dict[str, Any]]:
    """A row for each trial, in the order in which they began; one of a trial that was tried again has its number."""
    return [_row(found, one) for one in found.study.get_trials(deepcopy=False) if LEFT_OUT not in one.user_attrs]


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its point's values among the rest, under names of their own."""
    cells: dict[str, Any] = {}
    for name, value in row.items():
        if name == PARAMS:
            cells |= {f"{PARAMS}_{one}" if one in row else one: number for one, number in value.items()}
        else:
            cells[name] = value
    return cells


def state_of(trial: FrozenTrial) -> str:
    """What became of a trial, in a word."""
    if trial.state != TrialState.COMPLETE:
        return STATES.get(trial.state, "pruned")
    if is_feasible(trial):
        return "complete"
    return "pruned" if "finding" in trial.user_attrs else "not reached"


def _row(found: "Found", trial: FrozenTrial) -> dict[str, Any]:
    state = state_of(trial)
    about = trial.user_attrs
    of_seeds = about.get("of_seeds", ())
    params = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
    return {
        "trial": trial.number,
        "state": state,
        PARAMS: {name: params.get(name) for name in found.space.dimensions},
        str(found.objective): trial.value if state in ("complete", "not reached") else None,
        "least": min(of_seeds, default=None),
        "largest": max(of_seeds, default=None),
        **{name: about.get(name) for name in ATTRIBUTES},
        "retry_of": about.get(RETRY_OF),
    }
