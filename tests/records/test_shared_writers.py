"""Writers that are used by several threads, by signal handlers, and interrupted anywhere."""

from __future__ import annotations

import collections
import gc
import io
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from variants import few_or_many

from tfrecord_lite import RecordBlock, RecordWriter, ShardWriter, expand_shards, read_records
from tfrecord_lite.records.storage import is_partial

OPTIONS = [
    {},
    {"compression": "GZIP", "block_bytes": 2000},
    {"compression": "GZIP", "block_bytes": None, "level": 1},
]


def make_file(folder: Path, options: dict[str, Any]) -> RecordWriter:
    return RecordWriter(folder / "a", **options)


def make_shards(folder: Path, options: dict[str, Any]) -> ShardWriter:
    return ShardWriter(folder / "a", records_per_shard=3000, overwrite=True, **options)


def make_turns(folder: Path, options: dict[str, Any]) -> ShardWriter:
    return ShardWriter(folder / "a", num_shards=3, overwrite=True, **options)


def written(folder: Path) -> list[bytes]:
    path = folder / "a"
    return list(read_records(path if path.exists() else expand_shards(path)))


every_writer = pytest.mark.parametrize("make", [make_file, make_shards, make_turns])


@pytest.fixture
def _switching_often() -> Any:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@every_writer
@pytest.mark.usefixtures("_switching_often")
@pytest.mark.parametrize("options", OPTIONS, ids=repr)
def test_threads_write_each_record_once(make, options: dict, tmp_path: Path) -> None:
    records = [[b"%d of thread %d " % (i, n) * (i % 20) for i in range(4000)] for n in range(4)]
    with make(tmp_path, options) as writer:

        def work(mine: list[bytes]) -> None:
            for at in range(0, 4000, 400):
                for record in mine[at : at + 200]:
                    writer.write(record)
                writer.write_many(mine[at + 200 : at + 300])
                writer.write_many(RecordBlock.from_records(mine[at + 300 : at + 400]))

        threads = [threading.Thread(target=work, args=(mine,)) for mine in records]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert writer.records == 16_000
        assert writer.raw_bytes == sum(len(record) + 16 for mine in records for record in mine)
    found = written(tmp_path)
    assert collections.Counter(found) == collections.Counter(r for mine in records for r in mine)


@every_writer
@pytest.mark.usefixtures("_switching_often")
def test_what_a_thread_wrote_before_the_close_of_another_is_there(make, tmp_path: Path) -> None:
    for _ in range(5):
        writer = make(tmp_path, {})
        done: list[bytes] = []
        started = threading.Event()

        def work(writer=writer, done=done, started=started) -> None:
            with suppress(ValueError):
                for i in range(1_000_000):
                    writer.write(b"%d" % i)
                    done.append(b"%d" % i)
                    started.set()

        thread = threading.Thread(target=work)
        thread.start()
        started.wait()
        writer.close()
        thread.join()
        assert sorted(written(tmp_path)) == sorted(done)


@every_writer
@pytest.mark.parametrize("options", OPTIONS[:2], ids=repr)
def test_a_signal_handler_may_write(make, options: dict, tmp_path: Path) -> None:
    sent: list[bytes] = []
    with make(tmp_path, options) as writer:

        def handle(number: int, frame: object) -> None:
            record = b"from the handler %d" % len(sent)
            sent.append(record)
            if len(sent) % 2:
                writer.write(record)
            else:
                writer.write_many(RecordBlock.from_records([record]))
            if not is_over:
                signal.setitimer(signal.ITIMER_REAL, 2e-4)

        is_over = False
        previous = signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 2e-4)
        try:
            for i in range(30_000):
                writer.write(b"%d" % i)
        finally:
            is_over = True
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
    assert sent
    expected = [*(b"%d" % i for i in range(30_000)), *sent]
    assert sorted(written(tmp_path)) == sorted(expected)


@pytest.fixture
def _collecting() -> Any:
    yield
    gc.collect()


def interrupt(error: type[BaseException], nth: int, work: Any) -> bool:
    """Run ``work``, and raise at the n-th line of the package; False where it has no such line."""
    lines = 0
    raised = False

    def trace(frame: Any, event: str, argument: object) -> Any:
        nonlocal lines, raised
        if "tfrecord_lite" not in frame.f_code.co_filename:
            return None
        if event == "line" and not raised:
            lines += 1
            if lines == nth:
                raised = True
                raise error
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(previous)
    return raised


# Files that an interrupted `close` leaves open, and what is raised inside `__del__`.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("_collecting")
@pytest.mark.parametrize("options", OPTIONS[:2], ids=repr)
@few_or_many("step", 3, 1)
@pytest.mark.parametrize("in_blocks", [False, True])
def test_interrupted_at_every_line(
    in_blocks: bool, step: int, options: dict, tmp_path: Path
) -> None:
    """Whoever goes on after the interrupt has each record once, or is told at `close`."""
    # So that they are stored several times on the way.
    records = [b"%d" % i * (1500 if options.get("block_bytes") else 200_000) for i in range(5)]
    for make in (make_file, make_shards, make_turns):
        nth = 0
        complete = failed = 0
        is_over = False
        while not is_over:
            nth += 3 * step if in_blocks else step
            error = (KeyboardInterrupt, MemoryError)[nth % 2]
            folder = tmp_path / f"{make.__name__}{nth}"
            folder.mkdir()
            done: list[bytes] = []
            writer = make(folder, options)

            def work(writer=writer, done=done) -> None:
                for at, record in enumerate(records):
                    if in_blocks:
                        writer.write_many(RecordBlock.from_records([record]))
                    else:
                        writer.write(record)
                    done.append(record)
                    if at == 2 and isinstance(writer, RecordWriter):
                        writer.flush()

            try:
                is_over = not interrupt(error, nth, work)
            except error:
                pass
            try:
                # The record in flight is not written; whether the block is, the writer knows.
                for record in records[writer.records if in_blocks else len(done) :]:
                    writer.write(record)
                writer.close()
            except error:
                failed += 1
                with suppress(error):
                    writer.close()
                assert all(map(is_partial, os.listdir(folder)))
                with pytest.raises(error):
                    writer.write(b"x")
            else:
                complete += 1
                assert sorted(written(folder)) == sorted(records)
        assert complete > 1
        assert failed > 10


# Files that an interrupted `close` leaves open, and what is raised inside `__del__`.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("_collecting")
@few_or_many("step", 3, 1)
@pytest.mark.parametrize("options", OPTIONS[:2], ids=repr)
def test_interrupted_at_every_line_of_close(options: dict, step: int, tmp_path: Path) -> None:
    """What is there under the name is whole; where nothing is, `close` has raised."""
    records = [b"%d" % i * 70 for i in range(20)]
    for make in (make_file, make_shards):
        nth = raised = 0
        is_over = False
        while not is_over:
            nth += step
            error = (KeyboardInterrupt, MemoryError)[nth % 2]
            folder = tmp_path / f"{make.__name__}{nth}"
            folder.mkdir()
            writer = make(folder, options)
            writer.write_many(records)
            try:
                is_over = not interrupt(error, nth, writer.close)
            except error:
                raised += 1
                if any(not is_partial(name) for name in os.listdir(folder)):
                    assert written(folder) == records
            else:
                assert written(folder) == records
            shutil.rmtree(folder)
        assert raised > 10


# Writers that nobody closes.

FORGET = """\
import sys
from tfrecord_lite import RecordWriter, ShardWriter

def forget(kind):
    writer = {kind}(sys.argv[1])
    writer.write(b"one")
    return writer

{keep}forget({kind})
"""


@pytest.mark.parametrize("warnings", ["default", "ignore", "error"])
@pytest.mark.parametrize("keep", ["", "kept = "], ids=["collected", "kept"])
@pytest.mark.parametrize("kind", ["RecordWriter", "ShardWriter"])
def test_row_29_never_closed_is_said_at_exit(kind, keep, warnings, tmp_path: Path) -> None:
    program = FORGET.format(kind=kind, keep=keep)
    done = subprocess.run(
        [sys.executable, "-W", warnings, "-c", program, tmp_path / "a"],
        capture_output=True,
        text=True,
        check=True,
    )
    (left,) = os.listdir(tmp_path)
    assert is_partial(left)
    line = f"{tmp_path / 'a'}: {kind} was never closed; what was written lies in {tmp_path / left}"
    assert line in "".join(done.stderr)
    if warnings == "ignore":
        assert len(done.stderr.splitlines()) == 1
    file = tmp_path / left
    assert list(read_records(file if file.is_file() else file / "00000.tfrecord-partial")) == [
        b"one"
    ]


FORGOTTEN = {
    "file": RecordWriter,
    "in place": lambda path: RecordWriter(path, atomic=False),
    "shards": lambda path: ShardWriter(path, num_shards=2),
    "with progress": lambda path: ShardWriter(path, num_shards=1, progress=print),
}


def left_in(folder: Path) -> list[bytes]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "lock"]
    return [record for path in files for record in read_records(path)]


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("kind", FORGOTTEN)
def test_row_29_forgotten_is_noticed_at_once(kind, tmp_path: Path) -> None:
    """Not when the garbage collector comes, which closes files in an order of its own."""
    gc.disable()
    try:
        writer = FORGOTTEN[kind](tmp_path / "a")
        writer.write(b"one")
        with pytest.warns(ResourceWarning, match="never closed"):
            del writer
    finally:
        gc.enable()
    assert left_in(tmp_path) == [b"one"]


@pytest.fixture
def _files_are_collected_first(monkeypatch) -> None:
    def first(opens: Any) -> Any:
        def opening(*args: Any, **options: Any) -> Any:
            gc.collect(0)  # then the writer is of an older generation, and comes after its file
            return opens(*args, **options)

        return opening

    monkeypatch.setattr("builtins.open", first(open))
    monkeypatch.setattr(io, "FileIO", first(io.FileIO))


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.usefixtures("_files_are_collected_first")
@pytest.mark.parametrize("kind", FORGOTTEN)
def test_row_29_garbage_is_kept_whatever_is_collected_first(kind, tmp_path: Path) -> None:
    """The collector may close the file first."""
    owner = SimpleNamespace(writer=FORGOTTEN[kind](tmp_path / "a"))
    owner.me = owner
    owner.writer.write(b"one")
    with pytest.warns(ResourceWarning, match="never closed"):
        del owner
        gc.collect()
    assert left_in(tmp_path) == [b"one"]


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.usefixtures("_files_are_collected_first")
@pytest.mark.skipif(os.name == "nt", reason="Windows removes no open file")
def test_row_29_garbage_whose_file_was_removed(tmp_path: Path) -> None:
    owner = SimpleNamespace(writer=RecordWriter(tmp_path / "a", atomic=False))
    owner.me = owner
    owner.writer.write(b"one")
    (tmp_path / "a").unlink()
    with pytest.warns(ResourceWarning, match="never closed"):
        del owner
        gc.collect()
    assert os.listdir(tmp_path) == []


def test_row_29_of_many_some_are_named(tmp_path: Path) -> None:
    program = """
import sys
from tfrecord_lite import RecordWriter
kept = [RecordWriter(f"{sys.argv[1]}{i}") for i in range(25)]
"""
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "a"], capture_output=True, text=True, check=True
    )
    assert len(os.listdir(tmp_path)) == 25
    lines = done.stderr.splitlines()
    assert len(lines) == 11
    assert lines[-1] == "and 15 more were never closed"


def test_row_29_a_worker_says_it_as_well(tmp_path: Path) -> None:
    program = """
import multiprocessing, sys
import tfrecord_lite as tfr

def work():
    global writer
    writer = tfr.RecordWriter(sys.argv[1])
    writer.write(b"one")

process = multiprocessing.get_context("fork").Process(target=work)
process.start()
process.join()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "a"], capture_output=True, text=True, check=True
    )
    (left,) = os.listdir(tmp_path)
    assert done.stderr.count(left) == 1
    assert list(read_records(tmp_path / left)) == [b"one"]
