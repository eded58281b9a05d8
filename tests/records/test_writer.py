"""RecordWriter: what it writes, and what is there when it fails (fault matrix, rows 23 to 31)."""

from __future__ import annotations

import errno
import gc
import gzip
import io
import os
import random
import signal
import stat
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from frames import FILES, THREE, frame, frames
from hypothesis import given
from hypothesis import strategies as st

from tfrecord_lite import (
    CorruptRecordError,
    RecordBlock,
    RecordReader,
    RecordWriter,
    TFRecordError,
    TruncatedRecordError,
    read_records,
    write_records,
)
from tfrecord_lite.records import deflate, storage
from tfrecord_lite.records.storage import is_partial

OPTIONS = {
    "plain": {},
    "in_place": {"atomic": False},
    "fsync": {"fsync": True},
    "gzip": {"compression": "GZIP"},
    "gzip_small_blocks": {"compression": "GZIP", "block_bytes": 1},
    "gzip_one_stream": {"compression": "GZIP", "block_bytes": None},
    "gzip_level": {"compression": "GZIP", "level": 9},
    "zlib": {"compression": "ZLIB", "level": 0},
}


def inflated(data: bytes, options: dict) -> bytes:
    if options.get("compression") == "GZIP":
        return gzip.decompress(data)
    return zlib.decompress(data) if options.get("compression") == "ZLIB" else data


@pytest.fixture(params=["isal", "zlib"])
def engine(request, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "isal":
        pytest.importorskip("isal")
    else:
        monkeypatch.setitem(sys.modules, "isal", None)
    return request.param


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("how", OPTIONS)
@pytest.mark.parametrize("name", FILES)
def test_writes(name: str, how: str, tmp_path: Path) -> None:
    records, path = FILES[name], tmp_path / "file"
    with RecordWriter(path, **OPTIONS[how]) as writer:
        for record in records:
            writer.write(record)
    assert inflated(path.read_bytes(), OPTIONS[how]) == frames(records)
    assert (writer.records, writer.raw_bytes) == (len(records), len(frames(records)))
    assert list(read_records(path)) == records
    assert os.listdir(tmp_path) == ["file"]
    one_by_one = path.read_bytes()
    again = tmp_path / "again"
    with RecordReader(path) as reader, RecordWriter(again, **OPTIONS[how]) as writer:
        for block in reader.blocks():
            writer.write_many(block)
    assert again.read_bytes() == one_by_one
    write_records(path, RecordBlock.from_records(records), **OPTIONS[how])
    assert path.read_bytes() == one_by_one
    assert write_records(path, iter(records), **OPTIONS[how]) == len(records)
    assert inflated(path.read_bytes(), OPTIONS[how]) == frames(records)


@given(st.lists(st.binary(max_size=100)), st.sampled_from(list(OPTIONS)))
def test_round_trip_through_a_file_object(records: list[bytes], how: str) -> None:
    options = {key: value for key, value in OPTIONS[how].items() if key not in ("fsync", "atomic")}
    file = io.BytesIO()
    write_records(file, records, **options)
    assert inflated(file.getvalue(), options) == frames(records)
    file.seek(0)
    assert list(read_records(file)) == records


def test_blocked_gzip_members_tell_their_size_and_count(tmp_path: Path) -> None:
    records = [random.Random(n).randbytes(n) for n in range(400)]
    path = tmp_path / "blocked.gz"
    write_records(path, records, compression="GZIP", block_bytes=10_000)
    data, at, counts, raw_sizes = path.read_bytes(), 0, [], []
    while at < len(data):
        magic, extra, name, size, member, raw, count = struct.unpack_from("<4s6xH2sHQQQ", data, at)
        assert (magic, extra, name, size) == (b"\x1f\x8b\x08\x04", 28, b"TR", 24)
        part = gzip.decompress(data[at : at + member])
        assert len(part) == raw
        assert len(list(read_records(io.BytesIO(part)))) == count
        counts.append(count)
        raw_sizes.append(raw)
        at += member
    assert sum(counts) == 400
    assert len(counts) > 5
    assert min(raw_sizes[:-1]) >= 10_000
    assert max(raw_sizes) < 10_000 + 400 + 16
    assert subprocess.run(["gzip", "-t", path], check=False).returncode == 0


def test_gzip_of_nothing_is_one_empty_member(tmp_path: Path) -> None:
    write_records(tmp_path / "empty", [], compression="GZIP")
    assert (tmp_path / "empty").read_bytes().hex() == "1f8b08000000000000030300000000000000000000"[
        :40
    ]
    assert gzip.decompress((tmp_path / "empty").read_bytes()) == b""


# Rows 31 and 30: what may be written, and when.


@pytest.mark.parametrize(
    "record",
    [
        bytearray(b"foo"),
        memoryview(b"foo"),
        memoryview(b"xfoox")[1:4],
        np.frombuffer(b"foo", np.uint8),
        np.bytes_(b"foo"),
        memoryview(np.frombuffer(b"foo", "S1")),
    ],
    ids=lambda record: type(record).__name__,
)
def test_row_31_bytes_like(record) -> None:
    file = io.BytesIO()
    with RecordWriter(file) as writer:
        writer.write(record)
        if isinstance(record, bytearray):
            record[:] = b"bar"
    assert file.getvalue() == frame(b"foo")


def test_row_31_an_array_is_its_memory() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    file = io.BytesIO()
    write_records(file, [array])
    assert file.getvalue() == frame(array.tobytes())


@pytest.mark.parametrize(
    "record",
    [None, 7, "text", [b"a"], 1.5, memoryview(b"abcdef")[::2], np.arange(9)[::2]],
    ids=lambda record: type(record).__name__,
)
def test_row_31_anything_else_is_a_type_error_before_a_byte_is_written(record) -> None:
    file = io.BytesIO()
    writer = RecordWriter(file)
    writer.write(b"foo")
    with pytest.raises(TypeError, match=r"bytes|C-contiguous"):
        writer.write(record)
    writer.write(b"bar")
    writer.close()
    assert file.getvalue() == frames([b"foo", b"bar"])


def test_row_30_after_close(tmp_path: Path) -> None:
    writer = RecordWriter(tmp_path / "a")
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"")
    with pytest.raises(ValueError, match="closed"):
        writer.flush()


@pytest.mark.parametrize("how", ["gzip", "gzip_one_stream", "zlib", "in_place"])
def test_flush_makes_the_records_readable(how: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    options = {**OPTIONS[how], "atomic": False}
    with RecordWriter(path, **options) as writer:
        for count, record in enumerate(THREE, 1):
            writer.write(record)
            writer.flush()
            writer.flush()
            got = []
            try:
                got += read_records(path)
            except TruncatedRecordError:
                assert how in ("gzip_one_stream", "zlib")
            assert got == THREE[:count]
    assert list(read_records(path)) == THREE


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compression": "gzip"}, "choose 'GZIP', 'ZLIB' or None"),
        ({"mode": "r"}, "choose 'w', 'x' or 'a'"),
        ({"on_torn": "ignore"}, "choose 'raise' or 'trim'"),
        ({"compression": "GZIP", "level": 10}, "from 0"),
        ({"compression": "ZLIB", "level": -1}, "from 0"),
        ({"level": 3}, "for GZIP and ZLIB"),
        ({"compression": "GZIP", "block_bytes": 0}, "at least 1"),
        ({"mode": "a", "atomic": True}, "in place"),
        ({"mode": "a", "compression": "ZLIB"}, "append needs GZIP or no compression"),
    ],
)
def test_bad_options_touch_no_file(options: dict, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=message):
        RecordWriter(path, **options)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_file_objects(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="binary file object, not StringIO"):
        RecordWriter(io.StringIO())
    with pytest.raises(TypeError, match="binary file object, not int"):
        RecordWriter(7)
    with pytest.raises(ValueError, match="need a path"):
        RecordWriter(io.BytesIO(), atomic=True)
    with pytest.raises(ValueError, match="need a path"):
        RecordWriter(io.BytesIO(), mode="x")
    with (tmp_path / "a").open("wb") as file:
        write_records(file, THREE, fsync=True)
        assert not file.closed
        assert (tmp_path / "a").read_bytes() == frames(THREE)
    with RecordWriter(io.BytesIO()) as writer:
        assert writer.path == "<BytesIO>"

    class NotReady:
        def write(self, data) -> None:
            return None

    with pytest.raises(BlockingIOError):
        write_records(NotReady(), THREE)


def test_devices_and_pipes_are_written_in_place(tmp_path: Path) -> None:
    assert write_records("/dev/null", THREE) == 3
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    with pytest.raises(ValueError, match="not a regular file"):
        RecordWriter("/dev/null", atomic=True)
    with pytest.raises(FileExistsError):
        RecordWriter("/dev/null", mode="x", atomic=False)
    with pytest.raises(IsADirectoryError):
        RecordWriter(tmp_path)
    with pytest.raises(FileNotFoundError):
        RecordWriter(tmp_path / "no" / "folder")


# Files: absent, old, or complete.


def test_atomic_publishes_at_close_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    path.write_bytes(b"old")
    path.chmod(0o640)
    writer = RecordWriter(path)
    writer.write(b"foo")
    writer.flush()
    (partial,) = (name for name in os.listdir(tmp_path) if name != "a.tfrecord")
    assert is_partial(partial)
    assert partial.startswith(".a.tfrecord.")
    assert list(read_records(tmp_path / partial)) == [b"foo"]
    assert list(tmp_path.glob("*.tfrecord")) == [path]
    assert path.read_bytes() == b"old"
    writer.close()
    assert path.read_bytes() == frame(b"foo")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["a.tfrecord"]


@pytest.mark.parametrize("existing", [None, b"old"])
def test_row_29_an_exception_publishes_nothing(existing, tmp_path: Path) -> None:
    path = tmp_path / "a"
    if existing:
        path.write_bytes(existing)
    with pytest.raises(KeyError), RecordWriter(path) as writer:
        writer.write(b"x" * (1 << 20))
        raise KeyError
    assert os.listdir(tmp_path) == (["a"] if existing else [])
    if existing:
        assert path.read_bytes() == existing
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"")


@pytest.mark.parametrize("options", [{}, {"compression": "GZIP"}])
def test_row_29_an_exception_in_place_leaves_whole_records(options, tmp_path: Path) -> None:
    path = tmp_path / "a"
    with pytest.raises(KeyError), RecordWriter(path, atomic=False, **options) as writer:
        writer.write_many(THREE)
        raise KeyError
    assert list(read_records(path)) == THREE
    with pytest.raises(KeyError), RecordWriter(path, atomic=False, **options) as writer:
        writer.close()
        raise KeyError


@pytest.mark.parametrize("atomic", [True, False])
def test_row_29_a_forgotten_writer_warns_and_keeps_what_was_written(
    atomic: bool, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    writer = RecordWriter(path, atomic=atomic)
    writer.write_many(THREE)
    with pytest.warns(ResourceWarning, match="never closed"):
        del writer
        gc.collect()
    (name,) = os.listdir(tmp_path)
    assert is_partial(name) == atomic
    assert list(read_records(tmp_path / name)) == THREE


def test_row_29_interpreter_exit(tmp_path: Path) -> None:
    program = """
import sys
from tfrecord_lite import RecordWriter
writer = RecordWriter(sys.argv[1], atomic=False)
writer.write(b"foo")
"""
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", program, tmp_path / "a"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "ResourceWarning" in done.stderr
    assert list(read_records(tmp_path / "a")) == [b"foo"]


def test_mode_x(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    assert write_records(path, THREE, mode="x") == 3
    for atomic in (None, False):
        with pytest.raises(FileExistsError):
            RecordWriter(path, mode="x", atomic=atomic)
    late = tmp_path / "late"
    for link in (os.link, no_link):
        monkeypatch.setattr(os, "link", link)
        writer = RecordWriter(late, mode="x")
        late.write_bytes(b"came first")
        with pytest.raises(FileExistsError):
            writer.close()
        assert late.read_bytes() == b"came first"
        late.unlink()
    assert write_records(late, THREE, mode="x") == 3
    assert sorted(os.listdir(tmp_path)) == ["a", "late"]


def no_link(source: str, target: str) -> None:
    raise OSError(errno.EPERM, "no hard links here")


def test_row_39_names_for_writing(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_records(link, THREE)
    assert link.is_symlink()
    assert list(read_records(target)) == THREE
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "made")
    write_records(dangling, THREE)
    assert list(read_records(tmp_path / "made")) == THREE
    for name in ("n" * 255, "ü" * 127, b"\xff\xfe", b"plain"):
        path = os.path.join(tmp_path if isinstance(name, str) else os.fsencode(tmp_path), name)
        write_records(path, THREE)
        assert list(read_records(path)) == THREE
    with pytest.raises(OSError, match="too long"):
        write_records(tmp_path / ("n" * 256), THREE)
    with pytest.raises(ValueError, match="null"):
        RecordWriter("a\0b")
    assert not any(map(is_partial, os.listdir(tmp_path)))


def test_row_34_two_writers_on_one_path_are_both_complete(tmp_path: Path) -> None:
    path = tmp_path / "a"
    first, second = RecordWriter(path), RecordWriter(path)
    first.write_many(THREE)
    second.write(b"second")
    first.close()
    assert list(read_records(path)) == THREE
    second.close()
    assert list(read_records(path)) == [b"second"]


def test_row_36_a_forked_child_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    program = """
import os, sys
from tfrecord_lite import RecordWriter
writer = RecordWriter(sys.argv[1])
writer.write(b"parent")
child = os.fork()
if child == 0:
    try:
        writer.flush()
    except ValueError as error:
        assert "a writer of its own in each process" in str(error)
        writer.close()
        os._exit(7)
    os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
writer.write(b"again")
writer.close()
"""
    subprocess.run([sys.executable, "-c", program, path], check=True)
    assert list(read_records(path)) == [b"parent", b"again"]


# Faults of the file: rows 23, 25 and 26.


class FaultyFile(io.RawIOBase):
    """Takes a few bytes at a time and fails, by name, at the n-th call."""

    def __init__(self, call: str = "", nth: int = 0, error: int = errno.ENOSPC, size: int = 7):
        self.data = b""
        self._call, self._nth, self._errno, self._size = call, nth, error, size

    def _count(self, call: str) -> None:
        if call == self._call:
            self._nth -= 1
            if self._nth == 0:
                raise OSError(self._errno, os.strerror(self._errno))

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self._count("write")
        part = bytes(data[: self._size])
        self.data += part
        return len(part)

    def flush(self) -> None:
        self._count("flush")


@pytest.mark.parametrize("size", [1, 3, 100])
def test_row_23_short_writes(size: int) -> None:
    file = FaultyFile(size=size)
    write_records(file, FILES["two_hundred"][:40])
    assert file.data == frames(FILES["two_hundred"][:40])


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("call", ["write", "flush"])
def test_row_25_the_nth_call_fails(call: str, error: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deflate._Plain, "chunk_bytes", 30)
    failures = 0
    for nth in range(1, 30):
        file = FaultyFile(call, nth, error)
        writer = RecordWriter(file)
        try:
            for record in THREE:
                writer.write(record)
                writer.flush()
            writer.close()
        except OSError as caught:
            failures += 1
            assert caught.errno == error
            if not writer._closed:
                for use in (lambda: writer.write(b"more"), writer.flush, writer.close):
                    with pytest.raises(OSError) as again:
                        use()
                    assert again.value is caught
            writer.close()
            written = file.data
            got, torn = [], False
            try:
                got += read_records(io.BytesIO(written))
            except TruncatedRecordError:
                torn = True
            assert got == THREE[: len(got)]
            assert torn == (frames(got) != written)
        else:
            assert file.data == frames(THREE)
    assert failures == (13 if call == "write" else 4)


@pytest.mark.parametrize("existing", [True, False])
def test_row_25_a_full_disk_leaves_the_old_file(existing: bool, tmp_path: Path) -> None:
    path = tmp_path / "a"
    if existing:
        path.write_bytes(b"old")
    program = """
import errno, resource, signal, sys
from tfrecord_lite import RecordWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
writer = RecordWriter(sys.argv[1])
try:
    for _ in range(100):
        writer.write(bytes(100_000))
except OSError as error:
    assert error.errno == errno.EFBIG
else:
    raise SystemExit("no error")
try:
    writer.close()
except OSError as error:
    assert error.errno == errno.EFBIG
else:
    raise SystemExit("close was silent")
"""
    subprocess.run([sys.executable, "-c", program, path], check=True)
    assert os.listdir(tmp_path) == (["a"] if existing else [])
    if existing:
        assert path.read_bytes() == b"old"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_row_25_dev_full() -> None:
    writer = RecordWriter("/dev/full")
    writer.write(b"foo")
    with pytest.raises(OSError, match="No space") as caught:
        writer.flush()
    with pytest.raises(OSError, match="No space") as again:
        writer.close()
    assert again.value is caught.value


@pytest.mark.parametrize("atomic", [True, False])
def test_row_26_fsync_fails(atomic: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def fsync(handle: int) -> None:
        calls.append(handle)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(storage.os, "fsync", fsync)
    path = tmp_path / "a"
    path.write_bytes(b"old")
    writer = RecordWriter(path, fsync=True, atomic=atomic)
    writer.write(b"foo")
    with pytest.raises(OSError, match="Input/output"):
        writer.flush()
    with pytest.raises(OSError, match="Input/output"):
        writer.close()
    assert len(calls) == 1
    assert os.listdir(tmp_path) == ["a"]
    if atomic:
        assert path.read_bytes() == b"old"
    calls.clear()
    with pytest.raises(OSError, match="Input/output"):
        write_records(path, THREE, fsync=True, atomic=atomic)
    assert len(calls) == 1


def test_row_28_fsync_reaches_file_and_folder(tmp_path: Path, monkeypatch) -> None:
    calls = []
    monkeypatch.setattr(
        storage.os, "fsync", lambda handle: calls.append(stat.S_ISDIR(os.fstat(handle).st_mode))
    )
    write_records(tmp_path / "a", THREE, fsync=True)
    assert calls == [False, True]


# Row 27: killed at any moment.

WRITE_FOREVER = """
import sys
from tfrecord_lite import RecordWriter
path, mode, compression = sys.argv[1:]
options = {} if mode == "atomic" else {"atomic": False} if mode == "in_place" else {"mode": "a"}
while True:
    compressed = {"compression": compression or None, "block_bytes": 1 << 12}
    with RecordWriter(path, **compressed, **options) as writer:
        print("go", flush=True)
        for index in range(20_000):
            writer.write(b"%d" % index)
            if index % 7 == 0:
                writer.flush()
"""


@pytest.mark.slow
@pytest.mark.parametrize("compression", ["", "GZIP"])
@pytest.mark.parametrize("mode", ["atomic", "in_place", "append"])
def test_row_27_killed_at_random_moments(mode: str, compression: str, tmp_path: Path) -> None:
    rng = random.Random(27)
    path = tmp_path / "a"
    for _ in range(34):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITE_FOREVER, path, mode, compression], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        for name in os.listdir(tmp_path):
            got: list[bytes] = []
            try:
                got += read_records(tmp_path / name)
            except TruncatedRecordError:
                assert mode != "atomic" or is_partial(name)
            assert got == [b"%d" % (index % 20_000) for index in range(len(got))]
            if mode == "atomic" and name == "a":
                assert len(got) == 20_000
            if is_partial(name):
                assert mode == "atomic"
                os.unlink(tmp_path / name)
            elif mode == "append":
                # A torn tail is refused, and trimmed when asked.
                with RecordWriter(
                    path, mode="a", on_torn="trim", compression=compression or None
                ) as writer:
                    assert writer.records == 0
                assert list(read_records(path)) == got
                os.unlink(path)


# Append.


@pytest.mark.parametrize("options", [{}, {"compression": "GZIP"}], ids=["plain", "gzip"])
def test_append(options: dict, tmp_path: Path) -> None:
    path = tmp_path / "a"
    for count in range(4):
        assert write_records(path, THREE, mode="a", **options) == 3
        assert list(read_records(path)) == THREE * (count + 1)
    assert os.listdir(tmp_path) == ["a"]


def test_append_replaces_an_empty_gzip_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_records(path, [], compression="GZIP")
    write_records(path, THREE, compression="GZIP", mode="a")
    assert zlib.decompressobj(31).decompress(path.read_bytes()) == frames(THREE)


def test_append_needs_the_same_compression(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_records(path, THREE)
    with pytest.raises(ValueError, match="its compression is None, not GZIP"):
        RecordWriter(path, mode="a", compression="GZIP")
    write_records(path, THREE, compression="ZLIB")
    with pytest.raises(ValueError, match="its compression is ZLIB, not None"):
        RecordWriter(path, mode="a")


@pytest.mark.parametrize("how", ["plain", "gzip", "gzip_small_blocks", "gzip_one_stream"])
def test_append_to_a_torn_file(how: str, tmp_path: Path) -> None:
    options, path = OPTIONS[how], tmp_path / "a"
    write_records(path, THREE, **options)
    data = path.read_bytes()
    for end in range(1, len(data), 3):
        path.write_bytes(data[:end])
        before: list[bytes] = []
        try:
            before += read_records(path)
        except TruncatedRecordError:
            with pytest.raises(TruncatedRecordError):
                RecordWriter(path, mode="a", **options)
            assert path.read_bytes() == data[:end]
        write_records(path, [b"more"], mode="a", on_torn="trim", **options)
        assert list(read_records(path)) == [*before, b"more"]


def test_append_to_a_damaged_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    data = bytearray(frames(THREE))
    data[20] ^= 1
    path.write_bytes(data)
    for on_torn in ("raise", "trim"):
        with pytest.raises(CorruptRecordError):
            RecordWriter(path, mode="a", on_torn=on_torn)
    assert path.read_bytes() == data
    path.write_bytes(gzip.compress(frames(THREE)) + b"junk")
    with pytest.raises(TFRecordError):
        RecordWriter(path, mode="a", on_torn="trim", compression="GZIP")
    with pytest.raises(ValueError, match="need a path"):
        RecordWriter(io.BytesIO(), mode="a")


def test_append_never_drops_a_damaged_record_of_a_torn_gzip_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    plain = bytearray(frames(THREE))
    plain[13] ^= 1
    data = gzip.compress(plain)[:-3]
    path.write_bytes(data)
    with pytest.raises(CorruptRecordError) as caught:
        RecordWriter(path, mode="a", on_torn="trim", compression="GZIP")
    assert (caught.value.record, caught.value.offset) == (0, 0)
    assert path.read_bytes() == data
    assert os.listdir(tmp_path) == ["a"]
