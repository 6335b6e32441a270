"""The messages when recording fails. Training goes on in every case."""

import warnings
from collections.abc import Mapping, Sequence

from keras_inits._names import LONGEST, one_line, shown, some_of
from keras_inits.backends.recording import ROWS_WAITING

EXPECTED = (
    "It expects a train_step that hands its gradients to model.optimizer, as that of keras.Model does, or to an "
    "optimizer in another attribute of the model. Training goes on, without further rows. Change what is named here to "
    "have them."
)


MAX_TOLD = 5
"""How many layers a warning has the names of."""


class Failure:
    """Says each thing once in a fit, and whether there is recording at all."""

    def __init__(self) -> None:
        self.gave_up = False
        self._told: set[str] = set()

    def begin_fit(self) -> None:
        """Tries anew, and says everything anew."""
        self.gave_up, self._told = False, set()

    def give_up(self, reason: str) -> None:
        """Ends recording for what the model or a callback does."""
        self.gave_up = True
        self._tell(reason, f"GradientNormLogger stops recording: {reason}. {EXPECTED}")

    def give_up_on(self, error: BaseException) -> None:
        """Ends recording for an error: one that says what the model does that cannot be recorded, or one of ours."""
        if isinstance(error, (NotImplementedError, ValueError)):
            self.give_up(one_line(str(error)))
            return
        self.gave_up = True
        self._tell(
            "ours",
            f"GradientNormLogger stops recording: it failed with {type(error).__name__}: {one_line(str(error))}. "
            "This is a fault of keras_inits, not of your model or data. Training goes on, without further rows. It "
            "expects no error there; please report it.",
        )

    def tell_lost_rows(self, lost: int) -> None:
        """Says that rows found no room."""
        self._tell(
            "lost",
            f"GradientNormLogger lost {lost} rows: the model's train_step called the optimizer more often than once a "
            f"step, and more than {ROWS_WAITING} rows came between two looks at the device. It expects to have room "
            "for them. Compile the model with a smaller steps_per_execution.",
        )

    def tell_lost_quantities(self, lost: Mapping[str, Exception]) -> None:
        """Says which of the user's quantities ended."""
        for name, error in lost.items():
            self._tell(
                f"quantity {name}",
                f"GradientNormLogger stops recording the quantity {name!r}: its function failed with "
                f"{type(error).__name__}: {one_line(str(error))}. It expects a function of the gradient, the "
                "weight and the update that returns a scalar. Training and all other quantities go on. Change the "
                "function to have it.",
            )

    def tell_no_rows(self, trains: bool) -> None:
        """Says that an epoch went by without a row."""
        if trains:
            reason = "the model's train_step does not hand its gradients to an optimizer that the model holds"
        else:
            reason = "no layer of the model has a gradient, since no weight is trained"
        self._tell("no rows", f"GradientNormLogger has recorded nothing so far: {reason}. {EXPECTED}")

    def tell_stand_ins(self, names: Sequence[tuple[str, str]]) -> None:
        """Says which layers have other names in tables, files and pictures."""
        if names:
            told = some_of([f"{shown(name)} {stand_in!r}" for name, stand_in in names], MAX_TOLD)
            self._tell(
                "names",
                f"GradientNormLogger calls the layer {told}. It expects "
                f"names of at most {LONGEST} printable characters, which every table and picture can show. Nothing "
                "else follows from it; rename the layer to have its name there.",
            )

    def tell_taken_key(self, name: str) -> None:
        """Says that a metric has the name that a mean is to have."""
        self._tell(
            f"key {name}",
            f"GradientNormLogger found the key {name!r} in the logs already, of a metric or a train_step. It expects "
            f"to be the only one that has it. The gradient's is 'keras_inits/{name}'. Rename the metric to have "
            f"{name!r}.",
        )

    def _tell(self, what: str, text: str) -> None:
        if what not in self._told:
            self._told.add(what)
            warnings.warn(text, stacklevel=2)
