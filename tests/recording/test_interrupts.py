"""A KeyboardInterrupt at any line of the recorder: nothing stays patched, no row is lost for good or doubled."""

import sys
import warnings
from pathlib import Path

import keras
import models
import numpy as np
import pytest

import keras_inits
from keras_inits import GradientNormLogger, GradientTrace

PACKAGE = Path(keras_inits.__file__).parent
ROOMS = tuple(str(PACKAGE / name) for name in ("recording", "backends", "_keras.py", "_swaps.py"))
STRIDE = 23
MOST_LINES = 40
"""So many of these lines are tried in one run, spread over all of them; `STRIDE` lies between two of a thorough one."""


class Interrupts:
    """Raises at a line of the package, by its number; without one, counts them."""

    def __init__(self, number=None):
        self.number, self.count, self.where = number, 0, None

    def __call__(self, frame, event, argument):
        return self.line if frame.f_code.co_filename.startswith(ROOMS) else None

    def line(self, frame, event, argument):
        if event == "line":
            self.count += 1
            if self.count == self.number:
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                raise KeyboardInterrupt
        return self.line


def fit(model, *callbacks):
    x, y = models.data()
    model.fit(x[:24], y[:24], batch_size=8, epochs=2, verbose=0, shuffle=False, callbacks=list(callbacks))


def interrupted(path, warm, number=None):
    """What went wrong, and how many lines there are."""
    model = models.compiled(models.sequential())
    logger = GradientNormLogger(sinks=path)
    fit(model, *([logger] if warm else []))
    fresh = sorted(vars(model)), sorted(vars(model.optimizer))
    before, interrupts = int(model.optimizer.iterations), Interrupts(number)
    traced = len(logger.trace)
    sys.settrace(interrupts)
    try:
        fit(model, logger)
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)
    done = int(model.optimizer.iterations) - before
    wrong = []
    if (sorted(vars(model)), sorted(vars(model.optimizer))) != fresh:
        wrong.append("something stayed patched")
    steps = logger.trace.steps.tolist()
    if len(steps) < traced + done - 1 or steps != list(range(len(steps))):
        wrong.append(f"of {traced + done} steps {steps} are in the trace")
    if path.exists() and GradientTrace.load(path).steps.tolist() != steps:
        wrong.append("file and trace differ")
    fit(model)
    fit(model, logger)
    if logger.trace.steps.tolist() != list(range(len(steps) + 6)):
        wrong.append("a later fit is not recorded")
    np.testing.assert_array_equal(GradientTrace.load(path).steps, logger.trace.steps)
    if list(path.parent.glob(".*.draft")):
        wrong.append("a draft is left")
    return [f"{interrupts.where}: {one}" for one in wrong], interrupts.count


@pytest.mark.thorough
@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
def test_at_each_line_some_strides_apart(warm, tmp_path):
    wrong, count = interrupted(tmp_path / "all.csv", warm)
    assert not wrong
    assert count > 100
    stride = max(STRIDE, count // MOST_LINES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Keras, whose first step was interrupted
        for number in range(1, count, stride):
            wrong += interrupted(tmp_path / f"{number}.csv", warm, number)[0]
    assert not wrong


@pytest.mark.parametrize("name", ["apply", "stateless_apply"])
def test_a_swap_that_is_interrupted_is_undone(name):
    """At each line of the file that swaps, and after one that was the instance's own."""
    from keras_inits._swaps import Swap, call_with

    optimizer = keras.optimizers.SGD()
    for own in (False, True):
        if own:
            object.__setattr__(optimizer, name, "own")
        before, number, ended = dict(vars(optimizer)), 0, False
        while not ended:
            number += 1
            sys.settrace(Interrupts(number))
            try:
                call_with([Swap(optimizer, name, "other"), Swap(optimizer, "another", 1)], lambda: None)
                ended = True
            except KeyboardInterrupt:
                pass
            finally:
                sys.settrace(None)
            assert vars(optimizer) == before
        assert number > 10
