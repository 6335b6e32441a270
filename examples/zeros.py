"""
Zeros: units that start equal stay equal
========================================

A network whose weights all start from zero computes the same in each unit of a layer, gives each the same gradient, and
so trains as if it were one unit wide. Biases that start from zero do no harm.

Run it as ``python examples/zeros.py [DIRECTORY]``; the picture goes to the directory, which must exist.
"""  # noqa: D205, D212, D415 - the form of sphinx-gallery

# %%
# Two circles, and one network from two starts
# --------------------------------------------
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import make_circles

import keras_inits

temporary = tempfile.TemporaryDirectory()
directory = Path(sys.argv[1] if len(sys.argv) > 1 else temporary.name)

x, y = make_circles(256, noise=0.05, factor=0.6, random_state=0)
# An epoch takes ten steps, each on all points.
x, y = np.tile(x.astype("float32"), (10, 1)), np.tile(y.astype("float32"), 10)


def network():
    """Returns a network with two hidden layers, whose biases are zero."""
    hidden = [keras.layers.Dense(10, "tanh", name=f"hidden_{number}") for number in (1, 2)]
    model = keras.Sequential([keras.Input((2,)), *hidden, keras.layers.Dense(1, "sigmoid", name="output")])
    model.compile(keras.optimizers.SGD(0.5), "binary_crossentropy")
    return model


histories = {}
for name, law in (("zeros", "zeros"), ("He", keras_inits.HeNormal())):
    keras.utils.set_random_seed(7)
    model = network()
    keras_inits.initialize(model, law, seed=7)
    before = keras_inits.diagnose(model, x, y[:, None])
    logger = keras_inits.GradientNormLogger()
    history = model.fit(x, y, batch_size=256, epochs=25, verbose=0, shuffle=False, callbacks=[logger])
    histories[name] = history.history["loss"]
    kernel = keras.ops.convert_to_numpy(model.get_layer("hidden_2").kernel)
    apart = float(np.abs(kernel - kernel[:, :1]).max())
    first = logger.trace.norms[:, logger.trace.layers.index("hidden_1")]
    print(f"{name}: {before!r}")
    print(f"  loss {histories[name][-1]:.3f}, units differ by {apart:.2g}, first layer's gradient {first.max():.2g}")
    if name == "zeros":
        assert [finding.kind for finding in before] == ["symmetric_units"]
        assert apart == 0
        assert not first.any()
    else:
        assert not before.findings
        assert apart > 0.1
        assert first.min() > 0

# %%
# From zeros nothing is learned: the loss stays that of a coin, log(2). He's start learns, with its biases at zero.
assert abs(histories["zeros"][-1] - np.log(2)) < 1e-3
assert histories["He"][-1] < 0.5 * histories["zeros"][-1]

# %%
# The repair
# ----------
# ``repair`` draws the weights again that the finding names.
model = network()
keras_inits.initialize(model, "zeros")
diagnosis = keras_inits.diagnose(model, x, y[:, None])
print(diagnosis.findings[0])
diagnosis.repair(model, seed=7)
model.fit(x, y, batch_size=256, epochs=25, verbose=0, shuffle=False)
loss = model.evaluate(x, y, verbose=0)
print(f"loss after the repair and the same training: {loss:.3f}")
assert loss < 0.5 * np.log(2)

figure = Figure(figsize=(7, 4), layout="constrained")
axes = figure.subplots()
for (name, losses), colour in zip(histories.items(), ("#d55e00", "#0072b2"), strict=True):
    axes.plot(losses, color=colour, label=f"weights from {name}, biases from zero")
axes.axhline(np.log(2), color="#888888", linestyle=":", label="log(2): a coin")
axes.set_xlabel("epoch")
axes.set_ylabel("loss")
axes.set_ylim(0)
axes.legend(frameon=False)
axes.grid(alpha=0.25)
figure.savefig(directory / "zeros.png", dpi=120)

# %%
# Without a DIRECTORY nothing stays behind.
temporary.cleanup()
