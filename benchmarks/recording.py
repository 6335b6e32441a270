"""What it costs to record the gradient norm of every layer at every step.

Run: python benchmarks/recording.py --backend tensorflow --model mlp

Three equal models are trained in turn, an epoch each, in an order that rotates: `plain`, `again` (plain as well) and
`recorded`. Of each turn two ratios of epoch times are kept, recorded / plain and again / plain: the second says how
well this machine can tell two equal things apart. Both are printed as their median and quartiles. Before that the
recorded norms are checked: after one step of plain gradient descent from w to v, NumPy finds them in (w - v) / rate.
"""

import argparse
import os
import statistics
import time
from typing import Any

WIDTH, DEPTH = 256, 10


def parsed() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--backend", choices=("tensorflow", "jax", "torch"), default="tensorflow")
    parser.add_argument("--model", choices=("mlp", "conv"), default="mlp")
    parser.add_argument("--epochs", type=int, default=25, help="how many turns are timed")
    parser.add_argument("--steps", type=int, default=None, help="steps in an epoch (mlp: 40, conv: 15)")
    return parser.parse_args()


def built(kind: str, optimizer: Any) -> Any:
    """Ten dense layers of 256 units, or four convolutions of 32 channels; always from the same weights."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    if kind == "conv":
        body = [keras.Input((32, 32, 3))]
        body += [layers.Conv2D(32, 3, padding="same", activation="relu") for _ in range(4)]
        body += [layers.MaxPooling2D(4), layers.Flatten()]
    else:
        body = [keras.Input((WIDTH,)), *(layers.Dense(WIDTH, activation="relu") for _ in range(DEPTH))]
    model = keras.Sequential([*body, layers.Dense(10)])
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def check(kind: str, x: Any, y: Any) -> float:
    """The largest relative error of the norms of one step."""
    import keras
    import numpy as np

    from keras_inits.recording import GradientNormLogger

    rate = 1024.0  # so large that rounding in the new weights does not show in the difference
    model, logger = built(kind, keras.optimizers.SGD(rate)), GradientNormLogger(per="variable")
    before = model.get_weights()
    model.fit(x, y, batch_size=len(x), epochs=1, verbose=0, callbacks=[logger])
    pairs = zip(before, model.get_weights(), strict=True)
    truth = [np.linalg.norm((old.astype(float) - new.astype(float)).ravel()) / rate for old, new in pairs]
    return float(np.abs(logger.trace.norms[0] / truth - 1.0).max())


def ratios(kind: str, x: Any, y: Any, batch: int, epochs: int) -> tuple[list[float], list[float]]:
    """For each turn the epoch time of the recorded and of the second plain model, over that of the first."""
    from keras_inits.recording import GradientNormLogger

    models = {name: built(kind, "adam") for name in ("plain", "again", "recorded")}
    callbacks: dict[str, list[Any]] = {"plain": [], "again": [], "recorded": [GradientNormLogger()]}

    def epoch(name: str) -> float:
        start = time.perf_counter()
        models[name].fit(x, y, batch_size=batch, epochs=1, verbose=0, shuffle=False, callbacks=callbacks[name])
        return time.perf_counter() - start

    order = list(models)
    for name in order * 2:  # compiles, and warms up
        epoch(name)
    recorded, again = [], []
    for _ in range(epochs):
        order.append(order.pop(0))
        seconds = {name: epoch(name) for name in order}
        recorded.append(seconds["recorded"] / seconds["plain"])
        again.append(seconds["again"] / seconds["plain"])
    return recorded, again


def main() -> None:
    """Checks, measures, prints."""
    arguments = parsed()
    os.environ["KERAS_BACKEND"] = arguments.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import numpy as np

    batch, shape = (64, (32, 32, 3)) if arguments.model == "conv" else (128, (WIDTH,))
    steps = arguments.steps or (15 if arguments.model == "conv" else 40)
    random = np.random.default_rng(0)
    x = random.standard_normal((batch * steps, *shape), dtype=np.float32)
    y = random.integers(0, 10, batch * steps)

    error = check(arguments.model, x[:batch], y[:batch])
    print(f"{arguments.backend} {arguments.model}: largest relative error of a norm {error:.1e}")
    if not error < 1e-5:
        raise SystemExit("the recorded norms are wrong")
    recorded, again = ratios(arguments.model, x, y, batch, arguments.epochs)
    for name, values in (("recorded / plain", recorded), ("plain / plain", again)):
        low, median, high = statistics.quantiles(values) if len(values) > 1 else values * 3
        print(f"{arguments.backend} {arguments.model}: {name} = {median:.3f} (quartiles {low:.3f} {high:.3f})")
    limit = statistics.median(recorded) / statistics.median(again)
    print(f"{arguments.backend} {arguments.model}: {limit:.3f} times plain / plain")


if __name__ == "__main__":
    main()
