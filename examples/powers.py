"""
Powers: weights of 1.5 and of 0.5 times the identity
====================================================

A deep linear network whose every layer multiplies by 1.5, or by 0.5. What goes forward, and what comes back, grows and
shrinks as the power of the depth, exactly: with 1.5 it explodes, with 0.5 it vanishes, with 1 it stays.

Run it as ``python examples/powers.py [DIRECTORY]``; the picture goes to the directory, which must exist.
"""  # noqa: D205, D212, D415 - the form of sphinx-gallery

# %%
# Three networks of 40 layers, and one batch
# ------------------------------------------
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure

import keras_inits

temporary = tempfile.TemporaryDirectory()
directory = Path(sys.argv[1] if len(sys.argv) > 1 else temporary.name)

DEPTH, WIDTH = 40, 16
x = np.random.default_rng(0).standard_normal((64, WIDTH)).astype("float32")
layers = [keras.layers.Dense(WIDTH, use_bias=False, name=f"layer_{number:02d}") for number in range(1, DEPTH + 1)]
model = keras.Sequential([keras.Input((WIDTH,)), *layers])

found = {}
for factor in (1.5, 1.0, 0.5):
    keras_inits.initialize(model, keras_inits.Identity(factor))
    found[factor] = keras_inits.diagnose(model, x)
    print(f"weights of {factor} times the identity: {found[factor]!r}")

# %%
# The powers
# ----------
# Forward, the deviation after l layers is that of the batch times ``factor ** l``. Backward, the gradient of the same
# outputs is that of the last layer's times ``factor ** (40 - l)``. Float32 rounds each layer by 6e-8.
for factor, diagnosis in found.items():
    rows = diagnosis.layers
    numbers = np.arange(1, DEPTH + 1)
    forward = np.array([row.outputs.stddev for row in rows])
    backward = np.array([row.output_gradient for row in rows])
    np.testing.assert_allclose(forward, x.std() * factor**numbers, rtol=DEPTH * 6e-8 + 1e-6)
    np.testing.assert_allclose(backward, backward[-1] * factor ** (DEPTH - numbers), rtol=DEPTH * 6e-8 + 1e-6)
print("the powers are exact")

# %%
# The findings name the factor, and where it starts
# -------------------------------------------------
for finding in found[0.5]:
    print(f"{finding.kind}: by {finding.factor:.3f} per layer from {finding.start} on")
assert [finding.kind for finding in found[1.5]] == ["exploding_signal", "exploding_gradient"]
assert [finding.kind for finding in found[0.5]] == ["vanishing_signal", "vanishing_gradient"]
assert not found[1.0].findings

figure = Figure(figsize=(9, 4), layout="constrained")
axes = figure.subplots(1, 2, sharex=True, sharey=True)
for (factor, diagnosis), colour in zip(found.items(), ("#d55e00", "#888888", "#0072b2"), strict=True):
    forward = [row.outputs.stddev for row in diagnosis.layers]
    backward = [row.output_gradient for row in diagnosis.layers]
    for side, values, exponents in zip(axes, (forward, backward), (numbers, DEPTH - numbers), strict=True):
        start = values[0] / factor if side is axes[0] else values[-1]
        side.plot(numbers, start * factor**exponents, color=colour, linewidth=1)
        side.plot(numbers[::3], values[::3], "o", color=colour, markersize=5, label=f"{factor} times the identity")
axes[0].set_title("outputs: deviation")
axes[1].set_title("gradients of the outputs: norm")
axes[0].set_yscale("log")
axes[0].legend(frameon=False)
for side in axes:
    side.set_xlabel("layer (lines: the exact powers)")
    side.grid(alpha=0.25)
figure.savefig(directory / "powers.png", dpi=120)

# %%
# Without a DIRECTORY nothing stays behind.
temporary.cleanup()
