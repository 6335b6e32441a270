"""A task carried out: its run is found again, or the model is diagnosed and trained."""

import gc
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras

from keras_inits._keras import compiled_loss_weights, without_import_of_tensorflow
from keras_inits._names import all_unique, stand_in
from keras_inits.diagnosis._diagnose import diagnose
from keras_inits.diagnosis.histograms import Histogram, histograms_of
from keras_inits.diagnosis.numbers import LayerNumbers
from keras_inits.diagnosis.unseen import FAILED, Unseen, all_unseen
from keras_inits.faults import InternalError
from keras_inits.models.calls import has_call
from keras_inits.recording import Alerts, GradientNormLogger
from keras_inits.runs.guess import loss_of_guessing, penalty
from keras_inits.runs.key import DIAGNOSIS, Key, key_of
from keras_inits.runs.run import FindingText, Run
from keras_inits.runs.store import Store
from keras_inits.runs.task import Task, Training

LARGE_MODEL = 1_000_000
"""Parameters of a model that is freed before the next is built; smaller ones wait until Python looks for garbage, which
takes tenths of a second."""


class Finished(NamedTuple):
    """A run, and what it depends on."""

    run: Run
    key: Key
    before: bool
    """Whether it was finished before."""


Logs = Mapping[str, float]
AfterEpoch = Callable[[Logs], None]


def finish(
    task: Task, store: Store | None, on_epoch_end: AfterEpoch = lambda logs: None, alerts: Alerts | None = None
) -> Finished:
    """Takes a run from the store, or makes it.

    Args:
        task: What to train.
        store: Where finished runs are.
        on_epoch_end: Called after each epoch with its loss and metrics; what it raises ends the training.
        alerts: What is done when gradients go bad.

    Raises:
        GradientError: If `alerts` says so.
    """
    model = task.start()
    key: Key = without_import_of_tensorflow(key_of, task, model)
    run = store.find(task, key) if store is not None else None
    before = run is not None
    if run is None:
        run = train(model, task, on_epoch_end, alerts)
    if model.count_params() >= LARGE_MODEL:
        del model
        gc.collect()  # it refers to itself, and would stay in memory beside the next ones
    return Finished(run, key, before)


class Looked(NamedTuple):
    """The result of a start's diagnosis."""

    layers: tuple[LayerNumbers, ...] = ()
    findings: tuple[FindingText, ...] = ()
    unseen: tuple[Unseen, ...] = ()
    fault: str = ""
    first_loss: float | None = None
    guess: float | None = None


def train(
    model: keras.Model, task: Task, on_epoch_end: AfterEpoch = lambda logs: None, alerts: Alerts | None = None
) -> Run:
    """Diagnoses and trains a model.

    Examples come in one order for each seed, the same for every initializer.

    Args:
        model: As `task.start` made it.
        task: On what it is trained, and for how long.
        on_epoch_end: Called after each epoch, with its loss and metrics.
        alerts: What is done when gradients go bad.

    Raises:
        GradientError: If `alerts` says so.
    """
    looked = looked_at(model, task)
    histograms = _counted(model, task, "before")
    optimizer = model.optimizer
    if optimizer is not None and not optimizer.built:
        optimizer.build(model.trainable_variables)  # else TensorFlow traces the first step twice
    logger = GradientNormLogger(log=None, alerts=alerts)  # a metric may have the keys that it would add
    without_import_of_tensorflow(keras.utils.set_random_seed, task.name.seed)
    more = task.training.arguments()
    callbacks = [logger, *(more.pop("callbacks", None) or [])]
    epochs: list[dict[str, float]] = []

    def after_epoch(epoch: int, logs: dict[str, Any]) -> None:
        epochs.append({name: float(value) for name, value in logs.items()})
        on_epoch_end(epochs[-1])

    callbacks.append(keras.callbacks.LambdaCallback(on_epoch_end=after_epoch))
    model.fit(epochs=task.training.epochs, callbacks=callbacks, **{"verbose": 0, **more})
    names = list(dict.fromkeys(name for logs in epochs for name in logs))
    shown = all_unique(map(stand_in, names))
    return Run(
        task.name,
        task.law,
        {key: tuple(logs.get(name) for logs in epochs) for key, name in zip(shown, names, strict=True)},
        looked.layers,
        looked.findings,
        looked.unseen,
        logger.trace,
        looked.fault,
        task.code,
        looked.first_loss,
        looked.guess,
        histograms + _counted(model, task, "after"),
    )


def _counted(model: keras.Model, task: Task, when: str) -> tuple[Histogram, ...]:
    """The histograms of a model that can be called."""
    if not has_call(model):
        return ()
    return histograms_of(model, task.training.batch.x, when)


def looked_at(model: keras.Model, task: Task) -> Looked:
    """The diagnosis of a start; a model without a `call`, which its train_step trains part by part, has none.

    A fault of keras_inits leaves the model as it was, and so ends neither the run nor the comparison.
    """
    if not has_call(model):
        return Looked(unseen=all_unseen(model))
    x, y, weight = task.training.batch
    if model.loss is None:
        y = weight = None
    try:
        diagnosis = diagnose(model, x, y, sample_weight=weight, check=DIAGNOSIS)
    except InternalError as error:
        return Looked(unseen=all_unseen(model, FAILED), fault=str(error))
    rows = tuple(row._replace(kernels=(), weights=()) for row in diagnosis.layers)
    texts = (FindingText(one.kind, one.evidence, str(one.remedy), one.of_data) for one in diagnosis.findings)
    return Looked(rows, tuple(texts), diagnosis.unseen, "", *_losses(model, task.training, diagnosis.first_loss))


def _losses(model: keras.Model, training: Training, first: float | None) -> tuple[float | None, float | None]:
    """The loss before training and that of guessing, with penalties; none where `fit` weighs losses or classes."""
    weighs = training.fit.get("class_weight") is not None or compiled_loss_weights(model) is not None
    if first is None or weighs:
        return None, None
    return first + penalty(model), loss_of_guessing(model, *training.targets)
