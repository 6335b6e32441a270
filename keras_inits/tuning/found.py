"""The result of a search: its best trial, and all others."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from keras_inits._names import no_formula
from keras_inits.extras import pandas_for
from keras_inits.notebook import Shown
from keras_inits.number import spread_in_words
from keras_inits.text import wrapped
from keras_inits.tuning.objectives import Objective
from keras_inits.tuning.space import Space

if TYPE_CHECKING:
    import optuna
    import pandas  # type: ignore[import-untyped,unused-ignore]


@dataclass(frozen=True)
class BestTrial:
    """The trial with the best objective of those whose gradients reach every layer."""

    number: int
    """Optuna's number of it."""
    values: Mapping[str, Any]
    """Each name of the space with what `build` got."""
    params: Mapping[str, Any]
    """The same as Optuna has it: the name of an option stands for it."""
    objective: float
    """The median over seeds."""
    of_seeds: tuple[float, ...]
    """The objective from each seed."""
    code: str
    """The argument of a layer that gives its initializer, a line for each; empty for those of one's own."""
    runs: tuple[str, ...] = ()
    """The names of the files of its runs, if there is an output, without their endings."""


@dataclass(frozen=True, repr=False)
class Found(Shown):
    """The trials of a search."""

    study: "optuna.Study"
    """Optuna's study, with all that its functions take."""
    space: Space
    objective: Objective
    planned: int
    """How many trials there are at the most."""

    @cached_property
    def best(self) -> BestTrial | None:
        """The best trial; None if no trial came to its end with gradients that reach every layer."""
        from keras_inits.tuning.ranking import ranked

        good = ranked(self.study)
        if not good:
            return None
        first = good[0]
        assert first.value is not None
        attributes = first.user_attrs
        params = {name: first.params[name] for name in self.space.dimensions}
        return BestTrial(
            first.number,
            self.space.values(params),
            params,
            first.value,
            tuple(attributes.get("of_seeds", (first.value,))),
            self.space.code(params),
            tuple(attributes.get("runs", ())),
        )

    def __repr__(self) -> str:
        """One line; `print` shows more."""
        return f"<Found by a search: {self._told()}>"

    def __str__(self) -> str:
        """The best trial, its line of code, and all trials, the best first, those that were pruned with the reason."""
        from keras_inits.tuning.table import text_of

        lines = wrapped(f"Best: {self._told()}.")
        if self.best is not None and self.best.code:
            lines += ["", *self.best.code.split("\n")]
        return "\n".join([text_of(self), "", *lines])

    def to_dataframe(self) -> "pandas.DataFrame":
        """A pandas table with a row for each trial, in the order in which they began.

        A dimension with the name of another column has `params_` before it; a name that a spreadsheet would compute,
        such as `=1+1`, an apostrophe.

        Raises:
            ImportError: If pandas is not installed.
        """
        from keras_inits.tuning.rows import flat, rows_of

        rows = [
            {no_formula(name): no_formula(value) if isinstance(value, str) else value for name, value in row.items()}
            for row in map(flat, rows_of(self))
        ]
        return pandas_for("Found.to_dataframe()").DataFrame(rows)

    def _told(self) -> str:
        best = self.best
        if best is None:
            return f"no trial of {self.planned} came to its end with healthy gradients"
        value = spread_in_words(self.objective.shown_as, best.of_seeds)
        return f"{self.objective} {value} of trial {best.number}, {self.space.title(best.params)}"
