"""
Isometry: deep tanh networks
============================

The singular values of a deep tanh network's Jacobian stay together if its weights are orthogonal, their scale critical
and the signal small. From Gaussian weights of the same scale they spread, as sqrt(depth) (Pennington, Schoenholz &
Ganguli 2017).

Run it as ``python examples/isometry_tanh.py [DIRECTORY]``; the picture goes to the directory, which must exist.
"""  # noqa: D205, D212, D415 - the form of sphinx-gallery

# %%
# Where a network is critical
# ---------------------------
# Let q be the variance of what enters tanh. Weights of the variance s / n and biases of the variance b keep it, layer
# by layer, if ``q = s E[tanh(z)^2] + b``, and gradients keep their size if ``s E[tanh'(z)^2] = 1``, where z is normal
# with the variance q. So each q has one s and one b.
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

import keras_inits

temporary = tempfile.TemporaryDirectory()
directory = Path(sys.argv[1] if len(sys.argv) > 1 else temporary.name)
threadpool_limits(1)  # what takes the least time for products this small

nodes, weights = np.polynomial.hermite_e.hermegauss(101)
weights /= weights.sum()


def mean(function, q):
    """Returns the mean of a function of a normal value with the variance q."""
    return weights @ function(q**0.5 * nodes)


def scales(q):
    """Returns s and b."""
    s = 1 / mean(lambda z: np.cosh(z) ** -4, q)
    return s, q - s * mean(lambda z: np.tanh(z) ** 2, q)


# %%
# Three networks
# --------------
# Two orthogonal ones, with a small and with a large q, and a Gaussian one. Few products are enough for the mean and the
# spread of the squared singular values, and for the largest; the smallest are below what they show.
WIDTH, EXAMPLES, DEPTHS = 128, 16, (4, 16, 64)
random = np.random.default_rng(0)
layers = [keras.layers.Dense(WIDTH, "tanh", name=f"layer_{number}") for number in range(1, DEPTHS[-1] + 1)]
model = keras.Sequential([keras.Input((WIDTH,)), *layers])
found = {}
for name, q in (("orthogonal", 0.02), ("orthogonal", 0.5), ("Gaussian", 0.02)):
    s, b = scales(q)
    gaussian = keras_inits.VarianceScaling(s, "fan_in", "untruncated_normal")
    kernel = keras_inits.Orthogonal(s**0.5) if name == "orthogonal" else gaussian
    keras_inits.initialize(model, [("kernel", kernel), ("bias", keras_inits.Normal(b**0.5))], seed=7)
    x = np.tanh(q**0.5 * random.standard_normal((EXAMPLES, WIDTH)))
    for depth in DEPTHS:
        first_layers = keras.Model(model.inputs, layers[depth - 1].output)
        found[name, q, depth] = keras_inits.jacobian_spectrum(first_layers, x, products=8)
        print(f"{name}, q = {q}, {depth} layers: {found[name, q, depth]}")

# %%
# What theory says
# ----------------
# The squared singular values have the mean 1. With r for ``E[tanh'(z)^4] / E[tanh'(z)^2]^2``, a little more than one
# where q is small, their standard deviation after l layers of a wide network is ``sqrt(l (r - 1))`` if the weights
# are orthogonal, and ``sqrt(l r)`` if they are Gaussian.


def theory(name, q, depth):
    """Returns the spread of a network that is wide."""
    s, _ = scales(q)
    r = s**2 * mean(lambda z: np.cosh(z) ** -8, q)
    return (depth * (r - 1 if name == "orthogonal" else r)) ** 0.5


# %%
# The spread of orthogonal networks is proportional to q, where q is small. The mean square of n values deviates by
# sqrt(2 / n) of itself; so does q, and the spread with it.
for (name, q, depth), spectrum in found.items():
    print(f"{name}, q = {q}, {depth} layers: spread {spectrum.spread:.3f}, in theory {theory(name, q, depth):.3f}")
for depth in DEPTHS:
    spread = found["orthogonal", 0.02, depth].spread
    assert abs(spread / theory("orthogonal", 0.02, depth) - 1) < 4 * (2 / WIDTH) ** 0.5
    assert found["Gaussian", 0.02, depth].spread > 10 * spread

figure = Figure(figsize=(10, 4), layout="constrained")
axes = figure.subplots(1, 2, sharex=True)
depths = np.geomspace(DEPTHS[0], DEPTHS[-1], 50)
labels = {("orthogonal", 0.02): "#0072b2", ("orthogonal", 0.5): "#009e73", ("Gaussian", 0.02): "#d55e00"}
for shift, ((name, q), colour) in zip((0.92, 1.0, 1.08), labels.items(), strict=True):
    spectra = [found[name, q, depth] for depth in DEPTHS]
    style = {"color": colour, "label": f"{name}, q = {q}"}
    axes[0].plot(depths, [theory(name, q, depth) for depth in depths], color=colour, linewidth=1)
    axes[0].plot(DEPTHS, [spectrum.spread for spectrum in spectra], "o", **style)
    largest = [spectrum.singular_values.max() for spectrum in spectra]
    smallest = [spectrum.singular_values.min() for spectrum in spectra]
    axes[1].vlines(shift * np.array(DEPTHS), smallest, largest, linewidth=5, **style)
axes[0].set_title("spread of the squares (lines: theory)")
axes[1].set_title("singular values: the range that eight products show")
axes[0].legend(frameon=False)
for side in axes:
    side.set_xscale("log", base=2)
    side.set_yscale("log")
    side.set_xticks(DEPTHS, DEPTHS)
    side.set_xlabel("layers")
    side.grid(alpha=0.25)
figure.savefig(directory / "isometry_tanh.png", dpi=120)

# %%
# Without a DIRECTORY nothing stays behind.
temporary.cleanup()
