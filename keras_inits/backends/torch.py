"""Torch's side of the room."""

import math
from collections import deque
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import torch
from keras.src.backend.torch.core import get_device

from keras_inits.backends import (
    ABSENT,
    LEAST_SAFE_SQUARE,
    RESCALING,
    ROWS_WAITING,
    loss_scale,
    made_by_keras,
    no_layouts,
    ring_steps,
    swapped,
)

Tensor = Any
Row = Any  # a list of numbers, or a tensor


def to_tensor(values: np.ndarray) -> Tensor:
    """Hands a host array to Keras's current device, without a copy where that is the host."""
    if values.dtype == "bfloat16":  # which torch.from_numpy does not know
        tensor = torch.from_numpy(values.view(np.int16)).view(torch.bfloat16)
    else:
        tensor = torch.from_numpy(values)
    return keras.ops.convert_to_tensor(tensor)


def to_sharded(shape: tuple[int, ...], part_of: Callable[[Any], np.ndarray], layout: Any) -> Tensor:
    """Has no layouts."""
    raise no_layouts(layout)


def widest_float() -> str:
    """The most precise dtype that Keras's current device computes in; that of Apple has no float64."""
    return "float32" if torch.device(get_device()).type == "mps" else "float64"


def untraced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Has `function` run as it is where the code around it is compiled: Dynamo would translate NumPy, and wrongly."""
    return torch.compiler.disable(function)  # type: ignore[no-any-return, no-untyped-call]


def is_tracing() -> bool:
    """Whether the caller's code is being traced (`torch.compile`, `torch.export`)."""
    return torch.compiler.is_compiling()


def on_meta_device() -> bool:
    """Whether Keras's current device is the one that has shapes and no values."""
    return bool(torch.device(get_device()).type == "meta")


SHORT_SUM = 2**12
"""Torch adds up a norm's squares on a processor in float32, in 8 strands: 2**12 equal entries have a norm that is wrong
by 4e-6 at the most, 2**13 by 8e-6."""

LONG_SUM = 2**13
"""NumPy adds up a product in more strands: 2**13 equal entries have a norm that is wrong by 1e-6 at the most. Longer
sums are made of pieces of this size."""


class RecordingStep:
    """A training function made by Keras, around which each call of the optimizer also keeps a row.

    Args:
        model: The compiled model.
        arrange: From gradients and variables to one gradient, or None, for each column of a row.
        every: Only the rows of the steps 0, every, 2 * every, ... are computed and kept.
    """

    def __init__(self, model: Any, arrange: Callable[..., list[Tensor]], every: int) -> None:
        self.failure: Exception | None = None
        self.count = 0
        self.may_skip_steps = False
        self._optimizer, self._arrange, self._every = model.optimizer, arrange, every
        self._function = made_by_keras(model)
        self._rows: deque[Row] = deque(maxlen=ROWS_WAITING)
        self._apply: Callable[..., Any] = model.optimizer.apply
        # One function for good: `torch.compile` compiles anew for a new one. It is not to be compiled itself, for then
        # a step would be compiled for each value of the count.
        self._seam = torch.compiler.disable(self._recording_apply)  # type: ignore[no-untyped-call]

    def __call__(self, *arguments: Any) -> Any:
        """Runs the step that Keras's own training function would run."""
        self._apply = self._optimizer.apply
        with swapped(self._optimizer, "apply", self._seam):
            return self._function(*arguments)

    def start(self, count: int) -> None:
        """Goes on counting from here."""
        self.count = count

    def fetch(self, since: int) -> tuple[np.ndarray, np.ndarray]:
        """The steps from `since` on whose rows are still held, and their rows of norms."""
        if not self._rows:
            return np.empty(0, np.int64), np.empty((0, 0))
        steps = ring_steps(since, self.count, self._every, len(self._rows))
        held = list(self._rows)
        rows = torch.stack(held).cpu().numpy() if isinstance(held[0], torch.Tensor) else np.array(held)
        rows = rows[len(rows) - len(steps) :]
        norms, scales = rows[:, :-1], rows[:, -1:]
        return steps, np.where(norms == ABSENT, ABSENT, norms / scales)

    def _recording_apply(self, grads: Any, trainable_variables: Any = None) -> Any:
        variables = self._optimizer._trainable_variables if trainable_variables is None else trainable_variables
        try:
            if self.count % self._every == 0:
                self._rows.append(_row(self._arrange(grads, variables), loss_scale(self._optimizer)))
            self.count += 1
        except Exception as error:  # whatever goes wrong with a record, training goes on
            self.failure = error
        return self._apply(grads, trainable_variables)


@torch.no_grad()
def _row(arranged: list[Tensor], scale: Any) -> Row:
    """The norms, then the loss scale: numbers, or on a CUDA device one tensor, so that the host need not wait."""
    places = [place for place, gradient in enumerate(arranged) if gradient is not None]
    gradients = [arranged[place] for place in places]
    scale = 1.0 if scale is None else getattr(scale, "value", scale)
    if gradients[0].is_cuda:
        # No branch on unsafe squares: reading its condition would have the host wait. Float64 is no slower there.
        norms = torch.stack(torch._foreach_norm(gradients, 2, dtype=torch.float64))
        row = norms.new_full((len(arranged) + 1,), ABSENT)
        row[places], row[-1] = norms, scale
        return row
    numbers = [ABSENT] * len(arranged) + [float(scale)]
    for place, norm in zip(places, _norms(gradients), strict=True):
        numbers[place] = norm
    return numbers


def _norms(gradients: list[Tensor]) -> list[float]:
    norms = _plain_norms(gradients)
    # Squares may have been lost or have overflowed: those are taken again, of numbers of another size.
    unsafe = [place for place, norm in enumerate(norms) if not LEAST_SAFE_SQUARE <= norm * norm < math.inf]
    if unsafe:
        factors = [RESCALING if norms[place] < 1.0 else 1.0 / RESCALING for place in unsafe]
        scaled = torch._foreach_mul([gradients[place].float() for place in unsafe], factors)
        for place, norm, factor in zip(unsafe, _plain_norms(list(scaled)), factors, strict=True):
            norms[place] = norm / factor
    return norms


def _plain_norms(gradients: list[Tensor]) -> list[float]:
    """Short sums by one call of torch for all; long ones by NumPy, whose sums are more exact and calls cheaper."""
    longest = SHORT_SUM if gradients[0].is_cpu else math.inf  # other devices add up in many strands
    is_short = [gradient.numel() <= longest for gradient in gradients]
    short = [gradient for gradient, one in zip(gradients, is_short, strict=True) if one]
    norms = iter(torch.stack(torch._foreach_norm(short, 2, dtype=torch.float32)).tolist() if short else ())
    with np.errstate(over="ignore", invalid="ignore"):
        return [next(norms) if one else _long_norm(g) for g, one in zip(gradients, is_short, strict=True)]


def _long_norm(gradient: Tensor) -> float:
    flat = gradient.detach().float().numpy().reshape(-1)
    whole = flat.size - flat.size % LONG_SUM
    pieces, rest = flat[:whole].reshape(-1, 1, LONG_SUM), flat[whole:]
    return math.sqrt(sum((pieces @ pieces.swapaxes(1, 2)).ravel().tolist(), float(rest @ rest)))
