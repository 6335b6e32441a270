"""What it costs to record every layer's gradient norm, beside what users do to see gradients without the callback.

Run: python benchmarks/recording.py --backend tensorflow [--model mlp] [--peers] [--every 20] [--track update]
     [--append docs/explanation/recording-table.md]

Equal models are trained in turn, an epoch each, in an order that rotates: `plain`, `again` (plain as well), `recorded`
and, with `--peers`, those below. Of each turn the epoch times over that of `plain` are kept: `again` says how well this
machine can tell two equal things apart. They are printed as median and quartiles, and the recorded median over that of
`again` with an interval of 95 percent, by bootstrap over the turns. Before that the recorded norms are checked: after
one step of plain gradient descent from w to v, NumPy finds them in (w - v) / rate.

Peers: `recomputed` takes the gradient of each batch again, in a callback; `metrics` is a train_step of the user's own
that returns every norm as a metric (TensorFlow and JAX); `hooks` has a hook on each parameter that reads its norm with
`.item()` (torch). `sums` is no peer: it is the same callback with the backend's own float32 sum of squares of
each gradient, which reads every entry once, and is wrong where a square leaves the range of float32.
"""

import argparse
import contextlib
import os
import statistics
import time
from pathlib import Path
from typing import Any

MODELS = {
    "mlp": "10 dense layers of 256 units, batch 128",
    "wide": "10 dense layers of 512 units, batch 32",
    "conv": "4 convolutions of 32 channels, batch 64",
    "transformer": "2 blocks of attention, 64 channels, batch 32",
    "deep": "50 dense layers of 64 units, batch 32",
    "many": "500 dense layers of 8 units, batch 32",
}
BATCHES = {"mlp": 128, "wide": 32, "conv": 64, "transformer": 32, "deep": 32, "many": 32}
PEERS = ("sums", "recomputed", "metrics", "hooks")
STEPS = {"mlp": 100, "wide": 80, "conv": 15, "transformer": 30, "deep": 200, "many": 10}


def parsed() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backend", choices=("tensorflow", "jax", "torch"), default="tensorflow")
    parser.add_argument("--model", choices=MODELS, default="mlp")
    parser.add_argument("--epochs", type=int, default=25, help="how many turns are timed")
    parser.add_argument("--steps", type=int, default=None, help="steps in an epoch")
    parser.add_argument("--every", type=int, default=1, help="one step in so many is recorded")
    parser.add_argument("--track", nargs="*", default=["gradient"], help="what is recorded of each layer")
    parser.add_argument("--peers", action="store_true", help="also what users do without the callback")
    parser.add_argument("--append", type=Path, help="a Markdown file with a table, which gets a row more")
    return parser.parse_args()


def data(kind: str, steps: int) -> tuple[Any, Any]:
    """Random inputs and labels."""
    import numpy as np

    shape = {"conv": (32, 32, 3), "transformer": (32, 64), "mlp": (256,), "wide": (512,), "deep": (64,), "many": (8,)}
    random, size = np.random.default_rng(0), BATCHES[kind] * steps
    return random.standard_normal((size, *shape[kind]), dtype=np.float32), random.integers(0, 10, size)


def built(kind: str, optimizer: Any, base: Any = None) -> Any:
    """One of `MODELS`, always from the same weights, of Keras's own class or another."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    if kind == "conv":
        inputs = x = keras.Input((32, 32, 3))
        for _ in range(4):
            x = layers.Conv2D(32, 3, padding="same", activation="relu")(x)
        x = layers.Flatten()(layers.MaxPooling2D(4)(x))
    elif kind == "transformer":
        inputs = x = keras.Input((32, 64))
        for _ in range(2):
            x = x + layers.MultiHeadAttention(4, 16)(layers.LayerNormalization()(x), x)
            x = x + layers.Dense(64)(layers.Dense(256, "gelu")(layers.LayerNormalization()(x)))
        x = layers.GlobalAveragePooling1D()(x)
    else:
        depth, width = {"mlp": (10, 256), "wide": (10, 512), "deep": (50, 64), "many": (500, 8)}[kind]
        # Eight units with relu would be dead long before the last layer, and half of a dead network has no gradient.
        activation, rule = ("tanh", "orthogonal") if kind == "many" else ("relu", "he_normal")
        inputs = x = keras.Input((width,))
        for _ in range(depth):
            x = layers.Dense(width, activation=activation, kernel_initializer=rule)(x)
    model = (base or keras.Model)(inputs, layers.Dense(10)(x))
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def check(kind: str, x: Any, y: Any) -> float:
    """The largest error of the norms of one step, over the norm that they are of, or over 1e-4 of the largest."""
    import keras
    import numpy as np

    from keras_inits.recording import GradientNormLogger

    rate = 1024.0  # so large that rounding in the new weights does not show in the difference
    model, logger = built(kind, keras.optimizers.SGD(rate)), GradientNormLogger(per="variable")
    before = [keras.ops.convert_to_numpy(variable) for variable in model.trainable_variables]
    model.fit(x, y, batch_size=len(x), epochs=1, verbose=0, callbacks=[logger])
    after = [keras.ops.convert_to_numpy(variable) for variable in model.trainable_variables]
    pairs = zip(before, after, strict=True)
    truth = np.array([np.linalg.norm((old.astype(float) - new.astype(float)).ravel()) / rate for old, new in pairs])
    # A key's bias has no influence on attention: its gradient is zero, but for rounding.
    return float((np.abs(logger.trace.norms[0] - truth) / np.maximum(truth, 1e-4 * truth.max())).max())


def candidates(arguments: argparse.Namespace, x: Any, y: Any) -> dict[str, tuple[Any, list[Any]]]:
    """What is timed: a name, its model and its callbacks."""
    import peers

    from keras_inits.recording import GradientNormLogger

    kind, backend = arguments.model, arguments.backend
    found: dict[str, tuple[Any, list[Any]]] = {name: (built(kind, "adam"), []) for name in ("plain", "again")}
    logger = GradientNormLogger(every=arguments.every, track=arguments.track)
    found["recorded"] = built(kind, "adam"), [logger]
    if arguments.peers:
        found["sums"] = built(kind, "adam"), [GradientNormLogger()]
        model = built(kind, "adam")
        found["recomputed"] = model, [peers.recomputing(x, y, BATCHES[kind])]
        if backend == "torch":
            hooked = built(kind, "adam")
            peers.hook(hooked)
            found["hooks"] = hooked, []
        else:
            found["metrics"] = built(kind, "adam", peers.with_metrics(backend)), []
    return found


def ratios(arguments: argparse.Namespace, x: Any, y: Any) -> dict[str, list[float]]:
    """For each turn the epoch time of each candidate over that of the plain one."""
    import peers

    trained = candidates(arguments, x, y)

    def epoch(name: str) -> float:
        model, callbacks = trained[name]
        batch = BATCHES[arguments.model]
        with peers.summing() if name == "sums" else contextlib.nullcontext():
            start = time.perf_counter()
            model.fit(x, y, batch_size=batch, epochs=1, verbose=0, shuffle=False, callbacks=callbacks)
            return time.perf_counter() - start

    order = list(trained)
    for name in order * 2:  # compiles, and warms up
        epoch(name)
    found: dict[str, list[float]] = {name: [] for name in order if name != "plain"}
    for _ in range(arguments.epochs):
        order.append(order.pop(0))
        seconds = {name: epoch(name) for name in order}
        for name, values in found.items():
            values.append(seconds[name] / seconds["plain"])
    return found


def interval(recorded: list[float], again: list[float]) -> tuple[float, float]:
    """Where 95 of 100 resamplings of the turns have the recorded median over that of the second plain model."""
    import numpy as np

    turns = np.random.default_rng(0).integers(0, len(recorded), (2000, len(recorded)))
    medians = np.median(np.array(recorded)[turns], axis=1) / np.median(np.array(again)[turns], axis=1)
    low, high = np.quantile(medians, [0.025, 0.975])
    return float(low), float(high)


def quartiles(values: list[float]) -> list[float]:
    """The lower one, the median and the upper one; a single value is all three."""
    return statistics.quantiles(values) if len(values) > 1 else values * 3


def row(arguments: argparse.Namespace, found: dict[str, list[float]], limit: float, ends: tuple[float, float]) -> str:
    """The table's row of this run, below the head if it is the table's first."""
    model = arguments.model + (f", every={arguments.every}" if arguments.every > 1 else "")
    model += "".join(f", {name}" for name in arguments.track if name != "gradient")
    peers = [f"{statistics.median(found[name]):.2f}" if name in found else "" for name in PEERS]
    low, median, high = quartiles(found["again"])
    cells = [
        *(arguments.backend, model, f"{limit:.3f} ({ends[0]:.3f} {ends[1]:.3f})"),
        *(f"{median:.3f} ({low:.3f} {high:.3f})", *peers),
    ]
    lines = [cells]
    if not arguments.append.exists():
        lines = [["backend", "model", "recorded", "plain again", *PEERS], ["---"] * len(cells), cells]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    """Checks, measures, prints."""
    arguments = parsed()
    os.environ["KERAS_BACKEND"] = arguments.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    label = f"{arguments.backend} {arguments.model}"
    x, y = data(arguments.model, arguments.steps or STEPS[arguments.model])
    batch = BATCHES[arguments.model]
    error = check(arguments.model, x[:batch], y[:batch])
    print(f"{label} ({MODELS[arguments.model]}): largest relative error of a norm {error:.1e}")
    if not error < 1e-5:
        raise SystemExit("the recorded norms are wrong")
    found = ratios(arguments, x, y)
    for name, values in found.items():
        low, median, high = quartiles(values)
        print(f"{label}: {name} / plain = {median:.3f} (quartiles {low:.3f} {high:.3f})")
    ends = interval(found["recorded"], found["again"])
    limit = statistics.median(found["recorded"]) / statistics.median(found["again"])
    print(f"{label}: {limit:.3f} times plain / plain (95 percent: {ends[0]:.3f} to {ends[1]:.3f})")
    if arguments.append:
        text = row(arguments, found, limit, ends)
        with arguments.append.open("a", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
