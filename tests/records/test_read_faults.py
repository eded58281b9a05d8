"""Readers on a disk that fails and among processes and threads (fault matrix, rows 22 to 24, 33, 35
to 37, 43 and 44).
"""

from __future__ import annotations

import contextlib
import errno
import gc
import io
import os
import pickle
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from frames import COMPRESS, FILES, THREE, frames

from tfrecord_lite import (
    Damage,
    FixedLenFeature,
    Manifest,
    RecordFile,
    RecordIndex,
    RecordReader,
    RecordWriter,
    TFRecordError,
    encode_example,
    read_batches,
    read_records,
    write_records,
)
from tfrecord_lite.records import storage
from tfrecord_lite.records.byte_source import read_at

RECORDS = [*FILES["two_hundred"][:60], b"large" * 10_000, b"small", b"large" * 9_000]


@pytest.fixture(params=[*COMPRESS, "damaged"])
def path(request, tmp_path: Path) -> Path:
    path = tmp_path / "a"
    if request.param == "damaged":
        data = bytearray(frames(RECORDS))
        for at in (0, 1000, 30_000):
            data[at] ^= 1
        path.write_bytes(data)
    else:
        path.write_bytes(COMPRESS[request.param](RECORDS))
    return path


def read(path: Path) -> tuple[list[bytes], list[Damage]]:
    found: list[Damage] = []
    with RecordReader(path, on_damage=found.append) as reader:
        return list(reader), found


class FaultyReads:
    """What reads files, cut short, and raising an error at the n-th call."""

    def __init__(self, *, nth: int = 0, error: BaseException | None = None, most: int = 1 << 30):
        self.nth, self.error, self.most, self.count = nth, error, most, 0
        self._pread, self._preadv = os.pread, os.preadv

    def _tick(self) -> None:
        self.count += 1
        if self.count == self.nth:
            assert self.error is not None
            raise self.error

    def pread(self, handle: int, size: int, offset: int) -> bytes:
        self._tick()
        return self._pread(handle, min(size, self.most), offset)

    def preadv(self, handle: int, views: Any, offset: int) -> int:
        self._tick()
        return self._preadv(handle, [views[0][: self.most]], offset)

    def __enter__(self):
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(os, "pread", self.pread)
        self._patch.setattr(os, "preadv", self.preadv)
        return self

    def __exit__(self, *error: object) -> None:
        self._patch.undo()


@pytest.mark.parametrize("most", [11, 1000])
def test_row_22_short_reads_of_a_file(path: Path, most: int, injected) -> None:
    expected = read(path)
    with FaultyReads(most=most) as reads:
        assert read(path) == expected
    injected(reads.count)


def test_row_22_as_much_as_is_asked_for_and_no_more(path: Path) -> None:
    data = path.read_bytes()
    with open(path, "rb", buffering=0) as file, FaultyReads(most=7):
        assert read_at(file, 20, 3) == data[3:23]
        assert read_at(file, 2 * len(data), 3) == data[3:]


def test_row_22_a_large_record_comes_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(frames(FILES["large"][:3]))
    with FaultyReads(most=700):
        assert list(read_records(path)) == FILES["large"][:3]


@pytest.mark.parametrize(
    "error",
    [OSError(5, "Input/output error"), KeyboardInterrupt(), MemoryError()],
    ids=["row_24", "interrupt", "memory"],
)
def test_rows_24_and_43_the_nth_read_fails(path: Path, error: BaseException, injected) -> None:
    """It goes through, no `on_damage` gets to see it, and reading on loses nothing."""
    expected = read(path)
    nth = 0
    while True:
        nth += 1
        got: list[bytes] = []
        found: list[Damage] = []
        with FaultyReads(nth=nth, error=error, most=9_000) as reads:
            try:
                with RecordReader(path, on_damage=found.append) as reader:
                    raised = 0
                    while True:
                        try:
                            got.extend(reader)
                        except BaseException as caught:
                            assert caught is error
                            raised += 1
                        else:
                            break
            except BaseException as caught:
                # While it was opened, so there is nothing to read on from.
                assert caught is error
                assert not got
            else:
                # What only looked ahead at a damaged file may look again, and find it well.
                assert raised == (reads.count >= nth) or isinstance(error, OSError)
                assert (got, found) == expected
        if reads.count < nth:
            break
        injected(1)
    assert nth > 3


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("options", [{}, {"atomic": False}, {"compression": "GZIP"}], ids=repr)
def test_row_43_a_writer_that_is_interrupted(options, error, tmp_path, monkeypatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def interrupted(output: storage.Output, data: bytes) -> None:
        raise error

    with RecordWriter(path, **options) as writer:
        writer.write_many(THREE)
        writer.flush()
        writer.write(b"more")
        with monkeypatch.context() as patch:
            patch.setattr(storage.Output, "write", interrupted)
            with pytest.raises(error) as first:
                writer.flush()
        for use in (lambda: writer.write(b"x"), writer.flush, writer.close):
            with pytest.raises(error) as again:
                use()
            assert again.value is first.value
    assert os.listdir(tmp_path) == ["a"]
    if "atomic" in options:
        assert list(read_records(path)) == THREE
    else:
        assert path.read_bytes() == b"old"


def test_row_43_interrupted_from_the_keyboard(tmp_path: Path) -> None:
    class Interrupted(io.BytesIO):
        def readinto(self, buffer: Any) -> int:
            if self.tell() > 50:
                signal.raise_signal(signal.SIGINT)
            return super().readinto(memoryview(buffer)[:10])

    with pytest.raises(KeyboardInterrupt), RecordWriter(tmp_path / "a") as writer:
        writer.write_many(RecordReader(Interrupted(frames(THREE)), compression=None))
    assert writer.records == 2
    assert os.listdir(tmp_path) == []


# Files that change while they are read.


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def replaced(path: Path) -> None:
    write_records(path, [b"another"])


CHANGES: dict[str, Callable[[Path], None]] = {
    "cut": cut,
    "emptied": emptied,
    "replaced": replaced,
    "deleted": os.unlink,
}


@cache
def large(compress: str) -> bytes:
    """A file of more than is read at once."""
    return COMPRESS[compress](FILES["large"])


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("compress", COMPRESS)
def test_row_33_a_file_that_changes(compress: str, change: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(large(compress))
    got: list[bytes] = []
    with RecordReader(path) as reader:
        got.append(next(reader))
        CHANGES[change](path)
        try:
            got += reader
        except TFRecordError:
            assert change in ("cut", "emptied")
    assert got == FILES["large"][: len(got)]
    assert len(got) == len(FILES["large"]) or change in ("cut", "emptied")


# Threads, processes, and what is left behind.


def test_row_35_threads_with_readers_and_writers_of_their_own(tmp_path: Path) -> None:
    expected = {str(number): [b"%d" % number * size for size in range(300)] for number in range(6)}
    errors: list[object] = []

    def work(name: str) -> None:
        options = {"compression": "GZIP", "block_bytes": 500} if int(name) % 2 else {}
        for _ in range(5):
            write_records(tmp_path / name, expected[name], **options)
            if list(read_records(tmp_path / name)) != expected[name]:
                errors.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("compress", COMPRESS)
def test_row_36_forks_go_on_reading_each_by_itself(compress: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(large(compress))
    program = """
import os, sys
from tfrecord_lite import RecordReader
expected = list(RecordReader(sys.argv[1]))
with RecordReader(sys.argv[1]) as reader:
    assert [next(reader) for _ in range(5)] == expected[:5]
    children = []
    for child in range(3):
        pid = os.fork()
        if not pid:
            os._exit(0 if list(reader) == expected[5:] else 1)
        children.append(os.waitpid(pid, 0)[1])
    print(list(reader) == expected[5:], children)
"""
    output = subprocess.check_output(
        [sys.executable, "-W", "ignore", "-c", program, path], text=True
    )
    assert output == "True [0, 0, 0]\n"


def test_row_37_a_reader_goes_to_another_process(path: Path) -> None:
    with RecordReader(path, on_damage=print) as reader:
        data = pickle.dumps(reader)
        expected = len(read(path)[0])
    program = "import pickle, sys; print(len(list(pickle.load(sys.stdin.buffer))))"
    output = subprocess.check_output([sys.executable, "-c", program], input=data)
    assert int(output.split()[-1]) == expected


def test_row_37_a_writer_stays_where_it_is(tmp_path: Path) -> None:
    with RecordWriter(tmp_path / "a") as writer, pytest.raises(TypeError, match="pickle"):
        pickle.dumps(writer)


def open_files(path: Path) -> int:
    handles = [f"/proc/self/fd/{handle}" for handle in os.listdir("/proc/self/fd")]
    return sum(os.path.realpath(handle) == str(path) for handle in handles)


ABANDONED: dict[str, Callable[[Path], Iterator[Any]]] = {
    "read_records": lambda path: read_records(path, on_damage=id),
    "records": lambda path: iter(RecordReader(path, on_damage=id)),
    "blocks": lambda path: RecordReader(path, on_damage=id).blocks(),
}


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="no /proc here")
@pytest.mark.parametrize("way", ABANDONED)
def test_row_44_abandoned(path: Path, way: str) -> None:
    records = ABANDONED[way](path)
    next(records)
    assert open_files(path) == 1
    with warnings.catch_warnings():
        # A reader that nobody closed is told of, as a file of Python's own is.
        warnings.simplefilter("ignore" if way != "read_records" else "error", ResourceWarning)
        del records
        gc.collect()
    assert open_files(path) == 0
    with RecordReader(path, on_damage=id) as reader:
        next(reader)
    assert open_files(path) == 0
    records = read_records(path, on_damage=id)
    next(records)
    records.close()
    assert open_files(path) == 0
    assert list(records) == []


def test_row_44_an_abandoned_loop_is_taken_up_again() -> None:
    reader = RecordReader(io.BytesIO(frames(THREE)))
    for record in reader:
        assert record == THREE[0]
        break
    assert list(reader) == THREE[1:]


FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "whole": lambda data: data,
    "truncated": lambda data: data[:-100],
    "length": lambda data: data[:6000] + b"\xff" * 12 + data[6000:],
    "data": lambda data: data[:-40] + b"\xff\xfe" + data[-38:],
}


@pytest.mark.skipif(
    not os.path.exists("/proc/self/fd"), reason="nothing tells which files are open"
)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("compression", [None, "GZIP", "ZLIB"])
@pytest.mark.parametrize("way", ["read_records", "read_batches"])
def test_whoever_forgets_an_iterator_leaves_no_file_open(
    tmp_path: Path, way: str, compression: Any, fault: str
) -> None:
    """Without the garbage collector: nothing that reads holds an error, whose frames hold it."""
    path = tmp_path / "a"
    records = [encode_example({"a": os.urandom(500)}) for _ in range(100)]
    write_records(path, records, compression=compression)
    path.write_bytes(FAULTS[fault](path.read_bytes()))
    features = {"a": FixedLenFeature([], bytes)}
    ways: dict[str, Callable[[], Any]] = {
        "read_records": lambda: read_records(path),
        "read_batches": lambda: read_batches(path, features, batch_size=10),
    }
    gc.collect()
    gc.disable()
    try:
        for leave in (False, True):
            with contextlib.suppress(TFRecordError):
                for _ in ways[way]():
                    if leave:
                        break
            assert open_files(path) == 0
    finally:
        gc.enable()


def test_row_22_an_error_of_the_disk_names_the_file(tmp_path):
    path = tmp_path / "a"
    write_records(path, RECORDS)
    with RecordFile(path) as by_number:
        assert by_number[3] == RECORDS[3]
        for read_one in (
            lambda: next(read_records(path)),
            lambda: by_number[30],
            lambda: by_number[:],
            lambda: by_number[[30, 3]],
            lambda: by_number.read_block(range(3, 30)),
        ):
            error = OSError(errno.EIO, os.strerror(errno.EIO))
            with FaultyReads(nth=1, error=error), pytest.raises(OSError) as caught:
                read_one()
            assert caught.value.filename == str(path)
            assert str(path) in str(caught.value)


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="no file that cannot be read")
@pytest.mark.parametrize("name", ["set.manifest.json", "data.index"])
def test_row_22_an_error_of_the_disk_names_what_stands_beside(tmp_path, name):
    write_records(tmp_path / "data", RECORDS)
    beside = tmp_path / name
    beside.symlink_to("/proc/self/mem")
    with pytest.raises(OSError) as caught:
        Manifest.load(beside) if "set" in name else RecordIndex.load(tmp_path / "data")
    assert caught.value.filename == str(beside)
