"""Calls in other threads: in their order, raised where they are asked for, and to an end."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time

import pytest

from tfrecord_lite.parallel import threads
from tfrecord_lite.parallel.read_ahead import read_ahead
from tfrecord_lite.parallel.threads import Threads, one_behind


def named() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "test-threads"]


def test_calls_are_made_in_their_order_and_raise_where_they_are_asked_for() -> None:
    pool = Threads(1, "test-threads")
    made: list[int] = []
    calls = [pool.submit(lambda number: made.append(number) or 7 // number, n) for n in (3, 0, 1)]
    assert calls[2].result() == 7
    assert made == [3, 0, 1]
    assert calls[0].result() == 2
    with pytest.raises(ZeroDivisionError):
        calls[1].result()
    assert len(named()) == 1
    pool.close()
    assert not named()
    pool.close()
    with pytest.raises(RuntimeError, match="to end"):
        pool.submit(int)


def test_close_waits_for_what_has_begun_and_cancels_what_has_not() -> None:
    pool = Threads(2, "test-threads")
    begun, go_on, made = threading.Semaphore(0), threading.Event(), []

    def work(number: int) -> None:
        begun.release()
        assert go_on.wait(30)
        made.append(number)

    for number in range(5):
        pool.submit(work, number)
    assert begun.acquire(timeout=30)
    assert begun.acquire(timeout=30)
    closing = threading.Thread(target=pool.close)
    closing.start()
    closing.join(0.01)
    assert closing.is_alive()
    go_on.set()
    closing.join(30)
    assert sorted(made) == [0, 1]
    assert not named()


def test_whoever_waits_for_a_call_that_close_cancels_waits_no_longer() -> None:
    """A thread waited for a call of another pool, and the end of the interpreter for the thread."""
    inner, outer = Threads(1, "test-threads"), Threads(1, "test-threads")
    begun, go_on, told = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go_on.wait(30)

    inner.submit(work)
    assert begun.wait(30)
    call = inner.submit(int, if_cancelled=told.set)
    waiting = outer.submit(call.result)
    closing = threading.Thread(target=inner.close)
    closing.start()
    assert told.wait(30)
    with pytest.raises(RuntimeError, match="was not made"):
        waiting.result()
    assert call.cancel()
    go_on.set()
    closing.join(30)
    outer.close()
    assert not named()


def test_a_thread_that_closes_its_own_pool_does_not_wait_for_itself() -> None:
    pool = Threads(1, "test-threads")
    assert pool.submit(pool.close).result() is None
    with pytest.raises(RuntimeError):
        pool.submit(int)


def test_where_the_system_has_no_named_thread_calls_are_made_all_the_same(monkeypatch) -> None:
    class Refused(threading.Thread):
        def start(self) -> None:
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threads, "Thread", Refused)
    pool = Threads(1, "test-threads")
    assert pool.submit(int, "12").result() == 12
    pool.close()


def test_the_interpreter_ends_with_an_iterator_that_is_not_at_its_end(tmp_path) -> None:
    code = f"""if True:
        import numpy as np, tfrecord_lite as tfr
        path = {str(tmp_path / "a")!r}
        tfr.write_examples(path, {{"id": np.arange(200_000)}}, compression="GZIP")
        batches = tfr.read_batches(path, {{"id": int}}, batch_size=10)
        epoch = iter(tfr.Dataset(path, {{"id": int}}, batch_size=10))
        print(len(next(batches)["id"]), len(next(epoch)["id"]))
    """
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "10 10\n", "")


def test_the_interpreter_ends_with_a_file_that_outlives_the_modules(tmp_path) -> None:
    code = f"""if True:
        import os, tfrecord_lite as tfr
        path = {str(tmp_path / "a")!r}
        tfr.write_records(path, [b"a"])
        os.kept = tfr.RecordFile(path)
        print(os.kept[0])
    """
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "b'a'\n", "")


@pytest.mark.parametrize("in_a_cycle", [False, True])
def test_threads_that_are_forgotten_end_whatever_interrupts(in_a_cycle, monkeypatch) -> None:
    """No code of ours runs then, in which an interrupt would be ignored."""
    gc.collect()  # what other tests have left
    ignored = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    pool = Threads(1, "test-threads")
    pool.submit(int).result()
    (thread,) = named()
    if in_a_cycle:
        pool.itself = pool

    def interrupt(frame, *_):
        if frame.f_code.co_filename == threads.__file__:
            raise KeyboardInterrupt

    before = sys.gettrace()
    sys.settrace(interrupt)
    try:
        del pool
        gc.collect()
    finally:
        sys.settrace(before)
    thread.join(30)
    assert not thread.is_alive()
    assert not ignored


@pytest.mark.parametrize("where", ["Thread._bootstrap_inner", "Condition.notify_all"])
def test_garbage_that_is_collected_by_the_thread_that_begins(where, monkeypatch) -> None:
    """What ends the pool would wait for the thread that it runs in, and hold all collections up."""
    forgotten, met = threading.Event(), []
    kind, name = where.split(".")
    original = getattr(getattr(threading, kind), name)

    def collecting(self, *args):
        if threading.get_ident() != threading.main_thread().ident:
            met.append(self)
            forgotten.wait(30)
            gc.collect()
        return original(self, *args)

    gc.disable()
    try:
        items = read_ahead(iter(range(10)))
        monkeypatch.setattr(getattr(threading, kind), name, collecting)
        assert next(items) == 0
        cycle = [items]
        cycle.append(cycle)
        del items, cycle
        while not met:
            time.sleep(0.001)
        forgotten.set()
        for _ in range(1000):
            left = [each for each in threading.enumerate() if each.name == "tfrecord_lite-read"]
            if not left:
                break
            time.sleep(0.01)
        assert not left
    finally:
        gc.enable()


def test_one_call_behind_the_caller():
    """Calls are made in order, each once the one before has ended."""
    running, order = [], []

    def call(number):
        running.append(number)
        assert len(running) == 1
        time.sleep(0.001)
        running.remove(number)
        order.append(number)

    with one_behind("test") as later:
        for number in range(20):
            later(call, number)
    assert order == list(range(20))


@pytest.mark.parametrize("calls", [1, 2])
def test_what_the_call_behind_raises_comes_with_the_next_or_at_the_end(calls):
    done = []

    def calling():
        with one_behind("test") as later:
            for _ in range(calls):
                later(int, "no number")
                done.append("called")
            done.append("body")

    with pytest.raises(ValueError, match="no number"):
        calling()
    assert done == ["called", "body"][: 3 - calls]


def test_an_exception_waits_for_the_call_behind():
    begun, ended = threading.Event(), []

    def slow():
        begun.set()
        time.sleep(0.05)
        ended.append(True)

    def calling():
        with one_behind("test") as later:
            later(slow)
            begun.wait()
            raise KeyError("of the caller")

    with pytest.raises(KeyError, match="of the caller"):
        calling()
    assert ended
