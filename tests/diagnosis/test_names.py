"""Names of layers, weights and losses that somebody may interpret: in the text, the picture, the table, the repair."""

import io

import keras
import numpy as np
import pytest
from helpers.hostile import LAYER_NAMES, is_plain
from keras import layers

import keras_inits
from keras_inits._names import NAMELESS, stand_in
from keras_inits.models.table import InitializationTable

BACKEND = keras.backend.backend()
REFUSED = {  # by Keras's backend, in the first call of the layer
    "tensorflow": set(LAYER_NAMES) - {"long", "long as well", "empty", "path"},
    "jax": {"lone surrogate"},
    "torch": {"direction", "path", "pattern"},  # which have a full stop
}[BACKEND]


@pytest.mark.thorough
def test_layers_are_shown_as_they_are_and_repaired(tmp_path):
    names = [name for what, name in LAYER_NAMES.items() if what not in REFUSED]
    assert len(names) >= 4
    hidden = [layers.Dense(32, "tanh", name=name) for name in names]
    model = keras.Sequential([keras.Input((16,)), *hidden, *(layers.Dense(32, "tanh") for _ in range(8))])
    keras_inits.initialize(model, keras_inits.Normal(0.01), seed=1)
    model.compile("sgd", "mse")
    random = np.random.default_rng(0)
    batch = random.standard_normal((64, 16)), random.standard_normal((64, 32))
    diagnosis = keras_inits.diagnose(model, *batch)
    shown = [row.name for row in diagnosis.layers[: len(names)]]
    assert len(set(shown)) == len(names)
    assert [name.removesuffix("#2") for name in shown] == [stand_in(name) for name in names]
    assert is_plain(str(diagnosis))
    code = {line for finding in diagnosis for line in finding.remedy.code.split("\n")}  # a pattern stays in one piece
    assert max(len(line) for line in str(diagnosis).split("\n") if line.strip() not in map(str.strip, code)) <= 100
    assert {finding.kind for finding in diagnosis} >= {"vanishing_signal"}
    assert is_plain(diagnosis.to_dataframe().to_csv())
    assert not any(name.startswith(tuple("=+-@")) for name in diagnosis.to_dataframe().index)
    diagnosis.plot(tmp_path / "picture.png")
    table = diagnosis.repair(model, seed=1)
    assert [row.path for row in table.rows][: len(names)] == [f"{name}/kernel" for name in shown]
    assert is_plain(str(table))
    assert "vanishing_signal" not in {finding.kind for finding in keras_inits.diagnose(model, *batch)}


class Own(layers.Layer):
    """A layer whose weight has a name of its own."""

    def build(self, shape):
        self.weight = self.add_weight(shape=(shape[-1],), initializer="ones", name="a\nb\x1b[2J=")

    def call(self, inputs):
        return inputs * self.weight


@pytest.mark.backend("torch", "jax")
def test_a_weight_is_shown_as_it_is():
    model = keras.Sequential([keras.Input((16,)), Own(name="own"), layers.Dense(1)])
    table = keras_inits.initialize(model, seed=1)
    assert r"own/a\nb\x1b[2J=" in [row.path for row in table] + list(table.kept)
    assert is_plain(str(table))
    assert isinstance(table, InitializationTable)


@pytest.mark.backend("torch", "jax")
def test_names_that_have_the_same_stand_in_are_told_apart():
    hidden = [layers.Dense(4, name=name) for name in ("a\nb", "a\\nb", 300 * "a" + "b" + 300 * "a", 601 * "a")]
    model = keras.Sequential([keras.Input((4,)), *hidden])
    names = [row.path for row in keras_inits.initialize(model, seed=1)]
    assert len(set(names)) == len(names) == 8
    assert names[:4:2] == [r"a\nb/kernel", r"a\nb#2/kernel"]


def test_no_name_at_all():
    assert stand_in("") == NAMELESS


def test_the_name_of_a_loss_is_shown_as_it_is():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.compile("sgd", keras.losses.MeanSquaredError(name="\x1b[2J"))
    diagnosis = keras_inits.diagnose(model, np.eye(4), np.ones((4, 1)))
    assert r"gradients of: \x1b[2J" in str(diagnosis)
    print(diagnosis, file=io.StringIO())
