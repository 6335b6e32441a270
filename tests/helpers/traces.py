"""Traces written by hand, one per word of verdict."""

import numpy as np

from keras_inits.diagnosis.numbers import LayerNumbers, Moments
from keras_inits.recording import GradientTrace
from keras_inits.runs.name import Name
from keras_inits.runs.run import FindingText, Run

DEPTH = 6
PROFILES = {
    "healthy": np.linspace(0.5, 2.0, DEPTH),
    "vanishing": 10.0 ** np.arange(-2 * DEPTH, 0, 2),
    "exploding": 10.0 ** np.arange(2 * DEPTH, 0, -2),
    "zero": np.array([0.0] * (DEPTH - 1) + [1.0]),
    "nonfinite": np.array([1.0] * (DEPTH - 1) + [np.nan]),
}


def trace_of(*profiles) -> GradientTrace:
    """A trace with one step per profile."""
    norms = np.ma.array([np.ma.asarray(profile) for profile in profiles]) if profiles else np.ma.empty((0, DEPTH))
    norms = np.ma.array(norms, mask=[np.ma.getmaskarray(profile) for profile in profiles] or None)
    return GradientTrace(np.arange(len(profiles)), tuple(f"layer_{i}" for i in range(norms.shape[1])), norms)


def run_of(word: str, start: str = "he", law: str = "HeNormal()", activation: str = "tanh", seed: int = 0) -> Run:
    """A run whose trace earns the word."""
    history = {"accuracy": (0.25, 0.5), "loss": (2.0, float("nan")), "val_accuracy": (None, 0.25)}
    finding = FindingText("dead_layer", "layer_1 is zero <on the whole batch>", "HeNormal() on layer layer_1")
    trace = trace_of(PROFILES[word], PROFILES[word])
    return Run(Name(activation, start, seed), law, history, layers_of(DEPTH), (finding,), (), trace)


def layers_of(depth: int) -> tuple[LayerNumbers, ...]:
    """What a diagnosis would have measured."""
    some = Moments(0.1, 1.0, 3.0, 0)
    row = LayerNumbers(
        name="",
        layer="",
        call=1,
        kind="Dense",
        shape=(8,),
        dtype="float32",
        activation="relu",
        inputs=some,
        outputs=some,
        ratio=1.0,
        saturated=0.5,
        saturated_limit=None,
        dead=0.1,
        units=8,
        entries=512,
        normalised=None,
        identical=0.0,
        gradient=1.0,
        output_gradient=1.0,
        gradient_nonfinite=0,
        entered_nonfinite=False,
        examples=(),
        gradient_examples=(),
        bad_weights=(),
        kernels=(),
        weights=(),
    )
    names = [f"layer_{index}" for index in range(depth)]
    return tuple(row._replace(name=name, layer=name) for name in names)


def full_trace(steps=6, layers=("a", "b"), first=0) -> GradientTrace:
    """A trace that has one of everything: gaps, zeros, NaN, infinity, other quantities, all outcomes."""
    random = np.random.default_rng(first)
    tables = []
    for _ in range(3):
        values = random.lognormal(size=(steps, len(layers))) * 1e-30
        values[random.random(values.shape) < 0.2] = random.choice([0.0, -0.0, np.nan, np.inf, 1e40 / 3.0])
        tables.append(np.ma.MaskedArray(values, mask=random.random(values.shape) < 0.2))
    outcomes = random.choice(["update", "accumulate", "skip"], steps)
    clipped = np.ma.MaskedArray(random.random(steps) < 0.5, mask=random.random(steps) < 0.5)
    tracked = {"weight": tables[1], "update": tables[2]}
    return GradientTrace(first + np.arange(steps), layers, tables[0], tracked, outcomes, clipped)


def joined(*blocks: GradientTrace) -> GradientTrace:
    """Traces of the same columns, one under the other."""
    return GradientTrace(
        np.concatenate([block.steps for block in blocks]),
        blocks[0].layers,
        np.ma.concatenate([block.norms for block in blocks]),
        {name: np.ma.concatenate([block.tracked[name] for block in blocks]) for name in blocks[0].tracked},
        np.concatenate([block.outcomes for block in blocks]),
        np.ma.concatenate([block.clipped for block in blocks]),
    )


def assert_equal(trace, other):
    """Two traces are the same, to the bit, and with the same gaps."""
    np.testing.assert_array_equal(trace.steps, other.steps)
    assert trace.layers == other.layers
    assert list(trace.tracked) == list(other.tracked)
    np.testing.assert_array_equal(trace.outcomes, other.outcomes)
    pairs = [(trace.norms, other.norms), (trace.clipped, other.clipped)]
    for one, two in pairs + [(trace.tracked[name], other.tracked[name]) for name in trace.tracked]:
        np.testing.assert_array_equal(np.ma.getmaskarray(one), np.ma.getmaskarray(two))
        np.testing.assert_array_equal(one.filled(0), two.filled(0))
        zeros = one.filled(1) == 0
        np.testing.assert_array_equal(np.signbit(one.data[zeros] * 1.0), np.signbit(two.data[zeros] * 1.0))
