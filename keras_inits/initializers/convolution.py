"""Kernels of convolutions that are zero everywhere but at their centre."""

import math

import keras
import numpy as np

from keras_inits._names import shown
from keras_inits.arguments import check_number, check_whole
from keras_inits.initializers._orthogonal import orthogonal_matrix
from keras_inits.initializers.base import Config, HostInitializer, RandomInitializer
from keras_inits.initializers.buffers import aligned
from keras_inits.initializers.checks import check_range
from keras_inits.initializers.fans import Fans
from keras_inits.initializers.seeds import Seed


def _check_kernel(name: str, shape: tuple[int, ...]) -> None:
    if len(shape) not in (3, 4, 5):
        raise ValueError(
            f"{name} expects the shape of a convolution's kernel, one to three sizes of its window, channels in and "
            f"channels out. Received: shape={shape}. Use Orthogonal or Identity for a matrix."
        )


def _centre(kernel: np.ndarray) -> np.ndarray:
    """The matrix at the entry of the window that `padding="same"` lays on the input's own place."""
    matrix: np.ndarray = kernel[tuple((size - 1) // 2 for size in kernel.shape[:-2])]
    return matrix


@keras.saving.register_keras_serializable(package="keras_inits")
class DeltaOrthogonal(RandomInitializer):
    """Draws a convolution's kernel that is `gain` times a random orthogonal matrix at its centre, and zero elsewhere.

    With C the centre, of shape `(channels in, channels out)`: CC' = gain^2 I if there are at least as many channels
    out as in, and the convolution multiplies every norm by `gain`; else C'C = gain^2 I, and it does so for what it does
    not project away.

    Args:
        gain: The factor, any finite number.
        seed: See `RandomInitializer`.

    Raises:
        TypeError: If `gain` is not a number, or `seed` not a seed.
        ValueError: If `gain` is not finite, or, when called, the shape is not that of a kernel of one to three
            dimensions.

    Example:
        >>> import keras
        >>> kernel = keras.ops.convert_to_numpy(DeltaOrthogonal(seed=7)((3, 3, 16, 32)))
        >>> centre = kernel[1, 1]
        >>> bool(abs(centre @ centre.T - keras.ops.convert_to_numpy(keras.ops.eye(16))).max() < 1e-5)
        True

    Reference:
        Xiao, Bahri, Sohl-Dickstein, Schoenholz & Pennington (2018), Dynamical isometry and a mean field theory of CNNs.
    """

    def __init__(self, gain: float = 1.0, seed: Seed = None) -> None:
        super().__init__(seed)
        self.gain = check_number("gain", gain)

    def _check_rank(self, shape: tuple[int, ...]) -> None:
        _check_kernel("DeltaOrthogonal", shape)

    def _sample(self, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...]) -> np.ndarray:
        kernel = aligned(shape, dtype, np.zeros)
        matrix = orthogonal_matrix(shape[-2], shape[-1], dtype, entropy, self.gain)
        if kernel.size:
            _centre(kernel)[...] = matrix
        return kernel

    def _stddev(self, shape: tuple[int, ...], fans: Fans | None) -> float:
        return abs(self.gain) / math.sqrt(max(shape[-2:]) * math.prod(shape[:-2]))

    def _law(self) -> str:
        return f"{self.gain:g} times a random orthogonal matrix, at the kernel's centre"

    def get_config(self) -> Config:
        """Returns the constructor's arguments, ready for JSON."""
        return {"gain": self.gain, **super().get_config()}


@keras.saving.register_keras_serializable(package="keras_inits")
class Dirac(HostInitializer):
    """The kernel of a convolution that passes its channels on as they are, times `gain`.

    In each group, channel i goes to channel i; channels out beyond those in are zero, channels in beyond those out are
    dropped. A depthwise convolution passes each channel on as its first output.

    Args:
        gain: The factor, any finite number.
        groups: That of the layer; its kernel has the shape `(*window, channels in / groups, channels out)`.
        depthwise: Whether the kernel is that of a depthwise layer, of the shape `(*window, channels, depth
            multiplier)`. None: if its last size is 1, where another convolution would drop all channels but one.

    Raises:
        TypeError: If `gain` is not a number, or `groups` not a whole one.
        ValueError: If `gain` is not finite, `groups` is below 1, `depthwise` does not go with it, or, when called, the
            shape is not that of a kernel of one to three dimensions whose channels out can be divided by `groups`.

    Example:
        >>> import keras
        >>> keras.ops.convert_to_numpy(Dirac()((3, 2, 2)))[1].tolist()
        [[1.0, 0.0], [0.0, 1.0]]

    Reference:
        Zagoruyko & Komodakis (2017), DiracNets: training very deep neural networks without skip-connections.
    """

    def __init__(self, gain: float = 1.0, groups: int = 1, *, depthwise: bool | None = None) -> None:
        self.gain = check_number("gain", gain)
        self.groups = check_whole("groups", groups, 1)
        if not (depthwise is None or isinstance(depthwise, bool)) or (depthwise and self.groups > 1):
            raise ValueError(
                "Dirac takes `depthwise` as True, False or None, and True without `groups`, since a depthwise layer "
                f"has a group for each channel. Received: depthwise={shown(depthwise)}, groups={groups}. Leave one out."
            )
        self.depthwise = depthwise

    def _check_rank(self, shape: tuple[int, ...]) -> None:
        _check_kernel("Dirac", shape)
        if shape[-1] % self.groups:
            raise ValueError(
                "Dirac expects channels out that can be shared among its groups. "
                f"Received: shape={shape}, groups={self.groups}. Pass the layer's own `groups`."
            )

    def _draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        check_range(abs(self.gain), dtype)
        kernel = aligned(shape, dtype, np.zeros)
        if kernel.size and self._is_depthwise(shape):
            _centre(kernel)[:, 0] = self.gain
        elif kernel.size:
            for group in np.split(_centre(kernel), self.groups, axis=1):
                np.fill_diagonal(group, self.gain)
        return kernel

    def _is_depthwise(self, shape: tuple[int, ...]) -> bool:
        return shape[-1] == 1 and self.groups == 1 if self.depthwise is None else self.depthwise

    def _law(self) -> str:
        return f"{self.gain:g} times the identity of a convolution"

    def get_config(self) -> Config:
        """Returns the constructor's arguments, ready for JSON."""
        return {"gain": self.gain, "groups": self.groups, "depthwise": self.depthwise}
