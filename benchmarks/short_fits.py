"""What the callback costs in fits of a few steps, as reinforcement or federated learning has them in a loop.

Run: KERAS_BACKEND=jax python benchmarks/short_fits.py [--fits 60]

A small network is fitted again and again for five steps: without the callback (`plain`), with one that stays (`same`),
and with a new one for each fit (`new`). The three take turns. What is printed is the median processor time of a fit
over that of `plain`. All rows of the last fits are checked to be there.
"""

import argparse
import statistics
import time

import keras
import numpy as np

from keras_inits import GradientNormLogger

STEPS, WARM_UP = 5, 5


def built() -> keras.Model:
    """A network of two layers, whose step takes less than anything around it."""
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5, "tanh"), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def main() -> None:
    """Measures, and prints the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fits", type=int, default=60, help="of each kind")
    fits = parser.parse_args().fits
    x = np.random.default_rng(0).standard_normal((8 * STEPS, 6)).astype("float32")
    same = GradientNormLogger()
    loggers = {"plain": lambda: None, "same": lambda: same, "new": GradientNormLogger}
    models = {name: built() for name in loggers}
    seconds: dict[str, list[float]] = {name: [] for name in loggers}
    for _ in range(WARM_UP + fits):
        for name, make in loggers.items():
            logger, start = make(), time.process_time()
            callbacks = [] if logger is None else [logger]
            models[name].fit(x, x[:, :1], batch_size=8, verbose=0, callbacks=callbacks)
            seconds[name].append(time.process_time() - start)
            assert logger in (None, same) or len(logger.trace) == STEPS
    assert len(same.trace) == STEPS * (WARM_UP + fits)
    medians = {name: statistics.median(values[WARM_UP:]) for name, values in seconds.items()}
    ratios = ", ".join(f"{name} / plain = {medians[name] / medians['plain']:.2f}" for name in ("same", "new"))
    print(f"{keras.backend.backend()}: plain {1000 * medians['plain']:.1f} ms, {ratios}")


if __name__ == "__main__":
    main()
