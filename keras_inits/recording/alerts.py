"""Alerts: the reaction to gradients that go bad in mid-training."""

import sys
import warnings
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from keras_inits import thresholds
from keras_inits.arguments import check_choice
from keras_inits.recording.book import Book
from keras_inits.recording.health import health
from keras_inits.recording.quantities import SKIP
from keras_inits.recording.trace import GradientTrace
from keras_inits.states import State
from keras_inits.thresholds import PERSISTENT_STEPS

Action = Literal["ignore", "warn", "stop", "raise"]
ACTIONS: tuple[Action, ...] = get_args(Action)
FLOAT32_POWERS = 38.0
"""Powers of ten from 1 to the largest float32."""

AFTER_HEALTH = (
    "Gradients were healthy before it, so the start is not at fault: steps of the optimizer brought the weights there. "
    "Lower the learning rate (model.optimizer.learning_rate /= 10) and begin again, or clip the gradient "
    "(global_clipnorm=1.0)."
)
"""The remedy for what vanishes or explodes in mid-training."""


class GradientError(RuntimeError):
    """Ends a training whose gradients went bad; what was recorded up to there is in the trace and in the file.

    Args:
        text: What happened, and what helps.
        kind: How they are bad, in a word.
        step: The first step that was.
        layer: The first bad layer in the direction of the backward pass.
        excess: By how many powers of ten the worst norm is beyond the bound; that of a norm that is zero or no number
            is the range of float32.
    """

    def __init__(self, text: str, kind: State, step: int, layer: str, excess: float) -> None:
        super().__init__(text)
        self.kind, self.step, self.layer, self.excess = kind, step, layer, excess

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, as of another process, is made of all arguments."""
        return type(self), (str(self), self.kind, self.step, self.layer, self.excess)


@dataclass(frozen=True)
class Alerts:
    """What `GradientNormLogger` does at the first step whose gradients went bad, by the kind of it.

    Rows come from the device in bulk, so an action follows its step after at most 512 rows, or 5 seconds and a step,
    or when the epoch ends. For `nonfinite="stop"` and `"raise"` the device is asked at each step, but at most every 5
    milliseconds, and never waited for. Layers are judged, also where `per="variable"` records their weights one by
    one, and one layer beside another only when ten recorded steps in a row show the same. The thresholds are those
    of `keras_inits.thresholds`.

    Args:
        nonfinite: A norm is infinite or not a number. Steps that a dynamic loss scale skips are none of these.
        vanishing: A layer's norm is zero or lost beside the largest layer's, which lies nearer to the output; or all
            are too small to be squared.
        exploding: The same towards the input, or a norm is too large to be squared.
            Each is `"ignore"`, `"warn"`, `"stop"` (ends training as `EarlyStopping` does, with a warning) or `"raise"`
            (a `GradientError`). Each kind is told once in a fit.

    Raises:
        ValueError: If an action is none of these.

    Example:
        >>> from keras_inits import Alerts, GradientNormLogger
        >>> logger = GradientNormLogger(alerts=Alerts(nonfinite="raise", exploding="stop"))
    """

    nonfinite: Action = "warn"
    vanishing: Action = "warn"
    exploding: Action = "warn"

    def __post_init__(self) -> None:
        """Checks the actions."""
        for field in fields(self):
            check_choice(field.name, getattr(self, field.name), ACTIONS, f"Pass {field.name}='warn' to be told of it.")


class First(NamedTuple):
    """The first of several steps in a row that are bad in one way."""

    step: int
    layers: tuple[str, ...]
    norms: np.ma.MaskedArray
    times: int
    was_healthy: bool
    """Whether a step of this fit before it was healthy."""


class Watch:
    """Looks at each block once, and acts on the first step that is bad in each way.

    Args:
        alerts: What to do; None for nothing.
    """

    def __init__(self, alerts: Alerts | None) -> None:
        self._alerts = alerts
        self._told: set[State] = set()
        self._since: dict[State, First] = {}  # of each kind when it began, if it has not ended
        self._looked = 0
        self._was_healthy = False

    @property
    def seen(self) -> int:
        """How many blocks it has seen, or needs not."""
        return sys.maxsize if self._alerts is None else self._looked

    def begin_fit(self) -> None:
        """Tells of everything anew."""
        self._told, self._since, self._was_healthy = set(), {}, False

    def look(self, book: Book, steps: int, model: Any) -> None:
        """Acts on what is new in a book.

        Args:
            book: Whose blocks.
            steps: How many steps were trained by now.
            model: The one that is trained.

        Raises:
            GradientError: If that is the action.
        """
        if self._alerts is None:
            return
        for number, block in book.blocks_from(self._looked):
            self._looked = number + 1
            self._look_at_rows(block, block.judged_layers, block.judged_norms, steps, model)

    def look_back(self, trace: GradientTrace) -> None:
        """Acts on a finished training as it would have while it went on.

        Args:
            trace: With a column for each layer.

        Raises:
            GradientError: If that is the action.
        """
        if self._alerts is None:
            return
        steps = int(trace.steps[-1]) + 1 if len(trace) else 0
        self._look_at_rows(trace, trace.layers, np.ma.asarray(trace.norms), steps, None)

    def _look_at_rows(
        self, trace: GradientTrace, layers: tuple[str, ...], norms: np.ma.MaskedArray, steps: int, model: Any
    ) -> None:
        for row in np.flatnonzero(trace.outcomes != SKIP):
            self._look_at(int(trace.steps[row]), layers, norms[row], steps, model)

    def _look_at(self, step: int, layers: tuple[str, ...], norms: np.ma.MaskedArray, steps: int, model: Any) -> None:
        state = health(norms)
        kind = State.VANISHING if state is State.ZERO else state
        ended = {one: first for one, first in self._since.items() if one != kind}
        self._since = {one: first for one, first in self._since.items() if one == kind}
        if kind is State.NONFINITE and State.EXPLODING in ended:  # it went on until there were no numbers left
            self._tell(State.EXPLODING, ended[State.EXPLODING], steps, model)
        if kind is State.HEALTHY:
            self._was_healthy = True
            return
        new = First(step, layers, norms, 0, self._was_healthy)
        first = self._since.get(kind, new)
        self._since[kind] = first = first._replace(times=first.times + 1)
        if kind is State.NONFINITE or _beyond_range(norms) or first.times >= PERSISTENT_STEPS:
            self._tell(kind, first, steps, model)

    def _tell(self, kind: State, first: First, steps: int, model: Any) -> None:
        if kind not in self._told:
            self._told.add(kind)
            _act(getattr(self._alerts, kind), _error(kind, first), steps - first.step - 1, model)


def _beyond_range(norms: np.ma.MaskedArray) -> bool:
    """Whether the largest norm is one that float32 cannot square: no other layer is needed to tell."""
    largest = np.max(norms.compressed(), initial=0.0)
    return bool(largest > thresholds.EXPLODING_NORM or 0.0 < largest < thresholds.VANISHING_NORM)


def _error(kind: State, first: First) -> GradientError:
    """The error that tells of a first bad step."""
    text = message(kind, first.step, first.layers, first.norms, first.was_healthy)
    known = first.norms.compressed()
    place = _first_in_backward_pass(kind, known)
    layer = first.layers[np.flatnonzero(~np.ma.getmaskarray(first.norms))[place]]
    return GradientError(text, kind, first.step, layer, _excess(kind, known))


def _excess(kind: State, norms: np.ndarray) -> float:
    """By how many powers of ten the worst norm is beyond the bound of what is healthy."""
    if kind is State.NONFINITE or (kind is State.VANISHING and not norms.all()):
        return FLOAT32_POWERS
    if kind is State.VANISHING:
        return max(0.0, float(np.log10(_vanishing_bound(norms) / norms.min())))
    return max(0.0, float(np.log10(norms.max() / _exploding_bound(norms))))


def _act(action: str, error: GradientError, ran_on: int, model: Any) -> None:
    text = f"{error} {_ran_on(ran_on)}" if action in ("raise", "stop") else str(error)
    if action == "raise":
        raise GradientError(text, error.kind, error.step, error.layer, error.excess)
    if action == "stop":
        model.stop_training = True
        text += " Training stops here."
    if action != "ignore":
        warnings.warn(text, stacklevel=2)


def _ran_on(steps: int) -> str:
    return f"{steps} steps were trained after it before this was seen."


def message(
    kind: State, step: int, layers: tuple[str, ...], norms: np.ma.MaskedArray, was_healthy: bool = False
) -> str:
    """Names the step, the first bad layer in the direction of the backward pass, those beside it, and what helps."""
    known = np.flatnonzero(~np.ma.getmaskarray(norms))
    place = _first_in_backward_pass(kind, norms.compressed())
    layer = known[place]
    beside = [
        f"{layers[known[other]]!r} {side} it has {norms[known[other]]:.3g}"
        for other, side in ((place + 1, "after"), (place - 1, "before"))
        if 0 <= other < len(known)
    ]
    return (
        f"GradientNormLogger found a gradient that is {kind} at step {step}: the layer {layers[layer]!r} has the norm "
        f"{norms[layer]:.3g}{' (' + ', '.join(beside) + ')' if beside else ''}. It expects {kind.expected}. "
        f"{_remedy(kind, norms, was_healthy)}"
    )


def _remedy(kind: State, norms: np.ma.MaskedArray, was_healthy: bool) -> str:
    if kind is not State.NONFINITE and was_healthy:
        return AFTER_HEALTH
    if kind is State.VANISHING and not norms.compressed().any():
        return f"No gradient came to any layer from the first step on. {State.ZERO.remedy}"
    return kind.remedy


def _first_in_backward_pass(kind: State, norms: np.ndarray) -> int:
    """The place of the bad layer that lies nearest to the output, and for vanishing before the largest layer."""
    if kind is State.NONFINITE:
        return int(np.flatnonzero(~np.isfinite(norms))[-1])
    largest = int(norms.argmax())
    if kind is State.VANISHING:
        bad = np.flatnonzero(norms < _vanishing_bound(norms))
        before = bad[bad < largest]
        return int((before if len(before) else bad)[-1])
    return int(np.flatnonzero(norms > _exploding_bound(norms))[-1])


def _vanishing_bound(norms: np.ndarray) -> float:
    return float(max(thresholds.VANISHING_RATIO * norms.max(), thresholds.VANISHING_NORM))


def _exploding_bound(norms: np.ndarray) -> float:
    return float(min(norms[norms > 0].min() * thresholds.EXPLODING_RATIO, thresholds.EXPLODING_NORM))
