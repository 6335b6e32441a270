"""How much time and memory `diagnose` takes beside one training step on the same batch.

Run: python benchmarks/diagnosis.py [--backend tensorflow] [--rounds 5]
     [--write docs/explanation/diagnosis-table.md]

Time is taken of both checks, `"layers"` and `"full"`, the second with a step of the optimizer on a copy. It is
processor time, of all threads, of a process that takes turns: one training step, one diagnosis, as often as there are
rounds, behind one of each that is not counted. The step is `train_on_batch`, compiled as Keras compiles it by itself.
The models are ResNet50 on 32 images of 128 x 128, and a transformer of six layers, width 256, on 16 texts of 128 words.

Memory needs a process for each: it does the same with a small batch first, so that all code is loaded, then resets the
system's mark of the most memory that the process ever held, and reads it behind: what it held more than before is the
peak. The model is 8 dense layers of 1,024 units, the batch 4,096 examples: its activations are four times as large as
its weights. This reads /proc, which Linux has, and counts the host's memory alone. The step runs op by op on TensorFlow
and torch, as `diagnose` does, and compiled on JAX.
"""

import argparse
import functools
import itertools
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

BACKENDS = ("tensorflow", "jax", "torch")

TIME = """
import sys, time
import keras, numpy as np
from keras_inits import diagnose

def resnet50():
    model = keras.applications.ResNet50(weights=None, input_shape=(size, size, 3), classes=10)
    images = random.standard_normal((size // 4, size, size, 3)).astype("float32")
    return model, images, random.integers(0, 10, size // 4)

def transformer():
    layers = keras.layers
    words = keras.Input((size,), dtype="int32")
    x = layers.Embedding(1000, 256)(words)
    for _ in range(6):
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(8, 32)(y, y)])
        y = layers.Dense(1024, "gelu")(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dense(256)(y)])
    outputs = layers.Dense(10, "softmax")(layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x)))
    return keras.Model(words, outputs), random.integers(0, 1000, (size // 8, size)), random.integers(0, 10, size // 8)

random, size = np.random.default_rng(0), int(sys.argv[3])
model, x, y = {"resnet50": resnet50, "transformer": transformer}[sys.argv[1]]()
model.compile("sgd", "sparse_categorical_crossentropy")

def seconds(run):
    start = time.process_time()
    run(x, y)
    return time.process_time() - start

ways = model.train_on_batch, lambda x, y: diagnose(model, x, y, check=sys.argv[4])
rounds = [[seconds(run) for run in ways] for _ in range(1 + int(sys.argv[2]))]
for step, diagnosis in rounds[1:]:
    print(diagnosis / step)
"""

MEMORY = """
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

counts = 8, *[int(sys.argv[2])] * 2
small, x, y = (random.standard_normal((count, 1024)).astype("float32") for count in counts)
run(small, small)
Path("/proc/self/clear_refs").write_text("5")
before = held("VmRSS")
result = run(x, y)
peak = held("VmHWM") - before
assert sys.argv[1] == "train" or len(result.layers) == 8
print(peak)
"""


def numbers(backend: str, script: str, *arguments: str) -> list[float]:
    """Runs a script in a process of its own, and returns the numbers that it prints."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", script, *arguments]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(result.stderr)
    return [float(line) for line in result.stdout.splitlines()]


def seconds(model: str, check: str, backend: str, rounds: int, tiny: bool) -> list[float]:
    """Returns diagnosis over step in processor time, once for each round."""
    return numbers(backend, TIME, model, str(rounds), "32" if tiny else "128", check)


def memory(backend: str, rounds: int, tiny: bool) -> list[float]:
    """Returns diagnosis over step in memory, once for each round."""
    examples = "64" if tiny else "4096"
    ways = [[numbers(backend, MEMORY, what, examples)[-1] for what in ("diagnose", "train")] for _ in range(rounds)]
    return [diagnosis / step for diagnosis, step in ways]


MEASURES: dict[str, Callable[[str, int, bool], list[float]]] = {
    **{
        f"time, {model}, {check}": functools.partial(seconds, model.lower(), check)
        for model, check in itertools.product(("ResNet50", "transformer"), ("layers", "full"))
    },
    "memory, dense": memory,
}


def cell(ratios: list[float]) -> str:
    """The median, and the least and the largest."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} {max(ratios):.2f})"


def main() -> None:
    """Measures and prints a table: a row for each measure, a column for each backend."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backend", choices=BACKENDS, action="append", help="this one alone; may be repeated")
    parser.add_argument("--measure", choices=MEASURES, action="append", help="this one alone; may be repeated")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tiny", action="store_true", help="so small that the ratios say nothing")
    parser.add_argument(
        "--write", type=Path, help="where the table goes too, such as docs/explanation/diagnosis-table.md"
    )
    arguments = parser.parse_args()
    backends = arguments.backend or BACKENDS
    lines = [f"| diagnose over a training step | {' | '.join(backends)} |", "|---" * (1 + len(backends)) + "|"]
    print(*lines, sep="\n")
    for name in arguments.measure or MEASURES:
        cells = [cell(MEASURES[name](backend, arguments.rounds, arguments.tiny)) for backend in backends]
        lines.append(f"| {name} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    if arguments.write:
        arguments.write.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
