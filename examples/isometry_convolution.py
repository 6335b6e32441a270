"""
Isometry: a thousand convolutions
=================================

Small images go through 1,000 convolutions with tanh. Delta-orthogonal kernels carry them: at the end nearly every digit
is still nearest to one of its class. Gaussian kernels lose them (Xiao, Bahri, Sohl-Dickstein, Schoenholz & Pennington
2018).

Run it as ``python examples/isometry_convolution.py [DIRECTORY]``; the picture goes to the directory, which must exist.
"""  # noqa: D205, D212, D415 - the form of sphinx-gallery

# %%
# Digits, and a network of ten blocks
# -----------------------------------
# Ten, since Keras cannot build a thousand layers in one row. The inputs are small, so that tanh is not far from the
# identity.
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

import keras_inits

temporary = tempfile.TemporaryDirectory()
directory = Path(sys.argv[1] if len(sys.argv) > 1 else temporary.name)
threadpool_limits(1)  # what takes the least time for products this small

BLOCKS, LAYERS, CHANNELS = 10, 100, 8
images, labels = load_digits(return_X_y=True)
x = (0.1 * (images[:200] - images.mean()) / images.std()).astype("float32").reshape(-1, 8, 8, 1)
labels = labels[:200]


def convolution():
    """Returns one layer."""
    return keras.layers.Conv2D(CHANNELS, 3, padding="same", activation="tanh", use_bias=False)


blocks = [keras.Sequential([convolution() for _ in range(LAYERS)], name=f"block_{n}") for n in range(1, BLOCKS + 1)]
model = keras.Sequential([keras.Input((8, 8, 1)), *blocks])


def look(signals):
    """Returns the mean over images of their sum of squares, and the share whose nearest neighbour is of their class."""
    rows = keras.ops.convert_to_numpy(signals).reshape(len(labels), -1).astype("float64")
    squares = np.sum(rows**2, axis=1)
    distances = squares + squares[:, None] - 2 * rows @ rows.T
    np.fill_diagonal(distances, np.inf)
    return squares.mean(), np.mean(labels[distances.argmin(axis=1)] == labels)


laws = {"delta-orthogonal": keras_inits.DeltaOrthogonal(), "Gaussian": keras_inits.LecunNormal()}
depths = np.arange(0, BLOCKS * LAYERS + 1, 20)
squares, shares = {}, {}
for name, law in laws.items():
    keras_inits.initialize(model, law, seed=7)
    signals = keras.ops.convert_to_tensor(x)
    seen = [look(signals)]
    for number, layer in enumerate((layer for block in blocks for layer in block.layers), start=1):
        signals = layer(signals)
        if number % 20 == 0:
            seen.append(look(signals))
    squares[name], shares[name] = np.array(seen).T
    print(
        f"{name}: sum of squares {squares[name][0]:.2g} -> {squares[name][-1]:.2g}, nearest neighbour of the same class"
    )
    print(f"  for {shares[name][0]:.1%} of the images -> {shares[name][-1]:.1%}")

# %%
# The Jacobian, of 64 inputs: all layers of the first network, and the first hundred of the second.
keras_inits.initialize(model, laws["Gaussian"], seed=7)
gaussian = keras_inits.jacobian_spectrum(blocks[0], x[:1], products=2)
keras_inits.initialize(model, laws["delta-orthogonal"], seed=7)
delta = keras_inits.jacobian_spectrum(model, x[:1], products=2)
print(f"delta-orthogonal, {BLOCKS * LAYERS} layers: {delta}")
print(f"Gaussian, {LAYERS} layers: {gaussian}")

# %%
# What theory says
# ----------------
# A delta-orthogonal kernel of c channels keeps each pixel's length, and tanh takes a little of it: of the mean square q
# over channels, q / (1 + 2 l q c / (c + 2)) is left after l layers, to first order. What one layer takes varies by a
# third, the sum over layers by less than 1 percent of what is left; terms of higher order are of that size too.
powers = x.reshape(-1, 64) ** 2
q = powers / CHANNELS
lasting = [np.sum(powers / (1 + 2 * depth * q * CHANNELS / (CHANNELS + 2)), axis=1).mean() for depth in depths]
np.testing.assert_allclose(squares["delta-orthogonal"], lasting, rtol=5 * 0.01)

# %%
# A Gaussian kernel gives each pixel, in expectation, the mean of the mean squares in its window, which are zero beyond
# the border; tanh only takes from it. By Markov's inequality, more than a thousand times the expectation comes with a
# probability of a thousandth at the most.
window = np.eye(8) + np.eye(8, k=1) + np.eye(8, k=-1)
average = np.kron(window, window) / 9
expected = [CHANNELS * np.sum(powers @ np.linalg.matrix_power(average, depth), axis=1).mean() for depth in depths[1:]]
assert squares["Gaussian"][-1] < 1000 * expected[-1] < 1e-30

# %%
# What can still be read: with delta-orthogonal kernels as much as before, within three sampling errors of 200 images;
# with Gaussian ones, less than half.
assert shares["delta-orthogonal"][-1] > shares["delta-orthogonal"][0] - 3 * (0.01 * 0.99 / len(labels)) ** 0.5
assert shares["Gaussian"][-1] < 0.5
assert 0.1 < delta.singular_values.min() < delta.singular_values.max() < 1
assert gaussian.singular_values.max() < delta.singular_values.min()

figure = Figure(figsize=(10, 4), layout="constrained")
axes = figure.subplots(1, 2, sharex=True)
axes[0].plot(depths, lasting, color="#0072b2", linewidth=1)
axes[0].plot(depths[1:], expected, color="#d55e00", linewidth=1)
for name, colour in (("delta-orthogonal", "#0072b2"), ("Gaussian", "#d55e00")):
    axes[0].plot(depths, squares[name], "o", color=colour, markersize=4, label=name)
    axes[1].plot(depths, shares[name], "o-", color=colour, markersize=4, label=name)
axes[0].set_yscale("log")
axes[0].set_title("sum of squares (lines: theory)")
axes[0].legend(frameon=False)
axes[1].axhline(0.1, color="#888888", linestyle=":")
axes[1].set_title("nearest neighbour of the same class (dots: chance)")
axes[1].set_ylim(0, 1.03)
axes[1].yaxis.set_major_formatter("{x:.0%}")
for side in axes:
    side.set_xlabel("layer")
    side.grid(alpha=0.25)
figure.savefig(directory / "isometry_convolution.png", dpi=120)

# %%
# Without a DIRECTORY nothing stays behind.
temporary.cleanup()
