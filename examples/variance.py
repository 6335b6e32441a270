"""
Variance: 1/n for tanh, 2/n for ReLU
====================================

Through 50 layers of n units, weights of variance 1/n keep a tanh network's signal and lose a ReLU network's; 2/n keep
the ReLU network's, and drive tanh where it amplifies differences.

Run it as ``python examples/variance.py [DIRECTORY]``; the picture goes to the directory, which must exist.
"""  # noqa: D205, D212, D415 - the form of sphinx-gallery

# %%
# Four networks
# -------------
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure

import keras_inits

temporary = tempfile.TemporaryDirectory()
directory = Path(sys.argv[1] if len(sys.argv) > 1 else temporary.name)

DEPTH, WIDTH = 50, 256
x = np.random.default_rng(0).standard_normal((128, WIDTH)).astype("float32")
laws = {"1/n": keras_inits.LecunNormal(), "2/n": keras_inits.HeNormal()}
found = {}
for activation in ("tanh", "relu"):
    layers = [keras.layers.Dense(WIDTH, activation) for _ in range(DEPTH)]
    model = keras.Sequential([keras.Input((WIDTH,)), *layers])
    for name, law in laws.items():
        keras_inits.initialize(model, law, seed=7)
        found[activation, name] = keras_inits.diagnose(model, x)

# %%
# What comes out, and what comes back
# -----------------------------------
for (activation, name), diagnosis in found.items():
    first, last = diagnosis.layers[0], diagnosis.layers[-1]
    print(
        f"{activation} with {name}: deviation {first.outputs.stddev:.2g} -> {last.outputs.stddev:.2g}, gradient "
        f"{last.output_gradient:.2g} -> {first.output_gradient:.2g}; {[finding.kind for finding in diagnosis]}"
    )

# %%
# ReLU passes half of the mean square on: with 1/n the deviation falls by sqrt(1/2) a layer, to 3e-8 of itself. The 50
# factors vary, each by about sqrt(5 / n) of itself: their product, over 49 layers, by e to the power of one half or so.
fallen = found["relu", "1/n"].layers[-1].outputs.stddev / found["relu", "1/n"].layers[0].outputs.stddev
assert abs(np.log(fallen) - (DEPTH - 1) * np.log(0.5**0.5)) < 4 * (5 / WIDTH * (DEPTH - 1)) ** 0.5 / 2
assert [finding.kind for finding in found["relu", "1/n"]] == ["vanishing_signal", "vanishing_gradient"]
assert not found["relu", "2/n"].findings

# %%
# tanh loses a little of the mean square with 1/n, less the smaller it is: the signal falls as 1 / sqrt(depth), not as a
# power. With 2/n it stays, and the gradient grows from layer to layer.
assert not found["tanh", "1/n"].findings
assert 0.03 < found["tanh", "1/n"].layers[-1].outputs.stddev < 0.3
growth = [found["tanh", name].layers[0].output_gradient for name in laws]
assert growth[1] > 5 * growth[0]

figure = Figure(figsize=(10, 4), layout="constrained")
axes = figure.subplots(1, 2, sharex=True)
styles = {"1/n": "-", "2/n": "--"}
colours = {"tanh": "#0072b2", "relu": "#d55e00"}
for (activation, name), diagnosis in found.items():
    style = {"color": colours[activation], "linestyle": styles[name], "label": f"{activation}, variance {name}"}
    axes[0].plot([row.outputs.stddev for row in diagnosis.layers], **style)
    axes[1].plot([row.output_gradient for row in diagnosis.layers], **style)
for side, title in zip(axes, ("outputs: deviation", "gradients of the outputs: norm"), strict=True):
    side.set_yscale("log")
    side.set_title(title)
    side.set_xlabel("layer")
    side.grid(alpha=0.25)
axes[0].legend(frameon=False)
figure.savefig(directory / "variance.png", dpi=120)

# %%
# Without a DIRECTORY nothing stays behind.
temporary.cleanup()
