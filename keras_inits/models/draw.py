"""From a plan to values: each weight from a stream of its own."""

import contextlib
import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from keras_inits import backends
from keras_inits.initializers.base import HostInitializer
from keras_inits.initializers.gates import PerGate
from keras_inits.initializers.seeds import Seed, derive_entropy, draw_entropy
from keras_inits.models.auto import head_variance
from keras_inits.models.rules import Planned
from keras_inits.models.table import DrawnWeight

AT_A_TIME = 1 << 20  # how many values are measured at a time


def draw(plan: Sequence[Planned], seed: Seed) -> list[DrawnWeight]:
    """Gives each weight of the plan its new values, and returns the rows of the table.

    Raises:
        ValueError: If an initializer cannot make the values of a weight.
    """
    entropy = draw_entropy(seed)
    rows = []
    for planned in plan:
        values = _values(planned, entropy)
        planned.weight.variable.assign(backends.current().to_tensor(values))
        rows.append(row_of(planned, values))
    return rows


@contextlib.contextmanager
def all_or_nothing(plan: Sequence[Planned]) -> Iterator[None]:
    """Gives the weights of the plan their former values again if the block fails, or is interrupted."""
    variables = [planned.weight.variable for planned in plan]
    before = [keras.ops.convert_to_numpy(variable.value).copy() for variable in variables]
    try:
        yield
    except BaseException:
        for variable, values in zip(variables, before, strict=True):
            variable.assign(backends.current().to_tensor(values))
        raise


def _values(planned: Planned, entropy: tuple[int, ...]) -> np.ndarray:
    weight, initializer, factor, _ = planned
    shape, name = tuple(weight.variable.shape), weight.variable.dtype
    own = _own_seed(initializer)
    stream = derive_entropy(entropy if own is None else draw_entropy(own), _number(weight.stream))
    try:
        if isinstance(initializer, HostInitializer):
            values = initializer._draw_stream(shape, np.dtype(name), stream, weight.fans)
        else:
            values = np.asarray(keras.ops.convert_to_numpy(_seeded(initializer, stream)(shape, dtype=name)))
            values = values.astype(name, copy=False)  # a function of one's own need not heed the dtype
        if values.shape != shape:
            raise ValueError(f"it gave values of the shape {values.shape}")
    except Exception as error:  # of any package's initializer
        raise ValueError(
            f"The initializer {initializer!r} could not make the values of the weight {weight.path!r}: {error}. "
            f"Expected values of the shape {shape} and dtype {name}. Give this weight another one by a pair of "
            "`rules`; all weights are what they were."
        ) from error
    return values if factor == 1 else (values * factor).astype(values.dtype)


def _own_seed(initializer: Any) -> Seed:
    if isinstance(initializer, PerGate):
        initializer = initializer.initializer
    # Keras's own put a number in the place of None; what they were made with stands here.
    return getattr(initializer, "seed" if isinstance(initializer, HostInitializer) else "_init_seed", None)


def _number(stream: str) -> int:
    return int.from_bytes(hashlib.blake2b(stream.encode(errors="surrogatepass"), digest_size=16).digest(), "little")


def _seeded(initializer: Any, entropy: tuple[int, ...]) -> Any:
    """One of Keras's, or of another package, with a seed from the stream, if it has any."""
    config = initializer.get_config() if isinstance(initializer, keras.initializers.Initializer) else {}
    if "seed" not in config:
        return initializer
    seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
    return type(initializer).from_config({**config, "seed": seed})


def row_of(planned: Planned, values: np.ndarray) -> DrawnWeight:
    """The table's row for a weight with these values."""
    weight, initializer, factor, origin = planned
    law, stddev = type(initializer).__name__, None
    if isinstance(initializer, HostInitializer):
        law, stddev = initializer._law(), initializer._stddev(values.shape, weight.fans)
    if factor == 0:
        law, stddev = "zeros", 0.0
    elif factor != 1:
        law = f"{factor:.4g} times {law.removeprefix('1 times ')}"
        stddev = None if stddev is None else stddev * factor
    measured = _measured(values)
    head = head_variance(weight, measured if stddev is None else stddev)
    return DrawnWeight(weight.path, values.shape, weight.fans, law, stddev, measured, origin, head)


def _measured(values: np.ndarray) -> float:
    """The standard deviation, in float64, in pieces: the whole array in float64 would take twice its memory."""
    flat = values.reshape(-1)
    pieces = [flat[start : start + AT_A_TIME] for start in range(0, flat.size, AT_A_TIME)]
    mean = sum(float(piece.sum(dtype=np.float64)) for piece in pieces) / max(1, flat.size)
    square = sum(float(((piece.astype(np.float64) - mean) ** 2).sum()) for piece in pieces) / max(1, flat.size)
    return math.sqrt(square)
