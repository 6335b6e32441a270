"""Random orthogonal matrices, from matrix products alone.

In the QR factorisation of a Gaussian matrix the Householder vectors are themselves independent Gaussian vectors of
falling length (Stewart 1980), so they are drawn, and nothing is factorised. A panel of k reflections is
I - V T V', V having unit columns and T being the inverse of striu(V'V) + I / 2 (compact WY form). Multiplying column j
by the sign that R's diagonal has there makes the matrix uniform under rotations (Mezzadri 2007).

Stewart, The efficient generation of random orthogonal matrices with an application to condition estimators (1980).
Mezzadri, How to generate random matrices from the classical compact groups (2007).
"""

import numpy as np

PANEL_COLUMNS = 192  # reflections multiplied out at a time
LEAF_COLUMNS = 24  # the panel halved three times: what NumPy inverts
ROWS = 512  # of the result updated at a time, which is what is held beside it


def make_columns_orthonormal(gaussian: np.ndarray) -> None:
    """Turns standard normal values into a Haar-distributed matrix with orthonormal columns, in their place.

    Args:
        gaussian: Of shape (m, n) with m >= n.
    """
    rows, columns = gaussian.shape
    memory = np.empty((rows, min(PANEL_COLUMNS, columns)), gaussian.dtype)
    lower = np.tri(min(PANEL_COLUMNS, columns), dtype=gaussian.dtype)  # np.tril would make one for each panel
    for start in reversed(range(0, columns, PANEL_COLUMNS)):
        # What is to the right of this panel's rows and below belongs to the result already; that beside them is R's.
        tail = gaussian[start:, start:]
        width = min(PANEL_COLUMNS, columns - start)
        vectors = memory[start:, :width]
        signs = _reflection_vectors(tail[:, :width], lower[:width, :width], vectors)
        projected = np.empty((width, columns - start), gaussian.dtype)
        projected[:, :width] = vectors[:width].T
        np.matmul(vectors[width:].T, tail[width:, width:], out=projected[:, width:])
        weights = -_triangular_factor(vectors, lower[:width, :width]) @ projected
        weights[:, :width] *= -signs
        np.matmul(vectors[:width], weights, out=tail[:width])
        np.matmul(vectors[width:], weights[:, :width], out=tail[width:, :width])
        for first in range(width, len(tail), ROWS):
            tail[first : first + ROWS, width:] += vectors[first : first + ROWS] @ weights[:, width:]
        diagonal = np.arange(width)
        tail[diagonal, diagonal] -= signs


def _reflection_vectors(panel: np.ndarray, lower: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Writes the unit Householder vectors of the panel's columns, and returns the signs of R's diagonal."""
    width = panel.shape[1]
    diagonal = np.arange(width)
    panel[:width] *= lower
    head = panel[diagonal, diagonal].astype(np.float64)
    squares = np.einsum("ij,ij->j", panel, panel, dtype=np.float64)
    signs = np.where(head < 0, -1, 1)
    beta = head + signs * np.sqrt(squares)
    beta[beta == 0] = 1  # a column of zeros: any reflection serves
    panel[diagonal, diagonal] = beta
    np.multiply(panel, (1 / np.sqrt(squares - head * head + beta * beta)).astype(panel.dtype), out=out)
    return signs.astype(panel.dtype)


def _triangular_factor(vectors: np.ndarray, lower: np.ndarray) -> np.ndarray:
    factor = vectors.T @ vectors
    factor *= lower.T
    np.fill_diagonal(factor, 0.5)
    return _inverse_of_triangular(factor)


def _inverse_of_triangular(matrix: np.ndarray) -> np.ndarray:
    """Inverts the blocks on the diagonal, all at once, then twice as large ones out of two each, and so on."""
    size = LEAF_COLUMNS
    while size < len(matrix):
        size *= 2
    inverse = np.eye(size, dtype=matrix.dtype)  # what is beyond the matrix stays as it is
    inverse[: len(matrix), : len(matrix)] = matrix
    blocks = _diagonal_blocks(inverse, LEAF_COLUMNS)
    blocks[...] = np.linalg.inv(blocks)
    half = LEAF_COLUMNS
    while half < size:
        blocks = _diagonal_blocks(inverse, 2 * half)
        upper, lower = blocks[:, :half, :half], blocks[:, half:, half:]
        blocks[:, :half, half:] = -(upper @ blocks[:, :half, half:]) @ lower
        half *= 2
    return inverse[: len(matrix), : len(matrix)]


def _diagonal_blocks(matrix: np.ndarray, size: int) -> np.ndarray:
    """A view of shape (n / size, size, size)."""
    row, column = matrix.strides
    shape = (len(matrix) // size, size, size)
    return np.lib.stride_tricks.as_strided(matrix, shape, (size * (row + column), row, column))
