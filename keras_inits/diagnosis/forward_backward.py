"""One batch forward and backward through a model, with a probe at each layer."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras

from keras_inits.backends import differentiation
from keras_inits.backends.differentiation import Mode, Watch
from keras_inits.diagnosis.computed_once import computed_once
from keras_inits.diagnosis.endings import Output
from keras_inits.diagnosis.matching import leaves_of
from keras_inits.diagnosis.norms import norm_of
from keras_inits.diagnosis.probes import Call, Probe, Recording
from keras_inits.diagnosis.unseen import Unseen, not_run, unseen_layers
from keras_inits.diagnosis.watched import Watched, enclosing, watched_layers
from keras_inits.faults import InternalError, ModelError, ours
from keras_inits.models.calls import shapes_of
from keras_inits.models.weights import Weight

Tensor = Any
Target = Callable[[Any], Tensor]
Gradients = dict[int, Tensor]  # by the id of the variable
Filled = Mapping[tuple[str, int], float]  # by a layer's name and the number of its call


class Pass(NamedTuple):
    """The results for a batch."""

    calls: list[Call]
    """In the order in which the layers ended."""
    gradients: Gradients
    unseen: tuple[Unseen, ...]
    loss: float | None
    """None if it was computed in code that the backend compiles as a whole."""
    outputs: tuple[Output, ...]


class Probed(NamedTuple):
    """The results of one pass."""

    probes: list[Probe]
    recording: Recording
    gradients: Gradients
    loss: float | None
    outputs: tuple[Output, ...]


class _ModeError(Exception):
    """The model, the loss or what is ours does not run in the mode in which it was tried."""


def passed(model: Any, x: Any, weights: list[Weight], target: Target, filled: Filled | None = None) -> Pass:
    """Sends the batch through.

    Where a layer shows no values, the pass is made again with loops and branches as the backend runs them one step
    after another, if it has such a mode. A layer that still runs only in code that is compiled as a whole is looked at
    from outside: once more, with the layer around it looked at in its stead, until that one shows values.

    Args:
        model: The model.
        x: The batch.
        weights: All of the model's weights.
        target: What is differentiated.
        filled: The number that a call puts out in all places instead of its own.

    Raises:
        ValueError: If the model or the target fails on the batch by itself.
        InternalError: If it fails with the probes in place alone.
    """
    whole: list[Any] = []
    mode: Mode = contextlib.nullcontext
    found = _probed(model, x, watched_layers(model, weights), target, filled=filled)
    stepwise = differentiation.current().stepwise
    if stepwise is not None and _silent(found.probes):
        try:
            found = _probed(model, x, watched_layers(model, weights), target, stepwise, filled)
            mode = stepwise
        except _ModeError:  # as a loop of no steps
            pass
    while True:
        with ours("while it looked for layers that showed no values"):
            silent = _silent(found.probes)
            compiled = [probe for probe in silent if probe.traced or _moves(probe, found.gradients)]
            around = {id(one): one for probe in compiled if (one := enclosing(model, probe.watched.layer)) is not None}
            if not around:
                still = _without_gradient(found, whole)
                unseen = (*unseen_layers(silent), *not_run(still))
                return Pass(found.recording.calls, found.gradients, unseen, found.loss, found.outputs)
        whole += around.values()
        found = _probed(model, x, watched_layers(model, weights, whole), target, mode, filled)


def _silent(probes: Sequence[Probe]) -> list[Probe]:
    return [probe for probe in probes if not probe.count and probe.watched.weights]


def _probed(
    model: Any,
    x: Any,
    watched: Sequence[Watched],
    target: Target,
    mode: Mode = contextlib.nullcontext,
    filled: Filled | None = None,
) -> Probed:
    recording, values = Recording(), dict[str, dict[int, float]]()
    for (name, number), value in (filled or {}).items():
        values.setdefault(name, {})[number] = value
    with ours("while it looked at the activations of the layers"):
        probes = [Probe(one, recording, values.get(one.name)) for one in watched]
    trained = [weight.variable for one in watched for weight in one.weights if is_trained(weight)]
    losses, ends = list[float](), list[Output]()

    def total(watch: Watch) -> Tensor:
        with contextlib.ExitStack() as stack:
            stack.enter_context(computed_once(model))
            for probe in probes:
                stack.enter_context(probe.open(watch))
            outputs = model(x, training=True)
            with ours("while it looked for the layers that the model ends with"):
                ends[:] = recording.endings.find([leaf for _, leaf in leaves_of(outputs)], watch)
            loss = target(outputs)
        recording.forward = False
        watch(loss, lambda value: losses.append(float(keras.ops.convert_to_numpy(value))), lambda _: None)
        return loss

    backend = differentiation.current()
    with backend.preserved(model):
        try:
            with mode():
                found = backend.gradients(total, trained)
        except Exception as error:
            if recording.fault is not None:
                raise recording.fault from recording.fault.__cause__
            if mode is not contextlib.nullcontext:
                raise _ModeError from error
            _blame(model, x, target, trained, error)
    if recording.fault is not None:  # and the code around the probe went on all the same
        raise recording.fault from recording.fault.__cause__
    gradients = {id(one): gradient for one, gradient in zip(trained, found, strict=True)}
    return Probed(probes, recording, gradients, losses[-1] if losses else None, tuple(ends))


def _blame(model: Any, x: Any, target: Target, trained: Sequence[Any], error: Exception) -> None:
    """Does the same without any probe: what fails then as well is the model's, the loss's or the batch's own failure.

    Raises:
        ValueError: If it fails.
        InternalError: If it does not, or what is ours of the loss fails.
    """
    steps = ["calls the model on the batch"]

    def bare(_: Watch) -> Tensor:
        loss = target(model(x, training=True))
        steps.append("differentiates the loss")
        return loss

    expected = {
        "calls": "a batch that the model takes, as `model.predict` would. Call model(x, training=True) alone to see "
        "where it fails",
        "differentiates": "layers that the backend can differentiate. Train on the batch, compiled with "
        "run_eagerly=True, to see where it fails",
    }
    try:
        differentiation.current().gradients(bare, trained)
    except (InternalError, ModelError):  # which say themselves whose they are
        raise
    except Exception as own:
        step = steps[-1]
        raise ValueError(
            f"diagnose {step}, and that ended with {type(own).__name__}, with no part of keras_inits in it: "
            f"{str(own).removesuffix('.')}. Received: x of the shapes {shapes_of(x)}. Expected "
            f"{expected[step.split()[0]]}. The model is what it was."
        ) from own
    raise InternalError("while its probes were in the model, which runs without them", error) from error


def is_trained(weight: Weight) -> bool:
    """Whether the weight has a gradient."""
    return weight.variable.trainable and "float" in weight.variable.dtype


def _without_gradient(seen: Probed, whole: Sequence[Any]) -> list[tuple[str, Any]]:
    """The layers with trained weights inside of others that were looked at as a whole, none of which has a gradient.

    Where none comes to the outputs of the one around, it is lost behind them: a finding's matter.
    """
    heard = {id(call.probe) for call in seen.recording.calls if call.gradient}
    found = []
    for probe in seen.probes:
        layer = probe.watched.layer
        if id(probe) in heard and any(layer is one for one in whole):
            own: dict[int, list[Weight]] = {}
            for weight in probe.watched.weights:
                if id(weight.variable) in seen.gradients and weight.layer is not layer:
                    own.setdefault(id(weight.layer), []).append(weight)
            found += [
                (weights[0].path.rpartition("/")[0], weights[0].layer)
                for weights in own.values()
                if all(norm_of(seen.gradients[id(one.variable)])[0] == 0 for one in weights)
            ]
    return found


def _moves(probe: Probe, gradients: Gradients) -> bool:
    """Whether a gradient comes to the layer's weights, which then take part in the pass, seen or not."""
    found = [gradients[id(one.variable)] for one in probe.watched.weights if id(one.variable) in gradients]
    return any(norm_of(gradient)[0] != 0 for gradient in found)
