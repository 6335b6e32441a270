"""Recording steps that were made for a model: which one serves, and whether it still does what Keras's own would."""

import weakref
from dataclasses import dataclass
from typing import Any

from keras_inits import _keras
from keras_inits.backends import recording
from keras_inits.backends.recording import Own, Plan, RecordingStep
from keras_inits.recording.columns import Columns
from keras_inits.recording.reading import Treatment, measures_for, treatment_of

MAX_KEPT = 4
"""How many steps of one training function are kept, for what different subscribers want; the oldest goes first."""

KEPT = "_keras_inits_recording_steps"
"""The attribute of Keras's own training function that holds them, so that they go with it."""


@dataclass(frozen=True)
class Union:
    """The union of all requests of a fit's subscribers."""

    quantities: tuple[str, ...]
    own: tuple[Own, ...]
    every: int
    state: bool
    optimizers: tuple[Any, ...]


@dataclass(eq=False)
class Kept:
    """A recording step, and what it was made from."""

    settings: tuple[Any, ...]
    plan: Plan
    columns: Columns
    treatments: tuple[Treatment, ...]
    step: RecordingStep

    def covers(self, wanted: Union) -> bool:
        """Whether what it records is all that is wanted."""
        measures = measures_for(wanted.quantities, [treatment_of(one) for one in wanted.optimizers])
        return (
            set(self.plan.measures) >= set(measures)
            and set(self.plan.own) >= set(wanted.own)
            and wanted.every % self.plan.every == 0
            and self.plan.state >= wanted.state
            and set(map(id, self.plan.optimizers)) >= set(map(id, wanted.optimizers))
        )


class CompiledSteps:
    """Finds the recording step of a model, or makes one. It holds neither the model nor the step."""

    def __init__(self) -> None:
        self._current: weakref.ref[Kept] | None = None

    def current(self, model: Any) -> Kept | None:
        """The step that was found last, if Keras would not make another one of the model as it is now."""
        kept = self._current() if self._current is not None else None
        return kept if kept is not None and kept.settings == settings_of(model) else None

    def find(self, model: Any, own_function: Any, wanted: Union) -> Kept:
        """A step that records all that is wanted, made anew if there is none."""
        settings = settings_of(model)
        kept: list[Kept] = vars(own_function).setdefault(KEPT, [])
        found = next((one for one in kept if one.settings == settings and one.covers(wanted)), None)
        if found is None:
            found = _made(model, settings, wanted)
            kept.append(found)
            del kept[:-MAX_KEPT]
        self._current = weakref.ref(found)
        return found


def _made(model: Any, settings: tuple[Any, ...], wanted: Union) -> Kept:
    columns = Columns(model, wanted.optimizers)
    treatments = tuple(treatment_of(one) for one in wanted.optimizers)
    measures = measures_for(wanted.quantities, treatments)
    plan = Plan(columns, measures, wanted.own, wanted.every, wanted.state, wanted.optimizers)
    return Kept(settings, plan, columns, treatments, recording.current().RecordingStep(model, plan))


def settings_of(model: Any) -> tuple[Any, ...]:
    """The settings that a training function is made from, and Keras's own function."""
    found = model.train_function
    return (*_keras.compiled_settings(model), getattr(found, "own", found))
