"""Objectives: the number that a run is judged by, and which way is better."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from keras_inits._names import shown
from keras_inits.arguments import check_choice, check_number
from keras_inits.comparison.best import better_way
from keras_inits.runs.run import Run

Mode = Literal["min", "max"]
MODES: tuple[Mode, ...] = get_args(Mode)
NOT_REACHED = 2.0
"""Steps that count for a run that never reached its level, as a multiple of those it trained."""


class UnreportedError(ValueError):
    """No run reports the metric of an objective."""


@dataclass(frozen=True)
class Objective:
    """A number of a run."""

    metric: str
    mode: Mode
    kind: Literal["last", "best", "steps_to"]
    level: float | None = None

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """Optuna's word for which way is better."""
        return "maximize" if self.mode == "max" and self.kind != "steps_to" else "minimize"

    @property
    def shown_as(self) -> str:
        """The name of a metric whose values are written as the objective is: one of accuracy in percent, say."""
        return "steps" if self.kind == "steps_to" else self.metric

    def __str__(self) -> str:
        """The call that makes it; the last value of a metric by its name alone."""
        if self.kind == "last":
            return self.metric
        level = "" if self.level is None else f", {self.level:g}"
        return f"{self.kind}({self.metric!r}{level})"

    def value(self, run: Run) -> float:
        """The number; not finite if the training diverged.

        Raises:
            UnreportedError: If the run has no such metric.
        """
        known = self._known(run)
        if self.kind == "last":
            return known[-1][1]
        if self.kind == "best":
            return self._best(known)
        steps = int(run.trace.steps[-1]) + 1 if len(run.trace) else math.nan
        epochs = len(next(iter(run.history.values())))
        reached = [epoch for epoch, value in known if self._distance(value) <= 0]
        return steps / epochs * (reached[0] + 1) if reached else NOT_REACHED * steps

    def distance(self, run: Run) -> float:
        """How far from its level the run stayed, beside the size of the level; 0 if it came there, or needs not."""
        return 0.0 if self.level is None else max(0.0, self._distance(self._best(self._known(run))))

    def check(self, names: object) -> None:
        """Raises an UnreportedError if the metric is not among these names."""
        if self.metric not in names:  # type: ignore[operator]
            raise UnreportedError(
                f"The objective {str(self)!r} is a metric that no run reports. Received after an epoch: "
                f"{', '.join(map(repr, names))}. Pass one of these as objective=, "  # type: ignore[call-overload]
                "compile the model with the metric, or pass validation_data= for those that begin with 'val_'."
            )

    def _known(self, run: Run) -> list[tuple[int, float]]:
        self.check(run.history)
        return [(epoch, value) for epoch, value in enumerate(run.history[self.metric]) if value is not None]

    def _best(self, known: list[tuple[int, float]]) -> float:
        finite = [value for _, value in known if math.isfinite(value)]
        return (max if self.mode == "max" else min)(finite, default=math.nan)

    def _distance(self, value: float) -> float:
        assert self.level is not None
        away = self.level - value if self.mode == "max" else value - self.level
        return away / max(abs(self.level), float(np.finfo("float32").tiny)) if math.isfinite(value) else math.inf


def last(metric: str, *, mode: Mode | None = None) -> Objective:
    """The value of a metric after the last epoch; its name alone is the same.

    Args:
        metric: As `fit` reports it, such as `"val_loss"`.
        mode: `"min"` if less is better, `"max"` if more is; by default what the metric's name says.

    Raises:
        ValueError: If the name does not say it.

    Example:
        >>> last("val_accuracy").direction
        'maximize'
    """
    return Objective(_metric(metric), _mode(metric, mode), "last")


def best(metric: str, *, mode: Mode | None = None) -> Objective:
    """The best value of a metric over all epochs.

    Args:
        metric: As `fit` reports it.
        mode: Which way is better, as in `last`.

    Raises:
        ValueError: If the metric's name does not say which way is better.

    Example:
        >>> print(best("val_loss"))
        best('val_loss')
    """
    return Objective(_metric(metric), _mode(metric, mode), "best")


def steps_to(metric: str, level: float, *, mode: Mode | None = None) -> Objective:
    """The steps of the optimizer until the end of the first epoch at which a metric is as good as a level.

    A run that never comes there counts as infeasible, and twice its steps.

    Args:
        metric: As `fit` reports it.
        level: How good it has to be.
        mode: Which way is better, as in `last`.

    Raises:
        TypeError: If the level is no number.
        ValueError: If it is not finite, or the metric's name does not say which way is better.

    Example:
        >>> print(steps_to("val_loss", 0.3))
        steps_to('val_loss', 0.3)
    """
    return Objective(_metric(metric), _mode(metric, mode), "steps_to", check_number("level", level))


def objective_of(given: str | Objective) -> Objective:
    """The objective that a user wrote."""
    return given if isinstance(given, Objective) else last(given)


def _metric(metric: object) -> str:
    if not isinstance(metric, str) or not metric:
        raise TypeError(
            f"An objective is the name of a metric. Received: {shown(metric)} (of type {type(metric).__name__}). Pass "
            "for example objective='val_loss', or best('val_accuracy')."
        )
    return metric


def _mode(metric: str, mode: Mode | None) -> Mode:
    if mode is not None:
        return check_choice("mode", mode, MODES)
    way = better_way(metric)
    if way is None:
        raise ValueError(
            f"The objective {metric!r} does not say by its name whether more or less is better. Expected a name such "
            f"as 'val_loss' or 'val_accuracy', or a direction. Pass objective=last({metric!r}, mode='max') if more is, "
            "mode='min' if less is, from keras_inits.tuning."
        )
    return way
