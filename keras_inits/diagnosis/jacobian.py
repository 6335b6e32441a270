"""The singular values of a model's input-output Jacobian, by products with it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_inits import backends
from keras_inits.backends import differentiation
from keras_inits.diagnosis.reductions import SEED
from keras_inits.initializers.arguments import check_whole

MOST = 64
LOST = 1e-6
"""A direction of this share of the largest singular value is rounding, in float32: the space is exhausted there."""

Product = Callable[[np.ndarray], np.ndarray]  # from examples x entries to the same


@dataclass(frozen=True)
class JacobianSpectrum:
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

    def __str__(self) -> str:
        """The largest and smallest values, and the averages."""
        largest, smallest = self.singular_values.max(), self.singular_values.min()
        return (
            f"singular values from {smallest:.3g} to {largest:.3g}, mean square {self.mean_square:.3g}, "
            f"spread {self.spread:.3g}"
        )


def jacobian_spectrum(model: Any, x: Any, products: int = MOST) -> JacobianSpectrum:
    r"""Computes the singular values of the Jacobian of a model's output by its input, at each example.

    By Golub and Kahan's bidiagonalisation, with every vector orthogonalised against all before: each step takes one
    product with J and one with its transpose, for all examples together, and the matrix itself is never made. Weights
    start well where the squares have the mean 1 and no spread (dynamical isometry).

    Args:
        model: With one input and one output of floating-point numbers. It runs as in inference: in training, batch
            normalisation mixes examples, and they have no Jacobian each.
        x: Some examples.
        products: How many steps at the most. With min(inputs, outputs) of them the values are exact to rounding.

    Raises:
        TypeError: If `products` is not a whole number.
        ValueError: If it is below 1, or the model has several inputs or outputs.

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
    _check_single(model)
    points = np.asarray(keras.ops.convert_to_numpy(x), model.inputs[0].dtype)
    backend = differentiation.current()
    with backend.preserved(model), keras.StatelessScope():
        tensor = backends.current().to_tensor(points)

        def run(one: Any) -> Any:
            return model(one, training=False)

        shape = tuple(run(tensor).shape)
        sizes = points[0].size, int(np.prod(shape[1:]))

        def forward(vectors: np.ndarray) -> np.ndarray:
            return _flat(backend.jacobian_vector(run, tensor, vectors.reshape(points.shape).astype(points.dtype)))

        def backward(vectors: np.ndarray) -> np.ndarray:
            return _flat(backend.vector_jacobian(run, tensor, vectors.reshape(shape).astype("float32"))[1])

        if sizes[0] > sizes[1]:  # the transpose has the same singular values, and the smaller space is exhausted first
            forward, backward, sizes = backward, forward, sizes[::-1]
        matrices = bidiagonal(forward, backward, len(points), sizes, min(steps, sizes[0]))
    return _spectrum(matrices, exact=matrices.shape[-1] == sizes[0])


def _spectrum(matrices: np.ndarray, exact: bool) -> JacobianSpectrum:
    _, values, right = np.linalg.svd(matrices)
    # The first vector was random: what it has of each direction are the weights of Gauss's quadrature over all of them.
    weights = np.full(values.shape, 1 / values.shape[1]) if exact else right[:, :, 0] ** 2
    mean = float((weights * values**2).sum(axis=1).mean())
    fourth = float((weights * values**4).sum(axis=1).mean())
    return JacobianSpectrum(values, mean, max(0.0, fourth / mean**2 - 1) ** 0.5 if mean else 0.0)


def bidiagonal(forward: Product, backward: Product, examples: int, sizes: tuple[int, int], steps: int) -> np.ndarray:
    """Returns bidiagonal matrices with the singular values of `forward`, from the smaller size to the larger."""
    random = np.random.default_rng(SEED)
    rights, lefts = np.zeros((examples, 0, sizes[0])), np.zeros((examples, 0, sizes[1]))
    matrices, largest = np.zeros((examples, steps, steps)), np.zeros(examples)
    new = np.zeros((examples, sizes[0]))
    for step in range(steps):
        new, norms = _orthonormal(new, rights, largest, random)
        if step:
            matrices[:, step - 1, step] = norms
        rights = np.concatenate([rights, new[:, None]], axis=1)
        new, norms = _orthonormal(forward(new), lefts, largest, random)
        matrices[:, step, step] = norms
        largest = np.maximum(largest, norms)
        lefts = np.concatenate([lefts, new[:, None]], axis=1)
        new = backward(new)
    return matrices


def _orthonormal(
    vectors: np.ndarray, basis: np.ndarray, largest: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """What of the vectors is orthogonal to a basis, made unit, and its norm; where nothing is left, random and 0."""
    rest = _without(vectors, basis)
    norms = np.linalg.norm(rest, axis=1)
    norms = np.where(norms > LOST * largest, norms, 0.0)
    fresh = _without(random.standard_normal(vectors.shape), basis)
    rest = np.where(norms[:, None] > 0, rest, fresh)
    return rest / np.linalg.norm(rest, axis=1, keepdims=True), norms


def _without(vectors: np.ndarray, basis: np.ndarray) -> np.ndarray:
    for _ in range(2):  # once leaves what rounding made of it
        vectors = vectors - np.einsum("ek,ekn->en", np.einsum("ekn,en->ek", basis, vectors), basis)
    return vectors


def _flat(tensor: Any) -> np.ndarray:
    values = np.asarray(keras.ops.convert_to_numpy(tensor), np.float64)
    return values.reshape(len(values), -1)


def _check_single(model: Any) -> None:
    counts = [len(getattr(model, name, None) or []) for name in ("inputs", "outputs")]
    if counts != [1, 1]:
        raise ValueError(
            "A Jacobian belongs to one input and one output. Received: a model with "
            f"{counts[0]} inputs and {counts[1]} outputs. Expected a sequential or functional one with one of each. "
            "Wrap it: inputs = keras.Input(shape), keras.Model(inputs, model(inputs))."
        )
