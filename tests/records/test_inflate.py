"""Damaged streams: all that comes before the damage is handed out, and what is after it."""

from __future__ import annotations

import gzip
import io
import random
import sys
import zlib
from types import SimpleNamespace

import pytest
from frames import THREE, frames, member

from tfrecord_lite import (
    CompressionError,
    Damage,
    RecordReader,
    TruncatedRecordError,
    write_records,
)
from tfrecord_lite.records.byte_source import ByteSource
from tfrecord_lite.records.inflate import InflatedSource
from tfrecord_lite.thresholds import limits

pytestmark = pytest.mark.usefixtures("without_isal")


def inflated(data: bytes, limit: int) -> tuple[bytes, str]:
    """Return what comes of a damaged zlib stream, ``limit`` bytes at a time, and its error."""
    source = InflatedSource(ByteSource(io.BytesIO(data)), "ZLIB")
    buffer, output = bytearray(limit), b""
    try:
        while count := source.readinto(memoryview(buffer)):
            output += buffer[:count]
    except (CompressionError, TruncatedRecordError) as error:
        return output, error.reason
    return output, ""


@pytest.mark.parametrize(
    "data",
    [
        "789c6360c00740001e80",
        "789c4b4c4a4e842506",
        "78016360201f24262dc3117e",
        "7801fb5a9c1ef9389b2bfa5228035e80627a",
    ],
)
def test_row_19_damage_that_was_taken_in_before_the_output_was_full(data: str) -> None:
    """The decoder has the damaged bits already, and raises without any further input."""
    results = {inflated(bytes.fromhex(data), limit) for limit in range(1, 20)}
    assert len(results) == 1
    assert "zlib" in results.pop()[1].lower()


def test_row_19_the_same_comes_of_damage_however_much_is_asked_for() -> None:
    rng = random.Random(8)
    pieces = [rng.randbytes(50), bytes(300), b"abc" * 40]
    damaged = 0
    for _ in range(300):
        raw = b"".join(rng.choices(pieces, k=rng.randrange(1, 20)))
        data = bytearray(zlib.compress(raw))
        for _ in range(rng.choice([1, 2])):
            data[rng.randrange(2, len(data))] ^= 1 << rng.randrange(8)
        whole = inflated(bytes(data), 1 << 20)
        assert inflated(bytes(data), rng.randrange(1, 50)) == whole
        damaged += "bad ZLIB stream" in whole[1]
    assert damaged > 200


# Text, which is compressed: what lies in a stored block is found by itself.
_RNG = random.Random(9)
RECORDS = [
    b" ".join(b"%d" % _RNG.randrange(10**9) for _ in range(count)) for count in [300, 900, 300, 300]
]


def members(records: list[bytes]) -> list[bytes]:
    """Return the members of a blocked file, with a record in each."""
    file = io.BytesIO()
    write_records(file, records, compression="GZIP", block_bytes=100)
    data, found = file.getvalue(), []
    while data:
        decoder = zlib.decompressobj(31)
        decoder.decompress(data)
        found.append(data[: len(data) - len(decoder.unused_data)])
        data = decoder.unused_data
    assert len(found) == len(records)
    return found


class Pieces:
    """A pipe that gives what has been written to it piece by piece."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    def read(self, size: int) -> bytes:
        assert all(len(piece) <= size for piece in self._pieces)
        return self._pieces.pop(0) if self._pieces else b""


def rescued(*data: bytes) -> tuple[list[bytes], list[Damage]]:
    """Return the records and the damage of a file, or of a pipe where it comes in pieces."""
    damage: list[Damage] = []
    source = io.BytesIO(*data) if len(data) == 1 else Pieces(*data)
    with RecordReader(source, compression="GZIP", on_damage=damage.append) as reader:
        return list(reader), damage


@pytest.mark.parametrize("at", range(4))
def test_behind_a_place_that_was_gone_back_to_offsets_and_records_are_counted_on(at: int) -> None:
    data = b"".join(members(RECORDS))
    begins = [len(frames(RECORDS[:number])) for number in range(5)]
    source = InflatedSource(ByteSource(io.BytesIO(data)), "GZIP")
    buffer = bytearray(1 << 20)
    while source.readinto(memoryview(buffer)):
        pass
    # It begins again with the member that the place is in.
    assert source.rewind(begins[at] + 1) == source.taken == begins[at]
    found = b""
    while count := source.readinto(memoryview(buffer)[:1000]):
        found += buffer[:count]
        assert source.taken == begins[at] + len(found)
        assert (source.first_record, source.raw_begin) in list(enumerate(begins))[at:]
    assert found == frames(RECORDS[at:])


def moved_up() -> bytes:
    """Return members of which the second lost bytes: the third ends where the second should."""
    first, second, third, fourth = members(RECORDS)
    kept = len(second) - len(third)
    while True:
        # Sooner or later inflating fails before the third.
        damaged = second[: kept - 400] + _RNG.randbytes(400)
        try:
            zlib.decompressobj(31).decompress(damaged)
        except zlib.error:
            return first + damaged + third + fourth


def test_row_18_a_member_that_moved_up_to_where_a_damaged_one_should_end() -> None:
    records, damage = rescued(moved_up())
    assert records == [RECORDS[0], RECORDS[2], RECORDS[3]]
    assert "compression" in {region.kind for region in damage}


@pytest.mark.parametrize("most", [0, 1 << 24])
def test_row_18_a_damaged_trailer_costs_nothing_else(monkeypatch, most: int) -> None:
    monkeypatch.setattr(limits, "searched_member_bytes", most)
    parts = members(RECORDS)
    parts[1] = parts[1][:-1] + b"\x55"
    records, damage = rescued(b"".join(parts))
    assert records == RECORDS
    assert [region.kind for region in damage] == ["compression"]


@pytest.mark.parametrize("limit", ["searches_of_members", "searched_member_bytes"])
def test_row_20_the_search_in_damaged_members_has_an_end(monkeypatch, limit: str) -> None:
    monkeypatch.setattr(limits, limit, 0)
    assert rescued(moved_up())[0] == [RECORDS[0], RECORDS[3]]


class StricterDecoder:
    """Raises, as isal does, for a stream with which nothing is wrong by zlib."""

    def __init__(self, wbits: int) -> None:
        self._decoder = zlib.decompressobj(wbits)
        self._calls = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._decoder, name)

    def decompress(self, data: bytes, limit: int) -> bytes:
        self._calls += 1
        if self._calls == 3:
            raise ArithmeticError("refused")
        return self._decoder.decompress(data, limit)


@pytest.mark.parametrize("limit", [7, 100, 1 << 17])
def test_what_isal_refuses_is_inflated_by_zlib_as_it_is_asked_for(monkeypatch, limit: int) -> None:
    strict = SimpleNamespace(error=ArithmeticError, decompressobj=StricterDecoder)
    monkeypatch.setitem(sys.modules, "isal", SimpleNamespace(isal_zlib=strict))
    raw = b" ".join(RECORDS)
    assert inflated(zlib.compress(raw), limit) == (raw, "")


def broken_off(record: bytes, behind: int) -> bytes:
    """Return the front of a member that states ``after`` bytes more than there are.

    It breaks off between two blocks of its stream; the first byte of a gzip member is none.
    """
    deflate = zlib.compressobj(wbits=-15)
    raw = frames([record])
    body = deflate.compress(raw) + deflate.flush(zlib.Z_FULL_FLUSH)
    # The trailer is not the last of it that is missing, but of what has moved up.
    return member(raw, body, size=44 + len(body) + behind, records=1)[: 44 + len(body)]


@pytest.mark.parametrize("pipe", [False, True])
def test_row_18_a_member_that_begins_where_inflating_fails(pipe: bool) -> None:
    first, _, third, fourth = members(RECORDS)
    data = first + broken_off(RECORDS[1], len(third)) + third + fourth
    cut = len(first) + 100
    records, damage = rescued(data[:cut], data[cut:]) if pipe else rescued(data)
    assert records == RECORDS
    # There is but this one fault: nobody has looked elsewhere for what comes next.
    assert [(region.kind, region.record) for region in damage] == [("compression", 2)]


def test_row_18_what_is_behind_a_damaged_trailer_need_not_state_its_size() -> None:
    """Members of other programs do not."""
    first, second, third, _ = members(RECORDS)
    other = gzip.compress(frames([b"other"]), mtime=0)
    records, damage = rescued(first + second[:-4] + bytes(4) + other + third)
    assert records == [*RECORDS[:2], b"other", RECORDS[2]]
    assert [region.kind for region in damage] == ["compression"]


def test_row_18_the_search_for_members_goes_on_however_far() -> None:
    """The damaged member does not state its size, and has more bytes than are looked at at once."""
    first, *_ = members(RECORDS)
    damaged = bytearray(gzip.compress(frames([_RNG.randbytes(1 << 20)]), mtime=0))
    damaged[300_000:400_000] = _RNG.randbytes(100_000)
    records, damage = rescued(bytes(damaged) + first)
    assert records == RECORDS[:1]
    assert [region.kind for region in damage] == ["compression"]


def test_row_18_a_damaged_member_of_which_a_pipe_gives_the_trailer_by_itself() -> None:
    """Its header is believed: it had three records, be there one region in it or two."""
    raw = frames([b"one", b"two", b"three"])
    bad = b"?" + raw[1:19] + b"?" + raw[20:]
    deflate = zlib.compressobj(wbits=-15)
    damaged = member(raw, deflate.compress(bad) + deflate.flush())
    other = members(RECORDS)[0]
    broken = other[:-5] + bytes([other[-5] ^ 1]) + other[-4:]
    records, damage = rescued(damaged[:-8], damaged[-8:] + broken)
    assert records == [b"three", RECORDS[0]]
    assert [(region.kind, region.record) for region in damage] == [
        ("length", 0),
        ("compression", 2),
        ("compression", 4),
    ]


class LenientDecoder:
    """As isal's, which takes some damage that zlib does not take, and fails later."""

    eof, unused_data, unconsumed_tail = False, b"", b""

    def decompress(self, data: bytes, limit: int) -> bytes:
        if self.unconsumed_tail:
            raise zlib.error("Error -3 while decompressing data: invalid block type")
        self.unconsumed_tail = data
        return frames(THREE)[: min(limit, 30)]


@pytest.mark.parametrize("has_report", [False, True])
def test_damage_that_zlib_finds_before_what_was_returned(monkeypatch, has_report: bool) -> None:
    def lenient() -> SimpleNamespace:
        return SimpleNamespace(error=zlib.error, decompressobj=lambda wbits: LenientDecoder())

    monkeypatch.setattr("tfrecord_lite.records.inflate.isal", lenient)
    data = bytearray(gzip.compress(frames(THREE), mtime=0))
    data[10] |= 0b110  # no type of a block
    damage: list[Damage] = []
    reader = RecordReader(
        io.BytesIO(data), compression="GZIP", on_damage=damage.append if has_report else "raise"
    )
    if has_report:
        assert len(list(reader)) <= 3
        assert [found.kind for found in damage] == ["compression"]
    else:
        with pytest.raises(CompressionError, match="invalid block type"):
            list(reader)
