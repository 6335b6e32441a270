"""Counts what comes of faults: of damaged files, of arguments of any type, of names that something may interpret.

Run in `tests`: KERAS_BACKEND=torch python -m helpers.faults --write ../docs/explanation/faults-table.md

Each kind of fault is a function from a number of trials to their outcomes, in `KINDS`: "named", an error or a warning
that names what is wrong; "same", what it was without the fault; "other", something else was read, drawn or shown;
"unnamed", any other error.
"""

import argparse
import dataclasses
import io
import random
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from rich.console import Console

import keras_inits
from helpers.anything import OURS, asked, mutated
from helpers.hostile import NAMES, is_plain
from helpers.pages import Elements, without_scripts
from helpers.traces import assert_equal, full_trace, run_of
from keras_inits._names import no_formula, stand_in
from keras_inits.comparison import Comparison
from keras_inits.comparison.report import render_report
from keras_inits.comparison.table import NAME_WIDTH, build_table
from keras_inits.diagnosis.files import load_arrays, load_model
from keras_inits.initializers.base import HostInitializer
from keras_inits.recording import GradientTrace, MLflowSink
from keras_inits.recording.files import csv
from keras_inits.runs import files

ARRAYS = {"x": np.linspace(0, 1, 400, dtype="float32").reshape(100, 4), "y": np.arange(100)}
SHARE_OF_CUTS = 0.15
SCRIPTS = 4  # of a page
Outcomes = Iterator[str]


def damaged(data: bytes, each: int, cut: bool) -> Iterator[bytes]:
    """The bytes with one bit flipped, or cut off."""
    places = random.Random(0)
    for _ in range(max(1, int(each * SHARE_OF_CUTS)) if cut else each):
        if cut:
            yield data[: places.randrange(len(data))]
            continue
        place, changed = places.randrange(8 * len(data)), bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        yield bytes(changed)


def outcome(file: Path, read: Callable[[], object], same: Callable[[object], bool]) -> str:
    """What comes of reading a file."""
    try:
        found = read()
    except (ValueError, OSError) as error:
        return "named" if file.name in str(error) else "unnamed"
    except Exception:
        return "unnamed"
    return "same" if same(found) else "other"


def of_runs(each: int, suffix: str, cut: bool) -> Outcomes:
    """One of the two files of a run that `compare` kept."""
    setting = {"seed": "0"}
    with tempfile.TemporaryDirectory() as folder:
        rest = Path(folder) / "run.json"
        files.write(run_of("healthy"), setting, rest)
        file = rest.with_suffix(f".{suffix}")
        for data in damaged(file.read_bytes(), each, cut):
            file.write_bytes(data)
            yield outcome(file, lambda: files.read(rest, setting), lambda found: False)


def of_traces(each: int, suffix: str, cut: bool) -> Outcomes:
    """A trace: of the text format, what can be read of it, with a warning that names the file."""
    trace = full_trace(40)
    columns = csv.columns_for(trace.layers, list(trace.tables))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"trace.{suffix}"
        trace.save(file.with_suffix(".npz"))
        if suffix == "csv":
            file.write_bytes(csv.header(columns) + csv.lines(trace, columns, [[]] * len(trace)))
        for data in damaged(file.read_bytes(), each, cut):
            file.write_bytes(data)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                found = outcome(file, lambda: GradientTrace.load(file), lambda found: is_part(found, trace))
            told = any(file.name in str(one.message) for one in caught)
            yield "named" if found == "same" and told else found


def is_part(found: GradientTrace, trace: GradientTrace) -> bool:
    """Whether the rows that were found are those of a trace."""
    try:
        assert_equal(found, trace[np.isin(trace.steps, found.steps)])
    except AssertionError:
        return False
    return True


def of_batches(each: int, save: Callable[..., None], cut: bool) -> Outcomes:
    """A batch for the command."""

    def same(found: object) -> bool:
        return found.keys() == ARRAYS.keys() and all(np.array_equal(found[name], ARRAYS[name]) for name in ARRAYS)

    buffer = io.BytesIO()
    save(buffer, **ARRAYS)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "batch.npz"
        for data in damaged(buffer.getvalue(), each, cut):
            file.write_bytes(data)
            yield outcome(file, lambda: load_arrays(file), same)


def of_models(each: int, cut: bool) -> Outcomes:
    """A model for the command."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])

    def same(found: object) -> bool:
        pairs = zip(found.get_weights(), model.get_weights(), strict=True)
        return all(map(np.array_equal, *zip(*pairs, strict=True)))

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.keras"
        model.save(file)
        for data in damaged(file.read_bytes(), each, cut):
            file.write_bytes(data)
            yield outcome(file, lambda: load_model(file), same)


def of_configs(each: int) -> Outcomes:
    """A config of an initializer with up to three changes, drawn as the fuzz draws them."""
    outcomes = []

    @settings(max_examples=each, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(mutated(OURS))
    def try_one(case) -> None:
        family, config, changed = case
        try:
            made = family.cls.from_config(config)
        except (TypeError, ValueError) as error:
            names = (*map(str, config), *changed, "config", "package")
            outcomes.append("named" if any(repr(name)[1:-1][:50] in str(error) for name in names) else "unnamed")
        except Exception:
            outcomes.append("unnamed")
        else:
            values = {name: getattr(made, name) for name in made.get_config() if name != "package"}
            law = all(asked(config[name], values[name]) for name in values.keys() & config.keys())
            outcomes.append("same" if law and isinstance(made, HostInitializer | keras_inits.Constant) else "other")

    try_one()
    yield from outcomes


def of_names(each: int, show: Callable[[Comparison, str], str]) -> Outcomes:
    """A name of a start and a network, and what shows it."""
    for name in NAMES.values():
        plain = stand_in(name)
        run = dataclasses.replace(run_of("healthy", start=plain, activation=plain), history={plain: (1.0,)})
        try:
            text = show(Comparison((run,), 1), plain)
        except Exception:
            yield "unnamed"
        else:
            told = plain != name or (show is in_spreadsheet and no_formula(name) != name)
            yield "other" if not is_plain(text) else "named" if told else "same"


def of_layer_names(each: int, show: Callable[[GradientTrace], str]) -> Outcomes:
    """A name of a layer in a trace that somebody made, which may have any."""
    for name in NAMES.values():
        try:
            text = show(GradientTrace([0], (name,), [[1.0]]))
        except Exception:
            yield "unnamed"
        else:
            yield "other" if not is_plain(text) else "same" if name in text else "named"


def in_cells(trace: GradientTrace) -> str:
    (cell,) = trace.to_dataframe().columns
    return "\0" if cell.startswith(tuple("=+-@")) else cell


def as_key(trace: GradientTrace) -> str:
    sink = MLflowSink()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sink._name([f"gradient/{trace.layers[0]}"])
    return next(iter(sink._keys.values()))


def in_terminal(comparison: Comparison, name: str) -> str:
    file = io.StringIO()
    Console(file=file, force_terminal=True, color_system=None, width=1000).print(
        build_table(comparison.runs, comparison.learned, 1000)
    )
    return file.getvalue() if stand_in(name, NAME_WIDTH) in file.getvalue() else "\0"


def in_page(comparison: Comparison, name: str) -> str:
    """The page but for its scripts: Vega, which is not plain text, and our data, which are ASCII."""
    text = render_report(comparison)
    plain = without_scripts(text).replace("\u200b", "")
    return plain if Elements(text).tags.count("script") == SCRIPTS else "\0"


def in_spreadsheet(comparison: Comparison, name: str) -> str:
    cells = comparison.to_dataframe()["initializer"]
    return "\0" if cells[0].startswith(tuple("=+-@")) else comparison.to_dataframe().to_csv()


KINDS: dict[str, Callable[[int], Outcomes]] = {
    "bits of a kept run's `.npz`": lambda each: of_runs(each, "npz", cut=False),
    "cuts of it": lambda each: of_runs(each, "npz", cut=True),
    "bits of a kept run's `.json`": lambda each: of_runs(each, "json", cut=False),
    "cuts of it, too": lambda each: of_runs(each, "json", cut=True),
    "bits of a trace, `.npz`": lambda each: of_traces(each, "npz", cut=False),
    "cuts of a trace, `.npz`": lambda each: of_traces(each, "npz", cut=True),
    "bits of a trace, `.csv`": lambda each: of_traces(each, "csv", cut=False),
    "cuts of a trace, `.csv`": lambda each: of_traces(each, "csv", cut=True),
    "bits of a batch, `.npz`": lambda each: of_batches(each, np.savez, cut=False),
    "cuts of a batch": lambda each: of_batches(each, np.savez, cut=True),
    "bits of a compressed batch": lambda each: of_batches(each, np.savez_compressed, cut=False),
    "cuts of a compressed batch": lambda each: of_batches(each, np.savez_compressed, cut=True),
    "bits of a model, `.keras`": lambda each: of_models(each, cut=False),
    "cuts of a model": lambda each: of_models(each, cut=True),
    "configs with arguments of any type": lambda each: of_configs(4 * each),
    "names in the terminal": lambda each: of_names(each, in_terminal),
    "names in the page": lambda each: of_names(each, in_page),
    "names in a spreadsheet": lambda each: of_names(each, in_spreadsheet),
    "layers' names in a printed trace": lambda each: of_layer_names(each, str),
    "layers' names in a trace's spreadsheet": lambda each: of_layer_names(each, in_cells),
    "layers' names as MLflow's keys": lambda each: of_layer_names(each, as_key),
}


def count(each: int) -> Iterator[tuple[str, Counter[str]]]:
    """The outcomes of each kind of fault."""
    warnings.simplefilter("ignore")
    for kind, trials in KINDS.items():
        yield kind, Counter(trials(each))


def main() -> None:
    """Prints the table, and writes it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=1000)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    lines = ["| fault | tried | named | as without it | something else | another error |", "|---|---|---|---|---|---|"]
    for kind, found in count(options.each):
        numbers = (found.total(), *(found[name] for name in ("named", "same", "other", "unnamed")))
        lines.append(f"| {kind} | {' | '.join(f'{number:,}' for number in numbers)} |")
        print(lines[-1], flush=True)
    if options.write is not None:
        options.write.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
