"""How many faulty Keras programs `diagnose` and the alerts name the cause of, and how many their remedies cure.

Run: KERAS_BACKEND=torch python benchmarks/faults.py [--folder FOLDER] [--only NAME] [--seconds 10]
     [--write docs/explanation/programs-table.md]

The programs are those of `benchmarks/programs/`, or of another folder with files of the same form. Of each program the
faulty and the fixed version are built, diagnosed on the first batch, and trained with alerts. Then the remedies of all
findings that are causes are carried out on the faulty one, the lines of code by `exec`, and it is diagnosed again,
three times at most; what an alert then advises is carried out from the start. `cured` is a program that scores no more
than 0.05 less than the fixed one: by the share of right answers, or of the variance for numbers. A cause is named if a
finding that follows from no other is of one of the kinds that the program lists, or an alert names the learning rate.
"""

import argparse
import importlib.util
import os
import re
import sys
import time
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_inits

ROOT = Path(__file__).parent
ROUNDS = 3
TOLERANCE = 0.05
SEED = 0
ALERTED = re.compile(r"model\.optimizer\.learning_rate /= 10")
KINDS = {  # of the words by which folders of another form name causes
    "scaling": ("unscaled_inputs",),
    "target_scaling": ("targets", "first_loss"),
    **dict.fromkeys(("lr", "optimizer"), ("learning_rate", "rate_not_positive", "alert")),
    **dict.fromkeys(("last_activation", "loss", "labels", "units"), ("last_activation", "targets")),
    "activation": ("saturated", "nonfinite", "exploding_signal", "examples_alike"),
    "symmetry": ("symmetric_units",),
    "init": ("symmetric_units", "vanishing_signal", "exploding_signal", "first_loss"),
    "vanishing": ("vanishing_signal", "vanishing_gradient", "examples_alike"),
    "exploding": ("exploding_signal", "exploding_gradient", "nonfinite"),
    "dying": ("dead_layer", "dead_units"),
}


class Program(NamedTuple):
    """A program of a folder."""

    name: str
    source: str
    fault: str
    causes: tuple[str, ...]
    """The kinds that name it; empty where nothing is to be found."""
    module: ModuleType

    def build(self, fixed: bool) -> dict[str, Any]:
        """The names that the remedies' lines use."""
        keras.backend.clear_session()
        keras.utils.set_random_seed(SEED)
        own = getattr(self.module, "build", None)
        made = (
            own(fixed) if not hasattr(self.module, "META") else getattr(self.module, "fixed" if fixed else "faulty")()
        )
        return dict(zip(("model", "x", "y", "fit"), made, strict=True)) | {"keras": keras, "keras_inits": keras_inits}


class Result(NamedTuple):
    """What was said of a program."""

    flagged: bool
    named: bool
    cured: bool
    said: str
    alarms: str
    """What was said of the fixed one."""
    scores: tuple[float, float, float]
    """Of the faulty, the cured and the fixed one."""


class Stop(keras.callbacks.Callback):
    """Ends a training after some seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts the clock."""
        self.end = time.monotonic() + self.seconds

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Looks at it."""
        self.model.stop_training = self.model.stop_training or time.monotonic() > self.end


def programs_of(folder: Path) -> list[Program]:
    """The programs of a folder, by their names."""
    found = []
    sys.path.insert(0, str(ROOT))
    for file in sorted(folder.glob("*.py")):
        spec = importlib.util.spec_from_file_location(file.stem, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        if file.stem in ("__init__", "data", "run"):
            continue
        spec.loader.exec_module(module)
        meta = getattr(module, "META", None)
        if meta is None:
            found.append(Program(file.stem, module.SOURCE, module.FAULT, tuple(module.CAUSES), module))
        else:
            words = meta["kinds"] if meta["group"] == "i" else []
            causes = tuple(dict.fromkeys(kind for word in words for kind in KINDS.get(word, ())))
            found.append(Program(file.stem, meta["source"], meta["fault"], causes, module))
    return found


def diagnosed(program: dict[str, Any]) -> Any:
    """The diagnosis of its first batch."""
    size = min(program["fit"]["batch_size"], len(program["x"]))
    return keras_inits.diagnose(program["model"], program["x"][:size], program["y"][:size])


def trained(program: dict[str, Any], seconds: float) -> tuple[float, list[str]]:
    """The score after training, and the alerts."""
    logger = keras_inits.GradientNormLogger(alerts=keras_inits.Alerts())
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            callbacks = [logger, Stop(seconds)]
            program["model"].fit(program["x"], program["y"], verbose=0, callbacks=callbacks, **program["fit"])
            reached = score(program)
        except Exception as error:  # as of a loss that does not take its targets
            reached, seen = -np.inf, [*seen]
            print(f"  fit ended with {type(error).__name__}")
    return reached, [str(one.message) for one in seen if "GradientNormLogger found" in str(one.message)]


def score(program: dict[str, Any]) -> float:
    """The share of right answers, or of the variance of numbers."""
    outputs = np.asarray(program["model"].predict(program["x"], verbose=0), "float64")
    y = np.asarray(program["y"], "float64").reshape(len(outputs), -1)
    logits = bool(getattr(program["model"].loss, "_fn_kwargs", {}).get("from_logits"))
    if outputs.shape[1] > 1 and y.shape[1] == 1:
        return float((outputs.argmax(1) == y[:, 0]).mean())
    if y.shape[1] > 1 and np.allclose(y.sum(1), 1):
        return float((outputs.argmax(1) == y.argmax(1)).mean())
    if np.isin(y, (0, 1)).all():
        return float(((outputs > (0 if logits else 0.5)) == y).mean())
    return float(1 - ((outputs - y) ** 2).mean() / y.var()) if np.isfinite(outputs).all() else -np.inf


def carried_out(program: dict[str, Any], extra: int) -> list[str]:
    """Carries out what is advised, and returns it.

    Args:
        program: That is changed.
        extra: How many times an alert advised to divide the learning rate by ten.
    """
    done = []
    for _ in range(ROUNDS):
        diagnosis = diagnosed(program)
        causes = [one for one in diagnosis.findings if one.follows_from is None]
        before = len(done)
        for finding in causes:
            if finding.remedy.code and finding.remedy.code not in done:
                done.append(finding.remedy.code)
                exec(finding.remedy.code, program)
        if any(one.remedy.rules and one.remedy.tried is not False for one in causes):
            diagnosis.repair(program["model"], seed=SEED)
            done.append("repair")
        if len(done) == before:
            break
        program |= {name: _plain(program[name]) for name in ("x", "y")}
    for _ in range(extra):
        program["model"].optimizer.learning_rate /= 10
        done.append("learning_rate /= 10")
    return done


def _plain(values: Any) -> Any:
    return keras.ops.convert_to_numpy(values) if keras.ops.is_tensor(values) else values


def judged(program: Program, seconds: float) -> Result:
    """Builds, diagnoses, trains and repairs."""
    faulty = program.build(fixed=False)
    diagnosis = diagnosed(faulty)
    before, alerts = trained(faulty, seconds)
    kinds = {one.kind for one in diagnosis.findings if one.follows_from is None}
    rate_named = any(map(ALERTED.search, alerts))
    kinds |= {"alert"} if rate_named else set()
    fixed = program.build(fixed=True)
    right = diagnosed(fixed)
    best, alarms = trained(fixed, seconds)
    reached, done = -np.inf, list[str]()
    for extra in range(ROUNDS):
        cured = program.build(fixed=False)
        done = carried_out(cured, extra)
        reached, still = trained(cured, seconds) if done else (before, [])
        advised = any(map(ALERTED.search, still if done else alerts))
        if reached >= best - TOLERANCE or not advised:
            break
    said = ", ".join(one.kind for one in diagnosis.findings if one.follows_from is None)
    said = ", ".join([*([said] if said else []), *(["alert"] if alerts else [])])
    wrong = ", ".join([one.kind for one in right.findings] + ["alert"] * bool(alarms))
    print(f"  carried out: {done}")
    return Result(
        bool(said), bool(kinds & set(program.causes)), reached >= best - TOLERANCE, said, wrong, (before, reached, best)
    )


def main() -> None:
    """Judges the programs, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "programs")
    parser.add_argument("--only", action="append", help="this program alone; may be repeated")
    parser.add_argument("--seconds", type=float, default=10.0, help="the longest that a training may take")
    parser.add_argument("--write", type=Path, help="a Markdown file for the table")
    arguments = parser.parse_args()
    lines = ["| program | fault | found | cause named | cured | on the fixed one |", "|---|---|---|---|---|---|"]
    results = []
    for program in programs_of(arguments.folder):
        if arguments.only and program.name not in arguments.only:
            continue
        result = judged(program, arguments.seconds)
        if program.causes:
            results.append(result)
        cells = (result.said or "-", *("yes" if one else "no" for one in (result.named, result.cured)))
        lines.append(f"| {program.source} | {program.fault} | {' | '.join(cells)} | {result.alarms or '-'} |")
        scores = " ".join(f"{one:.2f}" for one in result.scores)
        print(f"{program.name}: {lines[-1]} scores {scores}", flush=True)
    counts = [sum(getattr(one, name) for one in results) for name in ("flagged", "named", "cured")]
    alarms = sum(bool(one.alarms) for one in results)
    total = (
        f"{keras.backend.backend()}: of {len(results)} programs {counts[0]} flagged, {counts[1]} named, {counts[2]} "
        f"cured; {alarms} fixed ones with an alarm"
    )
    print(total)
    if arguments.write:
        arguments.write.write_text("\n".join([*lines, "", f"On {total}.", ""]))


if __name__ == "__main__":
    main()
