"""Threads: the same bits on any number of them, no work lost or done twice, and nothing that a fork could hang on."""

import os
import threading
import time
from collections import Counter

import keras
import numpy as np
import pytest
from helpers.processes import run_python

import keras_inits as ki
from keras_inits.initializers import sampling, threads

FLOAT32 = np.dtype("float32")


@pytest.fixture
def of_threads(monkeypatch):
    return lambda count: monkeypatch.setenv(threads.VARIABLE, str(count))


@pytest.mark.parametrize("law", [ki.Uniform(seed=3), ki.Normal(seed=3), ki.TruncatedNormal(seed=3)])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_bits_do_not_depend_on_their_number(law, dtype, of_threads):
    shape = (5, sampling.CHUNK - 3)
    of_threads(1)
    alone = keras.ops.convert_to_numpy(law(shape, dtype=dtype))
    for count in (2, 7):
        of_threads(count)
        assert np.array_equal(keras.ops.convert_to_numpy(law(shape, dtype=dtype)), alone)


def test_several_threads_draw(of_threads, monkeypatch):
    names, stream_of = set(), sampling.stream_of
    both = threading.Barrier(2)

    def watched(entropy, key):
        names.add(threading.current_thread().name)
        both.wait(timeout=60)  # passes only if two threads are here at a time
        return stream_of(entropy, key)

    monkeypatch.setattr(sampling, "stream_of", watched)
    of_threads(2)
    sampling.normal((4, sampling.CHUNK), FLOAT32, (0, 1)).whole()
    assert len(names) == 2
    assert any(name.startswith("keras_inits") for name in names)


@pytest.mark.parametrize("count", [0, 1, 2, 5, 100])
def test_each_task_is_done_once(count, of_threads):
    of_threads(3)
    done = []
    threads.share(count, lambda: done.append)
    assert Counter(done) == Counter(range(count))


@pytest.mark.parametrize("bad", [0, 1, 5])
def test_an_error_is_raised_and_ends_the_others(bad, of_threads):
    of_threads(2)
    done = []

    def task(number):
        time.sleep(0.01)
        if number == bad:
            raise ZeroDivisionError("the bad task")
        done.append(number)

    with pytest.raises(ZeroDivisionError, match="the bad task"):
        threads.share(1000, lambda: task)
    assert len(done) < 100
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("keras_inits")]


def test_where_no_thread_can_be_started_the_caller_does_it_all(of_threads, monkeypatch):
    of_threads(3)

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    done = []
    threads.share(20, lambda: done.append)
    assert sorted(done) == list(range(20))


ENDING = """
import atexit, os, threading, time
import numpy as np
import keras_inits as ki

os.environ["KERAS_INITS_THREADS"] = "2"
shape, dtype = (4, 2**18), np.dtype("float32")
expected = ki.Normal(seed=3)._draw(shape, dtype)

def draw():
    time.sleep(0.3)
    assert np.array_equal(ki.Normal(seed=3)._draw(shape, dtype), expected)
    print("drawn", flush=True)

atexit.register(draw)
threading.Thread(target=draw).start()
"""


@pytest.mark.thorough
def test_it_draws_while_the_process_ends():
    assert run_python(ENDING, keras.backend.backend()).stdout.split() == ["drawn", "drawn"]


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "", "9" * 5000])
def test_a_wrong_variable_is_an_error_at_once(value, of_threads):
    of_threads(value)
    message = (
        r"variable KERAS_INITS_THREADS says .* Received: .* Expected a whole number .* Set it to one, or remove it"
    )
    with pytest.raises(ValueError, match=message):
        ki.Normal()((2, 2))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_without_the_variable_there_is_one_for_each_core_that_may_be_used(monkeypatch):
    monkeypatch.delenv(threads.VARIABLE, raising=False)
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert threads.thread_count() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert threads.thread_count() == min(threads.MAX_THREADS, len(before))


FORKS = """
import os, threading, time
import numpy as np
import keras
import keras_inits as ki
from keras_inits.initializers import seeds

os.environ["KERAS_INITS_THREADS"] = "2"
law, shape, dtype = ki.Normal(seed=3), (4, 2**18), np.dtype("float32")
expected = law._draw(shape, dtype)
busy = True

def keep_drawing():
    while busy:
        law._draw(shape, dtype)

drawing = threading.Thread(target=keep_drawing)
drawing.start()
seeds._generators.acquire()  # as if another thread were just using it
try:
    children = []
    for _ in range(5):
        child = os.fork()
        if not child:
            right = np.array_equal(law._draw(shape, dtype), expected) and seeds._generators.acquire(timeout=60)
            os._exit(0 if right else 1)
        children.append(child)
        time.sleep(0.02)
    end = time.monotonic() + 120
    while children and time.monotonic() < end:
        for child in list(children):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                assert status == 0, status
                children.remove(child)
        time.sleep(0.05)
    for child in children:
        os.kill(child, 9)
    assert not children, "a forked process hangs"
finally:
    busy = False
    drawing.join()
"""


@pytest.mark.thorough
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_process_that_is_forked_while_others_draw_can_draw():
    run_python(FORKS, keras.backend.backend())
