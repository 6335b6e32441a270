"""What it costs to record every layer's gradient norm, beside what users do to see gradients without the callback.

Run: python benchmarks/recording.py --backend tensorflow [--model mlp] [--peers] [--every 20]
     [--append docs/explanation/recording-table.md]

Equal models are trained in turn, an epoch each, in an order that rotates:

    plain      without the callback
    again      the same: what its ratio differs from 1 by is chance
    sums       the callback with the backend's own float32 sum of squares of each gradient, which reads every entry
               once, and is wrong where a square leaves the range of float32
    recorded   the callback
    everything the callback with all that `track=` knows by name

and, with `--peers`, what users do: `recomputed` takes the gradient of each batch again, in a callback; `metrics` is a
train_step of the user's own that returns every norm as a metric (TensorFlow and JAX); `hooks` has a hook on each
parameter that reads its norm with `.item()` (torch).

What is compared is the processor time of an epoch, of all threads, which other programs on the machine disturb less
than the time on the clock; torch has one thread. Ratios are of epochs of one turn; of each the median over the turns is
printed, with an interval of 95 percent by bootstrap over the turns. Before that the recorded norms are checked: after
one step of plain gradient descent from w to v, NumPy finds them in (w - v) / rate.
"""

import argparse
import contextlib
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

MODELS = {
    "mlp": "10 dense layers of 256 units, batch 128",
    "wide": "10 dense layers of 512 units, batch 32",
    "conv": "4 convolutions of 32 channels, batch 64",
    "transformer": "2 blocks of attention, 64 channels, batch 32",
    "deep": "50 dense layers of 64 units, batch 32",
    "many": "500 dense layers of 8 units, batch 32",
}
BATCHES = {"mlp": 128, "wide": 32, "conv": 64, "transformer": 32, "deep": 32, "many": 32}
EVERYTHING = ("weight", "update", "largest", "zeros", "nonfinite")
RATIOS = (("again", "plain"), ("sums", "plain"), ("recorded", "plain"), ("recorded", "sums"), ("everything", "sums"))
PEERS = ("recomputed", "metrics", "hooks")
STEPS = {"mlp": 100, "wide": 80, "conv": 15, "transformer": 30, "deep": 200, "many": 10}


def parsed() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backend", choices=("tensorflow", "jax", "torch"), default="tensorflow")
    parser.add_argument("--model", choices=MODELS, default="mlp")
    parser.add_argument("--epochs", type=int, default=25, help="how many turns are timed")
    parser.add_argument("--steps", type=int, default=None, help="steps in an epoch")
    parser.add_argument("--every", type=int, default=1, help="one step in so many is recorded")
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
    for name in ("sums", "recorded", "everything"):
        track = EVERYTHING if name == "everything" else ("gradient",)
        found[name] = built(kind, "adam"), [GradientNormLogger(every=arguments.every, track=track)]
    if arguments.peers:
        model = built(kind, "adam")
        found["recomputed"] = model, [peers.recomputing(x, y, BATCHES[kind])]
        if backend == "torch":
            hooked = built(kind, "adam")
            peers.hook(hooked)
            found["hooks"] = hooked, []
        else:
            found["metrics"] = built(kind, "adam", peers.with_metrics(backend)), []
    return found


def timed(arguments: argparse.Namespace, x: Any, y: Any) -> dict[str, list[float]]:
    """For each turn the processor time of an epoch of each candidate."""
    import peers

    trained = candidates(arguments, x, y)

    def epoch(name: str) -> float:
        model, callbacks = trained[name]
        batch = BATCHES[arguments.model]
        with peers.summing() if name == "sums" else contextlib.nullcontext():
            start = time.process_time()
            model.fit(x, y, batch_size=batch, epochs=1, verbose=0, shuffle=False, callbacks=callbacks)
            return time.process_time() - start

    order = list(trained)
    for name in order * 2:  # compiles, and warms up
        epoch(name)
    found: dict[str, list[float]] = {name: [] for name in order}
    for _ in range(arguments.epochs):
        order.append(order.pop(0))
        for name in order:
            found[name].append(epoch(name))
    return found


class Ratio(NamedTuple):
    """The median of some ratios, and where 95 of 100 resamplings of the turns have it."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        """As it stands in the table."""
        return f"{self.median:.3f} ({self.low:.3f} {self.high:.3f})"


def ratio(seconds: dict[str, list[float]], name: str, other: str) -> Ratio:
    """The time of one candidate over that of another."""
    import numpy as np

    ratios = np.array(seconds[name]) / np.array(seconds[other])
    turns = np.random.default_rng(0).integers(0, len(ratios), (2000, len(ratios)))
    low, high = np.quantile(np.median(ratios[turns], axis=1), [0.025, 0.975])
    return Ratio(float(np.median(ratios)), float(low), float(high))


def row(arguments: argparse.Namespace, seconds: dict[str, list[float]]) -> str:
    """The table's row of this run, below the head if it is the table's first."""
    model = arguments.model + (f", every={arguments.every}" if arguments.every > 1 else "")
    peers = [f"{ratio(seconds, name, 'plain').median:.2f}" if name in seconds else "" for name in PEERS]
    cells = [arguments.backend, model, *(str(ratio(seconds, *pair)) for pair in RATIOS), *peers]
    lines = [cells]
    if not arguments.append.exists():
        head = ["backend", "model", *(f"{name} / {other}" for name, other in RATIOS), *PEERS]
        lines = [head, ["---"] * len(cells), cells]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    """Checks, measures, prints."""
    arguments = parsed()
    os.environ["KERAS_BACKEND"] = arguments.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["OMP_NUM_THREADS"] = "1"  # torch's threads wait for each other in a loop, which is processor time too
    label = f"{arguments.backend} {arguments.model}"
    x, y = data(arguments.model, arguments.steps or STEPS[arguments.model])
    batch = BATCHES[arguments.model]
    error = check(arguments.model, x[:batch], y[:batch])
    print(f"{label} ({MODELS[arguments.model]}): largest relative error of a norm {error:.1e}")
    if not error < 1e-5:
        raise SystemExit("the recorded norms are wrong")
    seconds = timed(arguments, x, y)
    for name, other in (*RATIOS, *((name, "plain") for name in PEERS if name in seconds)):
        print(f"{label}: {name} / {other} = {ratio(seconds, name, other)}")
    if arguments.append:
        text = row(arguments, seconds)
        with arguments.append.open("a", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
