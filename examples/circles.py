"""
Circles: weights of 10, of 0.01, and He's
=========================================

One hidden layer of ReLUs learns to tell two noisy circles apart, from normal weights of standard deviation 10, of 0.01,
and of He's rule. He's cost falls at once; that of 0.01 stands still first; that of 10 starts a hundred times as high,
and has not come down when the others have.

Run it as ``python examples/circles.py [DIRECTORY]``; the picture goes to the directory, which must exist.
"""  # noqa: D205, D212, D415 - the form of sphinx-gallery

# %%
# Three starts, three seeds each
# ------------------------------
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from sklearn.datasets import make_circles
from threadpoolctl import threadpool_limits

import keras_inits

temporary = tempfile.TemporaryDirectory()
directory = Path(sys.argv[1] if len(sys.argv) > 1 else temporary.name)
threadpool_limits(1)  # what takes the least time for products this small

EPOCHS = 10
x, y = make_circles(512, noise=0.2, factor=0.6, random_state=0)
x, y = x.astype("float32"), y.astype("float32")
laws = {"10": keras_inits.Normal(10.0), "0.01": keras_inits.Normal(0.01), "He": keras_inits.HeNormal()}

model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(20, "relu"), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(0.5), keras.losses.BinaryCrossentropy(from_logits=True))
side = np.linspace(-1.6, 1.6, 100, dtype="float32")
plane = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)

costs, outputs = {}, {}
for name, law in laws.items():
    costs[name] = []
    for seed in (1, 2, 3):
        keras_inits.initialize(model, [("kernel", law), ("bias", "zeros")], seed)
        start = model.evaluate(x, y, batch_size=512, verbose=0)
        history = model.fit(x, y, batch_size=16, epochs=EPOCHS, shuffle=False, verbose=0)
        costs[name].append([start, *history.history["loss"]])
    outputs[name] = keras.ops.convert_to_numpy(model(plane)).reshape(100, 100)
costs = {name: np.array(runs) for name, runs in costs.items()}

# %%
# The order
# ---------
# He's start is the best and the large weights are the worst, at the end of the training and on average over it.
starts = {name: runs[:, 0].mean() for name, runs in costs.items()}
averages = {name: runs[:, 1:].mean() for name, runs in costs.items()}
ends = {name: runs[:, -1].mean() for name, runs in costs.items()}
for name in laws:
    print(f"{name}: cost {starts[name]:.3g} at the start, {averages[name]:.3g} on average, {ends[name]:.3g} at the end")
assert starts["10"] > 50 * starts["He"]
assert averages["He"] < averages["0.01"] < averages["10"]
assert ends["He"] < ends["0.01"] < ends["10"]

figure = Figure(figsize=(10, 7), layout="constrained")
grid = figure.add_gridspec(2, 3)
axes = figure.add_subplot(grid[0, :])
for (name, runs), colour in zip(costs.items(), ("#d55e00", "#888888", "#0072b2"), strict=True):
    axes.plot(runs.T, color=colour, alpha=0.25, linewidth=1)
    axes.plot(runs.mean(axis=0), "o-", markersize=4, color=colour, label=f"weights from {name}")
axes.set_yscale("log")
axes.set_xlabel("epoch")
axes.set_xticks(range(EPOCHS + 1))
axes.set_title("cost: each of three seeds, and their mean")
axes.legend(frameon=False)
axes.grid(alpha=0.25)
for column, (name, values) in enumerate(outputs.items()):
    axes = figure.add_subplot(grid[1, column], aspect="equal", xticks=(), yticks=())
    axes.contourf(side, side, values > 0, levels=1, cmap=ListedColormap(["#fbe3d0", "#cfe6f5"]))
    for label, colour, marker in ((0, "#d55e00", "o"), (1, "#0072b2", "^")):
        axes.plot(*x[y == label].T, marker, color=colour, markersize=2)
    axes.set_title(f"decision after {EPOCHS} epochs, from {name}")
figure.savefig(directory / "circles.png", dpi=120)

# %%
# Without a DIRECTORY nothing stays behind.
temporary.cleanup()
