"""A remedy: Python that draws weights again, or changes the set-up."""

from typing import NamedTuple

from keras_inits.diagnosis.rule_code import Rule


class Remedy(NamedTuple):
    """A remedy of a finding, and its reason: Python that changes the program; or words alone.

    It prints as code with a comment: `model.optimizer.learning_rate = 0.001  # why`.
    """

    reason: str
    """Why; without code, what to do."""
    rules: tuple[Rule, ...] = ()
    """Pairs of a pattern and an initializer, as `initialize` takes them, if the remedy draws weights again."""
    code: str = ""
    """Python that carries it out: `model`, `x`, `y`, `keras` and `keras_inits` are what they are in the program."""
    tried: bool | None = None
    """Whether the finding was gone after the rules were carried out on a copy of the weights; None: nobody tried."""

    @property
    def why(self) -> str:
        """The reason, and what the trial showed."""
        return self.reason + {True: " (tried: gone)", False: " (tried: it stays)", None: ""}[self.tried]

    def __str__(self) -> str:
        """The code, and the reason behind it."""
        return f"{self.code}  # {self.why}" if self.code else self.reason
