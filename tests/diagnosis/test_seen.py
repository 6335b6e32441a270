"""Each layer with weights is looked at, or named with the reason; and what is not finite is traced to its origin."""

import itertools

import keras
import numpy as np
import pytest
from helpers.dtypes import all_dtypes
from keras import layers, ops

import keras_inits
from keras_inits import diagnose

random = np.random.default_rng(0)
x = random.standard_normal((64, 8)).astype("float32")


def kinds(diagnosis):
    return [finding.kind for finding in diagnosis]


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:Layer InputLayer does not have a `quantize` method")
def test_quantized_layers_are_seen():
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, "relu"), layers.Dense(2)])
    model.quantize("int8")
    diagnosis = diagnose(model, x)
    assert (len(diagnosis.layers), diagnosis.unseen) == (2, ())
    model.layers[0].bias.assign(ops.full((16,), float("nan")))
    assert kinds(diagnose(model, x)) == ["nonfinite"]


def test_layers_that_are_computed_again_on_the_way_back_are_seen():
    def build():
        law = keras_inits.Normal(0.01, seed=1)
        hidden = [layers.Dense(16, "relu", kernel_initializer=law, name=f"hidden_{n}") for n in range(12)]
        return keras.Sequential([keras.Input((8,)), *hidden, layers.Dense(1, kernel_initializer=law, name="head")])

    plain = diagnose(build(), x)
    with keras.RematScope(mode="full"):
        again = diagnose(build(), x)
    assert kinds(again) == kinds(plain) == ["vanishing_signal", "vanishing_gradient"]
    for one, other in zip(plain.layers, again.layers, strict=True):
        assert one.gradient == pytest.approx(other.gradient, rel=1e-5)


class Computed(keras.Model):
    """Has a layer computed again on the way back, by a function that `keras.remat` makes when it is called, or before.

    On JAX `fit` does not train it in either case: `jax.checkpoint` keeps the first call's weights.
    """

    def __init__(self, made):
        super().__init__()
        self.inner, self.out = layers.Dense(8, "tanh", name="inner"), layers.Dense(1, name="out")
        self.inner.build((None, 8))
        again = {"of the layer": self.inner, "of its call": self.inner.call}.get(made)
        self.again = again and keras.remat(again)

    def call(self, inputs):
        return self.out((self.again or keras.remat(self.inner))(inputs))


@pytest.mark.parametrize("made", ["in the call", "of the layer", "of its call"])
@pytest.mark.parametrize("called", [True, False])
def test_a_layer_that_remat_is_given_is_seen_and_the_model_is_as_before(made, called):
    model = Computed(made)
    model.out.build((None, 8))
    if called:
        model(x)
    again, diagnosis = model.again, diagnose(model, x)
    assert diagnosis.unseen == ()
    outside = made == "of its call" and keras.backend.backend() == "torch"  # whose function says not what it wraps
    assert [row.name for row in diagnosis.layers] == ([model.name] if outside else ["inner", "out"])
    plain = keras.Sequential([keras.Input((8,)), layers.Dense(8, "tanh"), layers.Dense(1)])
    plain.set_weights(model.get_weights())
    norms = [row.gradient for row in diagnosis.layers]
    assert np.hypot.reduce(norms) == pytest.approx(np.hypot.reduce([row.gradient for row in diagnose(plain, x).layers]))
    assert model.again is again
    model(x)


class Loop(layers.Layer):
    def __init__(self):
        super().__init__(name="loop")
        self.inner = layers.Dense(8, "tanh", name="inner")

    def build(self, shape):
        self.inner.build(shape)

    def call(self, inputs):
        return ops.fori_loop(0, 3, lambda _, hidden: hidden + self.inner(hidden), inputs)


@pytest.mark.thorough
def test_each_step_of_a_loop_is_seen():
    model = keras.Sequential([keras.Input((8,)), Loop()])
    diagnosis = diagnose(model, x)
    assert [row.name for row in diagnosis.layers] == [f"loop/inner{call}" for call in ("", " (call 2)", " (call 3)")]
    assert diagnosis.unseen == ()
    assert diagnosis.layers[0].gradient > 0
    assert len(diagnosis.layers[0].weights) == 2
    model.layers[0].inner.kernel.assign(ops.full((8, 8), float("nan")))
    assert kinds(diagnose(model, x)) == ["nonfinite"]


CONTROL = {
    "fori_loop of no steps": lambda one, two, h: two(ops.fori_loop(0, 0, lambda _, t: one(t), h)),
    "fori_loop": lambda one, two, h: ops.fori_loop(
        0, 2, lambda i, t: ops.cond(i > 5, lambda: one(t), lambda: two(t)), h
    ),
    "scan": lambda one, two, h: ops.scan(
        lambda t, i: (ops.cond(i > 5, lambda: one(t), lambda: two(t)), t), h, ops.arange(2)
    )[0],
    "cond": lambda one, two, h: ops.cond(ops.sum(ops.square(h)) < 0, lambda: one(h), lambda: two(h)),
    "switch": lambda one, two, h: ops.switch(1, [one, two], h),
}


@pytest.mark.thorough
@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("control", CONTROL)
def test_a_branch_that_does_not_run_is_named(control, trained):
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.branch, self.other = layers.Dense(8, "tanh", name="branch"), layers.Dense(8, "tanh", name="other")
            self.out = layers.Dense(3, name="out")
            for layer in (self.branch, self.other, self.out):
                layer.build((None, 8))
            self.branch.trainable = trained

        def call(self, inputs):
            return self.out(CONTROL[control](self.branch, self.other, inputs))

    model = Model()
    model(x)
    diagnosis = diagnose(model, x)
    assert [str(one) for one in diagnosis.unseen] == ["branch (Dense): the batch does not reach it"]
    assert {row.layer for row in diagnosis.layers} == {"other", "out"}


@pytest.mark.backend("jax")  # torch and TensorFlow have no such loop, or run it step by step
def test_of_a_loop_that_is_compiled_in_any_case_the_layers_without_a_gradient_are_named():
    class Empty(Loop):
        def call(self, inputs):
            return ops.scan(lambda hidden, _: (self.inner(hidden), None), inputs, ops.zeros((0, 2)))[0]

    model = keras.Sequential([keras.Input((8,)), Empty(), layers.Dense(1, name="head")])
    (unseen,) = diagnose(model, x).unseen
    assert unseen.name == "loop/inner"
    assert "a loop of no steps" in unseen.reason


class Mapped(Loop):
    def call(self, inputs):
        return ops.vectorized_map(lambda row: self.inner(row[None])[0], inputs)


@pytest.mark.thorough
def test_layers_that_are_mapped_over_examples_are_seen_from_outside():
    model = keras.Sequential([keras.Input((8,)), Mapped(), layers.Dense(1, name="head")])
    diagnosis = diagnose(model, x)
    assert [row.name for row in diagnosis.layers] == ["loop", "head"]
    assert diagnosis.unseen == ()
    assert diagnosis.layers[0].gradient > 0
    model.layers[0].inner.kernel.assign(ops.full((8, 8), float("nan")))
    assert kinds(diagnose(model, x)) == ["nonfinite"]
    keras_inits.initialize(model, seed=1)
    law = {row.path: row.law for row in keras_inits.lsuv(model, x, seed=1, verbose=0)}["loop/inner/kernel"]
    assert law.endswith("not scaled")


@pytest.mark.thorough
def test_a_layer_that_the_batch_does_not_reach_is_named():
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.used, self.spare = layers.Dense(2), layers.Dense(2, name="spare")
            self.spare.build((None, 8))

        def call(self, inputs):
            return self.used(inputs)

    model = Model()
    model(x)
    diagnosis = diagnose(model, x)
    assert [str(one) for one in diagnosis.unseen] == ["spare (Dense): the batch does not reach it"]
    assert "no findings in what was looked at" in str(diagnosis)
    assert "not looked at:\n  spare (Dense)" in str(diagnosis)


def shared():
    tower = keras.Sequential([keras.Input((8,)), layers.Dense(8, "tanh", name="dense")], name="tower")
    one, two = keras.Input((8,)), keras.Input((8,))
    return keras.Model([one, two], layers.Dot(axes=1, name="dot")([tower(one), tower(two)])), tower


def test_a_shared_layer_has_a_row_for_each_call():
    model, tower = shared()
    other = random.standard_normal((64, 8)).astype("float32") * 3
    rows = diagnose(model, [x, other]).layers
    assert [row.name for row in rows] == ["tower/dense", "tower/dense (call 2)", "dot"]
    assert [(row.layer, row.call, len(row.weights), len(row.kernels)) for row in rows[:2]] == [
        ("tower/dense", 1, 2, 1),
        ("tower/dense", 2, 0, 0),
    ]
    for row, batch in zip(rows, (x, other), strict=False):
        assert row.outputs.stddev == pytest.approx(np.std(ops.convert_to_numpy(tower(batch))), rel=1e-4)
    assert rows[0].gradient > 0
    assert rows[1].gradient is None


def test_the_second_call_is_repaired_by_the_layers_weights():
    model, tower = shared()
    keras_inits.initialize(tower, keras_inits.Normal(5.0), seed=0)
    finding = next(one for one in diagnose(model, [x, x]) if one.kind == "saturated")
    assert finding.layers == ("tower/dense", "tower/dense (call 2)")
    assert [pattern for pattern, _ in finding.remedy.rules] == ["^tower/dense/kernel$", "^tower/dense/bias$"]


def network(seed=1):
    parts = [layers.Dense(16, "relu", name="hidden"), layers.Dense(1, name="out")]
    model = keras.Sequential([keras.Input((8,)), *parts])
    keras_inits.initialize(model, seed=seed)
    return model


@pytest.mark.parametrize("where", ["inputs", "targets"])
def test_values_that_are_not_finite_in_the_data_are_called_the_datas(where):
    model, inputs, targets = network(), x.copy(), np.zeros((64, 1), "float32")
    {"inputs": inputs, "targets": targets}[where][3, 0] = np.nan
    diagnosis = diagnose(model, inputs, targets, loss="mse")
    (finding,) = diagnosis.findings
    assert (finding.kind, finding.layers, finding.remedy.rules) == ("nonfinite", (), ())
    assert f"1 values of the {where} are infinite or not a number, in example 3" in finding.evidence
    assert diagnosis.repair(model).rows == ()


@pytest.mark.thorough
def test_of_a_weight_that_is_not_finite_the_remedy_suits_what_it_is():
    parts = [layers.Dense(8, name="hidden"), layers.BatchNormalization(name="norm"), layers.Dense(1, name="out")]
    model = keras.Sequential([keras.Input((8,)), *parts])
    keras_inits.initialize(model, seed=1)
    model.layers[1].moving_mean.assign(np.full(8, np.nan))
    finding = diagnose(model, x).findings[0]
    assert (finding.kind, finding.remedy.rules) == ("nonfinite", ())
    assert str(finding.remedy).startswith(
        "norm/moving_mean: set it back to its start with initialize(model, reset=True)"
    )
    model.layers[0].kernel.assign(np.full((8, 8), np.nan))
    remedy = diagnose(model, x).findings[0].remedy
    assert [pattern for pattern, _ in remedy.rules] == ["^hidden/kernel$"]
    assert "reset=True" in str(remedy)
    keras_inits.initialize(model, reset=True)
    model.layers[0].trainable = False
    model.layers[0].kernel.assign(np.full((8, 8), np.nan))
    finding = diagnose(model, x).findings[0]
    assert finding.remedy.rules == ()
    assert str(finding.remedy).startswith("hidden/kernel: load it again: it is frozen")
    adapted = keras.Sequential([keras.Input((8,)), layers.Normalization(name="scale"), layers.Dense(1)])
    adapted.layers[0].adapt(np.full((4, 8), np.nan))
    assert "call `adapt` of the layer scale again, on finite data" in str(diagnose(adapted, x).findings[0].remedy)


def test_the_operation_that_makes_the_first_one_is_named_with_its_examples():
    inputs = keras.Input((8,))
    hidden = layers.Dense(4, name="hidden")(inputs)
    model = keras.Model(inputs, layers.Dense(1, name="out")(layers.Lambda(ops.log, (4,), name="log")(hidden)))
    (finding, *_) = diagnose(model, x).findings
    bad = np.flatnonzero((ops.convert_to_numpy(model.layers[1](x)) <= 0).any(axis=1))
    assert "the outputs of log are the first with infinite values" in finding.evidence
    assert finding.evidence.endswith(f", in examples {', '.join(map(str, bad[:8]))}, ...")
    assert not finding.remedy.rules
    outside = keras.Model(inputs, layers.Dense(1, name="out")(ops.log(hidden)))
    assert "between hidden and out" in diagnose(outside, x).findings[0].evidence


@pytest.mark.parametrize("subclassed", [True, False])
def test_no_kernel_is_blamed_for_what_arises_before_it_or_beside_it(subclassed):
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = layers.Dense(4, "relu", name="hidden")
            self.out = layers.Dense(1, name="out", kernel_initializer=keras_inits.Normal(3.0, seed=1))

        def call(self, inputs):
            return self.out(ops.log(self.hidden(inputs)))

    class Divided(layers.Dense):
        def call(self, inputs):
            return super().call(inputs) / 0.0

    parts = [layers.Dense(4, name="hidden"), Divided(4, kernel_initializer=keras_inits.Normal(3.0, seed=1), name="out")]
    model = Model() if subclassed else keras.Sequential([keras.Input((8,)), *parts])
    model(x)
    finding = diagnose(model, x).findings[0]
    assert finding.kind == "nonfinite"
    assert finding.remedy.rules == (), str(finding)
    place = "what is computed between hidden and out" if subclassed else "what out computes"
    assert str(finding.remedy).startswith(f"no weight is at fault: look at {place}")


@pytest.mark.thorough
@pytest.mark.parametrize(("policy", "scale"), [("float32", 3e38), ("mixed_float16", 1e5)])
def test_inputs_that_leave_the_range_are_named(policy, scale):
    keras.config.set_dtype_policy(policy)
    finding = diagnose(network(), scale * np.sign(x), check="layers").findings[0]
    assert (finding.kind, finding.remedy.rules) == ("nonfinite", ())
    assert f"the inputs reach {scale:.2g}; divide them" in str(finding.remedy)
    kinds = [(one.kind, one.follows_from) for one in diagnose(network(), scale * np.sign(x))]
    assert kinds[0] == ("unscaled_inputs", None)
    assert ("nonfinite", "unscaled_inputs") in kinds


def test_an_infinite_derivative_is_traced_on_the_way_back():
    base, (one, two) = network(), (keras.Input((8,)), keras.Input((8,)))
    distance = layers.Lambda(
        lambda pair: ops.sqrt(ops.sum(ops.square(pair[0] - pair[1]), 1, keepdims=True)), (1,), name="distance"
    )
    model = keras.Model([one, two], distance([base(one), base(two)]))
    other = x[::-1].copy()
    other[0] = x[0]
    finding = diagnose(model, [x, other], np.ones((64, 1), "float32"), loss="mse").findings[0]
    assert finding.kind == "nonfinite"
    assert "going back" in finding.evidence
    assert finding.evidence.endswith("in example 0")
    assert "distance" in str(finding.remedy)
    assert not finding.remedy.rules


DTYPES = ["float64", "float32", "bfloat16", "float16", "mixed_bfloat16", "mixed_float16"]


@pytest.mark.thorough
@pytest.mark.parametrize(("policy", "inputs"), [*itertools.product(DTYPES, ["float", "int", "bool"])])
def test_each_dtype(policy, inputs):
    with all_dtypes():
        check_dtype(policy, inputs)


def check_dtype(policy, inputs):
    keras.config.set_dtype_policy(policy)
    words = inputs != "float"
    parts = [layers.Embedding(9, 8), layers.Flatten()] if words else []
    start = keras.Input((3,), dtype="int32" if inputs == "int" else "bool") if words else keras.Input((8,))
    model = keras.Sequential([start, *parts, layers.Dense(16, "tanh"), layers.Dense(2)])
    keras_inits.initialize(model, seed=1)
    batch = random.integers(0, 9 if inputs == "int" else 2, (64, 3)).astype(inputs) if words else x
    diagnosis = diagnose(model, batch)
    dtype = policy.removeprefix("mixed_")
    assert {row.dtype for row in diagnosis.layers} == {dtype}
    assert keras.backend.standardize_dtype(model(batch).dtype) == dtype
    assert all(np.isfinite(row.outputs.stddev) and row.outputs.stddev > 0 for row in diagnosis.layers)
    assert all(row.gradient > 0 for row in diagnosis.layers if row.kernels)
    keras_inits.lsuv(model, batch, seed=1, tolerance=0.05, verbose=0)


class Cast(layers.Layer):
    def call(self, inputs):
        return ops.cast(inputs, self.compute_dtype)


def masked():
    numbers, mask = keras.Input((8,)), keras.Input((8,), dtype="bool")
    kept = layers.Multiply(name="kept")([numbers, Cast(name="cast")(mask)])
    model = keras.Model([numbers, mask], layers.Dense(4, name="dense")(kept))
    given = [x, random.integers(0, 2, x.shape).astype(bool)]
    return model, given, given[0] * given[1]


def pixels():
    parts = [layers.Rescaling(1 / 255, name="rescaling"), layers.Flatten(), layers.Dense(4, name="dense")]
    images = random.integers(0, 256, (64, 4, 4, 1)).astype("uint8")
    return keras.Sequential([keras.Input((4, 4, 1), dtype="uint8"), *parts]), images, images.reshape(64, -1) / 255


def counts():
    parts = [Cast(name="cast"), layers.Dense(4, name="dense")]
    dtype = "int32" if keras.backend.backend() == "jax" else "int64"  # which JAX has in another mode only
    values = random.integers(-3, 4, (64, 8)).astype(dtype)
    return keras.Sequential([keras.Input((8,), dtype=dtype), *parts]), values, values


def flags():
    values = random.integers(0, 2, (64, 8)).astype(bool)  # which Keras converts, as the input's dtype is float32
    return keras.Sequential([keras.Input((8,)), layers.Dense(4, name="dense")]), values, values


@pytest.mark.parametrize("make", [masked, pixels, counts, flags])
def test_whole_numbers_and_truth_values_are_taken_as_the_model_takes_them(make):
    model, given, entering = make()
    keras_inits.initialize(model, seed=1)
    entering, targets = np.asarray(entering, "float64"), random.standard_normal((64, 4)).astype("float32")
    diagnosis = diagnose(model, given, targets, loss="mse")
    assert (diagnosis.findings, diagnosis.unseen) == ((), ())
    row = {one.name: one for one in diagnosis.layers}["dense"]
    kernel = ops.convert_to_numpy(model.get_layer("dense").kernel)
    outputs = entering @ kernel
    back = 2 * (outputs - targets) / targets.size
    assert row.outputs.stddev == pytest.approx(outputs.std(), rel=1e-4)
    assert row.gradient == pytest.approx(np.hypot(np.linalg.norm(entering.T @ back), np.linalg.norm(back.sum(0))), 1e-4)


@pytest.mark.thorough
@pytest.mark.parametrize("backwards", [False, True])
def test_no_array_larger_than_the_units_of_a_layer_crosses_to_the_host(backwards, monkeypatch):
    model = keras.Sequential(
        [keras.Input((16, 16, 3)), layers.Conv2D(8, 3, activation="relu"), layers.Flatten(), layers.Dense(4, "tanh")]
    )
    keras_inits.initialize(model, seed=0)
    images = random.standard_normal((32, 16, 16, 3)).astype("float32")
    if backwards:
        images[3, 0, 0, 0] = np.nan
    sizes, convert = [], keras.ops.convert_to_numpy
    monkeypatch.setattr(
        keras.ops, "convert_to_numpy", lambda one: sizes.append(int(np.prod(one.shape))) or convert(one)
    )
    batch = keras.ops.convert_to_tensor(images)
    assert len(diagnose(model, batch).layers) == 3
    assert 0 < max(sizes) <= 14 * 14 * 8  # the units of `Flatten`
    assert sum(sizes) < 20 * (8 + 14 * 14 * 8 + 4)
