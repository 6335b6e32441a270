"""How many faulty Keras programs `diagnose` and the alerts name the cause of, and how many their remedies cure.

Run: KERAS_BACKEND=torch python benchmarks/faults.py [--folder FOLDER] [--only NAME] [--generated 3]
     [--write docs/explanation/programs-table.md]

The programs are those of `benchmarks/programs/`, or of another folder with files of the same form. With `--generated`
they are the models of `generated.py`, so many of each injected fault, trained on classes that a linear map gives their
inputs; their fixed version is the same network with the start of `initialize`. What was injected and does no harm, as
the trained model shows, is no fault, and is not counted.

Of each program the faulty and the fixed version are built, diagnosed on the first batch, and trained with alerts. Then
the remedies of all findings that are causes are carried out on the faulty one, by `exec`, and it is diagnosed again,
three times at most; what an alert then advises is carried out from the start. `cured` is a program that scores no more
than 0.05 less than the fixed one: by the share of right answers, or of the variance for numbers. A cause is named if a
finding that follows from no other is of one of the kinds that the program lists, or an alert names the learning rate.
"""

import argparse
import functools
import importlib.util
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import generated
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


PLANTED = {  # the kinds that name the injected fault, or what it leads to
    "small": ("vanishing_signal", "vanishing_gradient", "examples_alike"),
    "large": ("exploding_signal", "exploding_gradient", "saturated", "nonfinite", "first_loss"),
    "zeros": ("symmetric_units", "no_gradient", "examples_alike", "vanishing_signal"),
    "constant": ("symmetric_units",),
    "copies": ("symmetric_units",),
    "dead": ("dead_layer", "dead_units"),
    "saturated": ("saturated", "exploding_signal", "exploding_gradient", "first_loss"),
    "nan": ("nonfinite",),
    "fans": ("wrong_fans", "vanishing_signal", "exploding_signal"),
    "float16": ("nonfinite", "dtype_range", "exploding_signal", "exploding_gradient"),
}
LEARNED = 2.0
"""How many times the share of the commonest class a generated network must score, to count as one that trains."""


class Program(NamedTuple):
    """A faulty program and its fixed version."""

    name: str
    source: str
    fault: str
    causes: tuple[str, ...]
    """The kinds that name it; empty where nothing is to be found."""
    make: Callable[[bool], tuple[Any, Any, Any, dict[str, Any]]]
    """From whether it is the fixed one to the model, x, y and the arguments of `fit`."""

    def build(self, fixed: bool) -> dict[str, Any]:
        """The names that the remedies' lines use."""
        keras.backend.clear_session()
        keras.utils.set_random_seed(SEED)
        made = zip(("model", "x", "y", "fit"), self.make(fixed), strict=True)
        return dict(made) | {"keras": keras, "keras_inits": keras_inits}


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
    chance: float
    """The share of the commonest target."""


class Stop(keras.callbacks.Callback):
    """Ends a training after some steps."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Counts them."""
        self.left -= 1
        self.model.stop_training = self.model.stop_training or self.left <= 0


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
            found.append(Program(file.stem, module.SOURCE, module.FAULT, tuple(module.CAUSES), module.build))
        else:
            words = meta["kinds"] if meta["group"] == "i" else []
            causes = tuple(dict.fromkeys(kind for word in words for kind in KINDS.get(word, ())))
            make = functools.partial(_of_two, module)
            found.append(Program(file.stem, meta["source"], meta["fault"], causes, make))
    return found


def _of_two(module: Any, fixed: bool) -> Any:
    return module.fixed() if fixed else module.faulty()


def generated_programs(each: int) -> list[Program]:
    """So many for each injected fault."""
    recipes = [one for one in generated.recipes("report", each) if one.plant in PLANTED]
    return [
        Program(f"{one.plant} {one.seed}", one.plant, str(one), PLANTED[one.plant], functools.partial(_generated, one))
        for one in recipes
    ]


def _generated(recipe: generated.Recipe, fixed: bool) -> tuple[Any, Any, Any, dict[str, Any]]:
    keras.config.set_dtype_policy("float32")
    dtype = "mixed_float16" if recipe.plant == "float16" else "float32"
    model = generated.build(recipe, dtype, split=False)
    keras.config.set_dtype_policy("float32")
    if fixed:
        keras_inits.initialize(model, seed=recipe.seed)
    else:
        generated.plant(model, recipe)
    x = generated.batch(recipe, model)
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    return model, x, generated.labels(recipe, x), {"epochs": 60, "batch_size": 32}


def diagnosed(program: dict[str, Any]) -> Any:
    """The diagnosis of its first batch."""
    size = min(program["fit"]["batch_size"], len(program["x"]))
    return keras_inits.diagnose(program["model"], program["x"][:size], program["y"][:size])


def trained(program: dict[str, Any], steps: int) -> tuple[float, list[str]]:
    """The score after training, and the alerts."""
    logger = keras_inits.GradientNormLogger(alerts=keras_inits.Alerts())
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            callbacks = [logger, Stop(steps)]
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
            if finding.remedy.code and not finding.remedy.rules and finding.remedy.code not in done:
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


def judged(program: Program, steps: int) -> Result:
    """Builds, diagnoses, trains and repairs."""
    faulty = program.build(fixed=False)
    diagnosis = diagnosed(faulty)
    before, alerts = trained(faulty, steps)
    kinds = {one.kind for one in diagnosis.findings if one.follows_from is None}
    rate_named = any(map(ALERTED.search, alerts))
    kinds |= {"alert"} if rate_named else set()
    fixed = program.build(fixed=True)
    right = diagnosed(fixed)
    best, alarms = trained(fixed, steps)
    reached, done = -np.inf, list[str]()
    for extra in range(ROUNDS):
        cured = program.build(fixed=False)
        done = carried_out(cured, extra)
        reached, still = trained(cured, steps) if done else (before, [])
        advised = any(map(ALERTED.search, still if done else alerts))
        if reached >= best - TOLERANCE or not advised:
            break
    said = ", ".join(one.kind for one in diagnosis.findings if one.follows_from is None)
    said = ", ".join([*([said] if said else []), *(["alert"] if alerts else [])])
    wrong = ", ".join([one.kind for one in right.findings] + ["alert"] * bool(alarms))
    print(f"  carried out: {done}")
    return Result(
        flagged=bool(said),
        named=bool(kinds & set(program.causes)),
        cured=reached >= best - TOLERANCE,
        said=said,
        alarms=wrong,
        scores=(before, reached, best),
        chance=float(np.unique(np.asarray(fixed["y"]), return_counts=True)[1].max() / np.asarray(fixed["y"]).size),
    )


def main() -> None:
    """Judges the programs, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "programs")
    parser.add_argument("--only", action="append", help="this program alone; may be repeated")
    parser.add_argument("--generated", type=int, help="so many models of each injected fault in place of a folder")
    parser.add_argument("--steps", type=int, default=10_000, help="the most that a training takes")
    parser.add_argument("--write", type=Path, help="a Markdown file for the table")
    arguments = parser.parse_args()
    programs = programs_of(arguments.folder) if arguments.generated is None else generated_programs(arguments.generated)
    results = []
    for program in programs:
        if arguments.only and program.name not in arguments.only:
            continue
        results.append((program, judged(program, arguments.steps)))
        print(f"{program.name}: {row(*results[-1])} scores {' '.join(f'{one:.2f}' for one in results[-1][1].scores)}")
        sys.stdout.flush()
    lines = table_of(results) if arguments.generated is None else table_of_plants(results)
    print(*lines, sep="\n")
    if arguments.write:
        arguments.write.write_text("\n".join([*lines, ""]))


def row(program: Program, result: Result) -> str:
    """What was said of a program, as a row of a table."""
    cells = (result.said or "-", *("yes" if one else "no" for one in (result.named, result.cured)))
    return f"| {program.source} | {program.fault} | {' | '.join(cells)} | {result.alarms or '-'} |"


def table_of(results: list[tuple[Program, Result]]) -> list[str]:
    """A row for each program, and the sums."""
    lines = ["| program | fault | found | cause named | cured | on the fixed one |", "|---|---|---|---|---|---|"]
    counted = [result for program, result in results if program.causes]
    flagged, named, cured = (sum(getattr(one, name) for one in counted) for name in ("flagged", "named", "cured"))
    alarms = sum(bool(result.alarms) for _, result in results)
    total = (
        f"{keras.backend.backend()}: of {len(counted)} programs {flagged} flagged, {named} named, {cured} cured; "
        f"{alarms} fixed ones with an alarm"
    )
    return [*lines, *(row(*one) for one in results), "", f"On {total}."]


def table_of_plants(results: list[tuple[Program, Result]]) -> list[str]:
    """A row for each injected fault: how many there are, do harm, are flagged, named and cured; and alarms."""
    heads = (
        "injected",
        "models",
        "do harm",
        "flagged",
        "cause named",
        "cured",
        "harmless, flagged",
        "sound ones",
        "alarms",
    )
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    plants = list(dict.fromkeys(program.source for program, _ in results))
    rows = [_counts([result for program, result in results if program.source == plant]) for plant in plants]
    for plant, numbers in zip(
        [*plants, "all"], [*rows, [sum(column) for column in zip(*rows, strict=True)]], strict=True
    ):
        lines.append(f"| {plant} | {' | '.join(map(str, numbers))} |")
    return [*lines, "", f"On {keras.backend.backend()}."]


def _counts(results: Iterable[Result]) -> list[int]:
    results = list(results)
    harmed = [one for one in results if one.scores[0] < one.scores[2] - TOLERANCE]
    harmless = [one for one in results if one not in harmed]
    sound = [one for one in results if one.scores[2] >= LEARNED * one.chance]
    of_harmed = [sum(getattr(one, name) for one in harmed) for name in ("flagged", "named", "cured")]
    of_others = [sum(one.flagged for one in harmless), len(sound), sum(bool(one.alarms) for one in sound)]
    return [len(results), len(harmed), *of_harmed, *of_others]


if __name__ == "__main__":
    main()
