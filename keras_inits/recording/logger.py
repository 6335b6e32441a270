"""The callback."""

import os
import weakref
from collections.abc import Sequence
from typing import Any, Literal

import keras

from keras_inits.arguments import check_choice, check_flag, check_whole
from keras_inits.backends.forks import computing
from keras_inits.backends.recording import Own
from keras_inits.recording.alerts import Alerts
from keras_inits.recording.book import Wants
from keras_inits.recording.checks import attributes, checked_alerts, tracked
from keras_inits.recording.optimizers import optimizers_of
from keras_inits.recording.quantities import Quantity
from keras_inits.recording.sinks import Sink
from keras_inits.recording.sinks.delivery import deliveries
from keras_inits.recording.subscription import Subscription
from keras_inits.recording.trace import GradientTrace

Sinks = str | os.PathLike[str] | Sink | Sequence[str | os.PathLike[str] | Sink]
Track = str | Quantity | Sequence[str | Quantity]


class GradientNormLogger(keras.callbacks.Callback):
    r"""Records the norm of each layer's gradient, as the optimizer received it, at every step of `fit`.

    With :math:`g_w(t)` the gradient of the loss with respect to the weight :math:`w` at step :math:`t`, a layer with
    the weights :math:`W` has the norm :math:`\sqrt{\sum_{w \in W} \lVert g_w(t) \rVert_2^2}`. It is the gradient
    that training used (no second backward pass), before clipping and weight decay and with a loss scale taken out.
    Steps are counted over all fits with this logger.

    `on_epoch_end` adds `grad_norm` to the logs: the mean, over the epoch's recorded steps, of the norm of all layers'
    gradients together; NaN if one is. Steps that a dynamic loss scale skips are left out of it, and counted in
    `grad_norm_skipped`. List the logger before the callbacks that read it.

    Args:
        every: Record the steps 0, `every`, 2 * `every`, ...
        per: `"layer"`, or `"variable"` for each weight on its own.
        log: What goes to the logs: `"global"`, `"layers"` (`grad_norm`, and `grad_norms/<layer>` for each), or None.
        sinks: Where rows go as training goes: paths that end in `.csv` (whole lines only), `TensorBoardSink`,
            `WandbSink`, `MLflowSink`, or objects with the methods of `Sink`; one, or several. A file belongs to one
            training: another one gets another name, with a warning.
        resume: Whether this training goes on in a file that is there already. A training that `BackupAndRestore`
            restores, or a saved model, is known by its weights, without this.
        track: What else is recorded of each layer: `"weight"` (the norm of its weights before the step), `"update"`
            (the norm of what the step changed in them, over that), `"largest"` (absolute entry of the gradient),
            `"zeros"` (share of the entries), `"nonfinite"` (how many entries), or a `Quantity` of your own.
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
        per: Literal["layer", "variable"] = "layer",
        *,
        log: Literal["global", "layers"] | None = "global",
        sinks: Sinks = (),
        resume: bool = False,
        track: Track = ("gradient",),
        alerts: Alerts | None = None,
        optimizer: str | Sequence[str] | None = None,
    ) -> None:
        self._trained: weakref.ref[Any] | None = None
        super().__init__()
        self.every = check_whole("every", every, 1)
        self.per = check_choice("per", per, ("layer", "variable"))
        self.log = check_choice("log", log, ("global", "layers", None))
        self.resume = check_flag("resume", resume)
        self.sinks, self.track = sinks, track
        self.alerts = checked_alerts(alerts)
        self.optimizer = attributes(optimizer)
        self._subscription = self._subscribed()

    @property
    def trace(self) -> GradientTrace:
        """The rows recorded so far; also in the middle of `fit`, after one that was interrupted, and in any thread."""
        return self._subscription.trace()

    @property
    def _model(self) -> Any:
        """The model of the last `fit`, which a logger does not keep alive."""
        return None if self._trained is None else self._trained()

    @_model.setter
    def _model(self, model: Any) -> None:
        self._trained = None if model is None else weakref.ref(model)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Fetches what an earlier, interrupted fit may have left, and looks whether this one can be recorded.

        Raises:
            FileNotFoundError: If a file is to be in a folder that does not exist.
            FileExistsError: If a sink's folder is a file.
            ImportError: If the package of a sink is not installed.
            ValueError: If the model has no optimizer of the name that was given.
            RuntimeError: If this process was forked, and the backend does not compute in it.
        """
        with computing("fit with GradientNormLogger"):
            pass
        if self.optimizer is not None:
            optimizers_of(self._model, self.optimizer)
        self._subscription.begin_fit(self._model)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begins the epoch's means, and the first one where a training that was interrupted ended."""
        self._subscription.begin_epoch(self._model)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Has the coming step recorded, and tells of the steps before."""
        self._subscription.begin_step(self._model)  # not `self.model`, which on JAX copies the state to the model

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Fetches the epoch's rows, and adds their means to the logs.

        Raises:
            GradientError: If `alerts` says so.
        """
        self._subscription.end_epoch(self._model, logs, self.log)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Records no further steps."""
        self._subscription.end_fit()

    def __getstate__(self) -> dict[str, Any]:
        """Everything but what belongs to a running training."""
        state = {**self.__dict__, "_trained": None, "_subscription": self._subscription.content()}
        return {name: value for name, value in state.items() if name != "_close"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Goes on where the other one was."""
        content = state.pop("_subscription")
        self.__dict__.update(state)
        self._subscription = self._subscribed()
        self._subscription.restore(content)

    def _subscribed(self) -> Subscription:
        names, quantities = tracked(self.track)
        own = tuple(Own(one.name, one.function, self.per) for one in quantities)
        prompt = self.alerts is not None and self.alerts.nonfinite in ("stop", "raise")
        sinks = deliveries(self.sinks)
        wants = Wants(self.per, self.every, names, own, self.optimizer, any(one.knows_state for one in sinks), prompt)
        subscription = Subscription(wants, sinks, self.alerts, self.resume)
        # Rows that wait when the logger is gone, or the process ends, reach their files all the same.
        self._close = weakref.finalize(self, subscription.close)
        return subscription
