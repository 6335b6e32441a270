"""The singular values of a model's input-output Jacobian, by products with it."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_inits.arguments import check_whole
from keras_inits.backends import differentiation
from keras_inits.backends.forks import computing
from keras_inits.diagnosis.bidiagonal import bidiagonal
from keras_inits.diagnosis.jacobian_inputs import check_model, points_of
from keras_inits.diagnosis.products import Products
from keras_inits.faults import ours
from keras_inits.models.weights import weights_of
from keras_inits.notebook import Shown

MAX_PRODUCTS = 64
LOST_ROUNDINGS = 4
"""A direction of so many roundings' share of the largest singular value is rounding: the space is exhausted there."""
LOST_ON_HOST = 1e-14
"""The same of the host's own rounding, in float64, when it makes vectors orthogonal."""


@dataclass(frozen=True, repr=False)
class JacobianSpectrum(Shown):
    """The singular values of the Jacobian at each example, falling, and what they are on average.

    Of the Jacobian J of n outputs by m inputs, r = min(n, m) singular values can differ from zero. With as many
    products, all of them are here; with fewer, approximations from both ends of the spectrum, and the two averages are
    estimates.
    """

    singular_values: np.ndarray
    """Examples x values."""
    mean_square: float
    """The mean of the squared singular values: 1 if lengths are kept on average."""
    spread: float
    """The standard deviation of the squared singular values over their mean: 0 if every length is kept alike."""

    def __repr__(self) -> str:
        """One line; `print` shows the numbers."""
        return f"<JacobianSpectrum of {' x '.join(map(str, self.singular_values.shape))} singular values>"

    def __str__(self) -> str:
        """The largest and smallest values, and the averages."""
        largest, smallest = self.singular_values.max(), self.singular_values.min()
        return (
            f"singular values from {smallest:.3g} to {largest:.3g}, mean square {self.mean_square:.3g}, "
            f"spread {self.spread:.3g}"
        )


@computing("jacobian_spectrum")
def jacobian_spectrum(model: keras.Model, x: Any, *, products: int = MAX_PRODUCTS) -> JacobianSpectrum:
    r"""Computes the singular values of the Jacobian of a model's output by its input, at each example.

    By Golub and Kahan's bidiagonalisation, with every vector orthogonalised against all before: each step takes one
    product with J and one with its transpose, for all examples together, and the matrix itself is never made. Weights
    start well where the squares have the mean 1 and no spread (dynamical isometry).

    The products run in the dtypes that the model's layers compute in, and the method around them in float64: a singular
    value is exact up to some roundings of the coarsest of these dtypes (6e-8 for float32, 5e-4 for float16, 4e-3 for
    bfloat16), relative to the largest one. Keras itself multiplies matrices of float64 in float32 on JAX and on torch.
    Products that leave float16's range are made again at a smaller scale.

    Args:
        model: With one input and one output of floating-point numbers. It runs as in inference: in training, batch
            normalisation mixes examples, and they have no Jacobian each.
        x: Some examples.
        products: How many steps at the most. With min(inputs, outputs) of them the values are exact to rounding.

    Raises:
        TypeError: If `products` is not a whole number, or the model is not one of Keras's.
        ValueError: If `products` is below 1; if the model is not built, has several inputs or outputs, or some that are
            not floating-point numbers; if it does not take `x`, or the backend cannot differentiate it; if a weight,
            `x`, an output or a derivative is infinite or not a number, with the name of the weight.
        InternalError: If a step of keras_inits fails.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_inits import Orthogonal, jacobian_spectrum
        >>> model = keras.Sequential([keras.Input((32,))])
        >>> for seed in range(50):
        ...     model.add(keras.layers.Dense(32, kernel_initializer=Orthogonal(seed=seed)))
        >>> spectrum = jacobian_spectrum(model, np.ones((1, 32)))
        >>> bool(np.allclose(spectrum.singular_values, 1, atol=1e-4)), round(spectrum.mean_square, 3)
        (True, 1.0)

    Reference:
        Golub & Kahan (1965), Calculating the singular values and pseudo-inverse of a matrix; Saxe, McClelland & Ganguli
        (2014), Exact solutions to the nonlinear dynamics of learning in deep linear neural networks; Pennington,
        Schoenholz & Ganguli (2017), Resurrecting the sigmoid in deep learning through dynamical isometry.
    """
    steps = check_whole("products", products, 1)
    weights = weights_of(model)
    check_model(model, weights)
    points, called = points_of(model, x)
    with differentiation.current().preserved(model), keras.StatelessScope():
        found = Products(model, points, called)
        forward, backward, sizes = found.forward, found.backward, found.sizes
        if sizes[0] > sizes[1]:  # the transpose has the same singular values, and the smaller space is exhausted first
            forward, backward, sizes = backward, forward, sizes[::-1]
        lost = max(LOST_ROUNDINGS * found.roundoff, LOST_ON_HOST)
        matrices = bidiagonal(forward, backward, found.examples, sizes, min(steps, sizes[0]), lost)
    with ours("while it computed singular values"):
        return _spectrum(matrices, exact=matrices.shape[-1] == sizes[0])


def _spectrum(matrices: np.ndarray, exact: bool) -> JacobianSpectrum:
    _, values, right = np.linalg.svd(matrices)
    # The first vector was random: what it has of each direction are the weights of Gauss's quadrature over all of them.
    weights = np.full(values.shape, 1 / values.shape[1]) if exact else right[:, :, 0] ** 2
    largest = float(values.max())
    squares = np.square(values / (largest or 1.0))  # whose squares stay in range
    mean, fourth = (float((weights * one).sum(axis=1).mean()) for one in (squares, squares**2))
    return JacobianSpectrum(values, largest * largest * mean, max(0.0, fourth / mean**2 - 1) ** 0.5 if mean else 0.0)
