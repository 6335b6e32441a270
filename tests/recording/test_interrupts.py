"""A KeyboardInterrupt at any line of the recorder: nothing stays patched, no row is lost for good or doubled."""

import inspect
import sys
import tempfile
import warnings
from pathlib import Path

import keras
import pytest
from helpers import models

import keras_inits
from keras_inits import GradientNormLogger, GradientTrace

PACKAGE = Path(keras_inits.__file__).parent
ROOMS = tuple(str(PACKAGE / name) for name in ("recording", "backends", "_keras.py", "_swaps.py"))
STRIDE = 23 if keras.backend.backend() == "torch" else 47
"""Of the moments at which each line of the package runs for the first and for the last time, one in so many is tried,
and fewer where each fit is traced anew. By hand one can try all:
`KERAS_BACKEND=torch python tests/recording/test_interrupts.py warm 1`."""


class Interrupts:
    """Raises when a number of lines of the package have run, or at a line; without either, notes when each runs."""

    def __init__(self, at=None):
        self.at, self.count, self.where = at, 0, None
        self.first, self.last = {}, {}

    def __call__(self, frame, event, argument):
        return self.line if frame.f_code.co_filename.startswith(ROOMS) else None

    def line(self, frame, event, argument):
        if event == "line":
            self.count += 1
            place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            if self.at in (self.count, place) and self.where is None:
                self.where = place
                raise KeyboardInterrupt
            self.first.setdefault(place, self.count)
            self.last[place] = self.count
        return self.line

    @property
    def moments(self):
        """When each line runs for the first and for the last time, rising."""
        return sorted({*self.first.values(), *self.last.values()})


def places_of(function):
    """The lines of a function, as `Interrupts` names them."""
    lines, first = inspect.getsourcelines(function)
    return [f"{inspect.getsourcefile(function)}:{first + number}" for number in range(len(lines))]


def fit(model, *callbacks):
    x, y = models.data()
    model.fit(x[:24], y[:24], batch_size=8, epochs=2, verbose=0, shuffle=False, callbacks=list(callbacks))


def interrupted(path, warm, at=None):
    """What went wrong, and the moments at which to interrupt."""
    model = models.compiled(models.sequential())
    logger = GradientNormLogger(sinks=path)
    fit(model, *([logger] if warm else []))
    fresh = sorted(vars(model)), sorted(vars(model.optimizer))
    before, interrupts = int(model.optimizer.iterations), Interrupts(at)
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
    if not path.exists() or GradientTrace.load(path).steps.tolist() != logger.trace.steps.tolist():
        wrong.append("a later fit is not in the file")
    if list(path.parent.glob(".*.draft.*")):
        wrong.append("a draft is left")
    return [f"{interrupts.where}: {one}" for one in wrong], interrupts


def tried(folder, warm, stride):
    """What went wrong at one in so many moments, and how many there are."""
    wrong, interrupts = interrupted(folder / "all.csv", warm)
    moments = interrupts.moments
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Keras, whose first step was interrupted
        for number in moments[::stride]:
            wrong += interrupted(folder / f"{number}.csv", warm, number)[0]
    return wrong, len(moments)


@pytest.mark.thorough
@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
def test_at_each_line_some_strides_apart(warm, tmp_path):
    wrong, count = tried(tmp_path, warm, STRIDE)
    assert not wrong
    assert count > 500


@pytest.mark.thorough
@pytest.mark.backend("tensorflow")
@pytest.mark.filterwarnings("ignore")  # of Keras, whose first step was interrupted
def test_at_each_line_that_makes_room_for_rows(tmp_path):
    from keras_inits.backends.tensorflow.ring import Ring

    reached = set()
    for number, place in enumerate(places_of(Ring.make)):
        wrong, interrupts = interrupted(tmp_path / f"{number}.csv", False, place)
        assert wrong == []
        reached.add(interrupts.where)
    assert len(reached - {None}) >= 2


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


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        faults, number = tried(Path(folder), sys.argv[1] == "warm", int(sys.argv[2]))
        print(*faults, f"{len(faults)} faults at {number} moments, one in {sys.argv[2]} tried", sep="\n")
