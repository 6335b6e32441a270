"""The loop of a search: as many processes as there are workers, each for one trial."""

from collections.abc import Callable
from dataclasses import dataclass, field

import optuna

from keras_inits.tuning.process import Process, wait_for
from keras_inits.tuning.progress import Progress
from keras_inits.tuning.results import Complete, Crashed, Failed, Pruned, Refused, Result
from keras_inits.tuning.space import Params
from keras_inits.tuning.trials import Trials

FAILURES_IN_A_ROW = 3
"""So many trials that all end in an exception, and no other result, end the search."""

RESULTS_THAT_TELL = 3
"""Results after which a name that `build` did not read is told."""

UNGUARDED = (
    "A process of search() ended before it began: {why}. It expects to import the program that called search(). Put "
    "the call below `if __name__ == '__main__':`, and look at the error that the process printed."
)


class BuildError(RuntimeError):
    """The first trials all ended in an exception."""


@dataclass
class Loop:
    """Trials handed to processes, and their results told.

    Args:
        trials: Where trials come from.
        start: Starts the process of a point of the space.
        workers: How many run at once.
        asks: Whether the sampler is asked for points; else all are enqueued.
        levels: Whether the objective has a level.
        progress: Is told what goes on.
        warn: Is called with a sentence for the user.
        has_results: Whether trials of an earlier call came to their end.
    """

    trials: Trials
    start: Callable[[Params], Process]
    workers: int
    asks: bool
    levels: bool
    progress: Progress
    warn: Callable[[str], None]
    has_results: bool = False
    _running: dict[Process, optuna.Trial] = field(default_factory=dict)
    _failures: int = 0
    _points: list[Params] = field(default_factory=list)  # that came to a result
    _unread: set[str] = field(default_factory=set)  # names that no trial read so far
    _is_told: bool = False

    def run(self) -> None:
        """Runs all trials.

        Raises:
            KeyboardInterrupt: On Ctrl-C. The trials that ran are enqueued.
            BuildError: If the first trials all ended in an exception.
            RuntimeError: If no process begins.
        """
        try:
            while True:
                self._fill()
                if not self._running:
                    self._judge({}, None)
                    return
                wait_for(list(self._running))
                for process in list(self._running):
                    result = process.result()
                    if result is not None:
                        trial = self._running.pop(process)
                        self._tell(trial, result)
                        self._judge(trial.params, result)
        finally:
            for process in self._running:  # all of them first: a second Ctrl-C may end this
                process.kill()
            for process in self._running:
                process.end()
            for trial in self._running.values():
                self.trials.take_back(trial)

    def _fill(self) -> None:
        while len(self._running) < self.workers:
            trial = self.trials.next(self.asks)
            if trial is None:
                return
            try:
                process = self.start(trial.params)
            except BaseException:
                self.trials.take_back(trial)
                raise
            self._running[process] = trial
            self.progress.began(len(self._running))

    def _tell(self, trial: optuna.Trial, result: Result) -> None:
        if isinstance(result, Complete):
            self.trials.tell_complete(trial, result, self.levels)
        elif isinstance(result, Pruned):
            self.trials.tell_pruned(trial, result, self.levels)
        elif isinstance(result, Failed):
            self.trials.tell_failed(trial, result)
        elif isinstance(result, Refused):
            self.trials.take_back(trial)
            raise result.error
        elif not result.begun and result.exit_code >= 0:
            self.trials.take_back(trial)
            raise RuntimeError(UNGUARDED.format(why=result.why))
        again = isinstance(result, Crashed) and self.trials.tell_crashed(trial, result)
        self.progress.ended(trial, result, again, len(self._running))

    def _judge(self, params: Params, result: Result | None) -> None:
        """Ends a search whose `build` never works, and warns of names that it does not read; None for the end."""
        if isinstance(result, Complete | Pruned):
            self._unread = self._unread & set(result.unread) if self._points else set(result.unread)
            self._points.append(params)
        if isinstance(result, Failed):
            self._failures += 1
            has_results = self.has_results or bool(self._points)
            if not has_results and self._failures >= min(FAILURES_IN_A_ROW, self.trials.budget):
                raise BuildError(
                    f"The first trials all ended in an exception: {result.error}. search() expects `build` to return "
                    f"a compiled model that `fit` trains. Call build with such values yourself.\n\n{result.traceback}"
                )
        if self._unread and not self._is_told and (result is None or self._shows_all()):
            self._is_told = True
            names = ", ".join(map(repr, sorted(self._unread)))
            self.warn(
                f"build() does not read {names} of the space: all values of it give the same. Read it as "
                "values[...], or leave it out of the space."
            )

    def _shows_all(self) -> bool:
        """Whether each name that `build` reads had several values: with another one it may read more names."""
        read = set(self._points[0]) - self._unread
        several = all(len({repr(point[name]) for point in self._points}) > 1 for name in read)
        return several and len(self._points) >= RESULTS_THAT_TELL
