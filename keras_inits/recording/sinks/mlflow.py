"""A run of MLflow."""

import re
import time
import warnings
from collections.abc import Iterable
from typing import Any

from keras_inits._names import shown, some_of, stand_in
from keras_inits.extras import missing
from keras_inits.recording.sinks import Start
from keras_inits.recording.sinks.scalars import scalars_of
from keras_inits.recording.trace import GradientTrace

MAX_METRICS = 1000
"""How many numbers MLflow takes in one batch."""

LONGEST_KEY = 240
"""MLflow takes 250 characters."""

MAX_TOLD = 10
"""How many names a warning has."""


class MLflowSink:
    """Logs every number of every recorded step to a run of MLflow, in batches.

    The keys are `global_norm`, `gradient/<layer>` and `<quantity>/<layer>`, with a dot for each slash in a layer's
    name, since MLflow keeps a folder for what is before a slash. What it does not allow in a key becomes an underscore,
    a long key loses its middle, and one that is taken has a number behind it; a warning says of which layers.

    Args:
        run_id: The id of a run; None for the active one.
    """

    def __init__(self, run_id: str | None = None) -> None:
        self._given, self._run_id = run_id, run_id
        self._sent: tuple[Any, int] = (None, 0)  # rows, and how many of their numbers the run has
        self._keys: dict[str, str] = {}  # from the names of numbers

    def check(self) -> None:
        """Raises an error if there is no run.

        Raises:
            ImportError: If mlflow is not installed.
            ValueError: If none was given and none is active.
        """
        active = _mlflow().active_run()
        self._run_id = self._given or (active.info.run_id if active is not None else None)
        if self._run_id is None:
            raise ValueError(
                "MLflowSink found no active run. It expects one. Call fit in a block `with mlflow.start_run():`, or "
                "pass MLflowSink(run_id)."
            )

    def begin(self, start: Start) -> int:
        """Begins at step 0, unless the user says that a training goes on."""
        return start.steps if start.resume else 0

    def append(self, rows: GradientTrace) -> None:
        """Logs all numbers; after an error those that the run has not got."""
        mlflow, now = _mlflow(), int(time.time() * 1000)
        client = mlflow.MlflowClient()
        scalars = list(scalars_of(rows))
        self._name(name for _, values in scalars for name in values)
        metrics = [
            mlflow.entities.Metric(self._keys[name], value, now, step)
            for step, values in scalars
            for name, value in values.items()
        ]
        first = self._sent[1] if self._sent[0] is rows else 0
        for number in range(first, len(metrics), MAX_METRICS):
            client.log_batch(self._run_id, metrics=metrics[number : number + MAX_METRICS])
            self._sent = (rows, number + MAX_METRICS)

    def _name(self, names: Iterable[str]) -> None:
        """Gives each name a key of its own, and tells of those that are not what the name says."""
        changed = []
        for name in dict.fromkeys(names):
            if name not in self._keys:
                key, same = _key(name)
                taken, number = set(self._keys.values()), 1
                while (numbered := key if number == 1 else f"{key}:{number}") in taken:
                    number += 1
                self._keys[name] = numbered
                changed += [] if same and number == 1 else [f"{shown(name)} is called {numbered!r}"]
        if changed:
            warnings.warn(
                f"MLflowSink received names that MLflow does not take as keys: {some_of(changed, MAX_TOLD)}. "
                "It expects letters, digits, spaces and any of _./:-. "
                "The rows are kept under the keys that stand here. Rename the layers to have others.",
                stacklevel=2,
            )

    def close(self) -> None:
        """Leaves the run to whoever made it."""


def _key(name: str) -> tuple[str, bool]:
    """A key for the name of a number, and whether it is what the name says, but for slashes."""
    quantity, slash, layer = name.partition("/")
    plain = f"{quantity}{slash}{layer.replace('/', '.')}"
    key = re.sub(r"[^\w./ :-]", "_", plain)
    key = re.sub(r"/(\.{1,2})$", lambda found: "/" + "_" * len(found[1]), key)  # a folder's own name, and its parent's
    key = stand_in(key, LONGEST_KEY)
    return key, key == plain


def _mlflow() -> Any:
    try:
        import mlflow
    except ImportError as error:
        raise missing("MLflowSink", "mlflow", "mlflow") from error
    return mlflow
