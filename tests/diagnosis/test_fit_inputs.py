"""What `fit` takes, `diagnose` takes: data sets, dictionaries, targets of one axis, weights; data at fault first."""

import keras
import numpy as np
import pytest
from helpers.processes import BACKENDS

from keras_inits import diagnose

x = np.random.default_rng(0).standard_normal((64, 4)).astype("float32")
y = x[:, 0] * 2


def model(units=1, loss="mse"):
    dense = keras.layers.Dense(8, "relu", kernel_initializer=keras.initializers.HeNormal(0))
    one = keras.Sequential([keras.Input((4,)), dense, keras.layers.Dense(units)])
    one.compile("sgd", loss)
    return one


class Batches(keras.utils.PyDataset):
    def __init__(self, *parts):
        super().__init__()
        self.parts = parts

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return tuple(part[32 * index : 32 * (index + 1)] for part in self.parts)


def datasets():
    yield "PyDataset", lambda: Batches(x, y)
    if "tensorflow" in BACKENDS:
        import tensorflow as tf

        yield "tf.data", lambda: tf.data.Dataset.from_tensor_slices((x, y)).batch(32)
    if "torch" in BACKENDS:
        import torch

        parts = torch.tensor(x), torch.tensor(y)
        yield "DataLoader", lambda: torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*parts), 32)


@pytest.mark.parametrize("make", [one[1] for one in datasets()], ids=[one[0] for one in datasets()])
def test_of_a_data_set_the_first_batch_is_looked_at(make):
    one = model()
    assert diagnose(one, make()).first_loss == pytest.approx(diagnose(one, x[:32], y[:32]).first_loss, rel=1e-5)


def test_a_data_set_has_its_targets_itself():
    with pytest.raises(ValueError, match=r"yields its targets and weights itself\. Received: .* and beside it y\."):
        diagnose(model(), Batches(x, y), y)


@pytest.mark.parametrize("shape", [(64,), (64, 1)])
def test_targets_of_one_output(shape):
    one = model()
    expected = np.mean((one.predict(x, verbose=0)[:, 0] - y) ** 2)
    assert diagnose(one, x, y.reshape(shape)).first_loss == pytest.approx(expected, rel=1e-4)


def test_sample_weights_weigh_the_loss_and_the_gradients():
    one, weight = model(), np.linspace(0, 3, 64).astype("float32")
    expected = np.mean(weight * (one.predict(x, verbose=0)[:, 0] - y) ** 2)
    weighed, plain = diagnose(one, x, y, sample_weight=weight), diagnose(one, x, y)
    assert weighed.first_loss == pytest.approx(expected, rel=1e-4)
    assert weighed.layers[0].gradient != pytest.approx(plain.layers[0].gradient, rel=1e-2)
    assert diagnose(one, Batches(x, y, weight)).first_loss != pytest.approx(diagnose(one, Batches(x, y)).first_loss)
    with pytest.raises(ValueError, match=r"Sample weights are those of targets\. Received: sample_weight and y=None"):
        diagnose(one, x, sample_weight=weight)


def two_outputs():
    inputs = keras.Input((4,), name="given")
    outputs = {name: keras.layers.Dense(1, name=name)(inputs) for name in ("a", "b")}
    one = keras.Model({"given": inputs}, outputs)
    one.compile("sgd", {"a": "mse", "b": "mae"})
    return one


def test_dictionaries_by_name():
    one, half = two_outputs(), np.full(64, 0.5, "float32")
    given, targets = {"given": x}, {"a": y, "b": y}
    plain = diagnose(one, given, targets).first_loss
    for weights in (half, {"a": half, "b": half}, [half, half]):
        assert diagnose(one, given, targets, sample_weight=weights).first_loss == pytest.approx(plain / 2, rel=1e-5)
    with pytest.raises(ValueError, match="3 for 2 outputs"):
        diagnose(one, given, targets, sample_weight=[half] * 3)
    with pytest.raises(ValueError, match="The sample weights' keys are the outputs'"):
        diagnose(one, given, targets, sample_weight={"c": half})


CLASSES = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.mark.parametrize(
    ("inputs", "targets", "kind"),
    [
        (np.where(x > 2, np.nan, x), np.arange(64) % 3, "nonfinite"),
        (x, np.where(np.arange(64) == 5, np.nan, 1.0), "nonfinite"),
        (np.ones_like(x), np.arange(64) % 3, "same_examples"),
        (x, np.arange(64) % 4, "targets"),
        (x, np.arange(64) % 3 - 1, "targets"),
    ],
    ids=["inputs", "labels not a number", "constant", "label too large", "label negative"],
)
def test_the_data_are_blamed_first_and_no_weight(inputs, targets, kind):
    diagnosis = diagnose(model(3, CLASSES), inputs, targets)
    first = diagnosis.findings[0]
    assert (first.kind, first.of_data, first.remedy.rules) == (kind, True, ())
    assert f"{kind} (of the data): " in str(diagnosis)


def test_a_batch_without_examples_is_refused():
    with pytest.raises(ValueError, match=r"x of the shapes \[\(0, 4\)\], without any"):
        diagnose(model(), x[:0], y[:0])
