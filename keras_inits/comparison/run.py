"""One run: a model from its starting point, diagnosed, and trained with the gradient norms recorded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import keras

from keras_inits._names import all_unique, stand_in
from keras_inits.comparison.plan import Cell, Plan
from keras_inits.comparison.verdict import verdict
from keras_inits.diagnosis import diagnose
from keras_inits.diagnosis.numbers import LayerNumbers
from keras_inits.diagnosis.unseen import FAILED, Unseen, all_unseen
from keras_inits.faults import InternalError
from keras_inits.models.calls import has_call
from keras_inits.recording import GradientNormLogger, GradientTrace

LONGEST_LAW = 1000


class FindingText(NamedTuple):
    """What the diagnosis of a start found, in words."""

    kind: str
    evidence: str
    remedy: str


@dataclass(frozen=True)
class Run:
    """What one run left behind."""

    cell: Cell
    law: str
    """The initializer as it prints itself."""
    history: Mapping[str, tuple[float | None, ...]]
    """The loss and each metric after each epoch; None after one that was not validated."""
    layers: tuple[LayerNumbers, ...]
    """What one batch showed of each layer before training."""
    findings: tuple[FindingText, ...]
    """Of the same batch."""
    unseen: tuple[Unseen, ...]
    """The layers with weights that were not looked at: no finding is about them."""
    trace: GradientTrace
    """The gradient norms of training."""
    fault: str = ""
    """With what keras_inits failed as it looked at the start, if it did: nothing is known of that then."""

    @cached_property
    def last(self) -> dict[str, float]:
        """The last loss and metrics."""
        known = {name: [value for value in values if value is not None] for name, values in self.history.items()}
        return {name: values[-1] for name, values in known.items() if values}

    @cached_property
    def verdict(self) -> str:
        """One word for the recorded gradient norms."""
        return verdict(self.trace) if len(self.trace) else "not recorded"


class Looked(NamedTuple):
    """What a diagnosis showed of a start."""

    layers: tuple[LayerNumbers, ...] = ()
    findings: tuple[FindingText, ...] = ()
    unseen: tuple[Unseen, ...] = ()
    fault: str = ""


def train(model: keras.Model, plan: Plan, cell: Cell, on_epoch_end: Callable[[], None] = lambda: None) -> Run:
    """Diagnoses and trains a model.

    Examples come in one order for each seed, the same for every initializer.

    Args:
        model: As `plan.start` made it.
        plan: On what, and for how long.
        cell: Which run it is.
        on_epoch_end: Called after each epoch.
    """
    looked = looked_at(model, plan)
    optimizer = model.optimizer
    if optimizer is not None and not optimizer.built:
        optimizer.build(model.trainable_variables)  # else TensorFlow traces the first step twice
    logger = GradientNormLogger(log=None)  # a metric may have the keys that it would add
    keras.utils.set_random_seed(cell.seed)
    more = plan.arguments()
    callbacks = [logger, *(more.pop("callbacks", None) or [])]
    epochs: list[dict[str, float]] = []

    def after_epoch(epoch: int, logs: dict[str, Any]) -> None:
        epochs.append({name: float(value) for name, value in logs.items()})
        on_epoch_end()

    callbacks.append(keras.callbacks.LambdaCallback(on_epoch_end=after_epoch))
    model.fit(epochs=plan.epochs, callbacks=callbacks, **{"verbose": 0, **more})
    names = list(dict.fromkeys(name for logs in epochs for name in logs))
    shown = all_unique(map(stand_in, names))
    return Run(
        cell,
        law_of(plan.initializers[cell.initializer]),
        {key: tuple(logs.get(name) for logs in epochs) for key, name in zip(shown, names, strict=True)},
        looked.layers,
        looked.findings,
        looked.unseen,
        logger.trace,
        looked.fault,
    )


def law_of(initializer: object) -> str:
    """Returns an initializer as it prints itself."""
    try:
        text = str(initializer)
    except Exception:  # one of the user's own
        text = "<"
    if not text.startswith("<"):
        return stand_in(text, LONGEST_LAW)
    return f"{getattr(initializer, '__name__', type(initializer).__name__)}()"  # Keras's own print an address


def looked_at(model: keras.Model, plan: Plan) -> Looked:
    """What a diagnosis shows: of a model that its train_step trains part by part, and that has no `call`, nothing.

    A fault of keras_inits leaves the model as it was, and so ends neither the run nor the comparison.
    """
    if not has_call(model):
        return Looked(unseen=all_unseen(model))
    x, y = plan.batch
    try:
        diagnosis = diagnose(model, x, y if model.loss is not None else None, check="layers")
    except InternalError as error:
        return Looked(unseen=all_unseen(model, FAILED), fault=str(error))
    rows = tuple(row._replace(kernels=(), weights=()) for row in diagnosis.layers)
    texts = (FindingText(finding.kind, finding.evidence, str(finding.remedy)) for finding in diagnosis.findings)
    return Looked(rows, tuple(texts), diagnosis.unseen)
