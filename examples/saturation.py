"""
Saturation: tanh and sigmoid with large weights
===============================================

Weights of standard deviation 1, in layers of 256 units, drive tanh and the sigmoid to where they are flat: a derivative
below a hundredth of its largest, for most units and examples, in every layer.

Run it as ``python examples/saturation.py [DIRECTORY]``; the picture goes to the directory, which must exist.
"""  # noqa: D205, D212, D415 - the form of sphinx-gallery

# %%
# Six networks
# ------------
# Two activations, with weights of three sizes; the smallest is LeCun's rule, 1 / sqrt(256).
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure
from scipy import stats
from threadpoolctl import threadpool_limits

import keras_inits

temporary = tempfile.TemporaryDirectory()
directory = Path(sys.argv[1] if len(sys.argv) > 1 else temporary.name)
threadpool_limits(1)  # what takes the least time for products this small

DEPTH, WIDTH = 20, 256
STDDEVS = (1 / 16, 1 / 4, 1.0)
x = np.random.default_rng(0).standard_normal((128, WIDTH)).astype("float32")


def network(activation, stddev):
    """Returns a deep network with weights of one size."""
    layers = [keras.layers.Dense(WIDTH, activation, name=f"layer_{number}") for number in range(1, DEPTH + 1)]
    model = keras.Sequential([keras.Input((WIDTH,)), *layers], name="network")
    keras_inits.initialize(model, keras_inits.Normal(stddev), seed=7)
    return model


found = {}
for activation in ("tanh", "sigmoid"):
    for stddev in STDDEVS:
        found[activation, stddev] = keras_inits.diagnose(network(activation, stddev), x)

# %%
# What theory says
# ----------------
# What enters an activation is a sum of 256 terms, so nearly normal, with the variance 256 * stddev^2 * (mean square of
# what the layer before puts out). tanh is flat beyond arccosh(10), the sigmoid beyond twice that.
FLAT_BEYOND = {"tanh": np.arccosh(10), "sigmoid": 2 * np.arccosh(10)}
FUNCTIONS = {"tanh": np.tanh, "sigmoid": lambda z: 1 / (1 + np.exp(-z))}
grid = np.linspace(-8, 8, 10_001)
weights = stats.norm.pdf(grid) / stats.norm.pdf(grid).sum()


def shares(activation, stddev):
    """Returns the share that is flat, layer by layer, in a network of any width."""
    mean_square, result = np.mean(x**2), []
    for _ in range(DEPTH):
        deviation = WIDTH**0.5 * stddev * mean_square**0.5
        result.append(2 * stats.norm.sf(FLAT_BEYOND[activation] / deviation))
        mean_square = weights @ FUNCTIONS[activation](deviation * grid) ** 2
    return np.array(result)


# %%
# A share of n units that are independent of each other deviates by at most 0.5 / sqrt(n) from its expectation.
for (activation, stddev), diagnosis in found.items():
    saturated = np.array([row.saturated for row in diagnosis.layers])
    print(
        f"{activation} with {stddev:.3g}: saturated {saturated[0]:.1%} in the first layer, {saturated[-1]:.1%} in the "
        f"last; {[finding.kind for finding in diagnosis]}"
    )
    assert np.abs(saturated - shares(activation, stddev)).max() < 4 * 0.5 / WIDTH**0.5
    assert ("saturated" in [finding.kind for finding in diagnosis]) == (stddev == 1)
    if stddev == 1:
        assert saturated.min() > 0.5

# %%
# The repair
# ----------
for activation in ("tanh", "sigmoid"):
    model = network(activation, 1.0)
    found[activation, 1.0].repair(model, seed=7)
    repaired = keras_inits.diagnose(model, x)
    print(f"{activation}, repaired: saturated {max(row.saturated for row in repaired.layers):.1%} at the most")
    assert "saturated" not in [finding.kind for finding in repaired]

figure = Figure(figsize=(10, 4), layout="constrained")
for axes, activation in zip(figure.subplots(1, 2, sharex=True, sharey=True), FUNCTIONS, strict=True):
    for stddev, colour in zip(STDDEVS, ("#0072b2", "#888888", "#d55e00"), strict=True):
        numbers = np.arange(1, DEPTH + 1)
        saturated = [row.saturated for row in found[activation, stddev].layers]
        axes.plot(numbers, shares(activation, stddev), color=colour, linewidth=1)
        axes.plot(numbers, saturated, "o", color=colour, markersize=5, label=f"weights of {stddev:.3g}")
    axes.set_title(f"{activation}: share that is saturated")
    axes.set_xlabel("layer (lines: theory)")
    axes.set_xticks((1, 5, 10, 15, 20))
    axes.set_ylim(-0.03, 1)
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.grid(alpha=0.25)
axes.legend(frameon=False)
figure.savefig(directory / "saturation.png", dpi=120)

# %%
# Without a DIRECTORY nothing stays behind.
temporary.cleanup()
