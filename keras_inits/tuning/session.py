"""A search carried out: the storage opened, points enqueued, the loop run, the result told."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from rich.console import Console

from keras_inits.initializers.threads import cores
from keras_inits.tuning.found import Found
from keras_inits.tuning.loop import Loop
from keras_inits.tuning.process import Carry, Process, carry_out
from keras_inits.tuning.progress import Progress
from keras_inits.tuning.ranking import ranked
from keras_inits.tuning.space import Params
from keras_inits.tuning.study import has_results, in_memory, quiet, random_points, sampler_of, storage_at, study_in
from keras_inits.tuning.trials import Trials
from keras_inits.tuning.work import Work

SEED = 0
"""Seed of the points that are drawn by chance."""


@dataclass(frozen=True)
class Session:
    """One call of `search`, its arguments checked.

    Args:
        work: What each trial needs.
        sampler: Its name, or Optuna's object.
        cells: The points of a grid; None for another sampler.
        budget: How many trials there are at the most.
        workers: How many processes run at once.
        console: Where progress goes.
        warn: Is called with a sentence for the user.
        carry: What a process does.
    """

    work: Work
    sampler: Any
    cells: Sequence[Params] | None
    budget: int
    workers: int
    console: Console
    warn: Callable[[str], None]
    carry: Carry = carry_out

    def search(self, journal: Path | None, settings: Mapping[str, str], pickled: bytes) -> Found:
        """Runs the trials that are not there.

        Args:
            journal: The file of the study; None keeps it in memory.
            settings: All that trials depend on.
            pickled: The work.
        """
        place = "memory" if journal is None else repr(os.fspath(journal))
        with quiet(), storage_at(journal) as storage, tempfile.TemporaryDirectory(prefix="keras-inits-") as folder:
            study = study_in(storage, self.work.objective, settings, place)
            has_before = has_results(study)
            file = Path(folder) / "work.pickle"
            file.write_bytes(pickled)
            try:
                self._run(study, file, has_before)
            except (TypeError, ValueError, RuntimeError):
                if not has_before and not ranked(study):  # nothing is left half made
                    optuna.delete_study(study_name=study.study_name, storage=storage)
                raise
            result = in_memory(study, storage)
        return Found(result, self.work.space, self.work.objective, self.budget)

    def _run(self, study: optuna.Study, file: Path, has_before: bool) -> None:
        trials = Trials(study, self.work.space, self.budget)
        trials.recover()
        count = len(study.get_trials(deepcopy=False))
        # With the seed of an earlier call the sampler would draw its points again.
        study.sampler = sampler_of(self.sampler, SEED + count)
        cells = self.cells
        if self.sampler == "random":
            cells = random_points(self.work.space, self.budget, SEED)
        if cells is not None:
            trials.enqueue(cells)
        # A sampler that tried all points stops its study, which Optuna allows in its own loop alone.
        study.stop = trials.stop  # type: ignore[method-assign]
        with self._progress(trials) as progress:
            start = partial(Process, self.carry, file, _threads(self.workers))
            levels = self.work.objective.level is not None
            Loop(trials, start, self.workers, cells is None, levels, progress, self.warn, has_before).run()

    def _progress(self, trials: Trials) -> Progress:
        total = len(self.cells) if self.cells is not None else self.budget
        best = next((trial.value for trial in ranked(trials.study)), None)
        return Progress(self.console, self.work.space, self.work.objective, total, min(total, trials.done), best)


def _threads(workers: int) -> dict[str, str]:
    """The cores divided among the workers: processes with more threads than there are cores wait for each other."""
    count = str(max(1, cores() // workers))
    return {} if workers == 1 else {"OMP_NUM_THREADS": count, "TF_NUM_INTRAOP_THREADS": count}
