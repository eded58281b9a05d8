"""Masked CRC-32C, against published vectors and a second implementation."""

from __future__ import annotations

import random

import numpy as np
import pytest
from frames import crc32c, frame, frames, header
from hypothesis import given
from hypothesis import strategies as st

from tfrecord_lite import mask_crc, masked_crc32c, unmask_crc
from tfrecord_lite.records import checksum
from tfrecord_lite.records.framing import scan_frames


# RFC 3720, section B.4, and the masked ones of Apache Beam's tfrecordio_test.
@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"", 0),
    ],
)
def test_published_vectors(data: bytes, crc: int) -> None:
    assert crc32c(data) == crc
    assert unmask_crc(masked_crc32c(data)) == crc


@pytest.mark.parametrize(
    ("data", "masked"),
    [
        (bytes(32), 0x0FD7FFFA),
        (b"\xff" * 32, 0xF909B029),
        (b"foo", 0xFEBE8A61),
        (b"\x03" + bytes(7), 0x0E4999B0),
        (b"", 0xA282EAD8),
    ],
)
def test_published_masked_vectors(data: bytes, masked: int) -> None:
    assert masked_crc32c(data) == masked


@given(st.integers(0, 2**32 - 1))
def test_unmask_undoes_mask(crc: int) -> None:
    assert unmask_crc(mask_crc(crc)) == crc
    assert mask_crc(crc) != crc


@given(st.binary(max_size=300))
def test_equals_the_second_implementation(data: bytes) -> None:
    assert unmask_crc(masked_crc32c(data)) == crc32c(data)
    assert masked_crc32c(memoryview(data)) == masked_crc32c(bytearray(data)) == masked_crc32c(data)


def block_of(data: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    buffer = np.frombuffer(bytearray(data), np.uint8)
    return (buffer, *scan_frames(buffer, 0, len(buffer)))


RECORDS = {
    "hundred_bytes": [random.Random(3).randbytes(n) for n in (100, 90, 110)],
    "words": [b"abcd", b"efghi", b"jklmnop"],
    "shorter_than_a_word": [b"", b"a", b"ab", b"abc", b"abcd", b""],
    "large": [random.Random(4).randbytes(n) for n in (3000, 5000)],
}


@pytest.mark.parametrize("check", [checksum.first_bad_record, checksum._first_bad_one_by_one])
@pytest.mark.parametrize("name", RECORDS)
def test_an_intact_block_is_accepted(name: str, check) -> None:
    records = RECORDS[name]
    buffer, starts, lengths = block_of(frames(records))
    assert check(buffer, starts, lengths) == len(records)
    assert checksum.first_bad_length(buffer, starts, lengths) == len(records)
    assert check(buffer, starts[1:], lengths[1:]) == len(records) - 1
    assert check(buffer, starts[:0], lengths[:0]) == 0


@pytest.mark.parametrize("name", RECORDS)
def test_an_intact_block_is_checked_as_a_whole(name: str, monkeypatch) -> None:
    """The quick way finds it intact; that record by record is for finding what is not."""
    buffer, starts, lengths = block_of(frames(RECORDS[name]))
    assert checksum._block_is_intact(buffer, starts, lengths, [])
    monkeypatch.setattr(checksum, "masked_crc32c", None)
    assert checksum.first_bad_length(buffer, starts, lengths) == len(starts)


@pytest.mark.parametrize("name", RECORDS)
def test_a_block_may_lie_anywhere_in_its_buffer(name: str) -> None:
    data = frames(RECORDS[name])
    for before, behind in ((1, 0), (0, 1), (20, 30)):
        buffer = np.frombuffer(bytearray(b"?" * before + data + b"?" * behind), np.uint8)
        starts, lengths = scan_frames(buffer, before, before + len(data))
        assert checksum._block_is_intact(buffer, starts, lengths, [])
        assert buffer.tobytes() == b"?" * before + data + b"?" * behind
        buffer[before + len(data) - 1] ^= 1
        assert checksum.first_bad_record(buffer, starts, lengths) == len(starts) - 1


@pytest.mark.parametrize("name", ["hundred_bytes", "words", "shorter_than_a_word"])
def test_every_bit_flip_is_found_in_its_record(name: str) -> None:
    records = RECORDS[name]
    data = frames(records)
    _, starts, lengths = block_of(data)
    bounds = np.cumsum([len(record) + 16 for record in records])
    for bit in range(len(data) * 8):
        buffer = np.frombuffer(bytearray(data), np.uint8)
        buffer[bit // 8] ^= 1 << bit % 8
        index = int(np.searchsorted(bounds, bit // 8, "right"))
        assert checksum.first_bad_record(buffer, starts, lengths) == index, bit
        in_header = bit // 8 < starts[index]
        expected = index if in_header else len(records)
        assert checksum.first_bad_length(buffer, starts, lengths) == expected, bit


@given(st.lists(st.binary(max_size=40), max_size=20), st.randoms(use_true_random=False))
def test_a_block_is_judged_as_its_records_are(records: list[bytes], rng: random.Random) -> None:
    data = bytearray(frames(records))
    _, starts, lengths = block_of(bytes(data))
    for _ in range(rng.randrange(3) if data else 0):
        data[rng.randrange(len(data))] ^= rng.randrange(1, 256)
    buffer = np.frombuffer(data, np.uint8)
    one_by_one = checksum._first_bad_one_by_one(buffer, starts, lengths)
    assert checksum.first_bad_record(buffer, starts, lengths) == one_by_one
    assert buffer.tobytes() == bytes(data), "the block was patched only for a while"
    assert checksum.first_bad_record(np.frombuffer(bytes(data), np.uint8), starts, lengths) == (
        one_by_one
    ), "read-only"
    assert (one_by_one == len(records)) == (bytes(data) == frames(records))


@pytest.mark.parametrize("index", range(3))
def test_lengths_are_compared_with_those_that_the_frames_state(index: int) -> None:
    parts = [frame(record) for record in (b"abcd", b"efgh", b"ijkl")]
    for stated in (4 + (1 << 32), 4 + (1 << 40), 5):
        other = list(parts)
        other[index] = header(stated) + parts[index][12:]
        buffer = np.frombuffer(bytearray(b"".join(other)), np.uint8)
        starts, lengths = np.array([12, 32, 52]), np.array([4, 4, 4])
        # Every checksum holds.
        assert not checksum._block_is_intact(buffer, starts, lengths, [])
        assert buffer.tobytes() == b"".join(other)
        assert checksum.first_bad_length(buffer, starts, lengths) == index
        assert checksum.first_bad_record(buffer, starts, lengths) == index


def test_a_length_beyond_32_bits_is_refused() -> None:
    buffer, starts, lengths = block_of(frames([b"abcd", b"efgh"]))
    buffer[starts[1] - 12 + 5] = 1
    assert checksum.first_bad_record(buffer, starts, lengths) == 1
