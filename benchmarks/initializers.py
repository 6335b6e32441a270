"""How long initializers take to draw, side by side with Keras, torch, JAX and NumPy.

Run: python benchmarks/initializers.py [--turns 9] [--only normal] [--write docs/explanation/speed-table.md]

A process for each backend holds all that draws on it. They take turns: in each, everyone draws the same work once,
until the backend's tensor is ready, and each peer's time is divided by that of keras_inits on the same backend in the
same turn. Printed are the median and the quartiles of these ratios: 2 means that keras_inits is twice as fast. What is
drawn is checked first: moments, bounds and tails, and orthogonality; a peer that fails is marked.

`arithmetic` is the time of 4/3 n^3 operations at the rate at which NumPy multiplies two 2048 x 2048 matrices in that
turn, and `NumPy` that of a `numpy.random.Generator` which fills the same array on as many threads as keras_inits takes.
"""

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BACKENDS = ("tensorflow", "jax", "torch")
SHAPES = {"1024 x 1024": (1024, 1024), "4096 x 4096": (4096, 4096), "3 x 3 x 512 x 512": (3, 3, 512, 512)}
SMALL, TINY = {"64 x 64": (64, 64)}, {"8 x 8": (8, 8)}
BLOCK = [(768, 2304), (768, 768), (768, 3072), (3072, 768)]
GPT2 = [(50257, 768), (1024, 768), *BLOCK * 12]
LAWS = ("uniform", "normal", "truncated_normal", "orthogonal")
SCALE = 0.02
CHUNK = 1 << 18  # what keras_inits draws at a time
PAUSE = 0.1  # seconds before each draw: the threads of BLAS and OpenMP go on turning for a while when they are done
LONGEST = 100.0  # seconds that all turns of one work may take, once there were three


def works(tiny: bool) -> list[tuple[str, str, list[tuple[int, ...]]]]:
    """Law, name and shapes of all that is timed."""
    if tiny:
        return [(law, name, [shape]) for law in LAWS for name, shape in TINY.items()]
    listed = []
    for law in LAWS:
        shapes = {**SMALL, **SHAPES, **({"2048 x 2048": (2048, 2048)} if law == "orthogonal" else {})}
        listed += [(law, name, [shape]) for name, shape in shapes.items()]
    return [*listed, ("normal", "GPT-2 small, 124 million", GPT2)]


# In the process of a backend.


def drawers(backend: str) -> dict[str, dict[str, Callable[[tuple[int, ...]], Any]]]:
    """Who draws on this backend, with a function from a shape to a tensor for each law."""
    import keras

    import keras_inits

    initializers = {
        "keras_inits": (
            keras_inits.Uniform(SCALE),
            keras_inits.Normal(SCALE),
            keras_inits.TruncatedNormal(stddev=SCALE),
            keras_inits.Orthogonal(),
        ),
        "Keras": (
            keras.initializers.RandomUniform(-SCALE, SCALE),
            keras.initializers.RandomNormal(stddev=SCALE),
            keras.initializers.TruncatedNormal(stddev=SCALE),
            keras.initializers.Orthogonal(),
        ),
    }
    found: dict[str, dict[str, Any]] = {who: dict(zip(LAWS, laws, strict=True)) for who, laws in initializers.items()}
    if backend == "torch":
        found["torch.nn.init"] = torch_drawers()
        found["NumPy"] = {"normal": numpy_normal}
        found["arithmetic"] = {"orthogonal": arithmetic}
    elif backend == "jax":
        import jax

        peers, key = jax.nn.initializers, jax.random.key(0)

        def uniform(key: Any, shape: tuple[int, ...]) -> Any:  # JAX's own law of this name begins at zero
            variance_times_fan = SCALE**2 / 3 * math.prod(shape[:-1])
            return peers.variance_scaling(variance_times_fan, "fan_in", "uniform")(key, shape)

        laws = (uniform, peers.normal(SCALE), peers.truncated_normal(SCALE), peers.orthogonal())
        found["jax.nn.initializers"] = {
            law: lambda shape, peer=peer: peer(key, shape) for law, peer in zip(LAWS, laws, strict=True)
        }
    return found


def torch_drawers() -> dict[str, Callable[[tuple[int, ...]], Any]]:
    """Those of `torch.nn.init`, on kernels in torch's own order: units, channels, window."""
    import torch

    peers = torch.nn.init

    def empty(shape: tuple[int, ...]) -> Any:
        return torch.empty((shape[-1], shape[-2], *shape[:-2]))

    return {
        "uniform": lambda shape: peers.uniform_(empty(shape), -SCALE, SCALE),
        "normal": lambda shape: peers.normal_(empty(shape), 0.0, SCALE),
        "truncated_normal": lambda shape: peers.trunc_normal_(empty(shape), 0.0, SCALE, -2 * SCALE, 2 * SCALE),
        "orthogonal": lambda shape: peers.orthogonal_(empty(shape)),
    }


def numpy_normal(shape: tuple[int, ...]) -> Any:
    """NumPy's own generator, on as many threads as keras_inits takes."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    from keras_inits.initializers.threads import thread_count

    values = np.empty(shape, np.float32)
    parts = np.array_split(values.reshape(-1), thread_count())

    def fill(number: int) -> None:
        np.random.Generator(np.random.SFC64(number)).standard_normal(dtype=np.float32, out=parts[number])
        parts[number] *= SCALE

    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(fill, range(len(parts))))
    return values


def arithmetic(shape: tuple[int, ...]) -> float:
    """The seconds that 4/3 n^3 operations (m by n: 2 n^2 (m - n/3)) take here, at the rate of a product."""
    import numpy as np

    rows, columns = sorted((int(np.prod(shape[:-1])), shape[-1]), reverse=True)
    square = np.ones((2048, 2048), np.float32)
    start = time.perf_counter()
    square @ square
    rate = 2 * 2048**3 / (time.perf_counter() - start)
    return 2 * columns**2 * (rows - columns / 3) / rate


def wait(backend: str, tensors: list[Any]) -> None:
    """Returns when the tensors are there."""
    if backend == "jax":
        import jax

        jax.block_until_ready(tensors)
    elif backend == "tensorflow":
        import tensorflow as tf

        tf.test.experimental.sync_devices()
    else:
        import torch

        if torch.cuda.is_available():
            torch.cuda.synchronize()


def flaw(law: str, tensor: Any) -> str | None:
    """What is wrong with the values, or None; tolerances are five standard errors."""
    import keras
    import numpy as np

    values = (tensor if isinstance(tensor, np.ndarray) else keras.ops.convert_to_numpy(tensor)).astype(np.float64)
    if law == "orthogonal":
        matrix = values.reshape(-1, values.shape[-1])
        matrix = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
        if values.ndim > 2 and values.shape[0] > values.shape[-1]:  # torch's order
            matrix = values.reshape(len(values), -1).T
        vectors = np.random.default_rng(0).standard_normal((matrix.shape[1], 4))
        error = np.abs(np.linalg.norm(matrix @ vectors, axis=0) / np.linalg.norm(vectors, axis=0) - 1).max()
        if error > 1e-5:
            return f"norms change by {error:.0e}"
        largest = np.abs(matrix).max() * len(matrix) ** 0.5  # about normal entries: 5.5 in 16 million
        return None if largest < 7 or len(matrix) < 64 else f"an entry of {largest:.0f} standard deviations"
    values = values.ravel() / SCALE
    variance, kurtosis, bound = {
        "uniform": (1 / 3, 1.8, 1.0),
        "normal": (1.0, 3.0, np.inf),
        "truncated_normal": (0.7737413, 2.3659, 2.0),
    }[law]
    if np.abs(values).max() > bound * (1 + 1e-6):
        return f"reaches {np.abs(values).max():.2f}, beyond {bound}"
    if abs(values.mean()) > 5 * (variance / values.size) ** 0.5:
        return f"mean {values.mean():.1e}"
    if abs(values.var() / variance - 1) > 5 * ((kurtosis - 1) / values.size) ** 0.5:
        return f"variance {values.var() / variance:.4f} times what it should be"
    if values.size > 2 * CHUNK and np.array_equal(values[:CHUNK], values[CHUNK : 2 * CHUNK]):
        return "the second chunk repeats the first"
    if law == "normal":
        count, expected = np.count_nonzero(np.abs(values) > 3.5), 4.6526e-4 * values.size
        if abs(count - expected) > 5 * max(expected, 1) ** 0.5:
            return f"{count} values beyond 3.5, of {expected:.0f}"
    return None


def serve(backend: str) -> None:
    """Reads a line of JSON for each thing to do, and answers it with one."""
    all_drawers = drawers(backend)
    for line in sys.stdin:
        who, law, shapes, check = json.loads(line)
        draw = all_drawers.get(who, {}).get(law)
        if draw is None:
            answer: Any = None
        elif check:
            tensor = draw(tuple(shapes[0]))
            answer = None if isinstance(tensor, float) else flaw(law, tensor)
        else:
            start = time.perf_counter()
            tensors = [draw(tuple(shape)) for shape in shapes]
            wait(backend, tensors)
            answer = time.perf_counter() - start
            if who == "arithmetic":
                answer = sum(tensors)
            del tensors
        print(json.dumps(answer), flush=True)


# In the process that compares.


class Server:
    """A process of one backend."""

    def __init__(self, backend: str) -> None:
        environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, __file__, "--serve", backend]
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, who: str, law: str, shapes: list[tuple[int, ...]], check: bool = False) -> Any:
        """Has `who` draw: returns the seconds, or, to check, what is wrong."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        time.sleep(PAUSE)
        print(json.dumps([who, law, shapes, check]), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"the process that draws ended at {who}, {law}; run it alone: {self._process.args}")
        return json.loads(answer)


PEERS = {
    "tensorflow": ("Keras",),
    "jax": ("Keras", "jax.nn.initializers"),
    "torch": ("Keras", "torch.nn.init", "NumPy", "arithmetic"),
}


def compare(servers: dict[str, Server], law: str, shapes: list[tuple[int, ...]], turns: int) -> dict[Any, Any]:
    """For each backend and peer its times over those of keras_inits, turn by turn."""
    for backend, server in servers.items():
        for who in ("keras_inits", *PEERS[backend]):  # warms up, too
            found = server.ask(who, law, shapes[:1], check=True)
            if found and who == "keras_inits":
                raise SystemExit(f"keras_inits on {backend}: {law} of {shapes[0]} is wrong: {found}")
            if found:
                print(f"  ({who} on {backend}: {found})")
    ratios: dict[Any, list[float]] = {}
    started = time.perf_counter()
    for turn in range(turns):
        if turn >= 3 and time.perf_counter() - started > LONGEST:
            break
        for backend, server in servers.items():
            everyone = ["keras_inits", *PEERS[backend]]
            everyone = everyone[turn % len(everyone) :] + everyone[: turn % len(everyone)]
            seconds = {who: server.ask(who, law, shapes) for who in everyone}
            ratios.setdefault((backend, "keras_inits"), []).append(seconds["keras_inits"])
            for who in PEERS[backend]:
                if seconds[who] is not None:
                    ratios.setdefault((backend, who), []).append(seconds[who] / seconds["keras_inits"])
    return ratios


def cell(values: list[float] | None, unit: str = "") -> str:
    """The median, and the quartiles."""
    if not values:
        return ""
    low, middle, high = statistics.quantiles(values) if len(values) > 1 else values * 3
    digits = [f"{number:.{0 if number >= 99.5 else 1 if number >= 9.95 else 2}f}" for number in (middle, low, high)]
    return "{}{} ({} {})".format(digits[0], unit, *digits[1:])


def main() -> None:
    """Compares, prints, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--only", choices=LAWS, action="append", help="this law alone; may be repeated")
    parser.add_argument("--backend", choices=BACKENDS, action="append", help="this backend alone; may be repeated")
    parser.add_argument("--tiny", action="store_true", help="8 x 8 alone, to see that it runs")
    parser.add_argument("--write", type=Path, help="a Markdown file for the table")
    parser.add_argument("--serve", choices=BACKENDS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        return serve(arguments.serve)

    servers = {backend: Server(backend) for backend in arguments.backend or BACKENDS}
    rows: dict[str, list[list[str]]] = {backend: [] for backend in servers}
    print("median (quartiles) of times: keras_inits in milliseconds, the others over keras_inits on the same backend")
    for law, name, shapes in works(arguments.tiny):
        if arguments.only and law not in arguments.only:
            continue
        print(f"{law} {name}", flush=True)
        ratios = compare(servers, law, shapes, arguments.turns)
        for backend in servers:
            ours = cell([1e3 * seconds for seconds in ratios[backend, "keras_inits"]], " ms")
            cells = {"keras_inits": ours, **{who: cell(ratios.get((backend, who))) for who in PEERS[backend]}}
            print(*(f"  {backend}: {who} {found}" for who, found in cells.items() if found), sep="\n", flush=True)
            rows[backend].append([law, name, *cells.values()])
    if arguments.write:
        arguments.write.write_text(
            "\n".join([*(table(backend, rows[backend]) for backend in servers), machine([*servers]), ""])
        )


def table(backend: str, rows: list[list[str]]) -> str:
    """A table in Markdown, whose cells are not broken into lines."""
    rows = [[text.replace(" ", "\N{NO-BREAK SPACE}") for text in row] for row in rows]
    head = ["law", "shape", f"keras_inits on {backend}", *PEERS[backend]]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]) + "\n"


def machine(backends: list[str]) -> str:
    """What it was measured on, and with what."""
    from importlib.metadata import version

    versions = ", ".join(f"{name} {version(name)}" for name in ("keras", "numpy", *backends))
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}."


if __name__ == "__main__":
    main()
