"""Damaged streams: all that comes before the damage is handed out, and what is behind it."""

from __future__ import annotations

import io
import random
import zlib

import pytest

from tfrecord_lite import (
    CompressionError,
    Damage,
    RecordReader,
    TruncatedRecordError,
    write_records,
)
from tfrecord_lite.records.inflate import InflatedSource
from tfrecord_lite.records.storage import Source
from tfrecord_lite.thresholds import limits

pytestmark = pytest.mark.usefixtures("without_isal")


def inflated(data: bytes, limit: int) -> tuple[bytes, str]:
    """Return what comes of a damaged zlib stream, ``limit`` bytes at a time, and its error."""
    source = InflatedSource(Source(io.BytesIO(data)), "ZLIB")
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


def rescued(data: bytes) -> tuple[list[bytes], list[Damage]]:
    damage: list[Damage] = []
    with RecordReader(io.BytesIO(data), compression="GZIP", on_damage=damage.append) as reader:
        return list(reader), damage


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
