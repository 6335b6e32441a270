"""The report: one HTML page that needs nothing beside it."""

import base64
import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from itertools import groupby

import jinja2
import keras

from keras_inits.comparison.run import BATCH_SIZE, LEARNING_RATE, Run, Settings
from keras_inits.comparison.table import cells
from keras_inits.comparison.verdict import MEANINGS


@dataclass(frozen=True)
class Comparison:
    """What the page tells of: the runs, what they share, and the command that repeats them."""

    runs: Sequence[Run]
    planned: int
    settings: Settings
    command: str


def render_report(comparison: Comparison, plot: bytes) -> str:
    """Returns the page as HTML, with the plot embedded.

    Args:
        comparison: With at least one run.
        plot: A PNG.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("keras_inits.comparison", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.jinja").render(
        comparison=comparison,
        settings=comparison.settings,
        laws=dict.fromkeys((run.start, run.law) for run in comparison.runs),
        groups={
            activation: [cells(run) for run in runs]
            for activation, runs in groupby(comparison.runs, key=lambda run: run.activation)
        },
        counts=Counter(run.verdict for run in comparison.runs),
        meanings=MEANINGS,
        learning_rate=LEARNING_RATE,
        batch_size=BATCH_SIZE,
        plot=base64.b64encode(plot).decode(),
        versions=_versions(),
        date=datetime.now(UTC).strftime("%d %B %Y"),
    )


def _versions() -> str:
    """The versions that the numbers depend on, the backend's among them."""
    packages = ("keras", keras.backend.backend(), "numpy", "scikit-learn")
    return ", ".join(
        [f"Python {platform.python_version()}", *(f"{name} {metadata.version(name)}" for name in packages)]
    )
