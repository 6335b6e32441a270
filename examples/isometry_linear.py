"""
Isometry: deep linear networks
==============================

The Jacobian of a linear network is the product of its weights. Of orthogonal ones all singular values are one, at any
depth; of Gaussian ones a few directions grow, and the others are lost (Saxe, McClelland & Ganguli 2014).

Run it as ``python examples/isometry_linear.py [DIRECTORY]``; the picture goes to the directory, which must exist.
"""  # noqa: D205, D212, D415 - the form of sphinx-gallery

# %%
# The singular values of eight networks
# -------------------------------------
# With as many products as the network is wide, ``jacobian_spectrum`` has all of them.
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure
from scipy import special
from threadpoolctl import threadpool_limits

import keras_inits

temporary = tempfile.TemporaryDirectory()
directory = Path(sys.argv[1] if len(sys.argv) > 1 else temporary.name)
threadpool_limits(1)  # what takes the least time for products this small

WIDTH, DEPTHS = 24, (1, 4, 16, 48)
laws = {"orthogonal": keras_inits.Orthogonal(), "Gaussian": keras_inits.LecunNormal()}
x = np.zeros((1, WIDTH), "float32")  # any would do: the Jacobian of a linear network is the same everywhere

layers = [keras.layers.Dense(WIDTH, use_bias=False, name=f"layer_{number}") for number in range(1, DEPTHS[-1] + 1)]
model = keras.Sequential([keras.Input((WIDTH,)), *layers])
found = {}
for name, law in laws.items():
    keras_inits.initialize(model, law, seed=7)
    for depth in DEPTHS:
        first_layers = keras.Model(model.inputs, layers[depth - 1].output)
        spectrum = keras_inits.jacobian_spectrum(first_layers, x, products=WIDTH)
        found[name, depth] = spectrum
        print(f"{name}, {depth} layers: {spectrum}")
        kernels = [keras.ops.convert_to_numpy(layer.kernel).astype("float64") for layer in layers[:depth]]
        exact = np.linalg.svd(np.linalg.multi_dot([*kernels, np.eye(WIDTH)]), compute_uv=False)
        # Each layer rounds in float32, each of its terms by up to 6e-8.
        np.testing.assert_allclose(spectrum.singular_values[0], exact, atol=depth * WIDTH * 6e-8 * exact.max())

# %%
# Orthogonal: one, at any depth. Gaussian: the more layers, the further apart.
for depth in DEPTHS:
    np.testing.assert_allclose(found["orthogonal", depth].singular_values, 1, atol=depth * WIDTH * 6e-8)
spreads = [found["Gaussian", depth].spread for depth in DEPTHS]
assert np.all(np.diff(spreads) > 0)

# %%
# Of many layers of n x n Gaussian weights with the variance 1 / n, the i-th value is about
# ``exp(l * (log(2 / n) + digamma((n - i + 1) / 2)) / 2)`` (Newman 1986), and its logarithm deviates from that by
# ``sqrt(l * trigamma((n - i + 1) / 2)) / 2``. In float32 those far below the largest are lost in rounding.
depth, sizes = DEPTHS[-1], (WIDTH - np.arange(WIDTH)) / 2
theory = np.exp(depth * (np.log(2 / WIDTH) + special.digamma(sizes)) / 2)
errors = np.sqrt(depth * special.polygamma(1, sizes)) / 2
values = found["Gaussian", depth].singular_values[0]
seen = values > 1e-5 * values.max()
assert np.all(np.abs(np.log(values[seen] / theory[seen])) < 4 * errors[seen])
print(f"Gaussian, {depth} layers: {np.mean(values < 1e-3):.0%} of the directions pass less than a thousandth")
assert np.mean(values < 1e-3) > 0.5

figure = Figure(figsize=(10, 4), layout="constrained")
places = np.arange(1, WIDTH + 1)
for axes, name in zip(figure.subplots(1, 2, sharex=True, sharey=True), laws, strict=True):
    for depth, colour, size in zip(DEPTHS, ("#56b4e9", "#009e73", "#0072b2", "#d55e00"), (9, 7, 5, 3), strict=True):
        values = found[name, depth].singular_values[0]
        axes.plot(places, values, "o-", color=colour, markersize=size, linewidth=1, label=f"layers: {depth}")
    axes.set_title(f"{name}: singular values")
    axes.set_xlabel("place, from the largest to the smallest")
    axes.grid(alpha=0.25)
axes.plot(places, theory, color="#888888", linestyle="--", label=f"theory, {DEPTHS[-1]}")
axes.set_yscale("log")
axes.set_ylim(1e-6, 10)
axes.legend(frameon=False)
figure.savefig(directory / "isometry_linear.png", dpi=120)

# %%
# Without a DIRECTORY nothing stays behind.
temporary.cleanup()
