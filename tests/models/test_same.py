"""`to_builtin` returns a model that predicts the same, or says which layer does not let it."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_inits as ki
from keras_inits import to_builtin

BACKEND = keras.backend.backend()
X = np.random.default_rng(0).standard_normal((16, 8)).astype("float32")


def farthest(model, new, x=X):
    return np.max(np.abs(model.predict(x, verbose=0) - new.predict(x, verbose=0)))


def stack(*inner, shape=(8,)):
    return keras.Sequential([keras.Input(shape), *inner, layers.Dense(2, kernel_initializer=ki.HeNormal())])


class Dense(layers.Dense):
    """Of one's own, with the name of Keras's."""

    def call(self, x, training=None):
        return super().call(2.0 * x)


class Forgetful(layers.Layer):
    """Its config lacks its argument."""

    def __init__(self, factor=1.0, **arguments):
        super().__init__(**arguments)
        self.factor = factor

    def call(self, x):
        return self.factor * x

    def get_config(self):
        return {key: value for key, value in super().get_config().items() if key != "factor"}


class Noisy(layers.Layer):
    """Random in inference too, from a seed of Keras's or from elsewhere."""

    def __init__(self, seeded=True, **arguments):
        super().__init__(**arguments)
        self.seeded = seeded
        self.generator = keras.random.SeedGenerator(3)

    def call(self, x):
        noise = keras.random.normal(ops.shape(x), seed=self.generator) if self.seeded else np.random.random()
        return x + noise

    def get_config(self):
        return {**super().get_config(), "seeded": self.seeded}


@pytest.mark.parametrize("filled", [True, False])
def test_lora_with_its_scale(filled):
    model = stack(layers.Dense(16, "relu", kernel_initializer=ki.HeNormal(), name="low"))
    low = model.get_layer("low")
    low.enable_lora(4, lora_alpha=8)
    if filled:
        low.lora_kernel_b.assign(ops.ones((4, 16)))
    new = to_builtin(model)
    assert farthest(model, new) == 0
    assert new.get_layer("low").lora_alpha == 8


def test_a_class_with_the_name_of_one_of_keras():
    model = stack(Dense(16, kernel_initializer=ki.HeNormal()), layers.Dense(4))
    new = to_builtin(model)
    assert [type(layer) for layer in new.layers] == [type(layer) for layer in model.layers]
    assert farthest(model, new) == 0


def test_a_class_that_was_registered_anew_since():
    @keras.saving.register_keras_serializable(package="tests")
    class Scaled(Forgetful):
        def call(self, x):
            return 3.0 * x

    model, first = stack(Scaled()), Scaled
    try:
        keras.saving.register_keras_serializable(package="tests", name="Scaled")(type("Other", (Forgetful,), {}))
        assert type(to_builtin(model).layers[0]) is first
    finally:
        keras.saving.get_custom_objects().pop("tests>Scaled")


def test_two_classes_of_one_name_are_an_error():
    def of(factor, name):
        class Twice(layers.Layer):
            def call(self, x):
                return factor * x

        return Twice(name=name)

    model = stack(of(1.0, "first"), of(2.0, "second"))
    with pytest.raises(ValueError, match=r"two classes that are called .*Twice; the layer 'second'.* another name"):
        to_builtin(model)


@pytest.mark.parametrize("last", ["glorot_uniform", "zeros"])  # behind zeros all models look the same
def test_what_a_config_leaves_out_is_named(last):
    model = keras.Sequential([keras.Input((8,)), Forgetful(3.0, name="odd"), layers.Dense(2, kernel_initializer=last)])
    with pytest.raises(ValueError, match=r"off by .*'odd' has factor=3.0 in the model and 1.0 in its copy.*get_config"):
        to_builtin(model)


def test_weights_that_a_config_leaves_out_are_named():
    class Wide(layers.Layer):
        def __init__(self, units=3, **arguments):
            super().__init__(**arguments)
            self.inner = layers.Dense(units, name="inner")

        def build(self, shape):
            self.inner.build(shape)

        def call(self, x):
            return self.inner(x)

        def get_config(self):
            return super().get_config()

    with pytest.raises(
        ValueError, match=r"the layer 'wide/inner' .* came out different.*\(8, 5\).*\(8, 3\).*leaves an"
    ):
        to_builtin(keras.Sequential([keras.Input((8,)), Wide(5, name="wide")]))


def test_a_layer_that_cannot_be_made_again_is_named():
    class Needs(layers.Layer):
        def __init__(self, needed, **arguments):
            super().__init__(**arguments)

        def call(self, x):
            return x

        def get_config(self):
            return super().get_config()

    with pytest.raises(ValueError, match=r"failed for the layer 'needs' \(of type Needs\).*Expected a `get_config`"):
        to_builtin(stack(Needs(1, name="needs")))


def test_models_that_are_called_on_other_things_than_floats():
    words, mask = keras.Input((None,), dtype="int32", name="words"), keras.Input((None,), dtype="bool", name="mask")
    y = layers.GlobalAveragePooling1D()(layers.Embedding(5, 4, embeddings_initializer=ki.Normal())(words), mask=mask)
    model = keras.Model({"words": words, "mask": mask}, [Forgetful(1.0)(y), layers.Dense(2)(y)])
    to_builtin(model)
    model = keras.Model({"words": words, "mask": mask}, [Forgetful(2.0)(y), layers.Dense(2)(y)])
    with pytest.raises(ValueError, match=r"factor=2\.0"):
        to_builtin(model)


@pytest.mark.backend("tensorflow")
def test_strings_and_a_vocabulary_that_was_learned():
    lookup = layers.StringLookup(name="lookup")
    lookup.adapt(["a", "c", "c"])
    model = keras.Sequential([keras.Input((1,), dtype="string"), lookup, layers.Embedding(4, 2, ki.Normal())])
    new = to_builtin(model)
    assert new.get_layer("lookup").get_vocabulary() == lookup.get_vocabulary() == ["[UNK]", "c", "a"]


class Subclassed(keras.Model):
    def __init__(self, factor=1.0, **arguments):
        super().__init__(**arguments)
        self.odd, self.dense = Forgetful(factor, name="odd"), layers.Dense(2)

    def call(self, x):
        return self.dense(self.odd(x))

    def get_config(self):
        return keras.Model.get_config(self)


def test_a_subclassed_model_is_called_in_the_shape_it_was_built_with():
    model = Subclassed()
    model(X)
    assert farthest(model, to_builtin(model)) == 0
    model = Subclassed(2.0)
    model(X)
    with pytest.raises(ValueError, match=r"factor=2\.0"):
        to_builtin(model)


def test_random_layers_in_inference_are_compared_on_one_seed():
    to_builtin(stack(Noisy()))
    with pytest.raises(ValueError, match=r"factor=2\.0"):
        to_builtin(stack(Noisy(), Forgetful(2.0)))
    to_builtin(stack(Noisy(seeded=False)))  # only its config can be compared


def test_a_stateful_network_is_compared_and_keeps_its_state():
    model = keras.Sequential([keras.Input(batch_shape=(3, 5, 8)), layers.LSTM(4, stateful=True)])
    model(np.ones((3, 5, 8), "float32"))
    before = [ops.convert_to_numpy(v) for v in model.variables]
    new = to_builtin(model)
    for old, variable, copy in zip(before, model.variables, new.variables, strict=True):
        assert np.array_equal(old, ops.convert_to_numpy(variable))
        assert np.array_equal(old, ops.convert_to_numpy(copy)) or "seed" in variable.path


def test_the_model_is_not_changed():
    model = stack(layers.BatchNormalization(), layers.Dropout(0.5), Noisy())
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, np.zeros((16, 2)), verbose=0)
    before = {v.path: ops.convert_to_numpy(v) for v in [*model.variables, *model.optimizer.variables]}
    metrics = model.get_metrics_result()
    to_builtin(model)
    after = {v.path: ops.convert_to_numpy(v) for v in [*model.variables, *model.optimizer.variables]}
    assert all(np.array_equal(before[path], after[path]) for path in before | after)
    assert model.get_metrics_result() == metrics


def test_training_the_copy_leaves_the_model_as_it_was():
    model = stack(layers.Dense(4))
    model.compile("sgd", "mse")
    expected = model.predict(X, verbose=0)
    new = to_builtin(model)
    new.fit(X, np.ones((16, 2)), verbose=0)  # JAX gives the memory of the weights away as it trains
    assert np.array_equal(model.predict(X, verbose=0), expected)


def test_frozen_layers_stay_frozen():
    inner = keras.Sequential([keras.Input((8,)), layers.Dense(4, name="frozen"), layers.Dense(4)], name="inner")
    model = stack(inner, layers.BatchNormalization())
    model.layers[0].layers[0].trainable = model.layers[1].trainable = False
    new = to_builtin(model)
    assert [layer.trainable for layer in new.layers[0].layers] == [False, True]
    assert [layer.trainable for layer in new.layers] == [True, False, True]
    assert len(new.trainable_weights) == len(model.trainable_weights) == 4


@pytest.mark.filterwarnings("ignore:Layer InputLayer does not have a `quantize`")
@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])  # float8's weights come first in the copy, and last here
def test_a_quantized_model(mode, tmp_path):
    model = stack(
        layers.Dense(16, "relu", kernel_initializer=ki.HeNormal(), name="first"), layers.EinsumDense("ab,bc->ac", 4)
    )
    model.quantize(mode)
    if mode == "float8":
        model.get_layer("first").inputs_scale.assign(0.5)
    new = to_builtin(model)
    assert farthest(model, new) == 0
    new.save(tmp_path / "model.keras")
    assert farthest(model, keras.models.load_model(tmp_path / "model.keras")) == 0


# JAX has no float64 unless it is told to when it starts.
@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16", *(["float64"] if BACKEND != "jax" else [])])
def test_other_precisions(dtype):
    keras.config.set_dtype_policy(dtype)
    to_builtin(stack(layers.Dense(16, "relu")))
    with pytest.raises(ValueError, match=r"factor=1\.5"):
        to_builtin(stack(Forgetful(1.5)))
