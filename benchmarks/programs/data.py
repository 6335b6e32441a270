"""The data of the programs."""

from typing import Any

import numpy as np

Array = Any


def digits(side: int = 8, pixels: bool = False) -> tuple[Array, Array]:
    """Scikit-learn's handwritten digits, shuffled, enlarged to a whole multiple of 8; from 0 to 1, or to 255."""
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    images = np.kron(found.images[order], np.ones((1, side // 8, side // 8))) / 16
    return (images * (255 if pixels else 1)).astype("float32"), found.target[order]


def standardised(columns: Array) -> Array:
    """Each column with the mean 0 and the deviation 1."""
    return ((columns - columns.mean(0)) / (columns.std(0) + 1e-9)).astype("float32")


def one_hot(labels: Array) -> Array:
    """A row of zeros and a one for each label."""
    return np.eye(int(labels.max()) + 1, dtype="float32")[labels]


def blobs() -> tuple[Array, Array]:
    """Three clouds of points in the plane."""
    random = np.random.default_rng(2)
    labels = random.integers(0, 3, 1000)
    centres = np.array([[-2, -9], [1, 6], [7, -1]])
    return (centres[labels] + 2 * random.standard_normal((1000, 2))).astype("float32"), one_hot(labels)


def rings() -> tuple[Array, Array]:
    """Points of two circles, one within the other."""
    random = np.random.default_rng(1)
    inner = random.integers(0, 2, 1000)
    angles = random.uniform(0, 2 * np.pi, 1000)
    points = np.stack([np.cos(angles), np.sin(angles)], 1) * np.where(inner, 0.5, 1.0)[:, None]
    return (points + 0.1 * random.standard_normal((1000, 2))).astype("float32"), inner[:, None].astype("float32")
