"""From products with matrices to bidiagonal matrices that have the same singular values (Golub and Kahan)."""

from collections.abc import Callable

import numpy as np

from keras_inits.diagnosis.unit_sums import SEED
from keras_inits.faults import ours

Product = Callable[[np.ndarray], np.ndarray]  # from examples x entries to the same

STEP = "while it orthogonalised vectors"


def bidiagonal(
    forward: Product, backward: Product, examples: int, sizes: tuple[int, int], steps: int, lost: float
) -> np.ndarray:
    """Returns bidiagonal matrices with the singular values of `forward`, from the smaller size to the larger.

    Args:
        forward: Products with the matrix of each example.
        backward: Products with its transpose.
        examples: How many matrices there are.
        sizes: Of the vectors that `forward` takes, and of those that it returns.
        steps: The size of the bidiagonal matrices, at most the smaller size.
        lost: A direction with this share of the largest singular value is rounding: the space is exhausted there.
    """
    random = np.random.default_rng(SEED)
    rights, lefts = np.zeros((examples, 0, sizes[0])), np.zeros((examples, 0, sizes[1]))
    matrices, largest = np.zeros((examples, steps, steps)), np.zeros(examples)
    new = np.zeros((examples, sizes[0]))
    for step in range(steps):
        with ours(STEP):
            new, norms = _orthonormal(new, rights, lost * largest, random)
            if step:
                matrices[:, step - 1, step] = norms
            rights = np.concatenate([rights, new[:, None]], axis=1)
        new = forward(new)
        with ours(STEP):
            new, norms = _orthonormal(new, lefts, lost * largest, random)
            matrices[:, step, step] = norms
            largest = np.maximum(largest, norms)
            lefts = np.concatenate([lefts, new[:, None]], axis=1)
        new = backward(new)
    return matrices


def _orthonormal(
    vectors: np.ndarray, basis: np.ndarray, least: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors orthogonalised against a basis and made unit, and their norms; where too little is left, random and 0."""
    rest = _without(vectors, basis)
    norms = np.linalg.norm(rest, axis=1)
    norms = np.where(norms > least, norms, 0.0)
    fresh = _without(random.standard_normal(vectors.shape), basis)
    rest = np.where(norms[:, None] > 0, rest, fresh)
    return rest / np.linalg.norm(rest, axis=1, keepdims=True), norms


def _without(vectors: np.ndarray, basis: np.ndarray) -> np.ndarray:
    for _ in range(2):  # once leaves what rounding made of it
        vectors = vectors - np.einsum("ek,ekn->en", np.einsum("ekn,en->ek", basis, vectors), basis)
    return vectors
