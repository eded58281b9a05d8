"""After damage: the next true record is found, in every kind of source, and nothing else is."""

from __future__ import annotations

import gzip
import io
import os
import random
import struct
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from frames import THREE, blocked, crc32c, frame, frames, header, masked
from hypothesis import example, given, settings
from hypothesis import strategies as st
from integrity.corrupting import Pipe
from peak import growth
from variants import few_or_many

from tfrecord_lite import (
    CorruptRecordError,
    Damage,
    RecordReader,
    RecordSet,
    read_records,
    write_records,
)
from tfrecord_lite.records import blocks, byte_source, checksum, inflate, recovery
from tfrecord_lite.records.resync import find_headers
from tfrecord_lite.records.window import Window
from tfrecord_lite.thresholds import limits

FOUR = [b"first", b"second one" * 9, b"", b"the last!"]
BOUNDS = [0, 21, 127, 143, 168]
PLAIN = frames(FOUR)


def sources(data: bytes, folder: Path) -> list[object]:
    """The same bytes as a path, an open file, and pipes of two paces."""
    path = folder / "damaged"
    path.write_bytes(data)
    return [path, io.BytesIO(data), Pipe(data, 1 << 20), Pipe(data, 7)]


def read(source: object, **options) -> tuple[list[bytes], list[tuple[int, int, int, str]]]:
    """Read what is intact; return it, and begin, end, record and kind of what is not."""
    found: list[Damage] = []
    with RecordReader(source, on_damage=found.append, **options) as reader:
        got = list(reader)
        assert list(reader) == []
    return got, [(place.begin, place.end, place.record, place.kind) for place in found]


def flipped(data: bytes, at: int, bit: int = 0) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


# The search for headers.


def headers_by_the_book(data: bytes, begin: int, end: int, most: int) -> list[int]:
    return [
        at
        for at in range(begin, end - 11)
        if masked(data[at : at + 8]) == int.from_bytes(data[at + 8 : at + 12], "little")
        and int.from_bytes(data[at : at + 8], "little") <= most
    ]


LENGTHS = [0, 1, 255, 256, 65535, 65536, 2**24, 2**32 - 1, 2**32, 2**33 + 5, 2**62, 2**64 - 1]


@example([header(2**64 - 1), header(2**48 - 5)], (0, 0), 2**70)
@given(
    pieces=st.lists(
        st.one_of(
            st.binary(max_size=20),
            st.integers(0, 40).map(bytes),
            st.sampled_from(LENGTHS).map(header),
            st.integers(0, 2**16).map(header),
        ),
        max_size=12,
    ),
    cut=st.tuples(st.integers(0, 5), st.integers(0, 5)),
    most=st.sampled_from([0, 100, 2**16, 2**31, 2**32, 2**40, 2**63, 2**70]),
)
def test_headers_are_found_at_every_position(pieces, cut, most) -> None:
    data = b"".join(pieces)
    begin, end = min(cut[0], len(data)), max(len(data) - cut[1], 0)
    buffer = np.frombuffer(data, np.uint8)
    found = find_headers(buffer, begin, end, most)
    assert found.tolist() == headers_by_the_book(data, begin, end, most)
    assert found.dtype == np.int64


@pytest.mark.parametrize("at", [0, 1, 2, 3, (1 << 18) - 5, 1 << 18, (1 << 18) + 11, 2**19 + 2])
@pytest.mark.parametrize("around", ["zeros", "random", "integers"])
def test_headers_are_found_across_the_strides(at: int, around: str) -> None:
    size = 2**20
    rng = np.random.default_rng(1)
    data = {
        "zeros": lambda: np.zeros(size, np.uint8),
        "random": lambda: rng.integers(0, 256, size, np.uint8),
        "integers": lambda: rng.integers(0, 300, size // 8).view(np.uint8).copy(),
    }[around]()
    data[at : at + 12] = np.frombuffer(header(77), np.uint8)
    data[-12:] = np.frombuffer(header(0), np.uint8)
    assert find_headers(data, 0, size, 1 << 30).tolist() == [at, size - 12]
    assert find_headers(data, at, at + 12, 77).tolist() == [at]
    assert find_headers(data, at, at + 11, 77).tolist() == []


# One fault in a file of four records: where reading goes on.


@pytest.mark.parametrize("bit", [0, 4, 7])
def test_rows_01_and_02_a_damaged_length_costs_its_record_alone(bit: int, tmp_path) -> None:
    for number, begin in enumerate(BOUNDS[:-1]):
        for at in range(begin, begin + 12):
            for source in sources(flipped(PLAIN, at, bit), tmp_path):
                got, damage = read(source)
                assert got == FOUR[:number] + FOUR[number + 1 :]
                assert damage == [(begin, BOUNDS[number + 1], number, "length")]


def test_rows_03_and_04_damaged_data_costs_its_record_alone(tmp_path) -> None:
    for number, (begin, end) in enumerate(pairwise(BOUNDS)):
        for at in range(begin + 12, end):
            for source in sources(flipped(PLAIN, at), tmp_path):
                got, damage = read(source)
                assert got == FOUR[:number] + FOUR[number + 1 :]
                assert damage == [(begin, end, number, "data")]


def test_row_05_zeroed_blocks(tmp_path) -> None:
    rng = random.Random(5)
    records = [rng.randbytes(rng.choice([0, 30, 700, 9000])) for _ in range(80)]
    data = frames(records)
    bounds = np.cumsum([0, *(16 + len(record) for record in records)])
    for size in (512, 4096):
        for begin in range(0, len(data), 3 * size + 100):
            damaged = bytearray(data)
            damaged[begin : begin + size] = bytes(len(damaged[begin : begin + size]))
            touched = (bounds[:-1] < begin + size) & (bounds[1:] > begin)
            whole = [record for record, hit in zip(records, touched, strict=True) if not hit]
            for source in sources(bytes(damaged), tmp_path)[:3]:
                assert read(source)[0] == whole


@pytest.mark.parametrize("size", [1, 11, 12, 16, 4096, 3 << 20])
def test_row_08_zeros_behind_the_records(size: int, tmp_path) -> None:
    for source in sources(PLAIN + bytes(size), tmp_path)[:3]:
        got, damage = read(source)
        assert got == FOUR
        assert damage == [(168, 168 + size, 4, "truncated" if size < 12 else "length")]


@pytest.mark.parametrize("junk", [b"\xff", b"junk before the data", bytes(5000), b"\x89PNG" * 99])
def test_row_09_junk_before_the_data(junk: bytes, tmp_path) -> None:
    for source in sources(junk + PLAIN, tmp_path):
        got, damage = read(source)
        assert got == FOUR
        assert damage == [(0, len(junk), 0, "length")]


def test_row_09_a_wrong_file_is_one_region(tmp_path) -> None:
    data = random.Random(9).randbytes(3 << 20)
    for source in sources(data, tmp_path)[:3]:
        assert read(source) == ([], [(0, len(data), 0, "length")])


@pytest.mark.parametrize("length", [1000, 2**30 + 1, 2**34, 2**40, 2**62, 2**63 - 1, 2**64 - 1])
@pytest.mark.parametrize("more", [b"", bytes(10)])
def test_row_10_a_hostile_length_hides_no_record(length: int, more: bytes, tmp_path) -> None:
    hostile = header(length) + more
    kind = "truncated" if length == 1000 else "too_large"
    for source in sources(PLAIN + hostile + PLAIN, tmp_path):
        got, damage = read(source)
        if more or length != 1000:
            assert got == FOUR + FOUR
            assert damage == [(168, 168 + len(hostile), 4, kind)]
        else:
            # A record that begins with frames that stay inside it: so it may be, cut off.
            assert (got, damage) == (FOUR, [(168, 168 + 12 + 168, 4, kind)])


def test_row_10_hostile_lengths_take_no_memory(tmp_path: Path) -> None:
    before = "import sys\nfrom tfrecord_lite import RecordReader"
    program = """
for path in sys.argv[1:]:
    for source in (path, open(path, "rb")):
        reader = RecordReader(source, on_damage=lambda damage: None, max_record_bytes=1 << 62)
        assert len(list(reader)) == 8
"""
    paths = []
    for length in (2**30, 2**34, 2**40, 2**62):
        path = tmp_path / f"claims_{length}"
        path.write_bytes(PLAIN + header(length) + bytes(10) + PLAIN)
        paths.append(str(path))
    assert growth(before, program, *paths) < 64


def test_row_11_a_length_off_by_one(tmp_path) -> None:
    body = b"abcdef" + struct.pack("<I", masked(b"abcdef"))
    for length, left in ((7, [b"x"]), (5, [b"x"])):
        for source in sources(frame(b"x") + header(length) + body, tmp_path):
            got, damage = read(source)
            assert got == left
            assert (damage[0][0], damage[-1][1]) == (17, 17 + 12 + 10)
    # Between others: what comes after is found again.
    for length in (0, 5, 7, 100):
        for source in sources(frame(b"x") + header(length) + body + PLAIN, tmp_path):
            got, damage = read(source)
            assert got == [b"x", *FOUR]
            assert (damage[0][0], damage[-1][1]) == (17, 39)


@few_or_many("step", 7, 1)
def test_row_12_lost_and_doubled_bytes(step: int, tmp_path) -> None:
    """The frame that was cut into is lost, none after it; numbers count on from those found."""
    data = frames(FOUR * 3)
    # At the beginning, at the end, and in all of what has neither before nor after it.
    ends = (*range(60), *range(168 - 30, 2 * 168), *range(3 * 168 - 60, 3 * 168))
    for begin in ends[::step]:
        for size in (1, 12, 16, 30):
            cut = data[:begin] + data[begin + size :]
            got, _ = read(io.BytesIO(cut))
            bounds = [0, 21, 127, 143]
            bounds = [bound + 168 * turn for turn in range(3) for bound in bounds] + [3 * 168]
            spared = [
                record
                for record, (first, last) in zip(FOUR * 3, pairwise(bounds), strict=True)
                if last <= begin or first >= begin + size
            ]
            assert got == spared, (begin, size)
            doubled = data[: begin + size] + data[begin:]
            got, _ = read(io.BytesIO(doubled))
            rest = iter(got)
            assert all(record in rest for record in spared), (begin, size)


# Records that hold frames.

OUTER = frames(THREE)


@pytest.mark.parametrize("prefix", [b"", b"prefix"])
def test_row_13_no_record_inside_another_intact_one_is_taken(prefix: bytes, tmp_path) -> None:
    records = [prefix + OUTER, b"x", prefix + frames([OUTER, OUTER]), b"y"]
    data = frames(records)
    begin = len(frame(records[0]))
    for at in range(begin, begin + 12):
        for source in sources(flipped(data, at), tmp_path):
            got, damage = read(source)
            assert got == [records[0], *records[2:]]
            assert damage == [(begin, begin + 17, 1, "length")]


@pytest.mark.parametrize("prefix", [b"", b"prefix"])
def test_row_13_none_inside_one_with_damaged_data(prefix: bytes, tmp_path) -> None:
    records = [b"x", prefix + OUTER, b"y"]
    data = frames(records)
    for at in range(17 + 12, len(data) - 17):
        for source in sources(flipped(data, at), tmp_path)[:3]:
            assert read(source) == ([b"x", b"y"], [(17, len(data) - 17, 1, "data")])


@pytest.mark.parametrize("before", [0, 1, 6, 11, 12])
def test_row_13_a_record_at_the_end_of_a_large_one_is_true(before: int, tmp_path) -> None:
    """Wherever it begins: what is damaged is searched in pieces of a MiB."""
    begin = 1 + (1 << 20) - before
    behind = frames([b"true"])
    lost = header(begin + len(behind) - 16) + bytes(begin - 12)
    (tmp_path / "a").write_bytes(lost + behind + frames([b"last"]))
    found = read(tmp_path / "a")
    assert found == ([b"true", b"last"], [(0, begin, 0, "data")])


def test_row_13_none_inside_one_that_is_cut_off(tmp_path) -> None:
    """Whether it begins with them, or the records before it hold some too."""
    for records in ([OUTER], [b"x", OUTER], [b"prefix" + OUTER] * 2, [OUTER, b"prefix" + OUTER]):
        data = frames(records)
        begin = len(frames(records[:-1]))
        for end in range(begin + 1, len(data)):
            for source in sources(data[:end], tmp_path)[:3]:
                got, damage = read(source)
                assert got == records[:-1]
                assert damage == [(begin, end, len(records) - 1, "truncated")]


def test_row_13_nor_where_what_follows_is_damaged_too(tmp_path) -> None:
    records = [b"prefix" + OUTER] * 3
    data = frames(records)
    size = len(data) // 3
    damaged = flipped(flipped(data, size + 20), 2 * size + 1)
    for source in sources(damaged, tmp_path)[:3]:
        got, damage = read(source)
        assert got[0] == records[0]
        assert damage[0] == (size, 2 * size, 1, "data")


def test_row_12_a_header_whose_data_was_lost(tmp_path) -> None:
    """What follows is the next record; it ends after the place where the lost one would."""
    data = frames([b"first"]) + header(40) + frames([b"x" * 60, b"last"])
    for source in sources(data, tmp_path):
        assert read(source) == ([b"first", b"x" * 60, b"last"], [(21, 33, 1, "data")])


def test_row_13_inside_a_record_with_a_damaged_header_nobody_can_tell(tmp_path) -> None:
    data = flipped(frames([b"x", OUTER, b"y"]), 18)
    for source in sources(data, tmp_path):
        got, damage = read(source)
        assert got == [b"x", *THREE, b"y"]
        assert [place[:2] for place in damage] == [(17, 29), (29 + 78, 29 + 78 + 4)]


def test_row_13_records_of_eight_bytes_are_no_frames(tmp_path) -> None:
    """Eight bytes and the CRC after them are what a header is."""
    records = [struct.pack("<Q", number) for number in range(300)]
    data = frames(records)
    for begin in range(24 * 100, 24 * 101):
        # Were 12 bytes cut out, two headers could stand after each other: that is a record.
        for size in (1, 11, 24, 100, 512):
            got, _ = read(io.BytesIO(data[:begin] + data[begin + size :]))
            spared = records[: begin // 24] + records[-(-(begin + size) // 24) :]
            assert [record for record in got if record in spared] == spared, (begin, size)
            assert set(got) <= set(records)
        got, _ = read(io.BytesIO(flipped(data, begin)))
        assert got == records[:100] + records[101:]


# What the search believes.


def test_row_14_both_checksums_must_hold(tmp_path) -> None:
    bad = header(30) + bytes(30) + b"\1\2\3\4"
    data = flipped(PLAIN, 21) + bad + header(10) + bad + PLAIN
    for source in sources(data, tmp_path):
        got, damage = read(source)
        assert got == [FOUR[0], *FOUR[2:], *FOUR]
        assert (damage[0], damage[-1][1]) == ((21, 127, 1, "length"), len(data) - 168)


def test_row_14_a_record_larger_than_the_buffer_is_found(tmp_path) -> None:
    rng = random.Random(14)
    records = [b"x" * 50, rng.randbytes(5 << 20), b"y", rng.randbytes(3 << 20), b"z"]
    data = frames(records)
    for at in (3, 66 + 5):
        number = 0 if at == 3 else 1
        for source in sources(flipped(data, at), tmp_path)[:3]:
            assert read(source)[0] == records[:number] + records[number + 1 :]


def test_row_14_wherever_the_record_lies_in_the_buffer(tmp_path) -> None:
    """The damage is a MiB, give or take; the record that follows lies across the buffer's end."""
    record = b"found" * 20
    for size in range((1 << 20) - 140, (1 << 20) + 20, 7):
        data = PLAIN + b"\xee" * size + frame(record) + PLAIN
        for source in sources(data, tmp_path)[:3]:
            got, damage = read(source)
            assert got == [*FOUR, record, *FOUR]
            assert damage == [(168, 168 + size, 4, "length")]


def test_numbers_count_a_region_as_one_record() -> None:
    found: list[Damage] = []
    data = flipped(PLAIN, 21) + b"\xff" * 99 + PLAIN
    with RecordReader(io.BytesIO(data), on_damage=found.append) as reader:
        firsts = [block.first_record for block in reader.blocks()]
    assert [place.record for place in found] == [1, 4]
    assert firsts == [0, 2, 5]


def hostile_files(size: int) -> dict[str, bytes]:
    """Headers that nest and overlap, each stating a record as long as can be."""
    empty, pairs, shared, many = frame(b""), bytearray(), bytearray(), bytearray()
    while len(pairs) < size:
        pairs += header(size - len(pairs)) + empty
        many += header(1 << 14) + empty
        shared += header(max(size - len(shared) - 16, 0)) + empty
    dense = b"".join(header(max(size - 12 * number - 28, 0)) for number in range(size // 12))
    return {
        "dense": dense,
        "halves": header(size // 2) * (size // 12),
        "pairs": bytes(pairs) + bytes(2 * size),
        "pairs_of_16_k": bytes(many) + bytes(1 << 15),
        "to_one_end": bytes(shared) + frame(b"the end"),
    }


# Work that grows with the square would be beyond the bound at each of these sizes.
@few_or_many("size", 1 << 14, 1 << 15)
@pytest.mark.parametrize("name", hostile_files(100))
def test_row_14_the_work_is_linear_whatever_headers_there_are(
    name: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many bytes go through a checksum, and how many are searched, copied and read."""
    # These files are small, and so would be the work.
    monkeypatch.setattr(limits, "free_search_bytes", 0)
    work = [0]

    def patch(room, name, size_of):
        function = getattr(room, name)

        def counting(*args, **options):
            result = function(*args, **options)
            work[0] += size_of(result, *args)
            return result

        monkeypatch.setattr(room, name, counting)

    patch(recovery, "crc32c", lambda result, data, crc=0: len(data))
    patch(recovery, "find_headers", lambda result, buffer, begin, end, most: end - begin)
    patch(checksum, "crc32c", lambda result, data, crc=0: memoryview(data).nbytes)
    patch(blocks, "masked_crc32c", lambda result, data: len(data))
    patch(byte_source.ByteSource, "readinto", lambda count, source, view: count)
    patch(byte_source.ByteSource, "read_at", lambda result, source, size, offset: len(result))
    patch(Window, "_refit", lambda result, window, size: window.have)
    data = hostile_files(size)[name]
    for source in sources(data, tmp_path)[:2]:
        work[0] = 0
        got, damage = read(source)
        assert work[0] < 400 * len(data)
        assert sum(end - begin for begin, end, *_ in damage) + len(frames(got)) == len(data)


def test_row_14_small_records_are_found_among_hostile_headers(tmp_path) -> None:
    hostile = header(100_000) * 10_000
    data = PLAIN + hostile + frame(bytes(900)) + hostile + PLAIN
    for source in sources(data, tmp_path)[:2]:
        assert read(source)[0] == [*FOUR, bytes(900), *FOUR]


def test_memory_stays_small_while_a_large_damage_is_crossed(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.write(PLAIN)
        file.write(header(1 << 29))
        file.seek(300 << 20, os.SEEK_CUR)
        file.write(PLAIN)
    before = "import sys\nfrom tfrecord_lite import RecordReader"
    program = """
options = {"on_damage": lambda damage: None, "max_record_bytes": 1 << 20}
with RecordReader(sys.argv[1], **options) as reader:
    assert len(list(reader)) == 8
"""
    assert growth(before, program, path) < 30


# What goes wrong while the search is on.


def test_row_24_a_system_error_in_the_search_loses_nothing(tmp_path) -> None:
    data = flipped(PLAIN, 22) + b"\xdd" * 300 + frames([b"large" * 500]) + PLAIN

    class Faulty(Pipe):
        fail_at = -1
        reads = 0

        def read(self, size: int) -> bytes:
            self.reads += 1
            if self.reads == self.fail_at:
                raise OSError(5, "Input/output error")
            return super().read(size)

    expected = read(io.BytesIO(data))
    assert expected[0] == [FOUR[0], *FOUR[2:], b"large" * 500, *FOUR]
    for nth in range(2, len(data) // 40 + 3):
        file = Faulty(data, 40)
        found: list[Damage] = []
        reader = RecordReader(file, compression=None, on_damage=found.append)
        file.fail_at = nth
        got: list[bytes] = []
        for _ in range(2):
            before = reader.offset
            try:
                for record in reader:
                    got.append(record)
                    before = reader.offset
            except OSError as error:
                assert error.errno == 5
                assert reader.offset == before
        assert (got, [(p.begin, p.end, p.record, p.kind) for p in found]) == expected


def test_on_damage_may_raise_and_reading_goes_on_behind(tmp_path) -> None:
    class Stop(Exception):
        pass

    def stop(damage: Damage) -> None:
        raise Stop

    for at in (22, 40):
        for source in sources(flipped(PLAIN, at), tmp_path):
            with RecordReader(source, on_damage=stop) as reader:
                got = []
                with pytest.raises(Stop):
                    for record in reader:
                        got.append(record)
                assert reader.offset == 127
                assert got + list(reader) == [FOUR[0], *FOUR[2:]]


def test_a_file_that_shrinks_in_the_search(tmp_path, monkeypatch) -> None:
    path = tmp_path / "a"
    record = random.Random(1).randbytes(3 << 20)
    path.write_bytes(flipped(frame(b"x"), 1) + frame(record) + PLAIN)
    original = byte_source.ByteSource.read_at

    def shrinking(source, size, offset):
        os.truncate(path, 2 << 20)
        return original(source, size, offset)

    monkeypatch.setattr(byte_source.ByteSource, "read_at", shrinking)
    got, damage = read(path)
    assert got == []
    assert damage[-1][1] <= 2 << 20


def test_verify_false_finds_lengths_alone_but_searches_for_both(tmp_path) -> None:
    data = flipped(flipped(PLAIN, 30), 1)
    for source in sources(data, tmp_path):
        got, damage = read(source, verify=False)
        # The second record's data is damaged, so the search passes it over.
        assert (got, damage) == (FOUR[2:], [(0, 127, 0, "length")])


@pytest.mark.parametrize("confirmed", [True, False])
@pytest.mark.parametrize("intact", [True, False])
def test_a_record_too_large_is_stepped_over(confirmed: bool, intact: bool, tmp_path) -> None:
    large = frame(b"prefix" + OUTER * 3)
    data = PLAIN + (large if intact else flipped(large, 13)) + (b"" if confirmed else b"\1" * 20)
    data += PLAIN
    for source in sources(data, tmp_path):
        got, damage = read(source, max_record_bytes=100)
        if confirmed or intact:
            assert got == FOUR + FOUR
            assert damage[0] == (168, 168 + len(large), 4, "too_large")
        else:
            assert got == FOUR + THREE * 3 + FOUR


@pytest.mark.parametrize(("at", "kind"), [(21, "length"), (40, "data")])
def test_a_record_too_large_counts_after_damage(at: int, kind: str, tmp_path) -> None:
    """It went with the damage before it: nothing told of it, and later numbers were wrong."""
    data = flipped(PLAIN, at) + frame(bytes(200)) * 2 + PLAIN
    data = data[:127] + data[168:]  # the large ones come next
    for source in sources(data, tmp_path):
        got, damage = read(source, max_record_bytes=100)
        assert got == [FOUR[0], *FOUR]
        assert damage == [
            (21, 127, 1, kind),
            (127, 343, 2, "too_large"),
            (343, 559, 3, "too_large"),
        ]
    # Splits begin at records that are returned.
    for count in range(1, 8):
        parts = RecordSet(
            tmp_path / "damaged", max_record_bytes=100, on_damage=lambda damage: None
        ).splits(count)
        found = [record for part in parts for block in part.blocks() for record in block]
        assert found == [FOUR[0], *FOUR]


def test_a_record_too_large_of_a_stream_is_kept_only_so_far(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(limits, "kept_record_bytes", 400)
    # The frame of the record has 46 bytes more.
    for size, found in ((300, []), (354, []), (355, [b"inner"]), (500, [b"inner"])):
        large = frame(bytes(size) + frame(b"inner") + bytes(9))
        for source in (io.BytesIO(PLAIN + large + PLAIN), Pipe(PLAIN + large + PLAIN, 50)):
            got, _ = read(source, max_record_bytes=100)
            assert got == FOUR + found + FOUR
            # With nothing after it, it ends at the end of the stream.
        got, _ = read(Pipe(PLAIN + large, 50), max_record_bytes=100)
        assert got == FOUR + found


# Compressed.


def members(records: list[bytes], tmp_path: Path) -> tuple[bytes, list[int], list[int]]:
    """Return a blocked file of one record a member, and where each begins, here and inflated."""
    path = tmp_path / "blocked"
    write_records(path, records, compression="GZIP", block_bytes=1)
    data = path.read_bytes()
    begins, raw, at = [0], [0], 0
    for record in records:
        at += int.from_bytes(data[at + 16 : at + 24], "little")
        begins.append(at)
        raw.append(raw[-1] + 16 + len(record))
    return data, begins, raw


@pytest.mark.usefixtures("engine")
@few_or_many("step", 3, 1)
def test_rows_01_to_04_every_byte_of_a_blocked_file(step: int, tmp_path) -> None:
    """A damaged member costs its own records; of what follows, number and offset are known."""
    records = [b"one", b"two" * 30, random.Random(2).randbytes(80), b"four"]
    data, begins, raw = members(records, tmp_path)
    for at in range(0, len(data), step):
        number = max(index for index in range(4) if begins[index] <= at)
        # In a pipe one cannot go back. Files and what is open already take turns.
        source = sources(flipped(data, at, at % 8), tmp_path)[at // 8 % 2]
        got, damage = read(source, compression="GZIP")
        lost = [record for record in records if record not in got]
        assert lost in ([], [records[number]]), at
        if lost:
            assert (damage[0][0], damage[0][2]) == (raw[number], number)
            if at - begins[number] >= 44 and at < begins[number + 1] - 4:
                # What the header states agrees with the trailer, and is counted on.
                assert damage[-1][1] == raw[number + 1]


@pytest.mark.usefixtures("engine")
@few_or_many("step", 5, 1)
def test_row_15_a_cut_blocked_file(step: int, tmp_path) -> None:
    data, begins, _ = members(FOUR, tmp_path)
    for end in range(1, len(data), step):
        for source in sources(data[:end], tmp_path)[:3]:
            got, _ = read(source, compression="GZIP")
            whole = sum(begin <= end for begin in begins) - 1
            assert got[:whole] == FOUR[:whole]
            assert len(got) <= whole + 1


@pytest.mark.usefixtures("engine")
@few_or_many("step", 29, 5)
@pytest.mark.parametrize("size", [1, 20, 39, 41, 60, 100, 300])
def test_row_16_bytes_lost_from_a_blocked_file(size: int, step: int, tmp_path) -> None:
    records = [random.Random(n).randbytes(60) for n in range(8)]
    data, begins, _ = members(records, tmp_path)
    for turn, begin in enumerate(range(0, len(data) - size, step)):
        source = sources(data[:begin] + data[begin + size :], tmp_path)[turn % 2]
        got, _ = read(source, compression="GZIP")
        spared = [
            record
            for index, record in enumerate(records)
            if begins[index + 1] <= begin or begins[index] >= begin + size
        ]
        assert [record for record in got if record in spared] == spared
        assert set(got) <= set(records)


@pytest.mark.usefixtures("engine")
def test_row_16_members_that_are_not_ours(tmp_path) -> None:
    """Each begins with a record, so the next is found; where none does, the file ends there."""
    data = blocked(THREE)
    first = len(gzip.compress(frame(THREE[0])))
    for at in range(12, first):
        for source in sources(flipped(data, at, 3), tmp_path)[:2]:
            got, _ = read(source, compression="GZIP")
            assert got[-2:] == THREE[1:]
    half = len(OUTER) // 2
    split = gzip.compress(OUTER[:half]) + gzip.compress(OUTER[half:]) + gzip.compress(OUTER)
    damaged = bytearray(split)
    damaged[20:24] = b"\xff" * 4
    got, damage = read(io.BytesIO(damaged))
    assert got[-3:] == THREE
    assert len(damage) == 1


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    "junk", [bytes(8), b"junk", b"\x1f\x8b\x08\xff" * 3], ids=["zeros", "junk", "magic"]
)
def test_row_17_junk_after_a_member_has_nobody_look_into_its_records(junk: bytes, tmp_path) -> None:
    """A record that holds gzip is stored as it is; the records in that were returned as well."""
    records = [THREE[0], gzip.compress(frame(b"inner"), mtime=0), THREE[1]]
    stored = gzip.compress(frames(records), 0, mtime=0)
    assert records[1] in stored
    for behind in ([], [THREE[2]]):
        for source in sources(stored + junk + blocked(behind), tmp_path):
            got, damage = read(source, compression="GZIP")
            assert got == records + behind
            assert [region[3] for region in damage] == ["compression"]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_row_18_a_single_stream_is_read_up_to_its_damage(compress, tmp_path) -> None:
    rng = random.Random(18)
    records = [rng.randbytes(500) for _ in range(200)]
    data = compress(frames(records))
    for at in range(100, len(data) - 100, len(data) // 17):
        damaged = bytearray(data)
        damaged[at : at + 8] = bytes(8)
        for source in sources(bytes(damaged), tmp_path)[:3]:
            got, damage = read(source)
            assert all(record in records for record in got)
            assert damage
            # zlib may see the damage only at the end, in the check value.
            assert len(got) >= at // 520 - 70


def test_row_18_what_a_member_says_of_itself_is_checked(tmp_path) -> None:
    """Its size, its size inflated and its number of records, each wrong by itself."""
    records = [b"one" * 20, b"two" * 20, b"three" * 20]
    data, begins, raw = members(records, tmp_path)
    for field, value in ((16, 1), (16, 2**50), (24, 3), (24, 2**41), (32, 0), (32, 3), (32, 2**40)):
        damaged = bytearray(data)
        begin = begins[1]
        damaged[begin + 49] ^= 0xFF
        damaged[begin + field : begin + field + 8] = struct.pack("<Q", value)
        for source in sources(bytes(damaged), tmp_path)[:3]:
            found: list[Damage] = []
            with RecordReader(source, compression="GZIP", on_damage=found.append) as reader:
                got = list(reader)
            assert got == [records[0], records[2]]
            assert found[0].begin == raw[1]


def test_row_21_a_compression_that_the_front_does_not_tell(tmp_path) -> None:
    data, *_ = members([b"one", b"two", b"three"], tmp_path)
    path = tmp_path / "damaged"
    path.write_bytes(b"????" + data[4:])
    assert read(path)[0] == [b"two", b"three"]
    with RecordReader(path, on_damage=print) as reader:
        assert reader.compression == "GZIP"
    # Nobody looks further where damage is an error.
    with RecordReader(path) as reader, pytest.raises(CorruptRecordError):
        list(reader)
    # What is found first decides: here a record that holds a gzip file.
    path.write_bytes(b"????" + frame(data) + data)
    assert read(path)[0] == [data]
    path.write_bytes(b"????" + data + frame(b"plain"))
    assert read(path)[0][:3] == [b"one", b"two", b"three"]
    path.write_bytes(b"????" * 9)
    assert read(path) == ([], [(0, 36, 0, "length")])


@pytest.mark.parametrize("front", [b"????", b"\x1e", b"", bytes(20)])
def test_row_21_nor_does_an_open_file_tell_it_otherwise(tmp_path, front: bytes) -> None:
    """What seeks is read as its path is, from where it stands."""
    records = [b"%d " % number * 90 for number in range(50)]
    data, *_ = members(records, tmp_path)
    data = front + data[len(front) or 30 :]
    path = tmp_path / "damaged"
    path.write_bytes(data)
    expected = read(path)
    assert len(expected[0]) >= 48
    with path.open("rb") as buffered, path.open("rb", buffering=0) as raw:
        for file in (buffered, raw, io.BytesIO(data)):
            assert read(file) == expected
    file = io.BytesIO(frame(b"before") + data)
    file.seek(22)
    assert read(file) == expected


def test_what_on_damage_raises_to_stop_ends_the_loop_and_the_next_one_goes_on(tmp_path) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(flipped(PLAIN, BOUNDS[1]))

    def stop(_: Damage) -> None:
        raise StopIteration

    for records in (read_records(path, on_damage=stop), RecordSet(path, on_damage=stop)):
        assert list(records) == FOUR[:1]
    (split,) = RecordSet(path, on_damage=stop).splits()
    assert list(split) == FOUR[:1]
    with RecordReader(path, on_damage=stop) as reader:
        assert list(reader) == FOUR[:1]
        assert list(reader) == FOUR[2:]


@pytest.mark.parametrize("at", range(4))
def test_row_21_a_damaged_byte_at_the_front_of_a_blocked_file_in_a_pipe(tmp_path, at: int) -> None:
    data, *_ = members([b"one" * 90, b"two" * 90, b"three" * 90], tmp_path)
    path, *others = sources(flipped(data, at, 5), tmp_path)
    expected = read(path)
    assert expected[0][-2:] == [b"two" * 90, b"three" * 90]
    for source in others:
        assert read(source) == expected


@pytest.mark.usefixtures("without_isal")
@few_or_many("most", 100, 200)
def test_row_20_members_made_to_lie_inside_one_another(most: int, tmp_path, monkeypatch) -> None:
    """Each begins with a record and goes on for long; the whole is inflated some times, not N."""
    inflated = [0]
    original = inflate.InflatedSource._inflate

    def counting(source, limit):
        data = original(source, limit)
        inflated[0] += len(data)
        return data

    monkeypatch.setattr(inflate.InflatedSource, "_inflate", counting)
    start = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    totals = []
    for count in (50, most):
        # A stored block each, which holds the next member; at the end a block of no kind.
        data = b"\x07" * 50
        for _ in range(count):
            content = frame(b"") + data
            if len(content) > 65535:
                content = content[:65535]
            size = struct.pack("<HH", len(content), 0xFFFF ^ len(content))
            data = start + b"\0" + size + content
        inflated[0] = 0
        got, _ = read(io.BytesIO(data), compression="GZIP")
        assert set(got) <= {b""}
        totals.append(inflated[0] / len(data))
    assert max(totals) < 30


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_row_14_any_damage_to_a_small_file(data) -> None:
    """Cuts and copies of any range: what is whole is found, in files and in streams alike."""
    records = data.draw(st.lists(st.binary(max_size=30), min_size=1, max_size=6))
    whole = frames(records)
    begin = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(begin, len(whole)))
    new = data.draw(st.one_of(st.binary(max_size=40), st.just(whole[begin:end] * 2), st.just(b"")))
    damaged = whole[:begin] + new + whole[end:]
    # Not found out: two bytes in front may make it look like zlib.
    got, damage = read(io.BytesIO(damaged), compression=None)
    assert read(Pipe(damaged, 5), compression=None) == (got, damage)
    bounds = [0]
    for record in records:
        bounds.append(bounds[-1] + 16 + len(record))
    before = [record for record, last in zip(records, bounds[1:], strict=True) if last <= begin]
    assert got[: len(before)] == before
    # After the damage too, unless what is cut makes one record look as if it held them.
    if end - begin - len(new) not in range(1, 60):
        after = [record for record, first in zip(records, bounds, strict=False) if first >= end]
        assert got[len(got) - len(after) :] == after


def test_the_judge_of_checksums_is_right() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert list(read_records(io.BytesIO(PLAIN))) == FOUR
