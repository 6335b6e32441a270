"""
Keras 1: the laws behind ``init=``, each beside its density
===========================================================

Each name that Keras 1 had, drawn with ``keras_inits.keras1``, and the density of the law that stood behind it.

Run it as ``python examples/keras1.py [DIRECTORY]``; the picture goes to the directory, which must exist.
"""  # noqa: D205, D212, D415 - the form of sphinx-gallery

# %%
# The laws
# --------
# Of a matrix of 400 x 600, so that the fan in, the fan out and their mean are three different numbers.
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure
from scipy import stats

import keras_inits

temporary = tempfile.TemporaryDirectory()
directory = Path(sys.argv[1] if len(sys.argv) > 1 else temporary.name)

FAN_IN, FAN_OUT = 400, 600


def uniform(limit):
    """Returns the uniform law from -limit to limit."""
    return stats.uniform(-limit, 2 * limit)


laws = {
    "uniform": uniform(0.05),
    "normal": stats.norm(0, 0.05),
    "lecun_uniform": uniform((3 / FAN_IN) ** 0.5),
    "glorot_uniform": uniform((6 / (FAN_IN + FAN_OUT)) ** 0.5),
    "glorot_normal": stats.norm(0, (2 / (FAN_IN + FAN_OUT)) ** 0.5),
    "he_uniform": uniform((6 / FAN_IN) ** 0.5),
    "he_normal": stats.norm(0, (2 / FAN_IN) ** 0.5),
}
drawn = {}
for seed, name in enumerate(laws):
    weight = keras_inits.keras1.get(name, seed=seed)((FAN_IN, FAN_OUT))
    drawn[name] = keras.ops.convert_to_numpy(weight).ravel()

# %%
# The entries of one orthogonal matrix depend on each other, so one is taken of each of many. It is 1.1 times a
# coordinate of a random point on the unit sphere; in four dimensions its density is half an ellipse.
SIZE, MATRICES = 4, 4_000
keras.utils.set_random_seed(7)
orthogonal = keras_inits.keras1.get("orthogonal")
matrices = np.array([keras.ops.convert_to_numpy(orthogonal((SIZE, SIZE))) for _ in range(MATRICES)])
assert np.abs(matrices.transpose(0, 2, 1) @ matrices - 1.1**2 * np.eye(SIZE)).max() < 1e-5  # float32 rounds by 1e-7
drawn["orthogonal"] = matrices[:, 0, 0]
laws["orthogonal"] = stats.beta((SIZE - 1) / 2, (SIZE - 1) / 2, loc=-1.1, scale=2.2)

# %%
# How far the values are from the law
# -----------------------------------
# By the inequality of Dvoretzky, Kiefer, Wolfowitz and Massart, the share of n values below any point is further than
# ``sqrt(log(2 / p) / (2 * n))`` from the law's with the probability p at the most: here one in a million.


def bound(count):
    """Returns what the distance stays below."""
    return (np.log(2 / 1e-6) / (2 * count)) ** 0.5


for name, law in laws.items():
    distance, limit = stats.kstest(drawn[name], law.cdf).statistic, bound(drawn[name].size)
    print(f"{name:>14}: {distance:.5f} from its law, of {limit:.5f} at the most")
    assert distance < limit

# %%
# The test can tell laws apart: what Keras 3 gives under the name is cut at two deviations.
today = keras.ops.convert_to_numpy(keras.initializers.HeNormal(seed=7)((FAN_IN, FAN_OUT))).ravel()
distance = stats.kstest(today, laws["he_normal"].cdf).statistic
print(f"HeNormal of Keras 3: {distance:.5f} from the law of Keras 1's he_normal")
assert distance > bound(today.size)

# %%
# The other three draw nothing.
for name, exact in (("identity", np.eye(SIZE)), ("zero", np.zeros((SIZE, SIZE))), ("one", np.ones((SIZE, SIZE)))):
    drawn[name] = keras.ops.convert_to_numpy(keras_inits.keras1.get(name)((SIZE, SIZE))).ravel()
    assert np.array_equal(drawn[name], exact.ravel())

figure = Figure(figsize=(10, 7), layout="constrained")
panels = figure.subplots(3, 4).ravel()
for axes, (name, values) in zip(panels, drawn.items(), strict=False):
    axes.set_title(name)
    if name in laws:
        axes.hist(values, bins=50, density=True, color="#56b4e9", label="drawn")
        reach = 1.15 * np.abs(values).max()
        points = np.linspace(-reach, reach, 500)
        axes.plot(points, laws[name].pdf(points), color="#d55e00", label="density")
    else:
        heights = [np.mean(values == value) for value in (0, 1)]
        axes.bar((0, 1), heights, 0.4, color="#56b4e9")
        axes.set_xlim(-0.6, 1.6)
        axes.set_xticks((0, 1))
        axes.set_ylabel("share")
panels[-1].set_axis_off()
panels[-1].legend(*panels[0].get_legend_handles_labels(), loc="center", frameon=False)
figure.savefig(directory / "keras1.png", dpi=120)

# %%
# Without a DIRECTORY nothing stays behind.
temporary.cleanup()
