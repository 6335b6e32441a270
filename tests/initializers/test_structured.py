"""Kernels with a structure: what a convolution, a gate or a unit with them does."""

import itertools
import math
import tracemalloc

import keras
import numpy as np
import pytest
from helpers.tolerances import variance_tolerance
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from scipy import stats

import keras_inits as ki
from keras_inits.initializers import sampling, threads
from keras_inits.initializers.checks import check_dtype
from keras_inits.initializers.seeds import derive_entropy, draw_entropy


def values_of(initializer, shape):
    return keras.ops.convert_to_numpy(initializer(shape)).astype("float64")


def circular_convolution(x, kernel):
    """The slow twin: each entry of the window moves the input around once, and mixes the channels."""
    result = 0
    for place in itertools.product(*map(range, kernel.shape[:-2])):
        shift = [(size - 1) // 2 - index for size, index in zip(kernel.shape, place, strict=False)]
        result = result + np.roll(x, shift, axis=range(len(shift))) @ kernel[place]
    return result


@settings(max_examples=40, deadline=None)
@given(
    window=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    channels=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    gain=st.sampled_from([1.0, -0.5, 3.0]),
    seed=st.integers(),
)
def test_a_delta_orthogonal_convolution_keeps_norms(window, channels, gain, seed):
    kernel = values_of(ki.DeltaOrthogonal(gain, seed=seed), (*window, *channels))
    x = np.random.default_rng(0).standard_normal((*(5 for _ in window), channels[0]))
    y = circular_convolution(x, kernel)
    if channels[0] <= channels[1]:
        assert np.linalg.norm(y) == pytest.approx(abs(gain) * np.linalg.norm(x), rel=1e-5)
    else:  # what arrives is as long as what was not projected away
        back = circular_convolution(y, np.swapaxes(np.flip(kernel, range(len(window))), -1, -2)) / gain**2
        if all(size % 2 for size in window):  # flipping leaves the centre where it was
            assert np.linalg.norm(y) == pytest.approx(abs(gain) * np.linalg.norm(back), rel=1e-4)
        assert np.linalg.norm(y) <= abs(gain) * np.linalg.norm(x) * (1 + 1e-5)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_keras_convolutions_with_padding_keep_norms_and_pass_channels_on(rank):
    """Also for windows of even size: the centre is where Keras lays it."""
    convolution = getattr(layers, f"Conv{rank}D")
    x = np.random.default_rng(0).standard_normal((2, *(6 for _ in range(rank)), 4)).astype("float32")
    for window in (3, 4):
        delta = convolution(7, window, padding="same", kernel_initializer=ki.DeltaOrthogonal(seed=1))
        assert np.linalg.norm(keras.ops.convert_to_numpy(delta(x))) == pytest.approx(np.linalg.norm(x), rel=1e-5)
        dirac = convolution(4, window, padding="same", kernel_initializer=ki.Dirac(gain=2.0))
        np.testing.assert_allclose(keras.ops.convert_to_numpy(dirac(x)), 2 * x, rtol=1e-6)


def test_the_centre_of_delta_orthogonal_is_what_orthogonal_draws():
    kernel = values_of(ki.DeltaOrthogonal(1.5, seed=3), (3, 4, 6, 5))
    assert np.array_equal(kernel[1, 1], values_of(ki.Orthogonal(1.5, seed=3), (6, 5)))
    assert np.count_nonzero(kernel) == 30


@pytest.mark.parametrize(("window", "multiplier", "depthwise"), [(3, 1, None), (4, 1, True), (3, 2, True)])
def test_dirac_passes_each_channel_of_a_depthwise_layer_on(window, multiplier, depthwise):
    x = np.random.default_rng(0).standard_normal((2, 8, 8, 4)).astype("float32")
    law = ki.Dirac(depthwise=depthwise)
    layer = keras.layers.DepthwiseConv2D(window, padding="same", depth_multiplier=multiplier, depthwise_initializer=law)
    y = keras.ops.convert_to_numpy(layer(x)).reshape(2, 8, 8, 4, multiplier)
    np.testing.assert_allclose(y[..., 0], x, rtol=1e-6)
    assert not y[..., 1:].any()
    assert np.count_nonzero(values_of(ki.Dirac(depthwise=False), (3, 3, 4, 1))) == 1


@pytest.mark.parametrize(("channels_in", "filters", "groups"), [(4, 4, 1), (6, 4, 2), (4, 8, 2), (8, 8, 8)])
def test_dirac_passes_the_channels_of_each_group_on(channels_in, filters, groups):
    kernel = values_of(ki.Dirac(groups=groups), (3, channels_in // groups, filters))
    x = np.random.default_rng(0).standard_normal((5, channels_in))
    y = np.concatenate(
        [
            circular_convolution(part, block)
            for part, block in zip(np.split(x, groups, -1), np.split(kernel, groups, -1), strict=True)
        ],
        -1,
    )
    for group in range(groups):
        of_in, of_out = channels_in // groups, filters // groups
        kept = min(of_in, of_out)
        ours = y[:, group * of_out : (group + 1) * of_out]
        np.testing.assert_allclose(ours[:, :kept], x[:, group * of_in : group * of_in + kept])
        assert not ours[:, kept:].any()


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.501, 1.0])
@pytest.mark.parametrize("shape", [(200, 50), (2, 100, 50)])
def test_each_unit_has_its_share_of_zeros_and_the_others_their_law(sparsity, shape):
    matrix = values_of(ki.Sparse(sparsity, 0.3, seed=5), shape).reshape(-1, 50)
    zeros = math.ceil(sparsity * 200)
    assert ((matrix == 0).sum(axis=0) == zeros).all()
    others = matrix[matrix != 0]
    if others.size:
        assert abs(others.var() - 0.09) < variance_tolerance(0.09, 3, others.size)
        assert stats.kstest(others / 0.3, "norm").pvalue > 1e-6


def test_zeros_are_anywhere_and_elsewhere_for_each_unit():
    zero = values_of(ki.Sparse(0.5, seed=5), (64, 4000)) == 0
    counts = zero.sum(axis=1)  # each row's is near binomial
    assert np.abs(counts - 2000).max() < 5 * (4000 / 4) ** 0.5
    assert (zero[:, 0] != zero[:, 1]).any()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (7, 30), (5, 400, 9), (70_000, 3), (2, 70_003)])
@pytest.mark.parametrize("sparsity", [0.0, 0.3, 1.0])
def test_the_zeros_are_those_of_the_smallest_ranks(sparsity, shape, dtype):
    """The slow twin holds all ranks, and sorts them. 70,000 ranks of 16 bits have thousands of ties."""
    dtype, entropy = check_dtype(dtype), draw_entropy(5)
    twin = sampling.normal(shape, dtype, entropy, 0.5).whole()
    ranks = sampling.uniform(shape, np.dtype("float64"), derive_entropy(entropy, 0), 1.0).whole()
    columns, ranks = twin.reshape(-1, shape[-1]), ranks.reshape(-1, shape[-1])
    zeros = np.argsort(ranks, axis=0, kind="stable")[: math.ceil(sparsity * len(columns))]
    np.put_along_axis(columns, zeros, 0, axis=0)
    assert np.array_equal(ki.Sparse(sparsity, 0.5, seed=5)._draw(shape, dtype), twin)


@pytest.mark.parametrize(("layer", "gates"), [(layers.LSTM, 4), (layers.GRU, 3)])
def test_each_gate_of_a_recurrent_layer_is_orthogonal(layer, gates):
    built = layer(16, recurrent_initializer=ki.PerGate(ki.Orthogonal(), gates))
    built.build((None, 5, 3))
    blocks = np.split(keras.ops.convert_to_numpy(built.cell.recurrent_kernel), gates, axis=-1)
    for block in blocks:
        np.testing.assert_allclose(block.T @ block, np.eye(16), atol=2e-6)
    for one, other in itertools.combinations(blocks, 2):
        assert np.abs(one.T @ other - np.eye(16)).max() > 0.5


def test_gates_draw_independent_blocks_with_the_fans_of_a_block():
    """Of one seed: no block is another's, nor what the initializer draws on its own."""
    kernel = values_of(ki.PerGate(ki.GlorotNormal(seed=3), 4), (200, 1200))
    blocks = [*np.split(kernel, 4, axis=-1), values_of(ki.GlorotNormal(seed=3), (200, 300))]
    for block in blocks:
        assert abs(block.var() - 2 / 500) < variance_tolerance(2 / 500, 3, block.size)
    for one, other in itertools.combinations(blocks, 2):
        assert abs(np.mean(one * other)) < 5 * (2 / 500) / one.size**0.5


@settings(max_examples=60, deadline=None)
@given(
    shape=st.lists(st.integers(0, 9), min_size=1, max_size=4).map(tuple),
    gates=st.integers(1, 4),
    law=st.sampled_from([ki.Uniform(), ki.HeNormal(), ki.Sparse(0.5), ki.PerGate(ki.Normal(), 1), ki.Identity()]),
    dtype=st.sampled_from(["bfloat16", "float32"]),
)
def test_a_gate_is_drawn_in_its_place_as_it_would_be_on_its_own(shape, gates, law, dtype):
    if isinstance(law, ki.Sparse | ki.Identity) and len(shape) != 2:
        shape = (3, 5)
    dtype, entropy = check_dtype(dtype), (0, 9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "CHUNK", 16)  # so that small blocks are of many, which end within rows
        fused = ki.PerGate(law, gates)._draw_stream((*shape[:-1], gates * shape[-1]), dtype, entropy, None)
        for gate, block in enumerate(np.split(fused, gates, axis=-1)):
            alone = law._draw_stream(shape, dtype, derive_entropy(entropy, gate), None)
            assert np.array_equal(block, alone)


@pytest.mark.parametrize("law", [ki.PerGate(ki.Normal(), 3), ki.PerGate(ki.Sparse(0.5), 1), ki.Sparse(0.5)])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_little_more_than_the_weight_is_held(law, dtype, monkeypatch):
    monkeypatch.setenv(threads.VARIABLE, "2")
    dtype, shape = check_dtype(dtype), (4096, 6144)
    tracemalloc.start()
    try:
        law._draw(shape, dtype)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.25 * math.prod(shape) * dtype.itemsize


def test_gates_of_gates_and_of_the_identity():
    nested = values_of(ki.PerGate(ki.PerGate(ki.Identity(), 2), 2), (3, 12))
    assert np.array_equal(nested, np.tile(np.eye(3), 4))


def test_an_unseeded_law_is_new_at_each_call():
    initializer = ki.PerGate(ki.Normal(), 2)
    assert not np.array_equal(values_of(initializer, (3, 4)), values_of(initializer, (3, 4)))
    assert initializer.clone().initializer.seed is None


AT_CONSTRUCTION = [
    (lambda: ki.DeltaOrthogonal(gain="1"), TypeError, ["Received: gain='1'"]),
    (lambda: ki.Dirac(groups=0), ValueError, ["at least 1", "Received: groups=0", "Pass one such as groups=2"]),
    (lambda: ki.Dirac(depthwise="yes"), ValueError, ["`depthwise` as True, False", "depthwise='yes'", "Leave one out"]),
    (lambda: ki.Dirac(groups=2, depthwise=True), ValueError, ["a group for each channel", "groups=2", "Leave one out"]),
    (lambda: ki.Dirac(groups=1.5), TypeError, ["a whole number", "Received: groups=1.5 (of type float)"]),
    (lambda: ki.Dirac(groups=True), TypeError, ["Received: groups=True (of type bool)"]),
    (lambda: ki.Sparse(1.1), ValueError, ["of at least 0 and at most 1", "Received: sparsity=1.1"]),
    (lambda: ki.Sparse(-0.1), ValueError, ["Received: sparsity=-0.1"]),
    (lambda: ki.Sparse(0.5, scale=-1), ValueError, ["Received: scale=-1"]),
    (lambda: ki.PerGate("orthogonal", 4), TypeError, ["'orthogonal'", "others repeat themselves", "Pass one such as"]),
    (lambda: ki.PerGate(keras.initializers.Orthogonal(seed=1), 4), TypeError, ["of keras_inits", "Pass one such as"]),
    (lambda: ki.PerGate(ki.Orthogonal(), 0), ValueError, ["Received: gates=0"]),
    (lambda: ki.VarianceScaling(activation="softmax"), ValueError, ["mixes several"]),
    (lambda: ki.VarianceScaling(mode="geo"), ValueError, ["'fan_geo_avg'", "Received: mode='geo'"]),
]
AT_THE_CALL = [
    (ki.DeltaOrthogonal(), (3, 3), ["one to three sizes of its window", "Received: shape=(3, 3)", "Use Orthogonal"]),
    (ki.DeltaOrthogonal(), (1, 1, 1, 1, 3, 3), ["Received: shape=(1, 1, 1, 1, 3, 3)"]),
    (ki.Dirac(), (3, 3), ["Dirac expects", "Received: shape=(3, 3)"]),
    (ki.Dirac(groups=3), (3, 2, 4), ["shared among its groups", "shape=(3, 2, 4), groups=3", "Pass the layer's own"]),
    (ki.Sparse(0.5), (3,), ["at least two sizes", "Received: shape=(3,)", "Use Normal"]),
    (ki.PerGate(ki.Normal(), 4), (3, 6), ["shared among its gates", "shape=(3, 6), gates=4", "gates=3 for GRU"]),
    (ki.PerGate(ki.Normal(), 4), (), ["Received: shape=()"]),
    (ki.PerGate(ki.Identity(), 2), (2, 2, 4), ["Identity expects", "Received: shape=(2, 2, 2)"]),
]


@pytest.mark.parametrize(("make", "error", "parts"), AT_CONSTRUCTION)
def test_errors_at_construction(make, error, parts):
    with pytest.raises(error) as caught:
        make()
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(("initializer", "shape", "parts"), AT_THE_CALL)
def test_errors_at_the_call(initializer, shape, parts):
    with pytest.raises(ValueError, match=r"Received: ") as caught:
        initializer(shape)
    for part in parts:
        assert part in str(caught.value)
