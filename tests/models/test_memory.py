"""Gates of recurrent layers: how long units remember."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_inits import initialize
from keras_inits.initializers.gate_biases import LongMemory


def built(layer, length=40, units=32):
    return keras.Sequential([keras.Input((length, 5)), layer(units), layers.Dense(3)])


def gates(model, count):
    bias = keras.ops.convert_to_numpy(model.layers[0].cell.bias)
    return np.split(bias[0] if bias.ndim > 1 else bias, count)


@pytest.mark.thorough
@pytest.mark.parametrize(("length", "memory", "expected"), [(40, None, 40), (40, 12, 12), (None, 12, 12)])
def test_units_forget_after_two_steps_to_all(length, memory, expected):
    model = built(layers.LSTM, length)
    initialize(model, seed=0, memory=memory)
    take, keep, *others = gates(model, 4)
    lasting = 1 + np.exp(keep)  # 1 / (1 - the gate)
    assert np.all(np.diff(lasting) > 0)
    assert lasting[0] == pytest.approx(2, abs=expected / 32)
    assert lasting[-1] == pytest.approx(expected, abs=expected / 32)
    assert lasting.mean() == pytest.approx(1 + expected / 2, rel=1e-5)
    np.testing.assert_array_equal(take, -keep)
    assert not np.any(others)


@pytest.mark.parametrize("reset_after", [True, False])
def test_the_update_gate_of_a_gru_keeps(reset_after):
    model = built(lambda units: layers.GRU(units, reset_after=reset_after))
    initialize(model, seed=0)
    keep, *others = gates(model, 3)
    assert (1 + np.exp(keep)).mean() == pytest.approx(1 + 40 / 2, rel=1e-5)
    assert not np.any(others)
    assert not np.any(keras.ops.convert_to_numpy(model.layers[0].cell.bias)[1:] if reset_after else 0)


def test_a_state_lasts_as_long_as_its_bias_says():
    """Of inputs that are zero, behind a state of ones, what is left after 1 + u steps is 1 / e, about."""
    model = built(layers.GRU, 60)
    initialize(model, seed=0, memory=60)
    cell = model.layers[0].cell
    cell.recurrent_kernel.assign(np.zeros(cell.recurrent_kernel.shape))
    states = [np.ones((1, 32), "float32")]
    for _ in range(60):
        states.append(keras.ops.convert_to_numpy(cell(np.zeros((1, 5), "float32"), [states[-1]])[0]))
    left = np.array(states)[:, 0]
    lasting = 1 + np.exp(gates(model, 3)[0])
    for unit in range(0, 32, 4):
        assert left[round(lasting[unit]), unit] == pytest.approx(np.exp(-1), abs=0.12)


@pytest.mark.parametrize(
    "layer",
    [
        lambda units: layers.LSTM(units, unit_forget_bias=False),
        lambda units: layers.LSTM(units, use_bias=False),
        layers.SimpleRNN,
    ],
)
def test_what_keeps_nothing_or_was_told_not_to_is_left(layer):
    model = built(layer)
    initialize(model, seed=0, memory=40)
    bias = model.layers[0].cell.bias
    assert bias is None or not np.any(keras.ops.convert_to_numpy(bias))


@pytest.mark.parametrize("length", [None, 2])
def test_without_a_length_or_a_past_forget_gates_have_ones(length):
    model = built(layers.LSTM, length)
    initialize(model, seed=0)
    assert [set(gate.tolist()) for gate in gates(model, 4)] == [{0.0}, {1.0}, {0.0}, {0.0}]


@pytest.mark.thorough
def test_each_direction_and_each_cell():
    inner = layers.RNN([layers.LSTMCell(8), layers.GRUCell(8)], return_sequences=True)
    model = keras.Sequential([keras.Input((20, 5)), layers.Bidirectional(inner), layers.Dense(3)])
    laws = [row.law for row in initialize(model, seed=0) if row.path.endswith("cell/bias")]
    assert [law.split(",")[1].split()[0] for law in laws] == ["19)"] * 4


def test_a_convolutional_lstm_remembers_too():
    model = keras.Sequential([keras.Input((10, 6, 6, 2)), layers.ConvLSTM2D(4, 3)])
    initialize(model, seed=0)
    assert gates(model, 4)[1].max() > 2


@pytest.mark.parametrize(
    ("memory", "error"), [(0, ValueError), (-3, ValueError), ("long", TypeError), (2.5, TypeError)]
)
def test_a_wrong_memory_is_named(memory, error):
    with pytest.raises(error, match="Argument `memory` must be"):
        initialize(built(layers.LSTM), memory=memory)


def test_it_is_a_law_of_its_own():
    assert str(LongMemory(4, 50)).endswith(
        "log U(1, 49) for the forget gate, its negative for the input gate, zeros for others"
    )


@pytest.mark.thorough
@pytest.mark.parametrize("layer", [layers.LSTM, layers.GRU])
@pytest.mark.parametrize("length", [8, 50])
def test_states_are_what_is_predicted(layer, length):
    model = keras.Sequential([keras.Input((length, 16)), layer(128, name="memory"), layers.Dense(3, name="head")])
    table = initialize(model, seed=0)
    table.check()  # a long memory takes in little, and that is no fault
    rows = {row.path: row for row in table}
    x = np.random.default_rng(0).standard_normal((64, length, 16)).astype("float32")
    square = np.mean(np.square(keras.ops.convert_to_numpy(model.get_layer("memory")(x))))
    assert abs(np.log10(square / rows["head/kernel"].square_in)) < 0.3
