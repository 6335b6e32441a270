"""Torch's side of the room."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import torch

from keras_inits.backends import (
    ABSENT,
    LEAST_SAFE_SQUARE,
    RESCALING,
    ROWS_WAITING,
    loss_scale,
    made_by_keras,
    ring_steps,
    swapped,
)

Tensor = Any


def to_tensor(values: np.ndarray) -> Tensor:
    """Hands a host array to Keras's current device, without a copy where that is the host."""
    if values.dtype == "bfloat16":  # which torch.from_numpy does not know
        tensor = torch.from_numpy(values.view(np.int16)).view(torch.bfloat16)
    else:
        tensor = torch.from_numpy(values)
    return keras.ops.convert_to_tensor(tensor)


def widest_float() -> str:
    """The most precise dtype that Keras's current device computes in; that of Apple has no float64."""
    return "float32" if keras.ops.convert_to_tensor(torch.empty(0)).device.type == "mps" else "float64"


def untraced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Has `function` run as it is where the code around it is compiled: Dynamo would translate NumPy, and wrongly."""
    return torch.compiler.disable(function)  # type: ignore[no-any-return, no-untyped-call]


def is_tracing() -> bool:
    """Whether the caller's code is being traced (`torch.compile`, `torch.export`)."""
    return torch.compiler.is_compiling()


def on_meta_device() -> bool:
    """Whether Keras's current device is the one that has shapes and no values."""
    return bool(keras.ops.convert_to_tensor(torch.empty(0)).is_meta)


LONGEST_SUM = 2**16
"""Torch adds up products nearly one after the other on a processor, in float32: 2**16 equal ones come out wrong by
8e-6 at the most, 2**20 by 8e-5. (Its norm is worse: 2**15 by 6e-5.) Longer sums are made of pieces."""


class RecordingStep:
    """A training function made by Keras, around which each call of the optimizer also writes a row into a ring.

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
        self._ring: Tensor = None
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
        if self._ring is None:
            return np.empty(0, np.int64), np.empty((0, 0))
        steps = ring_steps(since, self.count, self._every, ROWS_WAITING)
        rows = self._ring.cpu().numpy()[steps // self._every % ROWS_WAITING]
        norms, scales = rows[:, :-1].astype(np.float64), rows[:, -1:]
        return steps, np.where(norms == ABSENT, ABSENT, norms / scales)

    def _recording_apply(self, grads: Any, trainable_variables: Any = None) -> Any:
        variables = self._optimizer._trainable_variables if trainable_variables is None else trainable_variables
        try:
            if self.count % self._every == 0:
                self._record(self._arrange(grads, variables))
            self.count += 1
        except Exception as error:  # whatever goes wrong with a record, training goes on
            self.failure = error
        return self._apply(grads, trainable_variables)

    @torch.no_grad()
    def _record(self, arranged: list[Tensor]) -> None:
        places = [place for place, gradient in enumerate(arranged) if gradient is not None]
        norms = _norms([arranged[place] for place in places])
        if self._ring is None:
            self._ring = norms.new_zeros(ROWS_WAITING, len(arranged) + 1)
        slot = self._ring[self.count // self._every % ROWS_WAITING]
        if len(places) == len(arranged):
            slot[:-1].copy_(norms)
        else:
            slot.fill_(ABSENT)
            slot[places] = norms
        scale = loss_scale(self._optimizer)
        slot[-1] = 1.0 if scale is None else getattr(scale, "value", scale)


def _norms(gradients: list[Tensor]) -> Tensor:
    """The norm of each gradient, in the widest type of its device."""
    device = gradients[0].device
    if device.type == "cuda":
        # No branch: reading its condition would have the host wait. Adding up in float64 is no slower there.
        return torch.stack(torch._foreach_norm(gradients, 2, dtype=torch.float64))
    pieces = [_pieces(gradient) for gradient in gradients]
    sums = [torch.dot(piece, piece) for some in pieces for piece in some]
    # From here on Python computes: to read a number costs less on the host than an operation of torch does.
    plain = iter([value.item() for value in sums] if device.type == "cpu" else torch.stack(sums).tolist())
    squares = [sum(_checked(next(plain), piece) for piece in some) for some in pieces]
    widest = torch.float32 if device.type == "mps" else torch.float64
    return torch.tensor([math.sqrt(square) for square in squares], dtype=widest, device=device)


def _pieces(gradient: Tensor) -> Sequence[Tensor]:
    flat = gradient.float().reshape(-1)
    return (flat,) if flat.numel() <= LONGEST_SUM else flat.split(LONGEST_SUM)


def _checked(square: float, piece: Tensor) -> float:
    """The sum of squares, from numbers of another size if squares may have been lost or have overflowed."""
    if LEAST_SAFE_SQUARE <= square < math.inf:
        return square
    factor = RESCALING if square < LEAST_SAFE_SQUARE else 1.0 / RESCALING
    scaled = piece * factor
    return float(torch.dot(scaled, scaled).item() / factor**2)
