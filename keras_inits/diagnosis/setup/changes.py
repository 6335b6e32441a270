"""The line of code that gives an output another activation or loss."""

from typing import Any

from keras_inits.diagnosis.setup.outputs import Seen

SHORT = {"mean_squared_error": "mse", "mean_absolute_error": "mae"}


def change(model: Any, one: Seen, activation: str | None = None, loss: str | None = None, logits: bool = False) -> str:
    """A line that gives an output another activation, and another loss; nothing if no line does.

    Args:
        model: The model.
        one: The output.
        activation: The name of its new one; None: it keeps its own.
        loss: The name of the new loss; None: it keeps its own, unless `logits` changes it.
        logits: Whether the loss is to take logits.
    """
    parts = []
    if activation is not None and activation != getattr(one.activation, "__name__", ""):
        if one.layer is None or not any(one.layer is layer for layer in getattr(model, "layers", [])):
            return ""
        if not hasattr(one.layer, "activation"):
            return ""
        parts.append(f"model.get_layer({one.layer.name!r}).activation = keras.activations.{activation}")
    name = loss or one.loss
    if name is not None and (loss not in (None, one.loss) or logits != one.takes_logits):
        compiled = _compiled(model, one, _code(name, logits))
        if not compiled:
            return ""
        parts.append(compiled)
    return "; ".join(parts)


def _code(name: str, logits: bool) -> str:
    """The loss of this name, as `compile` takes it."""
    if logits:
        return f"keras.losses.{''.join(part.capitalize() for part in name.split('_'))}(from_logits=True)"
    return repr(SHORT.get(name, name))


def _compiled(model: Any, one: Seen, loss: str) -> str:
    """The line that compiles the model with this loss for the output, where the others' can be told."""
    given = getattr(model, "loss", None)
    if isinstance(given, dict):
        return f"model.compile(model.optimizer, {{**model.loss, {one.name!r}: {loss}}})"
    if isinstance(given, (list, tuple)) and len(given) > 1:
        return ""
    return f"model.compile(model.optimizer, {loss})"
