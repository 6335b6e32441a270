"""Random orthogonal matrices, from matrix products alone.

In the QR factorisation of a Gaussian matrix the Householder vectors are themselves independent Gaussian vectors of
falling length (Stewart 1980), so they are drawn, and nothing is factorised. A panel of k reflections is
I - V T V', V having unit columns and T being the inverse of striu(V'V) + I / 2 (compact WY form). Multiplying column j
by the sign that R's diagonal has there makes the matrix uniform under rotations (Mezzadri 2007).

Stewart, The efficient generation of random orthogonal matrices with an application to condition estimators (1980).
Mezzadri, How to generate random matrices from the classical compact groups (2007).
"""

import numpy as np

PANEL = 256  # reflections multiplied out at a time


def orthonormal_columns(gaussian: np.ndarray) -> np.ndarray:
    """Returns a Haar-distributed matrix with orthonormal columns.

    Args:
        gaussian: Standard normal values, of shape (m, n) with m >= n; overwritten.
    """
    rows, columns = gaussian.shape
    result = np.zeros((rows, columns), gaussian.dtype)
    for start in reversed(range(0, columns, PANEL)):
        width = min(PANEL, columns - start)
        vectors, signs = _reflection_vectors(gaussian[start:, start : start + width])
        tail = result[start:, start:]
        # The panel's own columns of `tail` are still zero: they stand for those of the identity, added at the end.
        projected = np.empty((width, columns - start), gaussian.dtype)
        projected[:, :width] = vectors[:width].T
        np.matmul(vectors[width:].T, tail[width:, width:], out=projected[:, width:])
        tail -= vectors @ (_triangular_factor(vectors) @ projected)
        diagonal = np.arange(width)
        tail[diagonal, diagonal] += 1
        tail[:, :width] *= -signs
    return result


def _reflection_vectors(panel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit Householder vectors of the panel's columns below its diagonal, and the signs of the diagonal."""
    width = panel.shape[1]
    diagonal = np.arange(width)
    panel[:width] = np.tril(panel[:width])
    head = panel[diagonal, diagonal].astype(np.float64)
    squares = np.einsum("ij,ij->j", panel, panel, dtype=np.float64)
    signs = np.where(head < 0, -1, 1)
    beta = head + signs * np.sqrt(squares)
    beta[beta == 0] = 1  # a column of zeros: any reflection serves
    panel[diagonal, diagonal] = beta
    panel *= (1 / np.sqrt(squares - head * head + beta * beta)).astype(panel.dtype)
    return panel, signs.astype(panel.dtype)


def _triangular_factor(vectors: np.ndarray) -> np.ndarray:
    factor = np.triu(vectors.T @ vectors, 1)
    np.fill_diagonal(factor, 0.5)
    return _inverse_of_triangular(factor)


def _inverse_of_triangular(matrix: np.ndarray) -> np.ndarray:
    size = len(matrix)
    if size <= 32:
        return np.linalg.inv(matrix)
    half = size // 2
    inverse = np.zeros_like(matrix)
    inverse[:half, :half] = _inverse_of_triangular(matrix[:half, :half])
    inverse[half:, half:] = _inverse_of_triangular(matrix[half:, half:])
    inverse[:half, half:] = -(inverse[:half, :half] @ matrix[:half, half:]) @ inverse[half:, half:]
    return inverse
