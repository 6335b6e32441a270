"""Weights of layers that are not known: drawn from what their layer declares, or left alone."""

import random

import keras
import numpy as np
import pytest
from keras import layers

import keras_inits
from keras_inits import initialize


def sequential(*parts, shape=(16,)):
    return keras.Sequential([keras.Input(shape), *parts])


def as_numpy(variable):
    return keras.ops.convert_to_numpy(variable)


def origins(model):
    return {row.path.split("/")[-1]: (row.origin, row.law, row.fans) for row in initialize(model, seed=1)}


@keras.saving.register_keras_serializable(package="tests")
class Scale(layers.Layer):
    """A layer scale without a name, and positions."""

    def build(self, shape):
        self.gamma = self.add_weight(shape=(1, 1, shape[-1]), initializer=keras.initializers.Constant(1e-4))
        self.places = self.add_weight(shape=(1, 50, shape[-1]), initializer="random_normal", name="position_embedding")
        self.mixing = self.add_weight(shape=(shape[-1], 30), name="kernel")

    def call(self, x):
        return x * self.gamma + self.places[:, : x.shape[1]] + keras.ops.mean(self.mixing)


EXPECTED = {
    "variable": ("declared", "Constant", None),
    "position_embedding": ("declared", "N(0, scale^2)", None),
    "kernel": ("declared", "U(+-sqrt(6 / (fan_in + fan_out)))", None),
}


def test_what_add_weight_was_given_is_drawn_again():
    model = sequential(Scale(), shape=(10, 6))
    found = origins(model)
    assert {name.rstrip("0123456789_"): origin for name, (origin, _, _) in found.items()} == dict.fromkeys(
        EXPECTED, "declared"
    )
    layer = model.layers[0]
    assert np.allclose(as_numpy(layer.gamma), 1e-4)
    assert np.std(as_numpy(layer.places)) == pytest.approx(0.05, rel=5 * (0.5 / 300) ** 0.5)
    bound = (6 / 36) ** 0.5
    assert 0.9 * bound < np.abs(as_numpy(layer.mixing)).max() <= bound


def test_it_is_found_in_a_model_that_was_loaded(tmp_path):
    model = sequential(Scale(), shape=(10, 6))
    model.layers[0].gamma.assign(np.ones((1, 1, 6)))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    initialize(loaded, seed=1)
    initialize(model, seed=1)
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        assert np.array_equal(one, other)
    assert np.allclose(as_numpy(loaded.layers[0].gamma), 1e-4)


def test_streams_are_their_own_even_under_a_shared_initializer_with_a_seed():
    class Pair(layers.Layer):
        def build(self, shape):
            law = keras.initializers.RandomNormal(seed=3)
            self.a = self.add_weight(shape=(4, 4), initializer=law, name="a")
            self.b = self.add_weight(shape=(4, 4), initializer=law, name="b")

        def call(self, x):
            return x

    model = sequential(Pair(), Pair())
    initialize(model)
    assert len({values.tobytes() for values in model.get_weights()}) == 4


def test_weights_that_a_constructor_adds():
    class Early(layers.Layer):
        def __init__(self, units, **options):
            super().__init__(**options)
            self.token = self.add_weight(shape=(1, units), initializer=keras.initializers.Constant(0.25), name="token")

        def call(self, x):
            return x + self.token

    model = sequential(Early(16))
    model.layers[0].token.assign(np.zeros((1, 16)))
    assert [row.origin for row in initialize(model)] == ["declared"]
    assert (as_numpy(model.layers[0].token) == 0.25).all()


class Opaque(layers.Layer):
    """A layer that Keras cannot write a config of."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.kernel_initializer = keras.initializers.Constant(0.5)

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 3), initializer=self.kernel_initializer, name="kernel")
        self.other = self.add_weight(shape=(3,), initializer="ones", name="other")

    def call(self, x):
        return self.function(x @ self.kernel) + self.other


def test_a_layer_without_a_config_is_made_again_from_what_it_keeps():
    model = sequential(Opaque(keras.ops.abs))
    model.layers[0].set_weights([np.zeros((16, 3)), np.zeros(3)])
    assert [row.origin for row in initialize(model)] == ["declared", "declared"]
    assert (as_numpy(model.layers[0].kernel) == 0.5).all()
    assert (as_numpy(model.layers[0].other) == 1).all()


class Forgetful(layers.Layer):
    """Keeps its argument under another name, as most layers that users write, and has no config."""

    def __init__(self, units, inside=None):
        super().__init__()
        self.size = units
        self.inside = inside

    def build(self, shape):
        self.start = self.add_weight(shape=(shape[-1], self.size), initializer=keras.initializers.Constant(0.5))

    def call(self, x):
        return x @ self.start


def test_one_that_does_not_keep_its_arguments_is_built_again():
    model = sequential(Forgetful(3))
    model.layers[0].set_weights([np.zeros((16, 3))])
    assert [row.origin for row in initialize(model)] == ["declared"]
    assert (as_numpy(model.layers[0].start) == 0.5).all()
    assert len(model.weights) == 1


def test_a_model_of_ones_own_is_built_again():
    class Mine(keras.Model):
        def __init__(self, units):
            super().__init__()
            self.size = units

        def build(self, shape):
            self.start = self.add_weight(shape=(shape[-1], self.size), initializer="ones")
            self.built = True

        def call(self, x):
            return x @ self.start

    model = Mine(3)
    model(np.zeros((2, 4)))
    model.start.assign(np.zeros((4, 3)))
    assert [row.origin for row in initialize(model)] == ["declared"]
    assert (as_numpy(model.start) == 1).all()


def test_one_with_layers_inside_is_left_with_the_reason():
    model = sequential(Forgetful(3, layers.Identity()))
    table = initialize(model)
    (left,) = table.left
    assert left.reason == "its layer cannot be made again from its config (NotImplementedError)"
    assert "left as they were, its layer cannot be made again" in str(table)


def test_a_config_with_more_than_the_constructor_takes():
    class Verbose(layers.Layer):
        def __init__(self, size, **options):
            super().__init__(**options)
            self.size, self.area = size, size**2

        def build(self, shape):
            self.scale = self.add_weight(shape=(1,), initializer=keras.initializers.Constant(self.size), name="scale")

        def call(self, x):
            return x * self.scale

        def get_config(self):
            return {**super().get_config(), "size": self.size, "area": self.area}

    model = sequential(Verbose(3))
    model.layers[0].scale.assign([0])
    assert [row.origin for row in initialize(model)] == ["declared"]
    assert as_numpy(model.layers[0].scale).tolist() == [3]


def test_a_layer_around_another_does_not_build_that_twice():
    class Around(layers.Layer):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def build(self, shape):
            self.inner.build(shape)
            self.scale = self.add_weight(shape=(1,), initializer="ones", name="scale")

        def call(self, x):
            return self.inner(x) * self.scale

        def get_config(self):
            return {"inner": self.inner}  # not serialized, as Keras asks for

    model = sequential(Around(layers.Dense(3)))
    kernel = model.layers[0].inner.kernel
    initialize(model)
    assert len(model.weights) == 3
    assert model.layers[0].inner.kernel is kernel


def test_what_declares_nothing_is_left():
    class Mine(layers.Layer):
        def build(self, shape):
            self.bare = keras.Variable(np.full((3, 3), 7.0), name="bare_kernel")
            self.shift = self.add_weight(shape=(3,), initializer="ones", name="shift")

        def call(self, x):
            return x @ self.bare

    model = sequential(Mine(), shape=(3,))
    table = initialize(model)
    assert [path.split("/")[-1] for path in table.kept] == ["bare_kernel"]
    assert (as_numpy(model.layers[0].bare) == 7).all()


def test_explicit_rules_override():
    model = sequential(Scale(), shape=(10, 6))
    (row,) = initialize(model, {"position_embedding": keras_inits.Normal(2.0)})
    assert (row.origin, row.stddev) == ("rule", 2)
    assert "from" in str(initialize(model)).splitlines()[0]


def test_looking_leaves_nothing_behind():
    model = sequential(Scale(), shape=(10, 6))
    random.seed(3)
    before = random.getstate()
    name = layers.Dense(1).name
    random.setstate(before)
    initialize(model, seed=1)
    assert random.getstate() == before
    number = int(name.rpartition("_")[2]) if name.rpartition("_")[2].isdigit() else 0
    assert layers.Dense(1).name == f"dense_{number + 1}"
    with keras.StatelessScope():  # at whose end Keras gives values to what waits for them
        pass


def test_what_a_derived_layer_adds_is_declared():
    class Mixed(layers.Dense):
        def build(self, shape):
            super().build(shape)
            self.mixing = self.add_weight(shape=(3, 3), initializer="identity", name="mixing_kernel")

        def call(self, x):
            return super().call(x) @ self.mixing

    found = origins(sequential(Mixed(3)))
    assert [(name, origin) for name, (origin, _, _) in found.items()] == [
        ("kernel", "known"),
        ("bias", "known"),
        ("mixing_kernel", "declared"),
    ]


def test_two_towers_are_told_apart():
    """Functional models whose layers have the same names."""

    def tower(name):
        inputs = hidden = keras.Input((16,))
        for number in range(2):
            hidden = layers.Dense(16, "relu", name=f"fc{number}")(hidden)
        return keras.Model(inputs, hidden, name=name)

    a, b = keras.Input((16,)), keras.Input((16,))
    model = keras.Model([a, b], layers.Dot(axes=1)([tower("user_tower")(a), tower("item_tower")(b)]))
    table = initialize(model)
    assert table.rows[0].path == "user_tower/fc0/kernel"
    assert len({row.path for row in table}) == 8
    before = model.get_weights()
    initialize(model, [("user_tower/fc0/kernel", "he_normal")])
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [True] + [False] * 7
    with pytest.raises(ValueError, match=r"'towel/fc0', found in none of .*'item_tower/fc0/kernel'"):
        initialize(model, [("towel/fc0", "he_normal")])


def test_two_layers_of_one_name_in_one_model_have_two_paths():
    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = layers.Dense(4, name="dense"), layers.Dense(4, name="dense")

        def call(self, x):
            return self.b(self.a(x))

    model = Mine()
    model(np.zeros((1, 4)))
    assert [row.path for row in initialize(model)] == [
        "dense/kernel",
        "dense/bias",
        "dense#2/kernel",
        "dense#2/bias",
    ]


@pytest.mark.filterwarnings("ignore:.build... was called on layer")  # by Keras, of the layer that is not used
def test_layers_that_a_model_does_not_use_and_models_without_call():
    class Unused(keras.Model):
        def __init__(self):
            super().__init__()
            self.a, self.spare = layers.Dense(2), layers.Dense(2)

        def call(self, x):
            return self.a(x)

    class Autoencoder(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder = keras.Sequential([keras.Input((3,)), layers.Dense(2)])

    unused = Unused()
    unused(np.zeros((1, 3)))
    for model in (unused, Autoencoder()):
        assert len(initialize(model)) == 2
