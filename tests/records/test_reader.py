"""RecordReader: what it hands out, however the bytes come in."""

from __future__ import annotations

import gzip
import io
import pickle
import random
import zlib
from pathlib import Path

import pytest
from frames import COMPRESS, FILES, THREE, frame, frames, header
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrecord_lite import (
    CompressionError,
    CorruptRecordError,
    Damage,
    RecordReader,
    RecordTooLargeError,
    TruncatedRecordError,
    read_records,
    write_records,
)
from tfrecord_lite.records import byte_source


class Dribble(io.RawIOBase):
    """A file that gives a few bytes at a time, of the sizes it is told."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._data = io.BytesIO(data)
        self._sizes = sizes
        self._reads = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        size = self._sizes[self._reads % len(self._sizes)]
        self._reads += 1
        return self._data.readinto(memoryview(buffer)[: max(1, size)])


class OnlyRead:
    """The least that a file object can be."""

    def __init__(self, data: bytes) -> None:
        self.read = io.BytesIO(data).read


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("compress", COMPRESS)
@pytest.mark.parametrize("name", FILES)
def test_reads(name: str, compress: str, tmp_path: Path) -> None:
    records = FILES[name]
    data = COMPRESS[compress](records)
    path = tmp_path / "any.name"
    path.write_bytes(data)
    raw = len(frames(records))
    for verify in (True, False):
        with RecordReader(path, verify=verify) as reader:
            assert list(reader) == records
            assert list(reader) == []
            assert (reader.offset, reader.source_offset) == (raw, len(data))
        with RecordReader(path, verify=verify) as reader:
            blocks = list(reader.blocks())
    assert [record for block in blocks for record in block] == records
    assert [block.first_record for block in blocks] == [
        sum(map(len, blocks[:index])) for index in range(len(blocks))
    ]
    assert all(block.path == str(path) for block in blocks)
    for block in blocks[:3]:
        assert block.offset(0) == len(frames(records[: block.first_record]))


@pytest.mark.parametrize("compress", COMPRESS)
@pytest.mark.parametrize("name", ["three", "shorter_than_a_word", "two_hundred", "no_record"])
def test_row_22_short_reads(name: str, compress: str) -> None:
    records = FILES[name]
    data = COMPRESS[compress](records)
    for sizes in ([1], [7], [1, 100, 3, 11]):
        assert list(RecordReader(Dribble(data, sizes))) == records
    assert list(RecordReader(OnlyRead(data))) == records


@settings(max_examples=60)
@given(
    records=st.lists(st.binary(max_size=60), max_size=8),
    cut=st.integers(0, 100),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    compress=st.sampled_from(list(COMPRESS)),
)
def test_the_cuts_on_the_way_in_change_nothing(records, cut, sizes, compress) -> None:
    data = COMPRESS[compress](records)
    data = data[: max(0, len(data) - cut)]

    def outcome(file):
        reader, got = RecordReader(file), []
        try:
            for record in reader:
                got.append(record)
        except (TruncatedRecordError, CorruptRecordError, CompressionError) as error:
            return got, type(error), error.record, error.offset, reader.offset
        return got, None, None, None, reader.offset

    assert outcome(Dribble(data, sizes)) == outcome(io.BytesIO(data))


def test_row_22_read_that_returns_none() -> None:
    class NotReady(Dribble):
        def readinto(self, buffer) -> None:  # type: ignore[override]
            return None

    with pytest.raises(BlockingIOError, match="non-blocking"):
        RecordReader(NotReady(b"", [1]))

    class OnlyReadNotReady:
        def read(self, size: int) -> None:
            return None

    with pytest.raises(BlockingIOError, match="non-blocking"):
        RecordReader(OnlyReadNotReady(), compression=None).__next__()


def test_next_loops_and_blocks_share_one_position() -> None:
    records = [bytes([n]) * n for n in range(9)]
    reader = RecordReader(io.BytesIO(frames(records)))
    assert reader.offset == 0
    assert next(reader) == records[0]
    assert reader.offset == 16
    for record in reader:
        assert record == records[1]
        break
    assert reader.offset == 16 + 17
    block = next(reader.blocks())
    assert block.to_list() == records[2:]
    assert block.first_record == 2
    with pytest.raises(StopIteration):
        next(reader)


def test_large_records_are_left_and_taken_up_again(tmp_path: Path) -> None:
    records = [bytes([n]) * 300_000 for n in range(12)] + [b"small"] + [b"x" * 100_000] * 3
    path = tmp_path / "large.tfrecord"
    path.write_bytes(frames(records))
    reader = RecordReader(path)
    got = [next(reader) for _ in range(6)]
    assert reader.offset == len(frames(got))
    block = next(reader.blocks())
    got += block
    assert block.first_record == 6
    got += reader
    assert got == records
    reader.close()


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("fault", ["data", "length", "truncated", "too_large"])
def test_a_fault_among_large_records(fault: str, verify: bool, tmp_path: Path) -> None:
    records = [bytes([n]) * 200_000 for n in range(12)]
    data = bytearray(frames(records))
    begin = 200_016 * 8
    limit = 200_000
    if fault == "data":
        data[begin + 500] ^= 1
    elif fault == "length":
        data[begin] ^= 1
    elif fault == "truncated":
        del data[begin + 100_000 :]
    else:
        data[begin:] = frame(bytes(200_001)) + frames(records[9:])
    path = tmp_path / "damaged.tfrecord"
    path.write_bytes(data)
    found: list[Damage] = []
    with RecordReader(
        path, on_damage=found.append, verify=verify, max_record_bytes=limit
    ) as reader:
        got = list(reader)
    if fault == "data" and not verify:
        assert (len(got), found) == (12, [])
        return
    assert got[:8] == records[:8]
    assert got[8:] == (records[9:] if fault != "truncated" else [])
    assert [(d.kind, d.record, d.begin) for d in found] == [(fault, 8, begin)]


# What on_damage gets: fault, how to make it from the frames of THREE, records left, (begin, end,
# record, kind).
def _flip(at: int):
    def flip(data: bytes) -> bytes:
        return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]

    return flip


ON_DAMAGE = {
    "none": (lambda data: data, [0, 1, 2], None),
    "data": (_flip(19 + 12), [0, 2], (19, 41, 1, "data")),
    "data_crc": (_flip(40), [0, 2], (19, 41, 1, "data")),
    "last_data": (_flip(60), [0, 1], (41, 78, 2, "data")),
    "length": (_flip(19), [0, 2], (19, 41, 1, "length")),
    "length_crc": (_flip(19 + 8), [0, 2], (19, 41, 1, "length")),
    "last_length": (_flip(41), [0, 1], (41, 78, 2, "length")),
    "torn_header": (lambda data: data[:43], [0, 1], (41, 43, 2, "truncated")),
    "torn_data": (lambda data: data[:70], [0, 1], (41, 70, 2, "truncated")),
    "too_large": (
        lambda data: data[:19] + frame(bytes(200)) + data[19:],
        [0, 1, 2],
        (19, 19 + 216, 1, "too_large"),
    ),
    "too_large_and_torn": (
        lambda data: data + header(500) + bytes(20),
        [0, 1, 2],
        (78, 110, 3, "too_large"),
    ),
}


@pytest.mark.parametrize("compress", [lambda data: data, gzip.compress, zlib.compress])
@pytest.mark.parametrize("name", ON_DAMAGE)
def test_on_damage_reports_and_goes_on(name: str, compress) -> None:
    make, left, region = ON_DAMAGE[name]
    found: list[Damage] = []
    data = compress(make(frames(THREE)))
    for sizes in ([1 << 20], [5]):
        found.clear()
        reader = RecordReader(Dribble(data, sizes), on_damage=found.append, max_record_bytes=100)
        assert list(reader) == [THREE[index] for index in left]
        assert [(d.begin, d.end, d.record, d.kind) for d in found] == ([region] if region else [])
        assert all(d.path == "<Dribble>" and d.reason for d in found)
        assert list(reader) == []


def test_on_damage_in_a_compressed_stream() -> None:
    found: list[Damage] = []
    data = gzip.compress(frames(THREE))
    bad_crc = data[:-8] + bytes([data[-8] ^ 1]) + data[-7:]
    assert list(RecordReader(io.BytesIO(bad_crc), on_damage=found.append)) == THREE
    assert [(d.begin, d.end, d.kind) for d in found] == [(78, 78, "compression")]
    found.clear()
    bad_start = gzip.compress(b"\xff" + frames(THREE)) + b"junk"
    assert list(RecordReader(io.BytesIO(bad_start), on_damage=found.append)) == THREE
    assert [(d.begin, d.end, d.kind) for d in found] == [(0, 1, "length"), (79, 79, "compression")]


def test_on_damage_may_raise() -> None:
    class Stop(Exception):
        pass

    def stop(damage: Damage) -> None:
        raise Stop

    data = bytearray(frames(THREE))
    data[15] ^= 1
    with pytest.raises(Stop):
        list(RecordReader(io.BytesIO(data), on_damage=stop))


def test_row_32_an_error_is_raised_again_until_the_file_grows(tmp_path: Path) -> None:
    data = frames(THREE)
    path = tmp_path / "growing.tfrecord"
    path.write_bytes(b"")
    with RecordReader(path) as reader, path.open("ab") as file:
        assert list(reader) == []
        done = 0
        for record in THREE:
            whole = frame(record)
            for end in range(1, len(whole)):
                file.write(whole[end - 1 : end])
                file.flush()
                for _ in range(2):
                    with pytest.raises(TruncatedRecordError) as caught:
                        next(reader)
                    assert caught.value.offset == reader.offset == done
            file.write(whole[-1:])
            file.flush()
            assert next(reader) == record
            done += len(whole)
        assert list(reader) == []
        assert reader.offset == len(data)


def test_row_32_a_growing_gzip_file(tmp_path: Path) -> None:
    path = tmp_path / "growing.gz"
    whole = COMPRESS["blocked"](THREE)
    got = []
    path.write_bytes(whole[:12])
    with RecordReader(path) as reader, path.open("ab") as file:
        for byte in whole[12:]:
            try:
                got += reader
            except TruncatedRecordError:
                pass
            file.write(bytes([byte]))
            file.flush()
        got += reader
    assert got == THREE


def test_row_24_an_oserror_goes_through_and_loses_nothing() -> None:
    class Faulty(Dribble):
        fail_at = -1

        def readinto(self, buffer) -> int:
            if self._reads == self.fail_at:
                self.fail_at = -1
                raise OSError(5, "Input/output error")
            return super().readinto(buffer)

    for compress in COMPRESS:
        data = COMPRESS[compress](THREE)
        for nth in range(1, len(data) // 5 + 2):
            file = Faulty(data, [5])
            reader = RecordReader(file, compression=None if compress == "plain" else "auto")
            file.fail_at = nth
            got: list[bytes] = []
            for _ in range(2):
                try:
                    got += iter(reader.__next__, None)
                except StopIteration:
                    break
                except OSError as error:
                    assert error.errno == 5
                    assert type(error) is OSError
            got += reader
            assert got == THREE


def test_row_37_pickling(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    path.write_bytes(frames(THREE))
    with RecordReader(path, verify=False, max_record_bytes=1000) as reader:
        next(reader)
        with pickle.loads(pickle.dumps(reader)) as again:
            assert list(again) == THREE
    with pytest.raises(TypeError, match="file object cannot be pickled"):
        pickle.dumps(RecordReader(io.BytesIO()))


def test_bad_options(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown compression 'gzip'; choose 'GZIP', 'ZLIB' or No"):
        RecordReader(io.BytesIO(), compression="gzip")
    with pytest.raises(ValueError, match="on_damage"):
        RecordReader(io.BytesIO(), on_damage="skip")
    with pytest.raises(TypeError, match="binary file object, not StringIO"):
        RecordReader(io.StringIO())
    with pytest.raises(TypeError, match="a path or a binary file object, not int"):
        RecordReader(7)


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 22])
def test_block_bytes(size: int) -> None:
    records = FILES["two_hundred"]
    reader = RecordReader(io.BytesIO(frames(records)))
    reader.block_bytes = size
    assert reader.block_bytes == size
    assert [record for block in reader.blocks() for record in block] == records
    with pytest.raises(ValueError, match="at least 1"):
        reader.block_bytes = 0


def test_row_24_a_system_error_inside_a_file_comes_behind_its_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = FILES["large"]
    path = tmp_path / "large.gz"
    path.write_bytes(gzip.compress(frames(records), 0))
    reads = []
    readinto = byte_source.ByteSource.readinto

    def fail_once(source: byte_source.ByteSource, view: memoryview) -> int:
        reads.append(len(view))
        if len(reads) == 6:
            raise OSError(5, "Input/output error")
        return readinto(source, view)

    monkeypatch.setattr(byte_source.ByteSource, "readinto", fail_once)
    got: list[bytes] = []
    with RecordReader(path) as reader:
        with pytest.raises(OSError, match="Input/output"):
            for block in reader.blocks():
                got += block
        assert 0 < len(got) < len(records)
        got += reader
    assert got == records


def test_row_10_max_record_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    path.write_bytes(frames([b"abc", b"abcd", b"abcde"]))
    with RecordReader(path, max_record_bytes=4) as reader:
        assert [next(reader), next(reader)] == [b"abc", b"abcd"]
        with pytest.raises(
            RecordTooLargeError, match="5 bytes, more than max_record_bytes=4"
        ) as caught:
            next(reader)
    assert (caught.value.record, caught.value.offset) == (2, 39)
    assert (caught.value.actual, caught.value.expected) == (5, 4)


def test_a_file_object_is_left_open_and_read_from_where_it_stands() -> None:
    file = io.BytesIO(b"preface" + frames(THREE))
    file.seek(7)
    with RecordReader(file) as reader:
        assert list(reader) == THREE
    assert not file.closed


def test_verify_false_checks_lengths_alone() -> None:
    data = bytearray(frames(THREE))
    data[12] ^= 1
    reader = RecordReader(io.BytesIO(data), verify=False)
    assert list(reader) == [b"goo", *THREE[1:]]
    data[20] ^= 1
    reader = RecordReader(io.BytesIO(data), verify=False)
    assert next(reader) == b"goo"
    with pytest.raises(CorruptRecordError, match="length"):
        next(reader)


def test_row_44_an_abandoned_reader_closes_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    path.write_bytes(frames(THREE))
    records = read_records(path)
    assert next(records) == THREE[0]
    records.close()
    with RecordReader(path) as reader:
        next(reader)
    reader.close()
    with pytest.raises(ValueError, match="closed"):
        list(reader)


def test_a_recycled_block_makes_room_for_others(tmp_path) -> None:
    records = [random.Random(index).randbytes(700) for index in range(400)]
    write_records(tmp_path / "a", records)
    with RecordReader(tmp_path / "a") as reader:
        reader.block_bytes = 5000
        found, buffers = [], set()
        for block in reader.blocks():
            found += block.to_list()
            buffers.add(block.buffer.ctypes.data)
            reader.recycle(block)
    assert found == records
    assert len(buffers) <= 3
    with RecordReader(tmp_path / "a") as reader:
        reader.block_bytes = 5000
        blocks = list(reader.blocks())
    assert [record for block in blocks for record in block] == records


def test_blocks_behind_a_record_taken_alone(tmp_path) -> None:
    records = [b"%05d" % index for index in range(3000)]
    write_records(tmp_path / "a", records)
    with RecordReader(tmp_path / "a") as reader:
        reader.block_bytes = 5000
        first = next(reader)
        rest = list(reader.blocks())
    assert [first, *(record for block in rest for record in block)] == records
