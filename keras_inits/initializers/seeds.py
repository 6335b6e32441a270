"""Seeds: an integer repeats itself, `None` is new at each call, a `SeedGenerator` advances at each call.

seed -> entropy, a tuple of integers -> a stream of raw words
"""

import numbers
import os
import random
import threading
from typing import Any, TypeAlias

import keras
import numpy as np

from keras_inits import backends
from keras_inits._names import shown
from keras_inits.initializers.configs import restored

Seed: TypeAlias = int | keras.random.SeedGenerator | None

MAX_BITS = 14_284
"""Largest number of digits of a seed: Python writes integers of up to 4,300, and a longer one could not be saved."""

_generators = threading.Lock()  # a SeedGenerator reads its state and writes the next one in two steps


def _renew_lock() -> None:
    """In a process that was forked while another thread held the lock, nobody is left to let go of it."""
    global _generators
    _generators = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def check_seed(seed: Any) -> Seed:
    """Returns `seed` as a Python integer, a `SeedGenerator` (restored, if it comes from a config) or `None`."""
    if isinstance(seed, dict):
        seed = restored("seed", seed)
    if seed is None or isinstance(seed, keras.random.SeedGenerator):
        return seed
    if isinstance(seed, bool) or not isinstance(seed, numbers.Integral):
        raise TypeError(
            "Argument `seed` must be an integer, a `keras.random.SeedGenerator` or None. "
            f"Received: seed={shown(seed)} (of type {type(seed).__name__}). "
            "Pass an integer for the same values at every call, or None for new ones."
        )
    if int(seed).bit_length() > MAX_BITS:
        raise ValueError(
            f"Argument `seed` must be an integer of at most 4,300 digits. Received: seed={shown(seed)}. "
            "Pass a shorter one, such as a hash of it."
        )
    return int(seed)


def derive_entropy(entropy: tuple[int, ...], number: int) -> tuple[int, ...]:
    """The entropy of another stream under the same seed, independent of the first and of those of other numbers."""
    return (2, number, *entropy)


def draw_entropy(seed: Seed) -> tuple[int, ...]:
    """Turns a seed into non-negative integers for `numpy.random.SeedSequence`, no two seeds into the same ones.

    `None` draws from Python's `random`, which `keras.utils.set_random_seed` seeds, and which Keras keeps equal on all
    processes of a distributed job.
    """
    if isinstance(seed, keras.random.SeedGenerator):
        if backends.current().is_tracing():
            raise ValueError(
                "A `keras.random.SeedGenerator` cannot advance while a function is traced: its values would become "
                f"constants. Received: seed={seed.name!r} inside a traced function. Expected an eager call. "
                "Call the initializer outside of `jit` and the like, or seed it with an integer."
            )
        with _generators:
            state = keras.ops.convert_to_numpy(seed.next())
        return (1, *(int(word) & 0xFFFFFFFF for word in state))
    if seed is None:
        seed = random.getrandbits(64)
    return (0, 2 * seed if seed >= 0 else -2 * seed - 1)


def stream_of(entropy: tuple[int, ...], spawn_key: tuple[int, ...]) -> np.random.SFC64:
    """`SFC64(SeedSequence(entropy, spawn_key=spawn_key))`, in half the time: a small kernel takes little longer itself.

    `SeedSequence` makes one array of 32-bit words of both, the least significant first, at least four of them for the
    entropy. It takes these words as they are, too.
    """
    words = _words(entropy)
    words += [0] * (4 - len(words)) + _words(spawn_key)
    return np.random.SFC64(np.random.SeedSequence(np.array(words, np.uint32)))


def _words(numbers: tuple[int, ...]) -> list[int]:
    words = []
    for number in numbers:
        words.append(number & 0xFFFFFFFF)
        words += [number >> shift & 0xFFFFFFFF for shift in range(32, number.bit_length(), 32)]
    return words
