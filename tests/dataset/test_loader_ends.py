"""Dataset: nothing stays behind."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
from contextlib import closing, suppress

import pytest
from dataset.sets import ID, flat
from dataset.test_batches import open_files
from variants import first

from tfrecord_lite.dataset.loader import Dataset
from tfrecord_lite.parallel.read_ahead import closing_idle, read_ahead


def threads(before=()):
    return [
        item.name
        for item in threading.enumerate()
        if item.name.startswith("tfrecord_lite") and item not in before
    ]


@pytest.mark.usefixtures("small")
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
@pytest.mark.parametrize("how", ["close", "forget", "cycle", "finish"])
@pytest.mark.parametrize("kind", first(1, ["plain", "gzip"]))
@pytest.mark.parametrize("shuffle", [False, 10])
def test_nothing_stays_behind(sets, how, kind, shuffle):
    paths = [os.path.realpath(path) for path in sets[kind]]
    # Tests that interrupt at any line may leave a thread that waits for work.
    before = threading.enumerate()
    dataset = Dataset(paths, ID, batch_size=2, shuffle=shuffle)
    for _ in range(2):
        found = iter(dataset)
        next(found)
        if how == "close":
            found.close()
        elif how == "finish":
            list(found)
        elif how == "error":
            with pytest.raises(KeyError):
                found.throw(KeyError("x"))
        elif how == "cycle":
            cycle = [found]
            cycle.append(cycle)
            del cycle
        del found
        gc.collect()
        assert not open_files() & set(paths)
        assert threads(before) == []


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
@pytest.mark.parametrize("kind", ["plain", "gzip"])
def test_forgotten_after_an_exception_nothing_waits_for_the_garbage_collector(sets, kind):
    """What it raised, and what it had read, kept each other, and the iterator with them."""
    paths = [os.path.realpath(path) for path in sets[kind]]
    fails = [True]

    def at_first(batch):
        if fails.pop() if fails else False:
            raise KeyError("x")
        return batch

    gc.collect()
    gc.disable()
    try:
        found = iter(Dataset(paths, ID, batch_size=2, map=at_first))
        with suppress(KeyError):
            next(found)
        next(found)
        assert open_files() & set(paths)
        del found
        assert not open_files() & set(paths)
    finally:
        gc.enable()


def test_forgotten_in_the_thread_that_reads_ahead():
    """The garbage collector may run there: it was a traceback on standard error."""
    may_go_on, gone_on, unraisable = threading.Event(), threading.Event(), []

    def items():
        try:
            yield 0
            assert may_go_on.wait(60)
            held.clear()
            yield 1
        finally:
            gone_on.set()

    def reading(items):
        with closing_idle(items), closing(read_ahead(items)) as ahead:
            yield from ahead

    held = [reading(items())]
    assert next(held[0]) == 0
    hook, sys.unraisablehook = sys.unraisablehook, unraisable.append
    try:
        may_go_on.set()
        assert gone_on.wait(60)
    finally:
        sys.unraisablehook = hook
    assert unraisable == []


def worker_pids(dataset):
    return [worker.process.pid for worker in dataset._idle._workers]


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_workers_wait_for_the_next_epoch_and_end_with_the_dataset(sets):
    dataset = Dataset(sets["plain"], ID, batch_size=10, workers=2)
    list(dataset)
    first = worker_pids(dataset)
    list(dataset)
    assert worker_pids(dataset) == first
    # Two iterators at once have workers of their own; one pair is enough to keep.
    for _ in zip(dataset, dataset, strict=True):
        pass
    assert worker_pids(dataset) in (first, worker_pids(dataset))
    dataset.close()
    dataset.close()
    assert all(map(is_gone, first))
    list(dataset)
    second = worker_pids(dataset)
    del dataset
    gc.collect()
    assert all(map(is_gone, second))


def test_an_iterator_that_is_left_ends_its_workers(sets):
    dataset = Dataset(sets["plain"], ID, batch_size=10, workers=2)
    for _ in dataset:
        break
    gc.collect()
    assert dataset._idle is None
    assert flat(dataset) == list(range(100))
    dataset.close()


@pytest.mark.usefixtures("small")
def test_a_worker_that_is_killed(sets):
    with Dataset(sets["plain"], ID, batch_size=2, workers=2) as dataset:
        list(dataset)
        pids = worker_pids(dataset)
        found = iter(dataset)
        next(found)
        os.kill(pids[0], signal.SIGKILL)
        with pytest.raises(RuntimeError, match=f"worker process {pids[0]} was killed by signal 9"):
            list(found)
        # The next epoch has new ones.
        assert flat(dataset) == list(range(100))


SCRIPT = """
import os, sys
from tfrecord_lite.dataset.loader import Dataset
from tfrecord_lite.parallel.read_ahead import closing_idle, read_ahead
dataset = Dataset({paths!r}, batch_size=5, workers=2)
found = iter(dataset)
print(next(found)["id"].tolist())
{ending}
"""


@pytest.mark.parametrize("ending", ["", "list(found)", "keep = [found]; keep.append(keep)"])
def test_a_script_ends_in_peace(sets, ending):
    """Without a guard, in the middle of an epoch or after it."""
    program = SCRIPT.format(paths=sets["plain"], ending=ending)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[0, 1, 2, 3, 4]\n", "")


def test_in_a_fork(sets):
    """A fork makes workers of its own, and does no harm to those of its parent."""
    with Dataset(sets["plain"], ID, batch_size=10, workers=1) as dataset:
        list(dataset)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = 0 if flat(dataset) == list(range(100)) else 2
                dataset.close()
            finally:
                os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0
        assert flat(dataset) == list(range(100))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_fork_lets_go_of_what_its_parent_reads_ahead():
    """It waited for the thread that reads, which it has not, for ever."""
    reads, may_go_on = threading.Event(), threading.Event()

    def items():
        yield 0
        reads.set()
        assert may_go_on.wait(60)
        yield 1

    def reading(items):
        with closing_idle(items), closing(read_ahead(items)) as ahead:
            yield from ahead

    held = [reading(items())]
    assert next(held[0]) == 0
    assert reads.wait(60)
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(20)
        held.clear()
        os._exit(0)
    try:
        assert os.waitpid(pid, 0)[1] == 0
    finally:
        may_go_on.set()
    assert list(held[0]) == [1]


def test_pickled_after_an_epoch_with_workers(sets):
    with Dataset(sets["plain"], ID, batch_size=7, workers=1) as dataset:
        first = list(dataset)
        with pickle.loads(pickle.dumps(dataset)) as copy:
            assert copy.state_dict() == dataset.state_dict()
            assert len(list(copy)) == len(first)
        assert len(list(dataset)) == len(first)
