"""Workers: processes that do tasks, and how they end."""

from __future__ import annotations

import atexit
import gc
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from functools import partial

import numpy as np
import pytest

from tfrecord_lite.errors import CorruptRecordError
from tfrecord_lite.parallel import workers as workers_room
from tfrecord_lite.parallel.workers import Workers

in_both_ways = pytest.mark.parametrize(
    "make", [True, False], ids=["shared", "pipes"], indirect=True
)
needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")


@pytest.fixture(params=[True])
def make(request, monkeypatch):
    """Make workers that are ended after the test, and leave nothing behind.

    They have shared memory, if there is any, or none.
    """
    if not request.param:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    made = []

    def start(job, count, **options):
        made.append(Workers(job, count, **options))
        return made[-1]

    before, others = open_files(), children()
    yield start
    for item in made:
        item.close()
    made.clear()
    gc.collect()
    assert open_files() <= before
    assert set(children()) <= set(others), "what other tests left is not ours"


def open_files():
    if not os.path.isdir("/proc/self/fd"):
        return 0
    return len(os.listdir("/proc/self/fd"))


def children():
    """Return the processes, dead or alive, that this one has not waited for."""
    try:
        with open(f"/proc/self/task/{threading.get_native_id()}/children") as file:
            return file.read().split()
    except FileNotFoundError:
        return []


def pids(workers):
    return [worker.process.pid for worker in workers._workers]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


def wait_until_gone(found):
    deadline = time.monotonic() + 20
    while any(map(alive, found)):
        assert time.monotonic() < deadline, "a worker lives on"
        time.sleep(0.02)


@in_both_ways
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("tasks", [0, 1, 13])
def test_results_come_in_order(make, count, tasks):
    workers = make(abs, count)
    for _ in range(2):
        assert list(workers.map(range(-tasks, 0))) == list(range(tasks, 0, -1))
    assert not workers.closed


@in_both_ways
def test_arrays_come_across_and_stay(make):
    workers = make(np.negative, 2)
    tasks = [np.full((size, 3), size, np.int32) for size in (0, 1, 1000, 200_000, 3) * 4]
    found = list(workers.map(tasks))
    for task, result in zip(tasks, found, strict=True):
        assert result.dtype == np.int32
        assert np.array_equal(result, -task)
        result[...] = 1


def test_tasks_are_taken_a_few_ahead(make):
    taken = []
    results = make(abs, 2).map(taken.append(n) or n for n in range(100))
    next(results)
    assert len(taken) <= 2 * 2 + 1
    results.close()


def fail(kind):
    if kind == "damage":
        raise CorruptRecordError("bad", path="a.tfrecord", record=3, offset=90, expected=1)
    if kind == "system":
        raise FileNotFoundError(2, "No such file or directory", "a.tfrecord")
    if kind == "bug":
        raise ZeroDivisionError("one over nothing")
    if kind == "exit":
        os._exit(3)
    if kind == "slow exit":
        # As libraries do that end their threads.
        atexit.register(time.sleep, 0.3)
        sys.exit(3)
    if kind == "print":
        print("hello " * 10_000)
    if kind == "run":
        # As ffmpeg does, it reads its standard input.
        return subprocess.run(["cat"], check=True, stdout=subprocess.PIPE).stdout
    if kind == "ask":
        return sys.stdin.read()
    return kind


@pytest.fixture
def importable(monkeypatch):
    """Let worker processes import this module."""
    monkeypatch.syspath_prepend(os.path.dirname(__file__))
    import test_workers

    return test_workers


@in_both_ways
@pytest.mark.parametrize(
    ("kind", "error", "text"),
    [
        ("damage", CorruptRecordError, r"a\.tfrecord: record 3 at byte 90: bad"),
        ("system", FileNotFoundError, r"No such file or directory: 'a\.tfrecord'"),
        ("bug", RuntimeError, r"a worker failed:\nTraceback (.|\n)*one over nothing"),
        ("exit", RuntimeError, r"worker process \d+ ended with exit code 3"),
    ],
)
def test_an_error_comes_in_its_place_and_ends_all(make, importable, kind, error, text):
    workers = make(importable.fail, 2)
    found = pids(workers)
    results = workers.map(["fine", "good", kind, "never"])
    assert [next(results), next(results)] == ["fine", "good"]
    with pytest.raises(error, match=text) as caught:
        next(results)
    if kind == "damage":
        assert (caught.value.record, caught.value.expected) == (3, 1)
    assert list(results) == []
    assert workers.closed
    wait_until_gone(found)
    with pytest.raises(RuntimeError, match="have ended"):
        next(workers.map([1]))


def test_an_error_of_the_tasks_ends_all(make):
    def tasks():
        yield 1
        raise KeyError("tasks")

    workers = make(abs, 1)
    with pytest.raises(KeyError, match="tasks"):
        list(workers.map(tasks()))
    assert workers.closed


@in_both_ways
def test_what_a_worker_prints_is_no_result(make, importable, capfd):
    assert list(make(importable.fail, 1).map(["print", "more"])) == ["print", "more"]
    assert capfd.readouterr().err.startswith("hello hello")


@in_both_ways
def test_tasks_are_no_standard_input(make, importable):
    """Programs that read it took the tasks, and all hung."""
    workers = make(importable.fail, 1, timeout=30)
    assert list(workers.map(["run", "ask", "more"])) == [b"", "", "more"]


@in_both_ways
@needs_proc
@pytest.mark.parametrize("when", ["idle", "busy"])
def test_killed(make, when):
    workers = make(time.sleep, 2)
    results = workers.map([0, 0, 60 if when == "busy" else 0, 0, 0, 0, 0])
    next(results)
    for pid in pids(workers):
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(
        RuntimeError, match=r"was killed by signal 9, at work on .*; perhaps memory was short"
    ):
        list(results)
    assert workers.closed


@in_both_ways
def test_a_worker_that_cannot_begin(make, monkeypatch):
    monkeypatch.setattr(workers_room, "_PROGRAM", "import sys; sys.exit('no such luck')")
    with pytest.raises(
        RuntimeError, match=r"ended with exit code 1(, at work on 1)?; what it wrote"
    ):
        list(make(abs, 2).map([1, 2, 3, 4, 5]))


@pytest.mark.parametrize(("name", "value"), [("executable", ""), ("frozen", True)])
def test_no_interpreter(monkeypatch, name, value):
    monkeypatch.setattr(sys, name, value, raising=False)
    with pytest.raises(RuntimeError, match=r"sys\.executable=.* is no Python.*use workers=0"):
        Workers(abs, 1)


@in_both_ways
@pytest.mark.parametrize(
    ("patience", "text"),
    [(30, "ended with exit code 3"), (0.05, "gave no more results, and had not ended 0.05 sec")],
)
def test_one_that_ends_slowly_was_not_killed(make, importable, monkeypatch, patience, text):
    """It was said to be killed by a signal, which was our own."""
    monkeypatch.setattr(workers_room, "_SECONDS_TO_END", 0)
    monkeypatch.setattr(workers_room, "_SECONDS_TO_DIE", patience)
    with pytest.raises(RuntimeError, match=f"{text}.*, at work on slow exit; what it wrote"):
        list(make(importable.fail, 1).map(["fine", "slow exit"]))


@needs_proc
@in_both_ways
def test_killed_between_two_maps(make):
    workers = make(abs, 2)
    assert list(workers.map([-1, -2])) == [1, 2]
    found = pids(workers)
    for worker in workers._workers:
        worker.process.kill()
        worker.process.wait()
    with pytest.raises(RuntimeError, match=f"worker process {found[0]} was killed by signal 9"):
        list(workers.map([-1]))


@pytest.mark.parametrize("make", [False], indirect=True)
def test_one_that_ends_before_it_is_told_its_job(make, monkeypatch):
    monkeypatch.setattr(workers_room, "_PROGRAM", "raise SystemExit(7)")
    with pytest.raises(RuntimeError, match="worker process .* ended with exit code 7"):
        make(partial(max, b"x" * (1 << 22)), 2)


@pytest.mark.parametrize("some", [0, 3])
@pytest.mark.parametrize("whole", [0, 1, 2])
def test_one_whose_parent_stops_while_it_starts_says_nothing(whole, some):
    """It wrote a traceback, of an EOFError, for each worker."""
    parts = pickle.dumps(sys.path), pickle.dumps(False), pickle.dumps((b"job", [b"x" * 200]))
    done = subprocess.run(
        [sys.executable, "-c", workers_room._PROGRAM],
        input=b"".join(parts[:whole]) + parts[whole][:some],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_system_that_starts_no_process(make, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(FileNotFoundError):
        make(abs, 2)


@pytest.mark.parametrize("how", ["close", "forget", "cycle", "map"])
def test_they_end(make, how):
    workers = Workers(abs, 2)
    found = pids(workers)
    results = workers.map(iter(range(100)))
    next(results)
    if how == "close":
        workers.close()
        workers.close()
    elif how == "map":
        results.close()
        assert workers.closed
    elif how == "cycle":
        cycle = [results]
        cycle.append(cycle)
        del cycle
    del results, workers
    gc.collect()
    wait_until_gone(found)


def test_one_that_does_not_end_by_itself_is_made_to(make, monkeypatch):
    monkeypatch.setattr(workers_room, "_SECONDS_TO_END", 0.1)
    workers = make(time.sleep, 2)
    results = workers.map([0, 600, 600])
    next(results)
    found = pids(workers)
    results.close()
    wait_until_gone(found)


PREAMBLE = """
import os, signal, sys, time
from tfrecord_lite.parallel.workers import Workers
workers = Workers(time.sleep, 2)
results = workers.map([0] * 1000)
next(results)
print(*(worker.process.pid for worker in workers._workers), flush=True)
"""


@needs_proc
@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("raise KeyError('x')", 1),
        ("os._exit(4)", 4),
        ("os.kill(os.getpid(), signal.SIGKILL)", -9),
        ("os.kill(os.getpid(), signal.SIGTERM)", -15),
        ("sys.modules['keep'] = results", 0),
    ],
)
def test_they_end_with_the_interpreter_however_it_ends(ending, code):
    program = PREAMBLE + ending
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code
    if "raise" not in ending:
        assert done.stderr == ""
    found = list(map(int, done.stdout.split()))
    assert len(found) == 2
    wait_until_gone(found)


@needs_proc
def test_ctrl_c_is_the_parents_to_handle():
    program = PREAMBLE + textwrap.dedent(
        """
        try:
            os.killpg(0, signal.SIGINT)
            time.sleep(10)
        except KeyboardInterrupt:
            pass
        print(sum(1 for _ in results))
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1] == "999"


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="needs pthread_sigmask")
def test_an_interrupt_while_they_start_is_the_parents_too(monkeypatch):
    """One came before Python had begun there, and ended them."""

    def start(*arguments, **options):
        process = popen(*arguments, **options)
        os.kill(process.pid, signal.SIGINT)
        return process

    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", start)
    workers = Workers(abs, 2)
    try:
        assert list(workers.map([-1, -2, -3])) == [1, 2, 3]
    finally:
        workers.close()
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@needs_proc
def test_a_fork_leaves_them_alone(make):
    workers = make(abs, 2)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            assert workers.closed
            with pytest.raises(RuntimeError, match="before a fork"):
                next(workers.map([1]))
            workers.close()
            del workers
            gc.collect()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    assert list(workers.map([-1, -2])) == [1, 2]


def test_a_script_needs_no_guard(tmp_path):
    """The main module is not run again: nothing would keep this one from starting workers."""
    script = tmp_path / "script.py"
    script.write_text(
        "from tfrecord_lite.parallel.workers import Workers\n"
        "print('once')\n"
        "print(list(Workers(abs, 2).map([-1, -2])))\n"
    )
    # Nor is anything imported from the folder where it runs.
    (tmp_path / "elsewhere").mkdir()
    for name in ("pickle", "signal", "numpy"):
        (tmp_path / "elsewhere" / f"{name}.py").write_text("raise SystemExit('shadowed')")
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        cwd=tmp_path / "elsewhere",
        env={**os.environ, "PYTHONPATH": path},
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("once\n[1, 2]\n", "")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("opened", [0, 3])
def test_workers_without_standard_streams(tmp_path, closed, opened):
    """With their handles taken by files, and with these free for what is shared with workers."""
    (tmp_path / "program.py").write_text(f"""\
import numpy as np
import tfrecord_lite as tfr

tfr.write_examples("a", {{"x": np.arange(100)}})
# Whatever was closed is a file of the program's by now, which no worker may write to.
files = [open(name, "wb") for name in "bcd"[:{opened}]]
rows = sum(len(batch["x"]) for batch in tfr.Dataset("a", batch_size=10, workers=2))
with open("rows", "w") as file:
    file.write(str(rows))
""")
    command = f'exec "$0" program.py {closed}'
    subprocess.run(
        ["sh", "-c", command, sys.executable],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    assert (tmp_path / "rows").read_text() == "100"
    assert [(tmp_path / name).read_bytes() for name in "bcd"[:opened]] == [b""] * opened


@in_both_ways
def test_large_tasks_with_large_results_wait_for_each_other_no_more(make):
    """Nobody sends to a process that may be sending where a pipe has no room for both."""
    tasks = [bytes([number]) * 500_000 for number in range(6)]
    assert list(make(bytes, 2).map(tasks)) == tasks
