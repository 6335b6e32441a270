"""The trials of a study: which comes next, and what is told of each."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from keras_inits.tuning.results import Complete, Crashed, Failed, Pruned
from keras_inits.tuning.space import Params, Space
from keras_inits.tuning.study import distributions_of

CELL, RETRY_OF, CRASHES, LEFT_OUT = "cell", "retry_of", "crashes", "left_out"
MOST_CRASHES = 2
"""How often a trial whose process crashed is tried again."""


@dataclass
class Trials:
    """The trials of one study, which nobody else changes.

    Args:
        study: With its sampler.
        space: Where points come from.
        budget: How many trials there are, those that are tried again counted once.
    """

    study: optuna.Study
    space: Space
    budget: int

    def __post_init__(self) -> None:
        """Reads the space once."""
        self._distributions = distributions_of(self.space)
        self._stopped = False

    def stop(self) -> None:
        """Has no further trial begin, as a sampler may ask it of its study."""
        self._stopped = True

    @property
    def done(self) -> int:
        """How many trials came to their end; one that is tried again did not."""
        trials = self._all()
        followed = {trial.user_attrs.get(RETRY_OF) for trial in trials}
        return sum(one.state.is_finished() and one.number not in followed for one in trials if not _is_left_out(one))

    def recover(self) -> None:
        """Has the trials that were in flight when a search ended run again."""
        trials = self._all()
        followed = {trial.user_attrs.get(RETRY_OF) for trial in trials}
        for trial in trials:
            if trial.state == TrialState.RUNNING:
                if trial.number not in followed:
                    self._enqueue_again(trial, crashed=False)
                self._fail(trial.number)

    def enqueue(self, cells: Sequence[Params]) -> None:
        """Enqueues each of these points that is not there yet."""
        there = {trial.user_attrs.get(CELL) for trial in self._all() if not _is_left_out(trial)}
        for number, cell in enumerate(cells):
            if number not in there:
                self.study.enqueue_trial(dict(cell), {CELL: number})

    def next(self, asks: bool) -> optuna.Trial | None:
        """The next trial, which runs from now on.

        Args:
            asks: Whether the sampler is asked when nothing is enqueued.
        """
        while not self._stopped:
            trials = self._all()
            waits = any(trial.state == TrialState.WAITING for trial in trials)
            if not waits and not (asks and sum(RETRY_OF not in trial.user_attrs for trial in trials) < self.budget):
                return None
            trial = self.study.ask(self._distributions)
            if trial.user_attrs.get(CELL, 0) < self.budget:
                return trial
            trial.set_user_attr(LEFT_OUT, True)  # which an earlier call with more trials enqueued
            self._fail(trial.number)
        return None

    def tell_complete(self, trial: optuna.Trial, result: Complete, levels: bool) -> None:
        """Tells the objective, which is feasible if its level was reached."""
        _set(trial, result.about)
        self._constrain(trial, 0.0, result.distance if levels else None)
        self.study.tell(trial, statistics.median(result.values))

    def tell_pruned(self, trial: optuna.Trial, result: Pruned, levels: bool) -> None:
        """Tells that a point is infeasible, with the objective of guessing.

        Optuna's samplers learn nothing from trials that failed, and its Gaussian process nothing from pruned ones.
        """
        about = {"finding": result.finding, "layer": result.layer, "step": result.step, "why": result.why}
        _set(trial, about)
        self._constrain(trial, max(result.excess, 1e-6), 0.0 if levels else None)
        self.study.tell(trial, self._worst() if result.guess is None else result.guess)

    def tell_failed(self, trial: optuna.Trial, result: Failed) -> None:
        """Tells of an exception, which would come again."""
        _set(trial, {"error": result.error, "traceback": result.traceback})
        self._fail(trial.number)

    def tell_crashed(self, trial: optuna.Trial, result: Crashed) -> bool:
        """Tells that a process ended, and enqueues its point again, if it did not do so too often.

        Returns:
            Whether it is enqueued.
        """
        trial.set_user_attr("error", result.why)
        again: bool = trial.user_attrs.get(CRASHES, 0) < MOST_CRASHES
        if again:
            self._enqueue_again(self._frozen(trial.number), crashed=True)
        self._fail(trial.number)
        return again

    def take_back(self, trial: optuna.Trial) -> None:
        """Enqueues a trial again that was interrupted."""
        self._enqueue_again(self._frozen(trial.number), crashed=False)
        self._fail(trial.number)

    def _all(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def _frozen(self, number: int) -> FrozenTrial:
        return next(trial for trial in self._all() if trial.number == number)

    def _enqueue_again(self, trial: FrozenTrial, crashed: bool) -> None:
        kept: dict[str, Any] = {name: trial.user_attrs[name] for name in (CELL, CRASHES) if name in trial.user_attrs}
        if crashed:
            kept[CRASHES] = kept.get(CRASHES, 0) + 1
        params = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
        self.study.enqueue_trial(params, {**kept, RETRY_OF: trial.number})

    def _fail(self, number: int) -> None:
        self.study.tell(number, state=TrialState.FAIL)

    def _constrain(self, trial: optuna.Trial, gradient: float, level: float | None) -> None:
        """Sets the same constraints for all trials, as Optuna's Gaussian process needs it."""
        trial.set_constraint("gradient", gradient)
        if level is not None:
            trial.set_constraint("level", min(level, 1e6))

    def _worst(self) -> float:
        """The worst objective so far, for a point where that of guessing is not known; 0 if it is the first."""
        complete = [trial.value for trial in self._all() if trial.state == TrialState.COMPLETE]
        values = [value for value in complete if value is not None and math.isfinite(value)]
        if not values:
            return 0.0
        return min(values) if self.study.direction == optuna.study.StudyDirection.MAXIMIZE else max(values)


def is_feasible(trial: FrozenTrial) -> bool:
    """Whether a trial came to its end, with gradients that reached every layer, at a level that was asked for."""
    return (
        trial.state == TrialState.COMPLETE
        and trial.value is not None
        and math.isfinite(trial.value)
        and all(value <= 0 for value in trial.constraints.values())
    )


def _is_left_out(trial: FrozenTrial) -> bool:
    return LEFT_OUT in trial.user_attrs


def _set(trial: optuna.Trial, about: Any) -> None:
    for name, value in about.items():
        if value not in (None, ""):
            trial.set_user_attr(name, value)
