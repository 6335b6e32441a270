"""One step of the model's optimizer, on copies of its weights and of its state: what the loss is afterwards."""

import inspect
import math
from collections.abc import Callable, Container, Sequence
from typing import Any, NamedTuple

import keras

from keras_inits._keras import compiled_loss_weights, innermost, is_scheduled, optimized
from keras_inits.backends import differentiation
from keras_inits.diagnosis.norms import norm_of
from keras_inits.diagnosis.restored_variables import SEED, copy_of, kept
from keras_inits.diagnosis.rule_code import Rule
from keras_inits.models._initialize import initialize
from keras_inits.models.weights import Weight

Tensor = Any
Gradients = dict[int, Tensor]

FURTHER = 4
"""Steps after the first in which a rate that is fine lowers the loss."""
CONFIRMING = 20
"""Steps by which a rise of the loss at the first is confirmed, or refuted: twice the ten over which a momentum of 0.9
carries on one that went too far, as the first of Adam does, which moves all weights by as much."""
ADAM = 0.001
TRIED = tuple(10.0**-power for power in range(1, 7))


class UnusableError(Exception):
    """The optimizer, or its schedule, cannot be made again from its config, or its own code fails."""


class Step(NamedTuple):
    """The effects of one step."""

    optimizer: str
    rate: float
    """The learning rate; of a schedule that of its present step."""
    default: float
    """Keras's own for this optimizer."""
    scheduled: bool
    """Whether a schedule sets it."""
    before: float
    """The loss on the batch."""
    after: float
    """The loss on the same batch, after the step."""
    updates: dict[str, float]
    """For the path of each kernel that is not zero and has a gradient, the norm of its change over its own."""
    retry: Callable[[float | None, int], list[float]]
    """The losses after so many steps from the start, at the rate given, or at the optimizer's own."""
    redrawn: Callable[[Sequence[Rule]], float]
    """The largest update of a kernel in one step at the optimizer's rate, with weights drawn by these rules."""


def step_of(
    model: Any, x: Any, target: Any, weights: Sequence[Weight], gradients: Gradients, loss: float
) -> Step | None:
    """Takes the step; None if the model has no optimizer that can be copied, or a training step of its own.

    Nothing of the model changes, nor of its optimizer: copies of the weights are given to another optimizer, made from
    the same config and with the same state.
    """
    optimizer = getattr(model, "optimizer", None)
    own_step = getattr(type(model), "train_step", None) is not keras.Model.train_step
    if not isinstance(optimizer, keras.optimizers.Optimizer) or own_step or compiled_loss_weights(model):
        return None
    trained = [one for one in model.trainable_variables if "float" in one.dtype]
    if not trained or any(id(one) not in gradients for one in trained):
        return None
    trial = _Trial(model, x, target, trained, [gradients[id(one)] for one in trained], innermost(optimizer))
    try:
        copies, after = trial.first()
    except UnusableError:
        return None
    paths = {id(weight.variable): weight.path for weight in weights if weight.fans is not None}
    updates = {
        paths[id(one)]: _ratio(one, copy)
        for one, copy in zip(trained, copies, strict=True)
        if id(one) in paths and norm_of(one.value)[0] > 0 and norm_of(gradients[id(one)])[0] > 0
    }
    inner = innermost(optimizer)
    rate = float(keras.ops.convert_to_numpy(inner.learning_rate))

    def redrawn(rules: Sequence[Rule]) -> float:
        return trial.redrawn(rules, paths)

    told = loss, after, updates, trial.losses, redrawn
    return Step(type(inner).__name__, rate, _default(inner), is_scheduled(inner), *told)


class _Trial:
    """Steps from the model's weights, on copies."""

    def __init__(
        self, model: Any, x: Any, target: Any, trained: list[Any], gradients: list[Tensor], optimizer: Any
    ) -> None:
        self._model, self._x, self._target, self._trained = model, x, target, trained
        self._gradients, self._optimizer = gradients, optimizer

    def first(self) -> tuple[list[Any], float]:
        """The copies after one step, and the loss with them."""
        copies, optimizer = self._copies(None)
        _apply(optimizer, self._gradients, copies)
        return copies, self._loss([copy.value for copy in copies])

    def losses(self, rate: float | None, steps: int) -> list[float]:
        """The losses after each of so many steps, up to one that is not finite."""
        try:
            copies, optimizer = self._copies(rate)
        except UnusableError:  # with another rate than its own
            return [math.inf]
        gradients, found = self._gradients, list[float]()
        with kept(self._trained):
            for number in range(steps):
                _apply(optimizer, gradients, copies)
                if number == steps - 1:
                    return [*found, self._loss([copy.value for copy in copies])]
                for variable, copy in zip(self._trained, copies, strict=True):
                    variable.assign(copy.value)
                loss, gradients = self._differentiated()
                found.append(loss)
                if not math.isfinite(loss):
                    return found
        return found

    def redrawn(self, rules: Sequence[Rule], kernels: Container[int]) -> float:
        """The largest update of one of these kernels in a step from weights that the rules draw."""
        with kept(self._trained):
            initialize(self._model, rules, SEED, verbose=0)
            _, gradients = self._differentiated()
            copies, optimizer = self._copies(None)
            _apply(optimizer, gradients, copies)
            pairs = [(one, copy) for one, copy in zip(self._trained, copies, strict=True) if id(one) in kernels]
            return max((_ratio(one, copy) for one, copy in pairs if norm_of(one.value)[0] > 0), default=0.0)

    def _copies(self, rate: float | None) -> tuple[list[Any], Any]:
        copies = [keras.Variable(copy_of(one), dtype=one.dtype, name=one.name) for one in self._trained]
        try:
            config = self._optimizer.get_config() | {"gradient_accumulation_steps": None}
            if rate is not None:
                config["learning_rate"] = rate
            optimizer = type(self._optimizer).from_config(config)
            optimizer.build(copies)
        except Exception as error:  # of a class of the user's own: no config, or arguments that its config leaves out
            raise UnusableError from error
        state, fresh = self._optimizer.variables, optimizer.variables
        if optimized(self._optimizer) and [one.shape for one in state] == [one.shape for one in fresh]:
            for there, one in zip(state, fresh, strict=True):
                if rate is None or one.name != "learning_rate":
                    one.assign(copy_of(there))
        return copies, optimizer

    def _loss(self, values: list[Tensor]) -> float:
        mapping = list(zip(self._trained, values, strict=True))
        with differentiation.current().preserved(self._model), keras.StatelessScope(state_mapping=mapping):
            return float(keras.ops.convert_to_numpy(self._target(self._model(self._x, training=True))))

    def _differentiated(self) -> tuple[float, list[Tensor]]:
        seen: list[float] = []

        def total(watch: Any) -> Tensor:
            loss = self._target(self._model(self._x, training=True))
            watch(loss, lambda value: seen.append(float(keras.ops.convert_to_numpy(value))), lambda _: None)
            return loss

        backend = differentiation.current()
        with backend.preserved(self._model):
            gradients = backend.gradients(total, self._trained)
        return (seen[-1] if seen else math.nan), gradients


def _apply(optimizer: Any, gradients: Sequence[Tensor], copies: list[Any]) -> None:
    try:
        optimizer.apply([keras.ops.copy(one) for one in gradients], copies)
    except Exception as error:  # training fails with it too, and says more
        raise UnusableError from error


def _default(optimizer: Any) -> float:
    """The learning rate that the optimizer's class takes by itself; Adam's for one that takes none."""
    there = inspect.signature(type(optimizer)).parameters.get("learning_rate")
    return float(there.default) if there is not None and isinstance(there.default, float) else ADAM


def _ratio(variable: Any, copy: Any) -> float:
    before = keras.ops.convert_to_tensor(variable)
    return norm_of(keras.ops.convert_to_tensor(copy) - before)[0] / norm_of(before)[0]
