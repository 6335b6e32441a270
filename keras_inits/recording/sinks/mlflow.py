"""A run of MLflow."""

import re
import time
from typing import Any

from keras_inits.recording.sinks import Start
from keras_inits.recording.sinks.scalars import scalars_of
from keras_inits.recording.trace import GradientTrace

MOST_METRICS = 1000
"""How many numbers MLflow takes in one batch."""


class MLflowSink:
    """Logs every number of every recorded step to a run of MLflow, in batches.

    The keys are `global_norm`, `gradient/<layer>` and `<quantity>/<layer>`, with a dot for each slash in a layer's
    name, since MLflow keeps a folder for what is before a slash. What it does not allow in a key becomes an underscore.

    Args:
        run_id: The id of a run; None for the active one.
    """

    def __init__(self, run_id: str | None = None) -> None:
        self._given, self._run_id = run_id, run_id
        self._sent: tuple[Any, int] = (None, 0)  # rows, and how many of their numbers the run has

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
        metrics = [
            mlflow.entities.Metric(_key(name), value, now, step)
            for step, values in scalars_of(rows)
            for name, value in values.items()
        ]
        first = self._sent[1] if self._sent[0] is rows else 0
        for number in range(first, len(metrics), MOST_METRICS):
            client.log_batch(self._run_id, metrics=metrics[number : number + MOST_METRICS])
            self._sent = (rows, number + MOST_METRICS)

    def close(self) -> None:
        """Leaves the run to whoever made it."""


def _key(name: str) -> str:
    quantity, slash, layer = name.partition("/")
    return re.sub(r"[^\w./ :-]", "_", f"{quantity}{slash}{layer.replace('/', '.')}")


def _mlflow() -> Any:
    try:
        import mlflow
    except ImportError as error:
        raise ImportError(
            "MLflowSink found no mlflow. It expects it to be installed. Install it with: pip install mlflow"
        ) from error
    return mlflow
