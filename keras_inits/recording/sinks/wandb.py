"""A run of Weights & Biases."""

from typing import Any

from keras_inits.extras import missing
from keras_inits.recording.sinks import Start
from keras_inits.recording.sinks.scalars import scalars_of
from keras_inits.recording.trace import GradientTrace

STEP = "gradients/step"


class WandbSink:
    """Logs a row for each recorded step to a run of Weights & Biases, with a step count of its own as the x-axis.

    So it goes along with whatever else logs to the run. The keys are `gradients/global_norm`,
    `gradients/gradient/<layer>` and `gradients/<quantity>/<layer>`.

    Args:
        run: A run; None for the one that `wandb.init` made last.
    """

    def __init__(self, run: Any = None) -> None:
        self._given, self._run = run, run

    def check(self) -> None:
        """Raises an error if there is no run.

        Raises:
            ImportError: If wandb is not installed.
            ValueError: If no run was made.
        """
        self._run = self._given or _wandb().run
        if self._run is None:
            raise ValueError(
                "WandbSink found no run. It expects one that is running. Call wandb.init(...) before fit, or pass "
                "WandbSink(run)."
            )

    def begin(self, start: Start) -> int:
        """Declares the x-axis; begins at step 0, unless the user says that a training goes on."""
        self._run.define_metric(STEP)
        self._run.define_metric("gradients/*", step_metric=STEP)
        return start.steps if start.resume else 0

    def append(self, rows: GradientTrace) -> None:
        """Logs each row."""
        for step, values in scalars_of(rows):
            self._run.log({STEP: step, **{f"gradients/{name}": value for name, value in values.items()}})

    def close(self) -> None:
        """Leaves the run to whoever made it."""


def _wandb() -> Any:
    try:
        import wandb
    except ImportError as error:
        raise missing("WandbSink", "wandb", "wandb") from error
    return wandb
