"""
From initial weights to a loaded model
======================================

A deep network on the 1,797 scanned digits that ship with scikit-learn: initialise it, train it with the gradient norms
recorded, look at them, save it, and load it in a fresh process, where it predicts the same bits.

Run it as ``python examples/quickstart.py [DIRECTORY]``. What it writes goes to the directory, which must exist; without
one, to a temporary directory that is removed at the end. Keras may be set to TensorFlow, JAX or torch.
"""  # noqa: D205, D212, D415 - the form of sphinx-gallery

# %%
# The data
# --------
# Rows of 64 numbers, with mean 0 and deviation 1, and their labels.
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import keras_inits

temporary = tempfile.TemporaryDirectory()
directory = Path(sys.argv[1] if len(sys.argv) > 1 else temporary.name)

images, labels = load_digits(return_X_y=True)
images = ((images - images.mean()) / images.std()).astype("float32")
x, x_test, y, y_test = train_test_split(images, labels, test_size=0.25, stratify=labels, random_state=0)

# %%
# Initialise
# ----------
# Without a seed of their own, initializers follow ``set_random_seed``. An initializer prints its law.
keras.utils.set_random_seed(7)
initializer = keras_inits.Orthogonal()
print(initializer)

model = keras.Sequential([keras.Input((64,))])
for number in range(1, 21):
    model.add(keras.layers.Dense(64, "tanh", kernel_initializer=initializer, name=f"hidden_{number:02d}"))
model.add(keras.layers.Dense(10, kernel_initializer=keras_inits.LecunNormal(), name="output"))

# %%
# Train
# -----
# The callback records the gradient that the optimizer receives: one norm for each layer and step.
model.compile(
    keras.optimizers.SGD(0.01, momentum=0.9),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
logger = keras_inits.GradientNormLogger(sinks=directory / "norms.csv")
model.fit(x, y, batch_size=32, epochs=4, verbose=2, callbacks=[logger])

accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
print(f"accuracy on digits not seen in training: {accuracy:.3f}")
assert accuracy > 0.8

# %%
# Look at the gradients
# ---------------------
# From the first layer to the last, the norms stay within two orders of magnitude: each layer learns.
print(logger.trace)
assert logger.trace.norms.shape == (4 * 43, 21)
logger.trace.plot(directory / "norms.png")

# %%
# The file that was written during training holds the same numbers.
again = keras_inits.GradientTrace.load(directory / "norms.csv")
assert np.array_equal(again.norms, logger.trace.norms)

# %%
# Save, and load in a fresh process
# ---------------------------------
# The fresh process imports keras_inits before it opens the file.
model.save(directory / "model.keras")
np.save(directory / "digits.npy", x_test)

program = """
import sys
import keras, keras_inits
import numpy as np

model_file, digits_file, predictions_file = sys.argv[1:]
model = keras.models.load_model(model_file)
print("loaded with", model.layers[0].kernel_initializer)
np.save(predictions_file, model.predict(np.load(digits_file), verbose=0))
"""
files = [str(directory / name) for name in ("model.keras", "digits.npy", "predictions.npy")]
environment = {**os.environ, "KERAS_BACKEND": keras.backend.backend()}
result = subprocess.run(
    [sys.executable, "-c", program, *files],
    env=environment,
    check=True,
    stdout=subprocess.PIPE,
)
print(result.stdout.decode().strip())

same = np.array_equal(np.load(directory / "predictions.npy"), model.predict(x_test, verbose=0))
print("the same predictions, bit for bit:", same)
assert same
temporary.cleanup()
