"""Fused kernels of recurrent layers."""

import keras
import numpy as np

from keras_inits._names import shown
from keras_inits.arguments import check_whole
from keras_inits.initializers.base import Config, HostInitializer, RandomInitializer
from keras_inits.initializers.buffers import aligned
from keras_inits.initializers.configs import restored
from keras_inits.initializers.fans import Fans
from keras_inits.initializers.seeds import derive_entropy, draw_entropy


@keras.saving.register_keras_serializable(package="keras_inits")
class PerGate(HostInitializer):
    """Draws each gate's block of a fused kernel on its own, with the fans of the block.

    Keras keeps the kernels of all gates of a recurrent layer side by side, in one weight of shape
    `(..., gates * units)`. A law that looks at the whole of it, such as that of `Orthogonal`, makes no gate orthogonal.

    Args:
        initializer: The law of a block, an initializer of this package.
        gates: How many blocks: 4 for LSTM, 3 for GRU.

    Raises:
        TypeError: If `initializer` is not one of this package, or `gates` is not a whole number.
        ValueError: If `gates` is below 1, or, when called, the last size cannot be divided by `gates`.

    Example:
        >>> import keras
        >>> from keras_inits import Orthogonal
        >>> layer = keras.layers.LSTM(32, recurrent_initializer=PerGate(Orthogonal(), gates=4))
        >>> kernel = keras.ops.convert_to_numpy(PerGate(Orthogonal(seed=7), gates=4)((32, 128)))
        >>> block = kernel[:, 32:64]
        >>> bool(abs(block.T @ block - keras.ops.convert_to_numpy(keras.ops.eye(32))).max() < 1e-5)
        True

    Reference:
        Henaff, Szlam & LeCun (2016), Recurrent orthogonal networks and long-memory tasks.
    """

    def __init__(self, initializer: keras.initializers.Initializer, gates: int) -> None:
        if isinstance(initializer, dict):
            initializer = restored("initializer", initializer)
        if not isinstance(initializer, HostInitializer):
            raise TypeError(
                "Argument `initializer` of PerGate must be an initializer of keras_inits, since others repeat "
                f"themselves. Received: initializer={shown(initializer)}. Pass one such as keras_inits.Orthogonal()."
            )
        self.initializer: HostInitializer = initializer
        self.gates = check_whole("gates", gates, 1)

    def _check_rank(self, shape: tuple[int, ...]) -> None:
        if not shape or shape[-1] % self.gates:
            raise ValueError(
                "PerGate expects a weight whose last size can be shared among its gates. "
                f"Received: shape={shape}, gates={self.gates}. Pass gates=4 for LSTM, gates=3 for GRU."
            )
        self.initializer._check_rank(self._block(shape))

    def _draw(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        law = self.initializer
        entropy = draw_entropy(law.seed) if isinstance(law, RandomInitializer) else ()
        return self._draw_stream(shape, dtype, entropy, None)

    def _draw_stream(
        self, shape: tuple[int, ...], dtype: np.dtype, entropy: tuple[int, ...], fans: Fans | None
    ) -> np.ndarray:
        values = aligned(shape, dtype)
        self._fill(values, entropy, fans)
        return values

    def _fill(self, out: np.ndarray, entropy: tuple[int, ...], fans: Fans | None) -> None:
        for gate, kernel in enumerate(np.split(out, self.gates, axis=-1)):
            self.initializer._fill(kernel, derive_entropy(entropy, gate), fans)

    def _stddev(self, shape: tuple[int, ...], fans: Fans | None) -> float | None:
        return self.initializer._stddev(self._block(shape), fans)

    def _block(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:-1], shape[-1] // self.gates)

    def _law(self) -> str:
        return f"for each gate, {self.initializer._law()}"

    def get_config(self) -> Config:
        """Returns the constructor's arguments, ready for JSON."""
        return {"initializer": keras.initializers.serialize(self.initializer), "gates": self.gates}
