"""A hook in `model.train_function` for one step: it puts Keras's function back as soon as it is called."""

import weakref
from collections.abc import Callable
from typing import Any

from keras_inits import _keras


class Announcement:
    """A request to record the next step: who made it, and whether the step began. It holds no model."""

    def __init__(self) -> None:
        self.by: tuple[Any, ...] = ()
        self.began = False


class StepHook:
    """Stands in `model.train_function` for one step: the first thing it does is to put Keras's own back.

    Args:
        model: Of which it is.
        step: The training function that also records.
        announcement: That it was asked for.
    """

    def __init__(self, model: Any, step: Callable[..., Any], announcement: Announcement) -> None:
        self.own, self.announcement = own_function(model), announcement
        self._model, self._step = weakref.ref(model), step
        self._fit = weakref.ref(fit_of(model))
        _keras.hold_state(model)
        _set_train_function(model, self)

    def __call__(self, *arguments: Any) -> Any:
        """Runs the announced step, recording; anything else as Keras would."""
        model: Any = self._model()  # which is what calls this
        if model.train_function is self:
            _set_train_function(model, self.own)
        # A step that was announced, but interrupted before it began, leaves this here for whoever trains next.
        if self._fit() is not fit_of(model) or _keras.is_from_train_on_batch(arguments):
            return self.own(*arguments)
        self.announcement.began = True
        return self._step(*arguments)


class _NoFit:
    """Stands for the fit of a loop of the user's own."""


_NO_FIT = _NoFit()


def fit_of(model: Any) -> Any:
    """The identity of a `fit`: each gives its model a new History."""
    found = getattr(model, "history", None)
    return _NO_FIT if found is None else found


def own_function(model: Any) -> Any:
    """Keras's; what was announced and never ran, because `fit` was interrupted, is looked through."""
    found = model.train_function
    return found.own if isinstance(found, StepHook) else found


def _set_train_function(model: Any, function: Any) -> None:
    object.__setattr__(model, "train_function", function)  # plain assignment would have Keras look for layers in it
