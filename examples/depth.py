"""
Depth: where weights of 0.01 fail
=================================

Normal weights of standard deviation 0.01 serve a network of one hidden layer. In a deeper one they leave less and less
of the signal and of the gradient, and from three layers on it learns nothing in ten epochs.

Run it as ``python examples/depth.py [DIRECTORY]``; the picture goes to the directory, which must exist.
"""  # noqa: D205, D212, D415 - the form of sphinx-gallery

# %%
# Networks of one to five hidden layers
# -------------------------------------
# On scanned digits, from weights of 0.01 and from LeCun's rule, 1 / sqrt(64), with the same training.
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

import keras_inits

temporary = tempfile.TemporaryDirectory()
directory = Path(sys.argv[1] if len(sys.argv) > 1 else temporary.name)
threadpool_limits(1)  # what takes the least time for products this small

EPOCHS, WIDTH = 10, 64
images, labels = load_digits(return_X_y=True)
images = ((images - images.mean()) / images.std()).astype("float32")
x, x_test, y, y_test = train_test_split(images, labels, test_size=0.25, stratify=labels, random_state=0)
depths = np.arange(1, 6)
laws = {"0.01": keras_inits.Normal(0.01), "LeCun's rule": keras_inits.LecunNormal()}

accuracy, found = {name: [] for name in laws}, {name: [] for name in laws}
for depth in depths:
    hidden = [keras.layers.Dense(WIDTH, "tanh", name=f"hidden_{number}") for number in range(1, depth + 1)]
    model = keras.Sequential([keras.Input((64,)), *hidden, keras.layers.Dense(10, name="output")])
    model.compile(keras.optimizers.SGD(0.2), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for name, law in laws.items():
        keras_inits.initialize(model, [("kernel", law), ("bias", "zeros")], seed=7)
        found[name].append(keras_inits.diagnose(model, x, y))
        model.fit(x, y, batch_size=64, epochs=EPOCHS, shuffle=False, verbose=0)
        outputs = keras.ops.convert_to_numpy(model(x_test))
        accuracy[name].append(np.mean(outputs.argmax(axis=1) == y_test))
        kinds = [finding.kind for finding in found[name][-1]]
        print(f"{depth} hidden layers from {name}: accuracy {accuracy[name][-1]:.3f}; {kinds}")

# %%
# The depth at which it fails
# ---------------------------
# With one hidden layer the two starts end alike, within three sampling errors. With two, 0.01 is late. With three, it
# does not get beyond chance. (In ``EPOCHS = 100`` three layers come to 96 percent; four and five still do not.)
small, rule = (np.array(accuracy[name]) for name in laws)
error = (rule * (1 - rule) / len(y_test)) ** 0.5
assert small[0] > rule[0] - 3 * 2**0.5 * error[0]
fails = small < 0.1 + 3 * (0.1 * 0.9 / len(y_test)) ** 0.5
assert fails.tolist() == [False, False, True, True, True]
print(f"0.01 fails from {depths[fails][0]} hidden layers on; LeCun's rule has {rule.min():.3f} at the least")
assert rule.min() > 0.9

# %%
# ``diagnose`` said so before the training: each layer leaves 0.01 * sqrt(64) = 8 percent of the signal, or less. Of two
# hidden layers it is a note: a step moves their weights by enough to make up for it.
assert all(not diagnosis.findings for diagnosis in found["LeCun's rule"])
assert not found["0.01"][0].findings
assert [note.kind for note in found["0.01"][1].notes] == ["small_weights"]
assert all(diagnosis.findings[0].kind == "vanishing_signal" for diagnosis in found["0.01"][2:])

figure = Figure(figsize=(10, 4), layout="constrained")
axes = figure.subplots(1, 2)
for name, colour, marker in zip(laws, ("#d55e00", "#0072b2"), "os", strict=True):
    axes[0].plot(depths, accuracy[name], marker + "-", color=colour, label=f"weights from {name}")
    rows = found[name][-1].layers
    axes[1].plot([row.outputs.stddev for row in rows], marker + "-", color=colour)
    axes[1].plot([row.gradient for row in rows], marker + ":", color=colour)
axes[0].axhline(0.1, color="#888888", linestyle=":", label="chance")
axes[0].set_title(f"accuracy after {EPOCHS} epochs")
axes[0].set_xlabel("hidden layers")
axes[0].set_xticks(depths)
axes[0].set_ylim(0, 1.03)
axes[0].yaxis.set_major_formatter("{x:.0%}")
axes[0].legend(frameon=False)
axes[1].set_title("five hidden layers, before the training")
axes[1].set_xlabel("layer (lines: deviation of outputs; dotted: norm of gradient)")
axes[1].set_xticks(range(6), [*depths, "output"])
axes[1].set_yscale("log")
for side in axes:
    side.grid(alpha=0.25)
figure.savefig(directory / "depth.png", dpi=120)

# %%
# Without a DIRECTORY nothing stays behind.
temporary.cleanup()
