"""Matrices that keep norms: random orthogonal ones, and the identity."""

import math

import keras
import numpy as np

from keras_inits.arguments import check_number
from keras_inits.initializers import sampling
from keras_inits.initializers.base import REFUSED_BY_KERAS, Config, HostInitializer, RandomInitializer
from keras_inits.initializers.buffers import aligned
from keras_inits.initializers.checks import check_range, check_two_sizes
from keras_inits.initializers.fans import Fans
from keras_inits.initializers.haar import make_columns_orthonormal
from keras_inits.initializers.seeds import Seed


def orthogonal_matrix(
    rows: int, columns: int, dtype: np.dtype, entropy: tuple[int, ...], gain: float = 1.0
) -> np.ndarray:
    """Draws `gain` times a matrix with orthonormal columns, or rows if these are fewer, uniformly from all of them."""
    check_range(abs(gain), dtype)
    working = np.dtype("float64" if dtype == np.float64 else "float32")
    matrix = sampling.normal((max(rows, columns), min(rows, columns)), working, entropy).whole()
    make_columns_orthonormal(matrix)
    if gain != 1:
        matrix *= working.type(gain)
    if rows >= columns and dtype == working:
        return matrix
    result = aligned((rows, columns), dtype)
    result[...] = matrix if rows >= columns else matrix.T
    return result


def matrix_shape(shape: tuple[int, ...], fans: Fans | None) -> tuple[int, int]:
    """The rows and columns of the matrix that a kernel is: the leading axes of its fan_in, or all but the last."""
    sizes = [math.prod(shape[:axis]) for axis in range(1, len(shape))]
    rows = int(fans[0]) if fans is not None and fans[0] in sizes else math.prod(shape[:-1])
    return rows, math.prod(shape) // max(1, rows)


@keras.saving.register_keras_serializable(package="keras_inits")
class Orthogonal(RandomInitializer):
    """Draws a matrix uniformly from all those with orthonormal columns, or rows, and multiplies it by `gain`.

    The weight is seen as a matrix W of shape `(prod(shape[:-1]), shape[-1])`. If it has at least as many rows as
    columns, W'W = gain^2 I, else WW' = gain^2 I. Where the fans of the layer are known, as in `initialize`, the rows
    are the leading axes that make up fan_in: of the queries' kernel of attention, (width, heads, size), width rows.

    Args:
        gain: The factor, any finite number.
        seed: See `RandomInitializer`.

    Raises:
        TypeError: If `gain` is not a number, or `seed` not a seed.
        ValueError: If `gain` is not finite, or, when called, the shape has less than two sizes.

    Example:
        >>> import keras
        >>> weight = Orthogonal(seed=7)((64, 64))
        >>> error = keras.ops.matmul(keras.ops.transpose(weight), weight) - keras.ops.eye(64)
        >>> bool(keras.ops.max(keras.ops.abs(error)) < 1e-5)
        True

    Reference:
        Saxe, McClelland & Ganguli (2014), Exact solutions to the nonlinear dynamics of learning in deep linear neural
        networks.
    """

    def __init__(self, gain: float = 1.0, seed: Seed = None) -> None:
        super().__init__(seed)
        self.gain = check_number("gain", gain)

    def _check_rank(self, shape: tuple[int, ...]) -> None:
        check_two_sizes("Orthogonal", "since it makes a matrix of the last one by all others", shape)

    def _sample(self, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...]) -> np.ndarray:
        return orthogonal_matrix(math.prod(shape[:-1]), shape[-1], dtype, entropy, self.gain).reshape(shape)

    def _draw_stream(
        self, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], fans: Fans | None
    ) -> np.ndarray:
        return orthogonal_matrix(*matrix_shape(shape, fans), dtype, entropy, self.gain).reshape(shape)

    def _stddev(self, shape: tuple[int, ...], fans: Fans | None) -> float:
        return abs(self.gain) / math.sqrt(max(matrix_shape(shape, fans)))

    def _law(self) -> str:
        return f"{self.gain:g} times a random orthogonal matrix"

    def get_config(self) -> Config:
        """Returns the constructor's arguments, ready for JSON."""
        return {"gain": self.gain, **super().get_config()}


@keras.saving.register_keras_serializable(package="keras_inits")
class Identity(HostInitializer):
    """The identity matrix times `gain`; a matrix that is not square has zeros in its further rows or columns.

    Args:
        gain: The factor, any finite number.

    Raises:
        TypeError: If `gain` is not a number.
        ValueError: If `gain` is not finite, or, when called, the shape is not that of a matrix.

    Example:
        >>> import keras
        >>> layer = keras.layers.SimpleRNN(32, activation="relu", recurrent_initializer=Identity())
        >>> keras.ops.convert_to_numpy(Identity(gain=2.0)((2, 3))).tolist()
        [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]

    Reference:
        Le, Jaitly & Hinton (2015), A simple way to initialize recurrent networks of rectified linear units.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = check_number("gain", gain)

    def _check_rank(self, shape: tuple[int, ...]) -> None:
        if len(shape) != 2:
            raise ValueError(
                f"Identity expects the shape of a matrix, two sizes. Received: shape={shape}. "
                "Use Orthogonal, which takes kernels of convolutions too."
            )

    def _draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        check_range(abs(self.gain), dtype)
        matrix = aligned(shape, dtype, np.zeros)
        np.fill_diagonal(matrix, self.gain)
        return matrix

    def _law(self) -> str:
        return f"{self.gain:g} times the identity"

    def get_config(self) -> Config:
        """Returns the constructor's arguments, ready for JSON."""
        # Keras's class forgets its gain when it is saved or cloned in its turn.
        return {"gain": self.gain} if self.gain == 1 else {"gain": self.gain, **REFUSED_BY_KERAS}
