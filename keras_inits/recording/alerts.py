"""What happens when gradients go bad in mid-training."""

import sys
import warnings
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from keras_inits import thresholds
from keras_inits.recording.book import Book
from keras_inits.recording.health import EXPLODING, NON_FINITE, VANISHING, ZERO, health
from keras_inits.recording.quantities import SKIP
from keras_inits.recording.trace import GradientTrace

ACTIONS = ("ignore", "warn", "stop", "raise")

KINDS = {NON_FINITE: "nonfinite", VANISHING: "vanishing", ZERO: "vanishing", EXPLODING: "exploding"}
"""The argument of `Alerts` that each word of `health` falls under."""

EXPECTED = {
    "nonfinite": "every gradient to be finite",
    "vanishing": f"every layer to have more than {thresholds.VANISHING_RATIO:.0e} of the largest layer's norm, and "
    f"norms above {thresholds.VANISHING_NORM:.0e}",
    "exploding": f"norms to grow by less than {thresholds.EXPLODING_RATIO:.0e} towards the input, and to stay below "
    f"{thresholds.EXPLODING_NORM:.0e}",
}

REMEDIES = {
    "nonfinite": "Lower the learning rate, clip the gradient (global_clipnorm=1.0), or begin again from "
    "keras_inits.initialize(model).",
    "vanishing": "Begin again from keras_inits.initialize(model), which starts each layer by the rule of its "
    "activation; or add normalisation or residual connections.",
    "exploding": "Begin again from keras_inits.initialize(model), which starts each layer by the rule of its "
    "activation; or clip the gradient (global_clipnorm=1.0).",
}


class GradientError(RuntimeError):
    """Ends a training whose gradients went bad; what was recorded up to there is in the trace and in the file."""


@dataclass(frozen=True)
class Alerts:
    """What `GradientNormLogger` does at the first step whose gradients went bad, by the kind of it.

    Rows come from the device in bulk, so an action follows its step after at most 512 steps, or 5 seconds and a step,
    or when the epoch ends. The thresholds are those of `keras_inits.thresholds`.

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

    nonfinite: str = "warn"
    vanishing: str = "warn"
    exploding: str = "warn"

    def __post_init__(self) -> None:
        """Checks the actions."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value not in ACTIONS:
                raise ValueError(
                    f"Alerts received {field.name}={value!r}. It expects one of {', '.join(map(repr, ACTIONS))}. "
                    f'Pass {field.name}="warn" to be told of it.'
                )


class Watch:
    """Looks at each block once, and acts on the first step that is bad in each way.

    Args:
        alerts: What to do; None for nothing.
    """

    def __init__(self, alerts: Alerts | None) -> None:
        self._alerts = alerts
        self._told: set[str] = set()
        self._since: dict[str, tuple[int, str]] = {}
        self._looked = 0

    @property
    def seen(self) -> int:
        """How many blocks it has seen, or needs not."""
        return sys.maxsize if self._alerts is None else self._looked

    def begin_fit(self) -> None:
        """Tells of everything anew."""
        self._told, self._since = set(), {}

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
            for row in np.flatnonzero(block.outcomes != SKIP):
                self._look_at(block, int(row), steps, model)

    def _look_at(self, block: GradientTrace, row: int, steps: int, model: Any) -> None:
        word = health(block.norms[row])
        kind = KINDS.get(word, "")
        if kind and kind not in self._told:
            self._told.add(kind)
            text = message(kind, int(block.steps[row]), block.layers, block.norms[row])
            _act(getattr(self._alerts, kind), text, steps - int(block.steps[row]) - 1, model)


def _act(action: str, text: str, ran_on: int, model: Any) -> None:
    if action == "raise":
        raise GradientError(f"{text} {_ran_on(ran_on)}")
    if action == "stop":
        model.stop_training = True
        text += f" {_ran_on(ran_on)} Training stops here."
    if action != "ignore":
        warnings.warn(text, stacklevel=2)


def _ran_on(steps: int) -> str:
    return f"{steps} steps were trained after it before this was seen."


def message(kind: str, step: int, layers: tuple[str, ...], norms: np.ma.MaskedArray) -> str:
    """Names the step, the first bad layer in the direction of the backward pass, and those beside it."""
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
        f"{norms[layer]:.3g}{' (' + ', '.join(beside) + ')' if beside else ''}. It expects {EXPECTED[kind]}. "
        f"{REMEDIES[kind]}"
    )


def _first_in_backward_pass(kind: str, norms: np.ndarray) -> int:
    """The place of the bad layer that lies nearest to the output, and for vanishing before the largest layer."""
    if kind == "nonfinite":
        return int(np.flatnonzero(~np.isfinite(norms))[-1])
    largest = int(norms.argmax())
    if kind == "vanishing":
        bound = max(thresholds.VANISHING_RATIO * norms[largest], thresholds.VANISHING_NORM)
        bad = np.flatnonzero(norms < bound)
        before = bad[bad < largest]
        return int((before if len(before) else bad)[-1])
    smallest = norms[norms > 0].min()
    return int(np.flatnonzero(norms > min(smallest * thresholds.EXPLODING_RATIO, thresholds.EXPLODING_NORM))[-1])
