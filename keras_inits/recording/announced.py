"""What stands in a model's `train_function` from the moment that a step is announced to the moment that it starts."""

import sys
from collections.abc import Callable
from typing import Any


class Announced:
    """Stands in `model.train_function` for one step: the first thing it does is to put Keras's own back.

    Args:
        model: Of which it is.
        recorder: Who announced the step.
        step: The training function that also records.
    """

    def __init__(self, model: Any, recorder: Any, step: Callable[..., Any]) -> None:
        self.own = own_function(model)
        self.began = self.ended = False
        self.recorder, self.step = recorder, step
        self.fit = getattr(model, "history", None)  # each `fit` gives its model another History
        self._model = model
        _set_train_function(model, self)

    @property
    def trains(self) -> bool:
        """Whether the model has weights to train."""
        return bool(self._model.trainable_variables)

    def __call__(self, *arguments: Any) -> Any:
        """Runs the announced step, recording; anything else as Keras would."""
        if self._model.train_function is self:
            _set_train_function(self._model, self.own)
        # A step that was announced, but interrupted before it began, leaves this here for whoever trains next.
        if not self.is_of_this_fit or sys._getframe(1).f_code.co_name == "train_on_batch":
            return self.own(*arguments)
        self.began = True
        logs = self.step(*arguments)
        self.ended = True
        return logs

    @property
    def is_of_this_fit(self) -> bool:
        """Whether the fit that it was announced in still runs."""
        return self.fit is getattr(self._model, "history", None)


def own_function(model: Any) -> Any:
    """Keras's; what a logger announced and nothing ever ran, because `fit` was interrupted, is looked through."""
    found = model.train_function
    return found.own if isinstance(found, Announced) else found


def announced_of(model: Any) -> Announced | None:
    """What another logger of the running fit announced for the coming step."""
    found = model.train_function
    return found if isinstance(found, Announced) and not found.began and found.is_of_this_fit else None


def _set_train_function(model: Any, function: Any) -> None:
    object.__setattr__(model, "train_function", function)  # plain assignment would have Keras look for layers in it
