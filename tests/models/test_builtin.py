"""`to_builtin`: the same law, the same weights, and a file that Keras alone opens."""

import keras
import numpy as np
import pytest
from helpers.families import FAMILIES
from helpers.processes import run_python
from helpers.tolerances import variance_tolerance
from keras import layers

import keras_inits as ki
from keras_inits import to_builtin
from keras_inits.models.builtin import twin

TRUNCATED = keras.backend.backend() != "torch"  # where Keras's own are not cut
WITH = [
    ki.Uniform(0.3, seed=-1),
    ki.Normal(0.2, seed=2**40),
    *([ki.TruncatedNormal(0.1, 0.2), ki.HeNormal(truncated=True), ki.VarianceScaling()] if TRUNCATED else []),
    ki.LecunUniform(seed=3),
    ki.GlorotNormal(),
    ki.HeUniform(input_axes=(1,), output_axes=(0,)),
    ki.VarianceScaling(3.0, "fan_out", "untruncated_normal"),
    ki.VarianceScaling(activation="gelu", distribution="uniform"),
    ki.Orthogonal(1.5),
    ki.Identity(),
]
WITHOUT = [
    *([] if TRUNCATED else [ki.TruncatedNormal(), ki.HeNormal(truncated=True), ki.VarianceScaling()]),
    ki.VarianceScaling(mode="fan_geo_avg", distribution="uniform"),
    ki.Identity(2.0),
    ki.Sparse(0.5),
    ki.PerGate(ki.Orthogonal(), 2),
    ki.keras1.get("orthogonal"),
]


@pytest.mark.parametrize("initializer", WITH, ids=repr)
def test_a_twin_has_the_law(initializer):
    shape = (300, 200)
    found = twin(initializer, "float32")
    assert type(found).__module__.startswith("keras.")
    ours, theirs = (keras.ops.convert_to_numpy(law(shape)).astype("float64") for law in (initializer, found))
    if isinstance(initializer, ki.Identity):
        assert np.array_equal(ours, theirs)
        return
    variance = ours.var()
    kurtosis = np.mean(((ours - ours.mean()) / ours.std()) ** 4)
    assert theirs.var() == pytest.approx(variance, abs=2 * variance_tolerance(variance, 3, ours.size))
    # The fourth moment tells a uniform (1.8), a cut normal (2.1) and a plain one (3) apart.
    assert np.mean(((theirs - theirs.mean()) / theirs.std()) ** 4) == pytest.approx(kurtosis, abs=0.3)
    assert theirs.mean() == pytest.approx(ours.mean(), abs=10 * (variance / ours.size) ** 0.5)


@pytest.mark.parametrize("initializer", WITHOUT, ids=repr)
def test_what_has_no_twin_is_named_and_can_be_replaced(initializer):
    dense = layers.Dense(4, kernel_initializer=initializer, name="odd")
    other = layers.Dense(4, kernel_initializer=initializer, name="odder")
    model = keras.Sequential([keras.Input((4,)), dense, other])
    with pytest.raises(ValueError, match=r"none of their law: .* in 'odd'; .* in 'odder'. Pass replace="):
        to_builtin(model)
    new = to_builtin(model, replace="he_normal")
    assert isinstance(new.layers[1].kernel_initializer, keras.initializers.HeNormal)
    assert np.array_equal(new.get_weights()[0], model.get_weights()[0])


def test_every_class_of_the_public_list_has_a_twin_or_is_an_error():
    for family in FAMILIES:
        initializer = family.cls() if family.cls not in (ki.Sparse, ki.PerGate) else None
        if isinstance(initializer, (ki.DeltaOrthogonal, ki.Dirac)):
            assert twin(initializer, "float32") is None
        elif initializer is not None and (TRUNCATED or "runcated" not in str(initializer)):
            assert not str(type(initializer)).startswith("keras_inits") or twin(initializer, "float32") is not None


def test_replace_is_one_of_keras():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4)])
    with pytest.raises(ValueError, match=r"of this package. Pass one of keras.initializers"):
        to_builtin(model, replace=ki.HeNormal())
    with pytest.raises(ValueError, match=r"`replace` must be .* Received: replace='he_norml'\. Pass one such as"):
        to_builtin(model, replace="he_norml")


@pytest.mark.thorough
def test_orthogonal_in_low_precision_has_none():
    layer = layers.LSTM(3, recurrent_initializer=ki.Orthogonal(), dtype="bfloat16", name="low")
    model = keras.Sequential([keras.Input((5, 4)), layer])
    with pytest.raises(ValueError, match=r"Orthogonal\(gain=1.0\).* in 'low'"):
        to_builtin(model)
    layer = layers.LSTM(3, recurrent_initializer=ki.Orthogonal(), dtype="mixed_bfloat16")
    to_builtin(keras.Sequential([keras.Input((5, 4)), layer]))


class Doubled(layers.Layer):
    """Not registered, as many are not."""

    def call(self, x):
        return 2 * x


def network():
    x = keras.Input((5, 8))
    y = layers.MultiHeadAttention(2, 4, kernel_initializer=ki.HeNormal(), bias_initializer=ki.Uniform())(x, x)
    inner = keras.Sequential([keras.Input((5, 8)), layers.Dense(8, "relu", kernel_initializer=ki.Orthogonal())])
    y = layers.Bidirectional(layers.GRU(3, kernel_initializer="keras_inits>GlorotNormal"))(inner(y))
    model = keras.Model(x, layers.Dense(2, bias_initializer=ki.Ones())(y))
    model.compile("adam", keras.losses.MeanSquaredError())
    return model


READ = """
import sys
import numpy as np
import keras
model = keras.models.load_model(sys.argv[1])
assert "keras_inits" not in sys.modules
np.save(sys.argv[2], model.predict(np.load(sys.argv[3]), verbose=0))
"""


@pytest.mark.thorough
@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_process_without_the_package_opens_the_file(suffix, tmp_path):
    model, x = network(), np.random.default_rng(0).standard_normal((6, 5, 8)).astype("float32")
    new = to_builtin(model)
    assert new.optimizer is not model.optimizer
    files = [str(tmp_path / name) for name in (f"model.{suffix}", "y.npy", "x.npy")]
    new.save(files[0])
    np.save(files[2], x)
    run_python(READ, keras.backend.backend(), *files)
    assert np.allclose(np.load(files[1]), model.predict(x, verbose=0), rtol=1e-6, atol=1e-6)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), new.get_weights(), strict=True))
    assert isinstance(model.layers[1].query_dense.kernel_initializer, ki.HeNormal)


def test_classes_that_are_not_registered():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, kernel_initializer=ki.HeNormal()), Doubled()])
    x = np.ones((2, 4), "float32")
    assert np.array_equal(to_builtin(model).predict(x, verbose=0), model.predict(x, verbose=0))


def half(x):
    return 0.5 * x


def test_objects_of_ones_own_are_handed_over_and_hidden_initializers_named():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation=half, kernel_initializer=ki.HeNormal())])
    assert to_builtin(model, custom_objects={"half": half}).layers[0].activation is half

    class Hidden(layers.Layer):
        def __init__(self, **arguments):
            super().__init__(**arguments)
            self.initializer = ki.HeNormal()

        def call(self, x):
            return x

    with pytest.raises(ValueError, match=r"whose code makes others of keras_inits, in the layers \['hidden'\]"):
        to_builtin(keras.Sequential([keras.Input((4,)), Hidden(name="hidden")]))
