"""
Repair: a network that does not learn, and the line that mends it
=================================================================

Twenty layers whose weights start too small pass nearly nothing on, forward or backward. ``diagnose`` says so after one
batch, ``repair`` draws the weights again, and the logger shows each layer's gradient in both trainings.

Run it as ``python examples/repair.py [DIRECTORY]``; the picture goes to the directory, which must exist.
"""  # noqa: D205, D212, D415 - the form of sphinx-gallery

# %%
# A deep network on scanned digits
# --------------------------------
import sys
import tempfile
from pathlib import Path

import keras
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

import keras_inits

temporary = tempfile.TemporaryDirectory()
directory = Path(sys.argv[1] if len(sys.argv) > 1 else temporary.name)

x, y = load_digits(return_X_y=True)
x = x / 16


def network():
    """Returns a network whose kernels are five times too small."""
    kernel = keras_inits.Normal(0.05, seed=7)
    hidden = [keras.layers.Dense(64, "relu", kernel_initializer=kernel, name=f"layer_{i + 1:02}") for i in range(20)]
    model = keras.Sequential([keras.Input((64,)), *hidden, keras.layers.Dense(10, name="output")])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


# %%
# What is wrong
# -------------
diagnosis = keras_inits.diagnose(network(), x[:256], y[:256])
print(diagnosis.findings[0])
assert [finding.kind for finding in diagnosis] == ["vanishing_signal", "vanishing_gradient"]

# %%
# Before and after
# ----------------
traces, accuracies = {}, {}
for name in ("as it was", "repaired"):
    keras.utils.set_random_seed(7)
    model = network()
    if name == "repaired":
        diagnosis.repair(model, seed=7)
        assert not keras_inits.diagnose(model, x[:256], y[:256]).findings
    logger = keras_inits.GradientNormLogger()
    history = model.fit(x, y, batch_size=64, epochs=8, verbose=0, callbacks=[logger])
    traces[name], accuracies[name] = logger.trace, history.history["accuracy"][-1]
    print(f"{name}: accuracy {accuracies[name]:.2f}, the first layer's first gradient {logger.trace.norms[0, 0]:.2g}")
assert accuracies["as it was"] < 0.2
assert accuracies["repaired"] > 0.9

# %%
# Each line is a layer, from dark (the first) to light (the last).
figure = Figure(figsize=(11, 4), layout="constrained")
panels = figure.subplots(1, 2, sharey=True)
for axes, (name, trace) in zip(panels, traces.items(), strict=True):
    for place, norms in enumerate(trace.norms.T):
        shade = 0.75 * place / len(trace.layers)
        axes.plot(trace.steps, norms.filled(float("nan")), color=(shade, shade, 0.4 + 0.6 * shade), linewidth=1)
    axes.set_yscale("log")
    axes.set_title(f"{name}: accuracy {accuracies[name]:.2f}")
    axes.set_xlabel("step")
panels[0].set_ylabel("norm of each layer's gradient")
figure.savefig(directory / "repair.png", dpi=120)
