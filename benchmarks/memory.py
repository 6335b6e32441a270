"""How much memory it takes to draw a tensor, over the size of the tensor.

Run: python benchmarks/memory.py [--backend tensorflow] [--law Normal] [--write docs/explanation/memory-table.md]

Each draw has a process of its own. It draws a small tensor of the same law first, so that all code is loaded, then
resets the system's mark of the most memory that the process ever held, draws, and reads the mark: what the process
held more than before, over the size of the tensor, is the peak. Then the tensor is checked: its shape, its dtype and
how large its values are. Keras's initializer of the same law stands beside it. This reads /proc, which Linux has, and
counts the host's memory alone.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

BACKENDS = ("tensorflow", "jax", "torch")
LAWS = ("Uniform", "Normal", "TruncatedNormal", "HeNormal", "Orthogonal", "Sparse", "PerGate", "Identity")
DTYPES = ("float32", "bfloat16")

MEASURE = """
import re, sys
from pathlib import Path
import keras, numpy as np
import keras_inits as ki

who, law, dtype, size = *sys.argv[1:4], int(sys.argv[4])
ours = {
    "Uniform": ki.Uniform(), "Normal": ki.Normal(), "TruncatedNormal": ki.TruncatedNormal(), "HeNormal": ki.HeNormal(),
    "Orthogonal": ki.Orthogonal(), "Sparse": ki.Sparse(0.5), "PerGate": ki.PerGate(ki.Normal(), 4),
    "Identity": ki.Identity(),
}
theirs = {
    "Uniform": keras.initializers.RandomUniform(), "Normal": keras.initializers.RandomNormal(),
    "TruncatedNormal": keras.initializers.TruncatedNormal(), "HeNormal": keras.initializers.HeNormal(),
    "Orthogonal": keras.initializers.Orthogonal(), "Identity": keras.initializers.Identity(),
}
draw = (ours if who == "keras_inits" else theirs)[law]
status = Path("/proc/self/status")

def held(name):
    return int(re.search(name + r":\\s+(\\d+) kB", status.read_text())[1]) * 1024

def ready(tensor):
    return tensor.block_until_ready() if hasattr(tensor, "block_until_ready") else tensor

ready(draw((64, 64), dtype=dtype))
Path("/proc/self/clear_refs").write_text("5")
before = held("VmRSS")
tensor = ready(draw((size, size), dtype=dtype))
peak = held("VmHWM") - before
root_mean_square = {
    "Uniform": 0.05 / 3**0.5, "Normal": 0.05, "TruncatedNormal": 0.05 * 0.87963, "HeNormal": (2 / size) ** 0.5,
    "Orthogonal": size**-0.5, "Sparse": 0.01 * 0.5**0.5, "PerGate": 0.05, "Identity": size**-0.5,
}
values = keras.ops.convert_to_numpy(tensor)
assert values.shape == (size, size) and values.dtype.name == dtype, (values.shape, values.dtype)
found = np.mean(np.square(values, dtype=np.float64)) ** 0.5 / root_mean_square[law]
assert 0.95 < found < 1.05, f"{law}: {found:.3f} times as large as its law says"
print(peak / (size * size * (4 if dtype == "float32" else 2)))
"""


def peaks(backend: str, who: str, law: str, dtype: str, size: int, processes: int) -> list[float]:
    """Returns the peak in each of so many processes; none if this one cannot draw it."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    found = []
    for _ in range(processes):
        command = [sys.executable, "-c", MEASURE, who, law, dtype, str(size)]
        result = subprocess.run(command, env=environment, capture_output=True, text=True)
        if result.returncode:
            if who == "keras_inits":
                raise SystemExit(result.stderr)
            return []
        found.append(float(result.stdout.splitlines()[-1]))
    return found


def main() -> None:
    """Measures, prints, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backend", choices=BACKENDS, action="append", help="this one alone; may be repeated")
    parser.add_argument("--law", choices=LAWS, action="append", help="this one alone; may be repeated")
    parser.add_argument("--size", type=int, default=4096, help="the tensor is size x size")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--write", type=Path, help="a Markdown file for the table")
    arguments = parser.parse_args()
    if not Path("/proc/self/clear_refs").exists():
        raise SystemExit("memory.py reads the peak from /proc/self/clear_refs, which this system has not. Use Linux.")

    columns = [(backend, who) for backend in arguments.backend or BACKENDS for who in ("keras_inits", "Keras")]
    heads = [f"{who} on {backend}" for backend, who in columns]
    lines = [" | ".join(["", "law", "dtype", *heads, ""]).strip(), "|".join(["", *["---"] * (2 + len(heads)), ""])]
    print("peak over the size of the tensor: median and quartiles")
    for law in arguments.law or LAWS:
        for dtype in DTYPES:
            cells = []
            for backend, who in columns:
                found = peaks(backend, who, law, dtype, arguments.size, arguments.processes)
                low, middle, high = (
                    statistics.quantiles(found, method="inclusive") if len(found) > 1 else (found or [float("nan")]) * 3
                )
                cells.append(f"{middle:.2f}" if found else "")
                if found:
                    print(
                        f"{law} {dtype} {who} on {backend}: {middle:.2f} (quartiles {low:.2f} {high:.2f})", flush=True
                    )
            lines.append(" | ".join(["", law, dtype, *cells, ""]).strip())
    if arguments.write:
        arguments.write.write_text("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
