"""The study of starts judges as it says, keeps what it measured, and compares starts of one network alone."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def part(monkeypatch):
    """Imports a module of the benchmarks, and leaves the environment as it was."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    monkeypatch.setenv("XLA_FLAGS", os.environ.get("XLA_FLAGS", ""))
    return importlib.import_module


def row(start, seed, rate, *losses, optimizer="sgd", recipe="r", kind="k"):
    found = {"kind": kind, "start": start, "seed": seed, "optimizer": optimizer, "rate": rate}
    return {**found, "recipe": recipe, "weights": "w", "losses": list(losses)}


@pytest.mark.any_backend
def test_the_best_rate_is_that_of_the_least_median(part):
    results = part("study.results")
    rows = [row("a", seed, 0.1, 9.0, loss) for seed, loss in enumerate((1.0, 2.0, 30.0))]
    rows += [row("a", seed, 0.3, 9.0, loss) for seed, loss in enumerate((0.1, 3.0, float("nan")))]
    rows += [row("a", seed, 1.0, 9.0, None) for seed in range(3)]
    assert results.cells(rows) == {("k", "sgd", "a"): results.Cell(2.0, 1.0, 30.0, 0.1)}


@pytest.mark.any_backend
def test_rates_that_were_tried_with_other_seeds_are_refused(part):
    with pytest.raises(SystemExit, match=r"a on k with sgd: .* \[\[1\], \[1, 2\]\]; all rates must have the same"):
        part("study.results").cells([row("a", 1, 0.1, 1.0), row("a", 2, 0.1, 1.0), row("a", 1, 0.3, 1.0)])


@pytest.mark.any_backend
@pytest.mark.parametrize(
    ("ours", "judged"),
    [((1.0, 1.5, 1.9), "better"), ((1.0, 1.5, 2.1), "equal"), ((2.5, 3.5, 9.0), "equal"), ((3.1, 3.2, 9.0), "worse")],
)
def test_better_and_worse_are_where_ranges_do_not_overlap(part, ours, judged):
    results = part("study.results")
    rows = [row("a", seed, 0.1, loss) for seed, loss in enumerate(ours)]
    rows += [row("b", seed, 0.1, loss) for seed, loss in enumerate((2.0, 2.5, 3.0))]
    found = results.cells(rows)
    assert results.verdict(found["k", "sgd", "a"], found["k", "sgd", "b"]) == judged
    counts = {"better": "1 | 0 | 0 | none", "equal": "0 | 1 | 0 | none", "worse": "0 | 0 | 1 | k (SGD)"}
    assert f"| a | b | {counts[judged]} |" in results.verdicts(found, ["a"], ["a", "b"])
    median, least, most = ours[1], ours[0], ours[2]
    assert f"| k | SGD | 7 | {median:g} ({least:g} {most:g}) | 2.5 (2 3) |" in results.table(
        found, ["a", "b"], {"k": 7}
    )


@pytest.mark.any_backend
def test_the_newest_row_of_the_same_recipe_counts_and_a_line_cut_off_does_not(part, tmp_path):
    results, path = part("study.results"), tmp_path / "kept" / "rows.jsonl"
    assert results.read(path) == []
    old, new, other = row("a", 1, 0.1, 5.0), row("a", 1, 0.1, 4.0), row("a", 1, 0.1, 3.0, recipe="more steps")
    results.append(path, [old])
    results.append(path, [new, other])
    with path.open("a") as file:
        file.write('{"kind": "k", "sta')
    assert results.newest(results.read(path), {"k": "r"}) == [new]


@pytest.mark.backend("jax")
@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_steps_are_those_of_keras(part, name):
    make = {"sgd": lambda: keras.optimizers.SGD(0.03, momentum=0.9), "adam": lambda: keras.optimizers.Adam(0.03)}
    optimizer, random = make[name](), np.random.default_rng(0)
    weight = random.standard_normal(5).astype("float32")
    variable, first, second = keras.Variable(weight), np.zeros(5), np.zeros(5)
    optimizer.build([variable])
    for number in range(1, 8):
        gradient = random.standard_normal(5).astype("float32")
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        weight, first, second = part("study.training").update(
            weight, gradient, first, second, number, 0.03, name == "adam"
        )
    np.testing.assert_allclose(np.asarray(variable), weight, rtol=2e-5, atol=1e-6)


@pytest.mark.thorough
@pytest.mark.backend("jax")
def test_a_start_that_changes_more_than_weights_is_refused(part, monkeypatch):
    def curved(model, seed, data, loss):
        model.layers[0].activation = keras.activations.tanh

    study, columns = part("starts").Study("wine, raw", 0.01), part("study.columns")
    assert len(study.rows("keras", 1, {})) == 10
    monkeypatch.setitem(columns.COLUMNS, "keras", columns.COLUMNS["keras"]._replace(apply=curved))
    with pytest.raises(AssertionError, match="keras"):
        study.rows("keras", 1, {})


@pytest.mark.thorough
@pytest.mark.backend("jax")
def test_each_kind_has_a_loss_near_that_of_constant_outputs_or_above(part):
    kinds, columns = part("study.kinds"), part("study.columns")
    for name, kind in kinds.KINDS.items():
        data = kind.data()
        assert data.digest() == kind.data().digest(), name
        model = columns.started(kind, "keras", 1, data)
        loss = float(kinds.LOSSES[kind.loss]()(data.y_validation, model(data.x_validation)))
        assert 0.5 * kinds.constant_loss(kind, data) < loss < np.inf, name
    assert set(kinds.HANDED) < set(kinds.KINDS)


@pytest.mark.thorough
@pytest.mark.backend("jax")
def test_a_study_goes_on_and_measures_again_what_begins_otherwise(tmp_path):
    def run(*arguments):
        command = [sys.executable, BENCHMARKS / "starts.py", "--kinds", "wine, raw", "--steps-scale", "0.02"]
        result = subprocess.run([*command, *arguments], cwd=tmp_path, env=os.environ, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return result

    assert "wine, raw: 20 runs" in run("--starts", "keras,initialize", "--seeds", "1").stderr
    again = run("--starts", "keras,initialize", "--seeds", "1,2", "--write", "table.md")
    assert "wine, raw: 20 runs" in again.stderr
    assert (tmp_path / "table.md").read_text().strip() == again.stdout.strip()
    kept = tmp_path / "starts.jsonl"
    lines = kept.read_text().splitlines()
    changed = [line.replace('"weights": "', '"weights": "of another version ') for line in lines[:10]]
    kept.write_text("\n".join(changed + lines[10:]) + "\n")
    assert "wine, raw: 10 runs" in run("--starts", "keras,initialize", "--seeds", "1,2").stderr
    assert "wine, raw: 0 runs" in run("--starts", "keras,initialize", "--seeds", "1,2").stderr
