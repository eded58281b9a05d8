"""RecordWriter: what it writes, and what is there when it fails (fault matrix, rows 29 to 31)."""

from __future__ import annotations

import errno
import gc
import gzip
import io
import os
import random
import stat
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from frames import FILES, THREE, frame, frames, masked
from hypothesis import given
from hypothesis import strategies as st

from tfrecord_lite import (
    RecordBlock,
    RecordReader,
    RecordWriter,
    TruncatedRecordError,
    masked_crc32c,
    read_records,
    write_records,
)
from tfrecord_lite.example import parse_example
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


@pytest.mark.parametrize("rows", [slice(None), slice(1, 4)])
def test_a_block_of_an_array_of_somebody_else_leaves_that_as_it_is(rows: slice) -> None:
    """Frames were filled in between its records, where other columns of the same rows stand."""
    table = np.frombuffer(random.Random(1).randbytes(48 * 5 + 4), np.uint8).copy()
    before = table.copy()
    block = RecordBlock(table, np.arange(5) * 48 + 12, np.full(5, 32))[rows]
    file = io.BytesIO()
    with RecordWriter(file) as writer:
        writer.write_many(block)
    assert file.getvalue() == frames(list(block))
    assert (table == before).all()


def test_blocked_gzip_members_tell_their_size_and_count(tmp_path: Path) -> None:
    records = [random.Random(n).randbytes(n) for n in range(400)]
    path = tmp_path / "blocked.gz"
    write_records(path, records, compression="GZIP", block_bytes=10_000)
    data, at, counts, raw_sizes = path.read_bytes(), 0, [], []
    while at < len(data):
        magic, extra, name, size, member, raw, count = struct.unpack_from("<4s6xH2sHQQQ", data, at)
        assert (magic, extra, name, size) == (b"\x1f\x8b\x08\x04", 32, b"TR", 28)
        assert data[at + 40 : at + 44] == masked(data[at : at + 40]).to_bytes(4, "little")
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
    "records",
    [
        np.array([b"ab\0", b"cde"]),
        np.array([[b"ab"], [b"cd"]], object),
        np.ma.array(np.zeros((2, 2), np.uint8), mask=True),
        np.array(["ab", "cd"]),
    ],
    ids=["bytes that may have lost NULs", "rows of objects", "masked", "text"],
)
def test_row_31_arrays_that_hold_no_records(records) -> None:
    file = io.BytesIO()
    with pytest.raises(TypeError, match=r"NULs|objects|mask|bytes, not str"):
        write_records(file, records)
    with pytest.raises(TypeError):
        RecordBlock.from_records(records)
    with pytest.raises(TypeError):
        parse_example(records, {"a": int})
    assert file.getvalue() == b""


@pytest.mark.parametrize(
    "record",
    [
        *(None, 7, "text", [b"a"], 1.5, memoryview(b"abcdef")[::2], np.arange(9)[::2]),
        np.asfortranarray(np.zeros((2, 3))),
        # Their memory has pointers, or what a mask hides.
        *(np.array([b"a"], object), memoryview(np.array([b"a"], object))),
        np.ma.array(np.zeros(3, np.uint8), mask=[0, 1, 0]),
    ],
    ids=lambda record: type(record).__name__,
)
def test_row_31_anything_else_is_a_type_error_before_a_byte_is_written(record) -> None:
    file = io.BytesIO()
    writer = RecordWriter(file)
    writer.write(b"foo")
    with pytest.raises(TypeError, match=r"bytes|C-contiguous"):
        writer.write(record)
    with pytest.raises(TypeError, match=r"what is checked.* (bytes|C-contiguous)"):
        masked_crc32c(record)
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
        ({"on_truncated": "ignore"}, "choose 'raise' or 'trim'"),
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


def test_row_34_mode_x(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    """forked_writers: whatever the child does with its parent's writer is an error."""
    path = tmp_path / "a"
    program = """
import os, sys
from tfrecord_lite import RecordBlock, RecordWriter

def enter():
    with writer:
        pass

writer = RecordWriter(sys.argv[1])
writer.write(b"parent")
uses = [
    lambda: writer.write(b"x"),
    lambda: writer.write(bytes(2_000_000)),
    lambda: writer.write_many([]),
    lambda: writer.write_many([b"x"]),
    lambda: writer.write_many(RecordBlock.from_records([b"x"])),
    writer.flush,
    enter,
    writer.close,
    writer.close,
]
child = os.fork()
if child == 0:
    for number, use in enumerate(uses):
        try:
            use()
        except ValueError as error:
            assert "a writer of its own in each process" in str(error)
        else:
            os._exit(number + 1)
    writer.__exit__(KeyError, KeyError(), None)
    sys.exit(77)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 77
writer.write(b"again")
writer.close()
"""
    done = subprocess.run([sys.executable, "-c", program, path], check=True, capture_output=True)
    assert done.stderr == b""
    assert list(read_records(path)) == [b"parent", b"again"]
    assert os.listdir(tmp_path) == ["a"]


# compression="infer", where none is given.


def codec_of(path: Path) -> str | None:
    with RecordReader(path) as reader:
        assert list(reader) == THREE
        return reader.compression


@pytest.mark.parametrize("as_path", [str, os.fsencode, Path])
@pytest.mark.parametrize(
    ("name", "codec"),
    [("a", None), ("a.tfrecord", None), ("a.gz", "GZIP"), ("a.tfrecord.gz", "GZIP"), ("gz", None)],
)
def test_compression_by_the_name(name: str, codec: str | None, as_path, tmp_path: Path) -> None:
    write_records(as_path(str(tmp_path / name)), THREE)
    assert codec_of(tmp_path / name) == codec


@pytest.mark.parametrize("given", [None, "", "GZIP", "ZLIB"])
def test_compression_that_is_given_holds(given, tmp_path: Path) -> None:
    for name in ("a", "a.gz"):
        write_records(tmp_path / name, THREE, compression=given)
        assert codec_of(tmp_path / name) == (given or None)


def test_compression_of_a_file_object_is_none_whatever_its_name(tmp_path: Path) -> None:
    with (tmp_path / "a.gz").open("wb") as file:
        write_records(file, THREE)
    assert (tmp_path / "a.gz").read_bytes() == frames(THREE)


@pytest.mark.parametrize("codec", [None, "GZIP"])
@pytest.mark.parametrize("name", ["a", "a.gz"])
def test_compression_of_what_is_appended_to(name: str, codec, tmp_path: Path) -> None:
    path = tmp_path / name
    write_records(path, THREE[:1], compression=codec)
    write_records(path, THREE[1:], mode="a")
    assert codec_of(path) == codec
    path.write_bytes(b"")
    write_records(path, THREE, mode="a")
    assert codec_of(path) == ("GZIP" if name == "a.gz" else None)
    path.unlink()
    write_records(path, THREE, mode="a")
    assert codec_of(path) == ("GZIP" if name == "a.gz" else None)


def test_zlib_is_not_appended_to_whoever_names_it(tmp_path: Path) -> None:
    write_records(tmp_path / "a", THREE, compression="ZLIB")
    with pytest.raises(ValueError, match=r"a: ZLIB files end where their stream ends"):
        write_records(tmp_path / "a", THREE, mode="a")
    assert codec_of(tmp_path / "a") == "ZLIB"


@pytest.mark.parametrize("options", [{}, {"atomic": False}, {"mode": "a"}, {"mode": "x"}])
def test_a_directory_that_is_missing_is_named(tmp_path, options):
    """And not the temporary file in it, of which nobody knows."""
    told = f"No such file or directory; create the directory {tmp_path / 'none'} first"
    with pytest.raises(FileNotFoundError, match=told) as caught:
        RecordWriter(tmp_path / "none" / "a", **options)
    assert caught.value.filename == str(tmp_path / "none" / "a")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("fsync", [False, True])
@pytest.mark.parametrize("options", [{}, {"atomic": False}, {"mode": "a"}, {"mode": "x"}])
def test_the_process_may_go_to_another_directory(tmp_path, monkeypatch, options, fsync):
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    with RecordWriter("a", fsync=fsync, **options) as writer:
        writer.write(b"one")
        os.chdir("other")
        writer.write(b"two")
    assert list(read_records(tmp_path / "a")) == [b"one", b"two"]
    assert os.listdir(".") == []
