"""`RecordReader(follow=True)`: files that grow, shrink, are replaced, and go away (rows 32, 33)."""

from __future__ import annotations

import gzip
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from dataset.interrupting import Interrupted, Return, read_on
from frames import THREE, frame, frames, member

from tfrecord_lite import (
    CompressionError,
    CorruptRecordError,
    Damage,
    RecordReader,
    RecordWriter,
    TruncatedRecordError,
    read_records,
    write_records,
)
from tfrecord_lite.records import follow
from tfrecord_lite.records import reader as reader_module


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "events.tfrecord"
    path.write_bytes(frames(THREE))
    return path


def all_there(reader: RecordReader) -> list[bytes]:
    """Read what there is now."""
    return list(reader)


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def once_this_thread_waits(what: Callable[..., object], *args: object) -> threading.Thread:
    """Call something in another thread, when this one has begun to wait for more of a file."""
    watched = threading.get_ident()

    def run() -> None:
        while not waits():
            time.sleep(0.001)
        what(*args)

    def waits() -> bool:
        frame = sys._current_frames()[watched]
        return frame.f_code is follow.FollowedStream._wait.__code__

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_row_32_every_byte_as_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "events.tfrecord"
    path.touch()
    data = frames(THREE)
    bounds = [0, 19, 41, 78]
    with RecordReader(path, follow=True, timeout=0) as reader:
        assert all_there(reader) == []
        got = []
        for size in range(1, len(data) + 1):
            append(path, data[size - 1 : size])
            whole = max(bound for bound in bounds if bound <= size)
            try:
                got += reader
            except TruncatedRecordError as error:
                assert size > whole
                assert error.offset == reader.offset == whole
            else:
                assert size == whole
            assert got == THREE[: bounds.index(whole)]


@pytest.mark.parametrize("compression", [None, "GZIP", "ZLIB"])
@pytest.mark.parametrize("on_damage", ["raise", print])
def test_row_32_a_writer_at_work(tmp_path: Path, compression, on_damage) -> None:
    path = tmp_path / "events.tfrecord"
    records = [random.Random(n).randbytes(n * 40) for n in range(200)]

    def write() -> None:
        with RecordWriter(path, compression=compression, atomic=False) as writer:
            for index, record in enumerate(records):
                writer.write(record)
                if index % 10 == 0:
                    writer.flush()
                    time.sleep(0.002)

    path.touch()
    thread = threading.Thread(target=write)
    with RecordReader(path, follow=True, timeout=30, on_damage=on_damage) as reader:
        thread.start()
        got = [next(reader) for _ in records]
    thread.join()
    assert got == records


@pytest.mark.parametrize("cut", [5, 30])
def test_row_32_blocks_wait_at_a_torn_end(path: Path, cut: int) -> None:
    with RecordReader(path, follow=True) as reader:
        blocks = reader.blocks()
        assert next(blocks).to_list() == THREE
        more = frame(b"x" * 40)
        append(path, more[:cut])
        appending = once_this_thread_waits(append, path, more[cut:])
        block = next(blocks)
        assert block.to_list() == [b"x" * 40]
        assert (block.first_record, block.offset(0)) == (3, 78)
        reader.recycle(block)
        appending.join()


def test_row_32_an_event_file_as_tensorboard_meets_it(path: Path) -> None:
    """The last byte missing, then completed; then nothing for a while; then more."""
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    with RecordReader(path, follow=True, timeout=0) as reader:
        assert [next(reader), next(reader)] == THREE[:2]
        for _ in range(3):
            with pytest.raises(TruncatedRecordError):
                next(reader)
        append(path, data[-1:])
        assert all_there(reader) == THREE[2:]
        assert all_there(reader) == []
        append(path, frame(b"more"))
        assert all_there(reader) == [b"more"]
        assert reader.offset == path.stat().st_size


def test_row_32_damage_in_a_growing_file(path: Path) -> None:
    """A torn end is no damage; what is damaged before it is, once the next true record is there."""
    found = []
    with RecordReader(path, follow=True, timeout=0, on_damage=found.append) as reader:
        assert all_there(reader) == THREE
        bad = bytearray(frame(b"y" * 50))
        bad[3] ^= 1
        append(path, bytes(bad))
        assert all_there(reader) == []
        more = frame(b"more")
        append(path, more[:10])
        assert all_there(reader) == []
        assert found == []
        append(path, more[10:])
        assert all_there(reader) == [b"more"]
    assert [(place.begin, place.end, place.record, place.kind) for place in found] == [
        (78, 144, 3, "length")
    ]


def compressed(pieces: list[bytes], codec: str) -> list[bytes]:
    """One stream, in pieces of which each can be inflated as it comes; the last ends it."""
    deflate = zlib.compressobj(wbits={"GZIP": 31, "ZLIB": 15}[codec])
    parts = [deflate.compress(piece) + deflate.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    return [*parts, deflate.flush()]


@pytest.mark.parametrize("codec", ["GZIP", "ZLIB"])
def test_row_32_what_came_while_records_were_used_is_read_at_once(tmp_path: Path, codec) -> None:
    """That the stream had ended inside was found before; nobody asked again until it grew again."""
    path = tmp_path / "growing"
    first, second, end = compressed([frames(THREE), frame(b"more")], codec)
    path.write_bytes(first)
    with (
        RecordReader(path, follow=True, timeout=0) as followed,
        RecordReader(path) as read,
    ):
        assert next(followed) == next(read) == THREE[0]
        append(path, second + end)
        assert all_there(followed) == all_there(read) == [*THREE[1:], b"more"]


@pytest.mark.parametrize("codec", ["GZIP", "ZLIB"])
def test_row_32_damage_in_a_growing_compressed_file(tmp_path: Path, codec) -> None:
    """The search ended where the file did for now, and so did reading, for good."""
    path = tmp_path / "growing"
    path.write_bytes(b"")
    bad = bytearray(frame(b"y" * 50))
    bad[3] ^= 1
    more = frame(b"more")
    found: list[Damage] = []
    got = []
    with RecordReader(path, follow=True, timeout=0, on_damage=found.append) as reader:
        for piece in compressed([frames(THREE) + bad, more[:13], more[13:], frame(b"last")], codec):
            append(path, piece)
            with suppress(TruncatedRecordError):
                got += iter(reader.next_block, None)
    assert [record for block in got for record in block] == [*THREE, b"more", b"last"]
    assert [damage[1:5] for damage in found] == [(78, 144, 3, "length")]


def test_row_32_a_region_is_told_once_however_often_the_file_grows(path: Path) -> None:
    """What came after it was not complete; with each byte more the region was told again."""
    bad = bytearray(frame(b"y" * 50))
    bad[20] ^= 1
    more = frame(b"more")
    append(path, bytes(bad) + more[:1])
    found: list[Damage] = []
    with RecordReader(path, follow=True, timeout=0, on_damage=found.append) as reader:
        for byte in more[1:]:
            with suppress(TruncatedRecordError):
                all_there(reader)
            assert reader.offset == (144 if found else 78)
            append(path, bytes([byte]))
        assert all_there(reader) == [b"more"]
    assert [damage[1:5] for damage in found] == [(78, 144, 3, "data")]


@pytest.mark.parametrize("codec", ["blocked", "members"])
def test_row_32_a_damaged_member_of_a_growing_file(tmp_path: Path, codec: str) -> None:
    """Its records came again with each byte, or none after it; as from the whole file they come."""
    path = tmp_path / "growing"
    records = [b"%d" % number * 300 for number in range(6)]
    members = [
        member(frames(pair), records=2)
        if codec == "blocked"
        else gzip.compress(frames(pair), mtime=0)
        for pair in zip(records[::2], records[1::2], strict=True)
    ]
    for damaged in (-5, -1, len(members[0]) - 20):
        data = bytearray(members[0])
        data[damaged] ^= 0x40
        whole = bytes(data) + members[1] + members[2]
        path.write_bytes(whole)
        told: list[Damage] = []
        expected = list(read_records(path, on_damage=told.append))
        assert expected[-2:] == records[-2:]
        path.write_bytes(whole[:44])
        got, found = [], []
        with RecordReader(path, follow=True, timeout=0, on_damage=found.append) as reader:
            for begin in range(44, len(whole), 7):
                append(path, whole[begin : begin + 7])
                with suppress(TruncatedRecordError):
                    got += iter(reader)
        assert (got, found) == (expected, told)


def test_row_32_damage_raises(path: Path) -> None:
    append(path, bytes(40))
    with (
        RecordReader(path, follow=True, timeout=0) as reader,
        pytest.raises(CorruptRecordError),
    ):
        list(reader)


def test_row_32_a_record_too_large_that_is_not_complete(path: Path) -> None:
    found = []
    large = frame(bytes(500))
    with RecordReader(
        path, follow=True, timeout=0, on_damage=found.append, max_record_bytes=100
    ) as reader:
        append(path, large[:300])
        with pytest.raises(TruncatedRecordError):
            list(reader)
        append(path, large[300:] + frame(b"more"))
        assert all_there(reader) == [b"more"]
    assert [(place.begin, place.end, place.kind) for place in found] == [(78, 594, "too_large")]


def test_row_33_a_torn_end_that_is_trimmed(path: Path) -> None:
    """As `RecordWriter(mode="a", on_truncated="trim")` does, under the reader's feet."""
    torn = frame(b"never finished, " * 10)
    append(path, torn[:100])
    with RecordReader(path, follow=True, timeout=0) as reader:
        with pytest.raises(TruncatedRecordError):
            list(reader)
        write_records(path, [b"another"], mode="a", on_truncated="trim")
        assert list(reader) == [b"another"]


def test_row_33_written_anew_in_place(path: Path) -> None:
    with RecordReader(path, follow=True, timeout=0) as reader:
        assert all_there(reader) == THREE
        path.write_bytes(frames([b"new", b"records", b"and more of them than there were before"]))
        with pytest.warns(UserWarning, match="events.tfrecord: the file has been written again"):
            assert all_there(reader) == [
                b"new",
                b"records",
                b"and more of them than there were before",
            ]
        path.write_bytes(b"")
        with pytest.warns(UserWarning, match="written again, or cut"):
            assert all_there(reader) == []
        append(path, frame(b"once more"))
        assert all_there(reader) == [b"once more"]
        assert reader.offset == path.stat().st_size


def test_row_33_written_anew_between_two_blocks(path: Path) -> None:
    records = [b"%07d" % index for index in range(60_000)]
    path.write_bytes(frames(records))
    with RecordReader(path, follow=True, timeout=0) as reader:
        got = [next(reader) for _ in range(10)]
        path.write_bytes(frames([b"%08d" % index for index in range(60_000)]))
        with pytest.warns(UserWarning, match="again"):
            got += reader
    old = sum(len(record) == 7 for record in got)
    assert got[:old] == records[:old]
    assert 10 < old < 60_000
    assert got[old:] == [b"%08d" % index for index in range(60_000)]


def test_row_33_replaced_by_another_file(path: Path, tmp_path: Path) -> None:
    with RecordReader(path, follow=True, timeout=0) as reader:
        assert all_there(reader) == THREE
        append(path, frame(b"the last one"))
        write_records(path.with_suffix(".new"), [b"of", b"another", b"file"])
        os.replace(path.with_suffix(".new"), path)
        # The old file is read to its end first.
        with pytest.warns(UserWarning, match="replaced by another one"):
            assert all_there(reader) == [b"the last one", b"of", b"another", b"file"]
        assert reader.offset == path.stat().st_size


def test_row_33_replaced_by_a_longer_copy(path: Path) -> None:
    """As rsync and object stores do it: reading goes on, with nothing read twice."""
    append(path, frame(b"torn")[:9])
    with RecordReader(path, follow=True, timeout=0) as reader:
        with pytest.raises(TruncatedRecordError):
            list(reader)
        for more in ([b"torn"], [b"torn", b"more"], [b"torn", b"more", b"and more"]):
            copy = path.with_suffix(".copy")
            copy.write_bytes(frames(THREE + more))
            os.replace(copy, path)
            assert all_there(reader) == more[-1:]


@pytest.mark.parametrize("compression", [None, "GZIP", "ZLIB"])
def test_row_33_touched(path: Path, compression: str | None) -> None:
    """A file of another time and the same content is the same file: nothing is read twice."""
    write_records(path, THREE, compression=compression)
    with RecordReader(path, follow=True, timeout=0) as reader:
        got = [next(reader)]
        for seconds in (1, 10**9, 2 * 10**9):
            os.utime(path, (seconds, seconds))
            got += reader
        assert got == THREE
        if compression != "ZLIB":
            write_records(path, [b"more"], compression=compression, mode="a")
            os.utime(path, (3, 3))
            assert all_there(reader) == [b"more"]


def test_row_33_replaced_before_anything_was_read(path: Path) -> None:
    path.write_bytes(b"")
    with RecordReader(path, follow=True, timeout=0) as reader:
        assert all_there(reader) == []
        write_records(path, THREE, compression="GZIP")
        assert all_there(reader) == THREE
        assert reader.compression == "GZIP"


def test_row_33_compression_told_when_it_can_be(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    data = gzip.compress(frames(THREE))
    path.write_bytes(b"")
    with RecordReader(path, follow=True, timeout=0) as reader:
        got = []
        for at in range(0, len(data), 7):
            append(path, data[at : at + 7])
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                try:
                    got += reader
                except TruncatedRecordError:
                    pass
        assert got == THREE


def test_row_33_a_gzip_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    write_records(path, THREE, compression="GZIP")
    with RecordReader(path, follow=True, timeout=0) as reader:
        assert all_there(reader) == THREE
        write_records(path, [b"more"], compression="GZIP", mode="a")
        assert all_there(reader) == [b"more"]
        write_records(path, [b"new"], compression="GZIP")
        with pytest.warns(UserWarning, match="replaced"):
            assert all_there(reader) == [b"new"]
        append(path, b"junk")
        with pytest.raises(CompressionError):
            list(reader)


def test_row_33_deleted_and_written_again(path: Path) -> None:
    with path.open("ab") as old, RecordReader(path, follow=True, timeout=0) as reader:
        assert all_there(reader) == THREE
        path.unlink()
        assert all_there(reader) == []
        old.write(frame(b"into a file without a name"))
        old.flush()
        assert all_there(reader) == [b"into a file without a name"]
        path.write_bytes(frames([b"new"]))
        with pytest.warns(UserWarning, match="replaced"):
            assert all_there(reader) == [b"new"]


def test_closing_ends_the_wait(path: Path) -> None:
    reader = RecordReader(path, follow=True)
    closing = once_this_thread_waits(reader.close)
    assert list(reader) == THREE
    closing.join()
    reader.close()
    with pytest.raises(ValueError, match="closed"):
        next(reader)


def test_closing_ends_the_wait_inside_a_record(path: Path) -> None:
    append(path, b"\0")
    reader = RecordReader(path, follow=True)
    closing = once_this_thread_waits(reader.close)
    assert list(reader) == THREE
    closing.join()


def test_an_interrupted_wait_locks_nobody_out(path: Path) -> None:
    """Inside what Python's own conditions are made of: a lock that is held there stays held."""
    at, line = 0, None
    while line is None or line.text:
        at += 1
        reader = RecordReader(path, follow=True, timeout=0.001)
        records = iter(reader)
        line = Return(at, Interrupted())
        with line:
            assert read_on(records, Interrupted) == THREE
        closing = threading.Thread(target=reader.close, daemon=True)
        closing.start()
        closing.join(30)
        assert not closing.is_alive(), (at, line.text)


def test_timeout_is_of_each_wait(path: Path) -> None:
    with RecordReader(path, follow=True, timeout=0.01) as reader:
        assert list(reader) == THREE
        append(path, frame(b"more"))
        assert list(reader) == [b"more"]


def test_interrupt_ends_the_wait(path: Path) -> None:
    # Tests that run in the background ignore the signal, and so would what they start.
    program = """
import signal, sys
from tfrecord_lite import RecordReader
signal.signal(signal.SIGINT, signal.default_int_handler)
reader = RecordReader(sys.argv[1], follow=True)
try:
    for record in reader:
        print(len(record), flush=True)
except KeyboardInterrupt:
    print("interrupted", reader.offset)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in THREE] == ["3\n", "6\n", "21\n"]
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "interrupted 78\n"


def test_what_can_be_followed(path: Path, tmp_path: Path) -> None:
    with path.open("rb") as file, pytest.raises(ValueError, match="needs a path"):
        RecordReader(file, follow=True)
    with pytest.raises(ValueError, match="only a regular file"):
        RecordReader(tmp_path, follow=True)
    with pytest.raises(ValueError, match="only a regular file"):
        RecordReader("memory://none", follow=True)
    with RecordReader(path.as_uri(), follow=True, timeout=0) as reader:
        assert all_there(reader) == THREE
    with pytest.raises(ValueError, match="timeout=3 is for follow=True"):
        RecordReader(path, timeout=3)
    with pytest.raises(FileNotFoundError):
        RecordReader(tmp_path / "none", follow=True)


def test_block_bytes_outlast_a_replacement(path: Path) -> None:
    with RecordReader(path, follow=True, timeout=0) as reader:
        reader.block_bytes = 100
        assert all_there(reader) == THREE
        path.write_bytes(b"")
        with pytest.warns(UserWarning, match="again"):
            assert all_there(reader) == []
        assert reader.block_bytes == 100


def test_a_file_replaced_while_it_is_opened(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    def open_file(reader: RecordReader, original=RecordReader._open):
        file = original(reader)
        if not opened:
            path.with_suffix(".new").write_bytes(frames([b"new"]))
            os.replace(path.with_suffix(".new"), path)
        opened.append(file)
        return file

    monkeypatch.setattr(RecordReader, "_open", open_file)
    with RecordReader(path, follow=True, timeout=0) as reader:
        assert list(reader) == [b"new"]
    assert len(opened) == 2


@pytest.mark.parametrize("compression", [None, "GZIP"])
def test_row_32_a_file_that_grows_while_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str | None
) -> None:
    """What was there before does not tell its compression."""
    path = tmp_path / "events"
    path.touch()

    def open_file(reader: RecordReader, original=RecordReader._open):
        file = original(reader)
        with RecordWriter(path, compression=compression, atomic=False) as writer:
            writer.write_many(THREE)
        monkeypatch.undo()
        return file

    monkeypatch.setattr(RecordReader, "_open", open_file)
    with RecordReader(path, follow=True, timeout=0) as reader:
        assert list(reader) == THREE


@pytest.mark.parametrize("on_damage", ["raise", print])
@pytest.mark.parametrize("compression", [None, "GZIP", "ZLIB"])
def test_an_empty_file_that_grows_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str | None, on_damage, capsys
) -> None:
    """It was looked at when nothing told its compression."""
    path = tmp_path / "events"
    path.touch()

    def read(stream: follow.FollowedStream, original=follow.FollowedStream._read):
        monkeypatch.undo()
        with RecordWriter(path, compression=compression, atomic=False) as writer:
            writer.write_many(THREE)
        return original(stream)

    monkeypatch.setattr(follow.FollowedStream, "_read", read)
    with RecordReader(path, follow=True, timeout=0, on_damage=on_damage) as reader:
        assert list(reader) == THREE
    assert capsys.readouterr().out == ""


def test_a_file_that_cannot_be_opened_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RecordReader(path, follow=True, timeout=0) as reader:
        assert list(reader) == THREE
        path.write_bytes(b"")

        def fail(file: object):
            raise PermissionError(13, "Permission denied")

        with monkeypatch.context() as patch:
            patch.setattr(reader_module, "ByteSource", fail)
            for _ in range(2):
                with pytest.warns(UserWarning, match="again"), pytest.raises(PermissionError):
                    list(reader)
        with pytest.warns(UserWarning, match="again"):
            assert list(reader) == []
