"""The checks of the set-up, in their order."""

from collections.abc import Callable, Sequence

from keras_inits.diagnosis.finding import Finding
from keras_inits.diagnosis.setup.constant_columns import constant_columns
from keras_inits.diagnosis.setup.examples_alike import examples_alike
from keras_inits.diagnosis.setup.faded_start import faded_start
from keras_inits.diagnosis.setup.first_loss import far_outputs, first_loss
from keras_inits.diagnosis.setup.last_activation import last_activation
from keras_inits.diagnosis.setup.learning_rate import learning_rate, rate_not_positive
from keras_inits.diagnosis.setup.no_loss_gradient import no_loss_gradient
from keras_inits.diagnosis.setup.order import ordered
from keras_inits.diagnosis.setup.setup import Setup
from keras_inits.diagnosis.setup.small_weights import told_apart, without_gradients
from keras_inits.diagnosis.setup.squares import squared_probabilities
from keras_inits.diagnosis.setup.stacks import linear_stack
from keras_inits.diagnosis.setup.targets import targets
from keras_inits.diagnosis.setup.unscaled_inputs import unscaled_inputs

Check = Callable[[Setup], Finding | None]

CAUSES: tuple[Check, ...] = (last_activation, targets, unscaled_inputs, rate_not_positive)
BEFORE: tuple[Check, ...] = (no_loss_gradient,)
BEHIND: tuple[Check, ...] = (examples_alike, learning_rate, first_loss)
NOTES: tuple[Check, ...] = (far_outputs, constant_columns, linear_stack, squared_probabilities)
KINDS = tuple(check.__name__ for check in (*CAUSES, *BEFORE, *BEHIND))
NOTE_KINDS = ("small_weights", *(check.__name__ for check in NOTES))
OF_THE_LOSS = ("last_activation", "targets")
"""Findings that say why a loss fails."""
OF_ALL = tuple(check.__name__ for check in CAUSES)
"""Findings that follow from nothing else: about targets, inputs, last activation and rate, whatever the weights are."""
OF_THE_BATCH = ("same_examples",)


def checked(setup: Setup) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The findings of the set-up and of the layers, causes first; and the notes.

    Of a batch whose examples are all the same nothing else is said: what it shows is the batch's.
    """
    if setup.has(*OF_THE_BATCH) or not setup.case.batch.is_finite:
        return tuple(setup.found), ()
    grave, small = told_apart(setup)
    faded = faded_start(setup)
    grave = grave if faded is None else (*grave, faded)
    others = [*_found(BEFORE, setup), *grave, *_found(BEHIND, setup._replace(found=without_gradients(setup, grave)))]
    findings = ordered(_found(CAUSES, setup), others)
    return findings, (*small, *_found(NOTES, setup))


def _found(checks: Sequence[Check], setup: Setup) -> tuple[Finding, ...]:
    return tuple(finding for check in checks if (finding := check(setup)) is not None)
