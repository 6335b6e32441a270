"""How much memory `diagnose` takes beside one training step on the same batch.

Run: python benchmarks/diagnosis.py [--backend tensorflow] [--processes 5]

Each has a process of its own, which does the same with a small batch first, so that all code is loaded, then resets the
system's mark of the most memory that the process ever held, and reads it behind: what it held more than before is the
peak. The model is 8 dense layers of 1,024 units, the batch 4,096 examples: its activations are four times as large as
its weights. This reads /proc, which Linux has, and counts the host's memory alone. The step runs op by op on TensorFlow
and torch, as `diagnose` does, and compiled on JAX.
"""

import argparse
import os
import statistics
import subprocess
import sys

BACKENDS = ("tensorflow", "jax", "torch")

MEASURE = """
import re, sys
from pathlib import Path
import keras, numpy as np
from keras_inits import diagnose

layers = [keras.layers.Dense(1024, "relu") for _ in range(8)]
model = keras.Sequential([keras.Input((1024,)), *layers])
model.compile("sgd", "mse", run_eagerly=keras.backend.backend() != "jax")
run = {"train": model.train_on_batch, "diagnose": lambda x, y: diagnose(model, x, y)}[sys.argv[1]]
status, random = Path("/proc/self/status"), np.random.default_rng(0)

def held(name):
    return int(re.search(name + r":\\s+(\\d+) kB", status.read_text())[1]) * 1024

small, x, y = (random.standard_normal((count, 1024)).astype("float32") for count in (8, *[int(sys.argv[2])] * 2))
run(small, small)
Path("/proc/self/clear_refs").write_text("5")
before = held("VmRSS")
result = run(x, y)
peak = held("VmHWM") - before
assert sys.argv[1] == "train" or len(result.layers) == 8
print(peak)
"""


def peak(backend: str, what: str, examples: int) -> int:
    """Returns the peak in bytes."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", MEASURE, what, str(examples)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(result.stderr)
    return int(result.stdout.splitlines()[-1])


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backend", choices=BACKENDS, action="append", help="this one alone; may be repeated")
    parser.add_argument("--examples", type=int, default=4096)
    parser.add_argument("--processes", type=int, default=5)
    arguments = parser.parse_args()
    for backend in arguments.backend or BACKENDS:
        ratios = []
        for _ in range(arguments.processes):
            step, diagnosis = (peak(backend, what, arguments.examples) for what in ("train", "diagnose"))
            ratios.append(diagnosis / step)
        low, middle, high = statistics.quantiles(ratios, method="inclusive") if len(ratios) > 1 else ratios * 3
        print(f"{backend}: {middle:.2f} times a step's memory (quartiles {low:.2f} {high:.2f})", flush=True)


if __name__ == "__main__":
    main()
