"""Which start trains best: small networks of kinds that people train, from each start, with two optimizers.

Run: python benchmarks/starts.py [--kinds "tanh, 20 deep;LSTM"] [--starts keras,initialize] [--seeds 1,2,3]
     [--results results.jsonl] [--write docs/explanation/starts-table.md]

Each kind is trained from each start with SGD (momentum 0.9) and Adam, at a grid of rates, on JAX with one thread. Its
value is the validation loss behind the last step, at the rate whose median over the seeds is the least; in brackets the
least and the most over the seeds. "Better" and "worse" mean that these ranges do not overlap. Constant is the loss of
the best constant outputs.

Each run is a line of the results. A run whose line is there, from the very same first weights, data and number of
steps, is not done again: a study that was stopped goes on, and after a change of a start its cells alone are measured.
So processes that share the file can take a part of the kinds each.
`data` is `initialize(model, data=(x, y))`.
"""

import argparse
import hashlib
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import numpy as np
from study.columns import COLUMNS, architecture, available, digest, started, studied, version
from study.datasets import Data
from study.kinds import HANDED, KINDS, constant_loss
from study.results import KEY, Row, append, cells, newest, read, table, verdicts
from study.training import Run, order, trainer


class Study:
    """One kind, with what its runs have in common."""

    def __init__(self, name: str, scale: float) -> None:
        self.name, self.kind = name, KINDS[name]
        self.steps = max(1, round(self.kind.steps * scale))
        self.data: Data = self.kind.data()
        self.model = started(self.kind, "keras", 0, self.data)
        self.architecture = architecture(self.model)
        self.run: Run = trainer(self.kind, self.model, self.data)
        parts = (self.data.digest(), self.steps, self.kind.batch, self.kind.loss, self.architecture)
        self.recipe = hashlib.sha256(repr(parts).encode()).hexdigest()[:12]

    def rows(self, start: str, seed: int, done: dict[tuple[Any, ...], Row]) -> list[Row]:
        """The runs from a start with a seed that are not done: one for each optimizer and rate."""
        identity = {"kind": self.name, "start": start, "seed": seed, "recipe": self.recipe, "version": version(start)}
        pairs = [(name, rate) for name, rates in self.kind.rates.items() for rate in rates]
        try:
            model = started(self.kind, start, seed, self.data)
        except Exception as error:  # the study goes on; the table says so, and the process fails
            print(f"{start} fails on {self.name}: {type(error).__name__}: {error}", file=sys.stderr)
            failed = {"weights": "", "error": type(error).__name__, "first": None, "losses": [None]}
            return [{**identity, "optimizer": name, "rate": rate, **failed} for name, rate in pairs]
        self.check(model, start)
        weights = digest(model)
        first, state = (
            [one.value for one in part] for part in (model.trainable_variables, model.non_trainable_variables)
        )
        chosen = order(self.kind, self.steps, len(self.data.y), seed)
        found = []
        for optimizer, rate in pairs:
            kept = done.get((self.name, start, seed, optimizer, rate))
            if kept is not None and kept["weights"] == weights:
                continue
            loss, losses = self.run(first, state, rate, optimizer, chosen)
            measured = {"weights": weights, "first": loss, "losses": losses}
            found.append({**identity, "optimizer": optimizer, "rate": rate, **measured})
        return found

    def check(self, model: Any, start: str) -> None:
        """The start changed weights and nothing else: the model that is trained computes what the started one does."""
        assert architecture(model) == self.architecture, f"{start} changed the architecture of {self.name}"
        x = self.data.x_validation[:16]
        expected = np.asarray(model(x, training=False))
        self.model.set_weights(model.get_weights())
        found = np.asarray(self.model(x, training=False))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max(), err_msg=start)


def measure(study: Study, arguments: argparse.Namespace) -> int:
    """Does the runs of a kind that are not done, keeps each, and returns how many."""
    kept = newest(read(arguments.results), {study.name: study.recipe})
    done = {tuple(row[part] for part in KEY): row for row in kept}
    count = 0
    for start in arguments.starts:
        for seed in arguments.seeds:
            rows = study.rows(start, seed, done)
            append(arguments.results, rows)
            count += len(rows)
    return count


def parse() -> argparse.Namespace:
    """The command's arguments; those that name nothing end it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kinds", default=";".join(KINDS), help="names, with semicolons between; or handed")
    parser.add_argument("--starts", default=",".join(studied()), help=f"of {', '.join(COLUMNS)}")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--steps-scale", type=float, default=1.0, help="so many times the steps of each kind")
    parser.add_argument("--results", type=Path, default=Path("starts.jsonl"), help="lines of what was measured")
    parser.add_argument("--write", type=Path, help="also write the tables here")
    arguments = parser.parse_args()
    arguments.kinds = list(HANDED) if arguments.kinds == "handed" else arguments.kinds.split(";")
    arguments.starts = arguments.starts.split(",")
    arguments.seeds = [int(seed) for seed in arguments.seeds.split(",")]
    for option, named, known in (("kinds", arguments.kinds, list(KINDS)), ("starts", arguments.starts, available())):
        unknown = [name for name in named if name not in known]
        if unknown:
            parser.error(f"--{option}: {', '.join(unknown)} is not here. Choose from: {', '.join(known)}.")
    return arguments


def main() -> None:
    """Trains what is not trained yet, and prints the tables."""
    arguments = parse()
    constants, recipes = {}, {}
    for name in arguments.kinds:
        began, study = time.process_time(), Study(name, arguments.steps_scale)
        recipes[name], constants[name] = study.recipe, constant_loss(study.kind, study.data)
        count = measure(study, arguments)
        seconds = time.process_time() - began
        print(f"{name}: {count} runs in {seconds:.0f} s of processor time", file=sys.stderr, flush=True)
    rows = [
        row
        for row in newest(read(arguments.results), recipes)
        if row["start"] in arguments.starts and row["seed"] in arguments.seeds
    ]
    found = cells(rows)
    ours = [name for name in arguments.starts if COLUMNS[name].ours]
    versions = ", ".join(dict.fromkeys(version(name) for name in arguments.starts))
    shown = f"{table(found, arguments.starts, constants)}\n{verdicts(found, ours, arguments.starts)}\n"
    shown += f"Seeds {', '.join(map(str, arguments.seeds))}; {versions}; JAX, one thread.\n"
    print(shown)
    if arguments.write:
        arguments.write.write_text(shown)
    failed = sorted({f"{row['start']} on {row['kind']}" for row in rows if "error" in row})
    if failed:
        raise SystemExit(f"These starts failed: {'; '.join(failed)}.")


if __name__ == "__main__":
    main()
