"""The callback."""

import atexit
import operator
import os
import weakref
from collections.abc import Sequence
from typing import Any

import keras

from keras_inits.recording.alerts import Alerts, Watch
from keras_inits.recording.quantities import TRACKED
from keras_inits.recording.recorder import Recorder
from keras_inits.recording.rows import Rows
from keras_inits.recording.sink import Sink
from keras_inits.recording.trace import GradientTrace


class GradientNormLogger(keras.callbacks.Callback):
    r"""Records the norm of each layer's gradient, as the optimizer received it, at every step of `fit`.

    With :math:`g_w(t)` the gradient of the loss with respect to the weight :math:`w` at step :math:`t`, a layer with
    the weights :math:`W` has the norm :math:`\sqrt{\sum_{w \in W} \lVert g_w(t) \rVert_2^2}`. It is the gradient
    that training used (no second backward pass), before clipping and weight decay and with a loss scale taken out.
    Steps are counted over all fits with this logger.

    `on_epoch_end` adds `grad_norm` to the logs: the mean, over the epoch's recorded steps, of the norm of all layers'
    gradients together; NaN if one is. List the logger before the callbacks that read it.

    Args:
        every: Record the steps 0, `every`, 2 * `every`, ...
        per: `"layer"`, or `"variable"` for each weight on its own.
        log: What goes to the logs: `"global"`, `"layers"` (`grad_norm`, and `grad_norm/<layer>` for each), or None.
        filename: A file ending in `.csv` or `.jsonl` to which rows are appended as training goes, whole lines only; or
            a folder (no suffix), to which they go as scalars for TensorBoard. The first rows replace a file that is
            there already, unless the model has trained before: then they go on after its last step.
        track: What else is recorded of each layer: `"weight"` (the norm of its weights before the step), `"update"`
            (the norm of what the step changed in them, over that), `"largest"` (absolute entry of the gradient),
            `"zeros"` (share of the entries), `"nonfinite"` (how many entries).
        alerts: What to do when gradients vanish, explode or are no numbers; see `Alerts`.
        optimizer: The attribute or attributes of the model that hold the optimizers to record, such as
            `"generator_optimizer"`; by default all that the model and its layers hold.

    Raises:
        TypeError: If an argument is of a wrong type.
        ValueError: If an argument has a value that is not among these.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_inits import GradientNormLogger
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> logger = GradientNormLogger()
        >>> x = np.ones((32, 4))
        >>> history = model.fit(x, x[:, :1], batch_size=8, epochs=2, verbose=0, callbacks=[logger])
        >>> logger.trace.norms.shape
        (8, 2)
        >>> len(history.history["grad_norm"])
        2
    """

    def __init__(
        self,
        every: int = 1,
        per: str = "layer",
        log: str | None = "global",
        filename: str | os.PathLike[str] | None = None,
        track: str | Sequence[str] = ("gradient",),
        alerts: Alerts | None = None,
        optimizer: str | Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.every = _step_count(every)
        self.per = _one_of("per", per, ("layer", "variable"))
        self.log = _one_of("log", log, ("global", "layers", None))
        self.filename = filename
        self.track = tuple(dict.fromkeys(("gradient", *_names("track", track, TRACKED))))
        self.alerts = _alerts(alerts)
        self.optimizer = None if optimizer is None else _names("optimizer", optimizer, None)
        self._rows = Rows()
        self._watch = Watch(self.alerts)
        self._recorder = Recorder(self.per, self.every, self.track, self.optimizer)
        self._sink: Sink | None = None
        if filename is not None:
            self._sink = Sink(filename)
            atexit.register(_fetch_last, weakref.ref(self))

    @property
    def trace(self) -> GradientTrace:
        """What was recorded so far; also in the middle of `fit`, and after one that was interrupted."""
        self._fetch()
        return self._rows.trace()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Fetches what an earlier, interrupted fit may have left, and looks whether this one can be recorded.

        Raises:
            FileNotFoundError: If `filename` is in a folder that does not exist.
            FileExistsError: If it is to be a folder, and a file is there.
            ImportError: If it is to be a folder, and tensorboard is not installed.
            ValueError: If the model has no optimizer of the name that was given.
        """
        if self._sink is not None:
            self._sink.check()
        self._fetch()
        self._recorder.begin_fit(self._model)
        self._watch.begin_fit()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begins the epoch's means, and the first one where a training that was interrupted ended."""
        if self._sink is not None and not self._recorder.steps:
            self._recorder.steps = self._sink.begin(self._recorder.steps_done(self._model))
        self._rows.begin_epoch()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Has the coming step recorded."""
        model = self._model  # not `self.model`, which on JAX copies the whole state back to the model
        if self._recorder.must_fetch(model):
            self._watch.look(self._fetch(wait=False), model)
        self._recorder.announce(model)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Fetches the epoch's rows, and adds their means to the logs.

        Raises:
            GradientError: If `alerts` says so.
        """
        blocks = self._fetch()
        if logs is not None and self.log is not None and not self._recorder.gave_up and self._rows.blocks:
            logs["grad_norm"] = self._rows.mean_global_norm()
            if self.log == "layers":
                logs.update({f"grad_norm/{name}": mean for name, mean in self._rows.mean_norms().items()})
        self._watch.look(blocks, self._model)

    def _fetch(self, wait: bool = True) -> list[GradientTrace]:
        blocks = self._recorder.fetch(wait)
        for block in blocks:
            self._rows.append(block)
            if self._sink is not None:
                self._sink.append(block)
        return blocks


def _fetch_last(reference: Any) -> None:
    """Brings rows to the file that still wait on the device when the process ends, after an interrupt in `fit`."""
    logger = reference()
    if logger is not None:
        logger._fetch()


def _step_count(every: Any) -> int:
    try:
        number = operator.index(every)
    except TypeError:
        number = None
    if number is None or isinstance(every, bool):
        raise TypeError(
            f"GradientNormLogger received every={every!r}, of type {type(every).__name__}. It expects a whole number "
            "of at least 1. Pass every=1 to record each step, or every=20 to record one step in twenty."
        )
    if number < 1:
        raise ValueError(
            f"GradientNormLogger received every={every!r}. It expects a whole number of at least 1. "
            "Pass every=1 to record each step, or every=20 to record one step in twenty."
        )
    return number


def _one_of(name: str, value: Any, allowed: tuple[str | None, ...]) -> Any:
    names = ", ".join(repr(choice) for choice in allowed)
    if not isinstance(value, str) and value not in allowed:
        raise TypeError(
            f"GradientNormLogger received {name}={value!r}, of type {type(value).__name__}. It expects one of {names}. "
            f"Pass {name}={allowed[0]!r}."
        )
    if value not in allowed:
        raise ValueError(
            f"GradientNormLogger received {name}={value!r}. It expects one of {names}. Pass {name}={allowed[0]!r}."
        )
    return value


def _names(argument: str, value: Any, allowed: tuple[str, ...] | None) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    expected = "names of attributes of the model" if allowed is None else f"any of {', '.join(map(repr, allowed))}"
    example = "generator_optimizer" if allowed is None else "update"
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise TypeError(
            f"GradientNormLogger received {argument}={value!r}, of type {type(value).__name__}. It expects {expected}. "
            f'Pass one, such as {argument}="{example}", or a tuple of them.'
        )
    wrong = [name for name in names if allowed is not None and name not in allowed]
    if wrong or not names:
        raise ValueError(
            f"GradientNormLogger received {argument}={value!r}{f', with {wrong[0]!r} in it' if wrong else ''}. It "
            f'expects {expected}. Pass one, such as {argument}="{example}", or a tuple of them.'
        )
    return tuple(names)


def _alerts(alerts: Any) -> Alerts | None:
    if alerts is not None and not isinstance(alerts, Alerts):
        raise TypeError(
            f"GradientNormLogger received alerts={alerts!r}, of type {type(alerts).__name__}. It expects an Alerts. "
            'Pass keras_inits.Alerts(nonfinite="raise"), or leave it out.'
        )
    return alerts
