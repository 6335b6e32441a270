"""Variables that training changed beside the weights, set back to their start."""

from typing import Any

from keras_inits._keras import optimized, own_variables
from keras_inits.layers.kinds import NORMALISATIONS
from keras_inits.layers.tree import walk_layers
from keras_inits.recording.optimizers import held_optimizers


class Reset:
    """The optimizers of a model, and the statistics of its normalisation layers that are not frozen.

    Args:
        model: A built model.

    Raises:
        ValueError: If an optimizer cannot be made again from its config.
    """

    def __init__(self, model: Any) -> None:
        self._statistics = [pair for _, layer in walk_layers(model) for pair in _statistics(layer)]
        built = {id(one): one for one in held_optimizers(model) if one.built}
        self._optimizers = [(one, _fresh(one)) for one in built.values()]

    def assign(self) -> None:
        """Sets them back."""
        for variable, start in self._statistics:
            variable.assign(start)
        for optimizer, fresh in self._optimizers:
            fresh.build(optimized(optimizer))
            for variable, start in zip(optimizer.variables, fresh.variables, strict=True):
                variable.assign(start)


def _statistics(layer: Any) -> list[tuple[Any, Any]]:
    if not isinstance(layer, NORMALISATIONS) or not layer.trainable:
        return []
    named = [(one, getattr(layer, f"{one.name}_initializer", None)) for one in own_variables(layer)]
    return [(one, law(one.shape, dtype=one.dtype)) for one, law in named if law is not None]


def _fresh(optimizer: Any) -> Any:
    try:
        return type(optimizer).from_config(optimizer.get_config())
    except Exception as error:
        raise ValueError(
            f"reset=True makes the optimizer again from its config. Received: {optimizer!r}, for which that fails: "
            f"{error}. Expected one whose get_config has all arguments of its constructor. Correct it, or compile the "
            "model again instead of reset=True. Nothing was drawn."
        ) from error
