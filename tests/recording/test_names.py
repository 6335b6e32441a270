"""Names of layers and weights that something may interpret, cut or refuse, wherever rows go."""

import keras
import numpy as np
import openpyxl
import pytest
from helpers import traces, trackers
from helpers.hostile import LAYER_NAMES, is_plain
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from keras_inits import GradientNormLogger, GradientTrace, MLflowSink, TensorBoardSink, WandbSink
from keras_inits._names import LONGEST
from keras_inits.recording.sinks.mlflow import LONGEST_KEY


def trainable(name):
    """The name without what a layer that is trained cannot have: on torch dots, else lone surrogates."""
    if keras.backend.backend() == "torch":
        return name.replace(".", ",")
    return name.encode(errors="replace").decode()


def trained(*loggers, **arguments):
    """A model each of whose layers has one of the names, after two epochs with these loggers."""
    model = keras.Sequential([keras.Input((3,))])
    for name in LAYER_NAMES.values():
        model.add(keras.layers.Dense(3, name=trainable(name) or None))
    model.compile("sgd", "mse", run_eagerly=keras.backend.backend() == "tensorflow")  # whose graphs take letters alone
    x = np.ones((8, 3), "float32")
    return model.fit(x, x, batch_size=4, epochs=2, verbose=0, callbacks=list(loggers), **arguments)


@pytest.mark.parametrize("per", ["layer", "variable"])
def test_nothing_is_interpreted_and_nothing_is_lost(per, tmp_path):
    sinks = [tmp_path / "norms.csv", TensorBoardSink(tmp_path / "logs")]
    logger = GradientNormLogger(per=per, log="layers", sinks=sinks)
    with pytest.warns(UserWarning, match=r"calls the layer .* It expects names of at most 200 printable") as caught:
        history = trained(logger, keras.callbacks.CSVLogger(tmp_path / "epochs.csv")).history
    (told,) = (str(one.message) for one in caught if "calls the layer" in str(one.message))
    assert is_plain(told, lines=False)
    trace = logger.trace
    many = len(LAYER_NAMES) * (1 if per == "layer" else 2)
    assert trace.norms.shape == (4, many)
    assert all(is_plain(name, lines=False) and 0 < len(name) <= LONGEST + 9 for name in trace.layers)
    assert is_plain(str(trace))
    assert all(is_plain(key, lines=False) for key in history)
    assert len(history) == many + 2
    traces.assert_equal(GradientTrace.load(tmp_path / "norms.csv"), trace)
    (file,) = (tmp_path / "logs").iterdir()
    tags = [value.tag for event in EventFileLoader(str(file)).Load() for value in event.summary.value]
    assert set(tags) == {"global_norm", *(f"gradient/{name}" for name in trace.layers)}
    for form in ("wide", "long"):
        frame = trace.to_dataframe(form)
        cells = list(frame.columns) if form == "wide" else list(frame["layer"].cat.categories)
        assert len(set(cells)) == many
        assert not any(cell.startswith(tuple("=+-@")) for cell in cells)
        assert frame.to_csv().encode()


def hostile_trace(**arguments):
    """A trace of one's own, whose names nothing has looked at."""
    names = tuple(LAYER_NAMES.values())
    return GradientTrace([0, 1], names, np.ones((2, len(names))), **arguments)


@pytest.mark.any_backend
@pytest.mark.parametrize("quantity", ["gradient", "update"])
@pytest.mark.parametrize("kind", ["lines", "heatmap", "profile"])
@pytest.mark.filterwarnings("ignore:Glyph")
def test_pictures_show_names_as_they_are(kind, quantity, tmp_path):
    update = np.ones((2, len(LAYER_NAMES)))
    hostile_trace(tracked={"update": update}).plot(tmp_path / "t.png", kind=kind, quantity=quantity)
    assert (tmp_path / "t.png").stat().st_size > 1000


@pytest.mark.any_backend
def test_a_trace_of_ones_own_is_printed_and_kept(tmp_path):
    trace = hostile_trace()
    assert is_plain(str(trace))
    trace.save(tmp_path / "t.npz")
    traces.assert_equal(GradientTrace.load(tmp_path / "t.npz"), trace)
    assert not any(str(name).startswith(tuple("=+-@")) for name in trace.to_dataframe().columns)


@pytest.mark.any_backend
def test_each_name_has_a_key_of_its_own_for_mlflow():
    sink = MLflowSink()
    names = [f"gradient/{name}" for name in (*LAYER_NAMES.values(), "a[1]", "a(1)", "plain", "in/side")]
    with pytest.warns(UserWarning, match=r"'gradient/a\[1\]' is called 'gradient/a_1_'|names that MLflow does not"):
        sink._name(names)
    keys = list(sink._keys.values())
    assert len(set(keys)) == len(set(names))
    assert all(len(key) <= LONGEST_KEY + 9 for key in keys)
    assert sink._keys["gradient/plain"] == "gradient/plain"
    assert sink._keys["gradient/in/side"] == "gradient/in.side"
    sink._name(names)  # any warning is an error


@pytest.mark.thorough
@pytest.mark.any_backend
@pytest.mark.needs("mlflow")
@pytest.mark.filterwarnings("ignore")  # of mlflow's own
def test_mlflow_takes_all_of_them(tmp_path, monkeypatch):
    mlflow = trackers.mlflow_in(tmp_path, monkeypatch)
    logger = GradientNormLogger(sinks=MLflowSink())
    with mlflow.start_run() as run:
        trained(logger)
    metrics = mlflow.MlflowClient().get_run(run.info.run_id).data.metrics
    assert len(metrics) == len(LAYER_NAMES) + 1
    last = sorted([*logger.trace.norms[-1].tolist(), logger.trace.global_norm[-1]])
    np.testing.assert_allclose(sorted(metrics.values()), last)


@pytest.mark.thorough
@pytest.mark.any_backend
@pytest.mark.needs("wandb")
@pytest.mark.filterwarnings("ignore")  # of wandb's own
def test_wandb_keeps_all_of_them(tmp_path, monkeypatch):
    run = trackers.wandb_in(tmp_path, monkeypatch)
    logger = GradientNormLogger(sinks=WandbSink(run))
    trained(logger)
    run.finish()
    rows = trackers.wandb_rows(tmp_path)
    for row, norms in zip(rows, logger.trace.norms, strict=True):
        kept = [row[f"gradients/gradient/{name}"] for name in logger.trace.layers]
        np.testing.assert_allclose(kept, norms)


@pytest.mark.any_backend
@pytest.mark.parametrize("form", ["wide", "long"])
def test_a_spreadsheet_takes_all_of_them_and_computes_none(form, tmp_path):
    trace = hostile_trace()
    trace.to_dataframe(form).to_excel(tmp_path / "norms.xlsx")
    rows = list(openpyxl.load_workbook(tmp_path / "norms.xlsx").active)
    assert not [cell.value for row in rows for cell in row if cell.data_type == "f"]
    names = rows[0][1:] if form == "wide" else [row[2] for row in rows[1:]]
    assert len({cell.value for cell in names}) == len(trace.layers)
