"""`initialize` with data of every form: what it reads of them, how often, and what an error leaves behind."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_inits import initialize
from keras_inits.faults import InternalError
from keras_inits.models import sample, scaling

BACKEND = keras.backend.backend()


def examples(count=96, seed=0):
    random = np.random.default_rng(seed)
    return (3 + 5 * random.standard_normal((count, 6))).astype("float32"), random.integers(0, 3, count)


def network(*parts, name="mine"):
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, "relu"), *parts, layers.Dense(3, "softmax")], name=name
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def weights_after(data, **options):
    model = network()
    initialize(model, seed=5, data=data, verbose=0, **options)
    return model.get_weights()


def equal(one, other):
    return all(np.allclose(a, b, rtol=1e-5, atol=1e-6) for a, b in zip(one, other, strict=True))


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 6

    def __getitem__(self, index):
        return tuple(part[16 * index : 16 * (index + 1)] for part in examples())


def form(kind):
    x, y = examples()
    if kind == "PyDataset":
        return Batches()
    if kind == "tf.data":
        import tensorflow as tf

        return tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    if kind in ("DataLoader", "torch tensors"):
        import torch

        tensors = torch.tensor(x), torch.tensor(y)
        return (
            tensors
            if kind == "torch tensors"
            else torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*tensors), 16)
        )
    if kind == "pandas":
        import pandas as pd

        return pd.DataFrame(x), pd.Series(y)
    return {"tensors": (ops.convert_to_tensor(x), ops.convert_to_tensor(y)), "weighted": (x, y, np.ones(len(y)))}[kind]


FORMS = ["tensors", "weighted", "PyDataset", "pandas"]
FORMS += {"tensorflow": ["tf.data"], "torch": ["DataLoader", "torch tensors"]}.get(BACKEND, [])


@pytest.mark.thorough
@pytest.mark.parametrize("kind", FORMS)
def test_every_form_of_data_gives_what_its_arrays_give(kind):
    if kind == "pandas":
        pytest.importorskip("pandas")
    assert equal(weights_after(form(kind)), weights_after(examples()))


def test_inputs_alone_leave_the_last_bias():
    model = network()
    table = initialize(model, seed=5, data=examples()[0], verbose=0)
    assert not ops.convert_to_numpy(model.layers[-1].bias).any()
    assert table.notes[0] == "inputs standardised, in the kernel and the bias: dense/kernel" or len(table.notes) == 2


def test_an_endless_data_set_is_read_as_far_as_it_is_needed(monkeypatch):
    monkeypatch.setattr(sample, "MAX_EXAMPLES", 40)
    read = []

    class Endless:
        def __iter__(self):
            while True:
                read.append(examples(16, seed=len(read)))
                yield read[-1]

    weights_after(Endless())
    assert len(read) == 3


def test_of_many_examples_some_are_taken_from_all_over(monkeypatch):
    monkeypatch.setattr(sample, "MAX_EXAMPLES", 10)
    x = np.arange(96, dtype="float32")[:, None]
    found = sample.sample_of((x, x[:, 0]))
    assert found.x[:, 0].tolist() == list(range(0, 96, 10))
    assert len(found.y) == 96
    assert found.some(4)[:, 0].tolist() == [0, 30, 60, 90]


def test_the_same_seed_and_data_give_the_same_weights_whatever_was_before():
    data, model = examples(), network()
    initialize(model, seed=5, data=data, verbose=0)
    first = model.get_weights()
    model.fit(*data, epochs=1, verbose=0)
    initialize(model, seed=5, data=data, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(first, model.get_weights(), strict=True))
    initialize(model, seed=6, data=data, verbose=0)
    assert not equal(first, model.get_weights())


@pytest.mark.thorough
def test_no_layer_runs_more_than_three_times():
    counted = []

    class Counted(layers.Dense):
        def call(self, x):
            counted.append(len(x))
            return super().call(x)

    model = keras.Sequential([keras.Input((6,)), *(Counted(6, "gelu", name=f"layer_{n}") for n in range(3))])
    counted.clear()
    initialize(model, seed=0, data=(examples()[0], examples()[0]), loss="mse", verbose=0)
    assert sorted(counted) == [8] * 3 + [96] * 6  # eight made-up examples, and twice the batch


def test_the_law_of_an_explicit_rule_is_kept():
    model = network()
    before = initialize(model, "zeros", seed=0)
    table = initialize(model, "zeros", seed=0, data=examples(), verbose=0)
    assert len(table) == len(before)
    assert not ops.convert_to_numpy(model.layers[0].kernel).any()
    rules = [("dense.*/kernel", "he_normal")]
    initialize(model, rules, seed=0, data=np.random.default_rng(0).standard_normal((64, 6)), verbose=0)
    scaled = [ops.convert_to_numpy(layer.kernel) for layer in model.layers]
    initialize(model, rules, seed=0)
    assert all(
        np.array_equal(a, ops.convert_to_numpy(layer.kernel)) for a, layer in zip(scaled, model.layers, strict=True)
    )


def test_a_bias_that_is_given_is_no_part_of_the_size_of_a_kernel():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(16, name="dense")])
    rules = [("bias", keras.initializers.Constant(9.0)), ("", "auto")]
    x = np.random.default_rng(0).standard_normal((64, 6)).astype("float32")
    initialize(model, rules, seed=0, data=x, verbose=0)
    outputs = ops.convert_to_numpy(model(x))
    assert np.mean((outputs - 9) ** 2) == pytest.approx(1, rel=1e-3)
    assert (ops.convert_to_numpy(model.layers[0].bias) == 9).all()


@pytest.mark.thorough
def test_the_head_of_an_lstm_is_not_blown_up():
    x = np.random.default_rng(0).random((128, 50, 2)).astype("float32")
    y = x[:, :2, 0].sum(1)
    model = keras.Sequential([keras.Input((50, 2)), layers.LSTM(32), layers.Dense(1, name="head")])
    model.compile("sgd", "mse")
    initialize(model, seed=0, data=(x, y), verbose=0)
    outputs = ops.convert_to_numpy(model(x))[:, 0]
    assert np.mean((outputs - y) ** 2) < 2 * y.var()
    kernel = ops.convert_to_numpy(model.get_layer("head").kernel)
    assert np.sqrt((kernel**2).mean()) < 3 / 32**0.5 / 0.1


def test_it_shows_its_progress(capsys):
    initialize(network(), data=examples(), verbose=0)
    assert capsys.readouterr().out == ""
    initialize(network(), data=examples())
    assert "2/2" in capsys.readouterr().out


WRONG = {
    "which can be read once": (lambda: iter([examples()]), TypeError),
    "a tuple of 4 items": (lambda: (*examples(), *examples()), ValueError),
    "a tuple of 0 items": (lambda: (), ValueError),
    "which yields no batch": (lambda: type("Empty", (), {"__iter__": lambda self: iter(())})(), ValueError),
    "Expected arrays of one length": (lambda: (examples()[0], examples()[1][:-1]), ValueError),
    "at least one example": (lambda: (np.empty((0, 6)), np.empty(0)), ValueError),
    "of which 6 values are infinite or not a number": (lambda: np.array([[np.nan] * 6, [0] * 6]), ValueError),
    r"x of the shapes \(96, 5\). Expected a batch that the model takes": (lambda: examples()[0][:, 1:], ValueError),
}


@pytest.mark.parametrize("why", WRONG)
def test_data_that_do_not_fit_leave_the_model_as_it_was(why):
    make, kind = WRONG[why]
    model = network()
    before, calls = model.get_weights(), [layer.call for layer in model.layers]
    with pytest.raises(kind, match=why):
        initialize(model, data=make(), verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert [layer.call for layer in model.layers] == calls


@pytest.mark.parametrize("step", ["_promised", "first_of"])
def test_a_failure_of_our_own_is_called_ours(step, monkeypatch):
    def fail(*arguments):
        raise ZeroDivisionError("of ours")

    model = network()
    before = model.get_weights()
    monkeypatch.setattr(scaling, step, fail)
    x = np.random.default_rng(0).standard_normal((32, 6))
    with pytest.raises(InternalError, match="a fault of keras_inits, not of your model or data"):
        initialize(model, data=x, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
